//! What the library gives to `tracing`: caught for a test that asks for it, and looked through in every test for what
//! must not stand in it.

use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};
use std::io::{self, Write as _};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_core::span::Current;

/// A line of a log, or a span.
#[derive(Clone, Debug)]
pub struct Line {
    /// The level; that of a span is that of its callsite.
    pub level: Level,
    /// The message; of a span the name.
    pub message: String,
    /// The other fields.
    pub fields: BTreeMap<&'static str, String>,
    /// The spans that this one follows from, by number; of an event those that it stands in.
    pub spans: Vec<u64>,
    /// The number of the span; 0 for an event.
    pub number: u64,
}

/// The log of the current thread.
#[derive(Debug)]
pub struct Log {
    lines: Arc<Mutex<Vec<Line>>>,
    _guard: DefaultGuard,
}

impl Log {
    /// Catches what the current thread logs from now on, until it is dropped.
    #[must_use = "the log is closed when it is dropped"]
    pub fn open() -> Self {
        watch();
        let lines: Arc<Mutex<Vec<Line>>> = Arc::default();
        let collector = Collector::new(Arc::clone(&lines));
        Self { lines, _guard: tracing::subscriber::set_default(collector) }
    }

    /// What the library has logged at this level or above.
    #[must_use]
    pub fn events(&self, level: Level) -> Vec<Line> {
        let lines = lock(&self.lines);
        lines.iter().filter(|line| line.number == 0 && line.level <= level).cloned().collect()
    }

    /// The spans of this name.
    #[must_use]
    pub fn spans(&self, name: &str) -> Vec<Line> {
        let lines = lock(&self.lines);
        lines.iter().filter(|line| line.number != 0 && line.message == name).cloned().collect()
    }
}

/// Has the process end if what the library logs or spans holds `text`, in this test or in any other of the process, now
/// or later: a key, a namespace, a password.
pub fn must_not_be_logged(text: impl Into<String>) {
    watch();
    let text = text.into();
    let mut watched = lock(&WATCHED);
    if watched.texts.contains(&text) {
        return;
    }
    for line in &watched.lines {
        assert_does_not_hold(line, &text);
    }
    watched.texts.insert(text);
}

/// Begins to look through all that is logged in this process. The sooner, the better for every [`Log`] too: `tracing`
/// remembers of a line that nobody wants it, and may do so on one thread while a log is opened on another.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // A test that runs in a process of its own may have a subscriber of its own.
        let _ = tracing::subscriber::set_global_default(Collector::new(Arc::default()));
    });
}

#[derive(Default)]
struct Watched {
    texts: HashSet<String>,
    /// All that was logged, each once: what must not be in it may be learned later.
    lines: HashSet<String>,
}

static WATCHED: std::sync::LazyLock<Mutex<Watched>> = std::sync::LazyLock::new(Mutex::default);

fn look_through(line: &Line) {
    /// More different lines than any target logs; a bound on memory.
    const MOST: usize = 100_000;
    let mut text = line.message.clone();
    for (field, value) in &line.fields {
        let _ = write!(text, " {field}={value}");
    }
    let mut watched = lock(&WATCHED);
    if watched.lines.len() < MOST && !watched.lines.contains(&text) {
        for secret in &watched.texts {
            assert_does_not_hold(&text, secret);
        }
        watched.lines.insert(text);
    }
}

/// Ends the process, because a panic would end in the library.
fn assert_does_not_hold(line: &str, secret: &str) {
    if line.contains(secret) {
        // Not by `eprintln`, whose output the test harness would keep.
        let _ = writeln!(io::stderr(), "{secret:?} was logged: {line}");
        process::abort();
    }
}

/// Collects the library's lines and spans, and looks through them.
struct Collector {
    lines: Arc<Mutex<Vec<Line>>>,
    next: AtomicU64,
    entered: Mutex<Vec<u64>>,
    spans: Mutex<BTreeMap<u64, &'static Metadata<'static>>>,
}

impl Collector {
    fn new(lines: Arc<Mutex<Vec<Line>>>) -> Self {
        Self { lines, next: AtomicU64::new(1), entered: Mutex::default(), spans: Mutex::default() }
    }

    fn collect(&self, line: Line) {
        look_through(&line);
        // The collector of all threads keeps nothing: what it looks through is kept elsewhere.
        if Arc::strong_count(&self.lines) > 1 {
            lock(&self.lines).push(line);
        }
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("cachefence") && !metadata.target().starts_with("cachefence_")
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let spans = lock(&self.entered).clone();
        let level = *event.metadata().level();
        let Fields { message, fields } = fields;
        self.collect(Line { level, message, fields, spans, number: 0 });
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut fields = Fields::default();
        span.record(&mut fields);
        let metadata = span.metadata();
        lock(&self.spans).insert(number, metadata);
        let (level, message) = (*metadata.level(), metadata.name().to_owned());
        self.collect(Line { level, message, fields: fields.fields, spans: Vec::new(), number });
        Id::from_u64(number)
    }

    fn record(&self, span: &Id, record: &Record<'_>) {
        let mut fields = Fields::default();
        record.record(&mut fields);
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.iter_mut().find(|line| line.number == span.into_u64()) {
            line.fields.append(&mut fields.fields);
        }
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        let mut lines = lock(&self.lines);
        if let Some(line) = lines.iter_mut().find(|line| line.number == span.into_u64()) {
            line.spans.push(follows.into_u64());
        }
    }

    fn enter(&self, span: &Id) {
        lock(&self.entered).push(span.into_u64());
    }

    fn exit(&self, _: &Id) {
        lock(&self.entered).pop();
    }

    fn current_span(&self) -> Current {
        let Some(number) = lock(&self.entered).last().copied() else { return Current::none() };
        let metadata = lock(&self.spans).get(&number).copied();
        metadata.map_or_else(Current::none, |metadata| Current::new(Id::from_u64(number), metadata))
    }
}

#[derive(Default)]
struct Fields {
    message: String,
    fields: BTreeMap<&'static str, String>,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => drop(self.fields.insert(name, format!("{value:?}"))),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.fields.insert(field.name(), value.to_owned());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
