//! A node that answers what a test says: for what no real server can be brought to say.
//!
//! ```no_run
//! use cachefence_tests::{Answer, ScriptedNode, slot_of};
//!
//! let [here, there] = [(); 2].map(|()| ScriptedNode::start(|_| Answer::Usual));
//! let (ours, theirs) = (here.port(), there.port());
//! here.script(move |command| match command.name() {
//!     "CLUSTER SLOTS" => Answer::slots(&[(0..=16_383, ours)]),
//!     "GET" => Answer::moved(slot_of(command.arg(1)), theirs),
//!     _ => Answer::Usual,
//! });
//! // .. use `here.url()` ..
//! assert_eq!(here.count("GET"), 1);
//! ```

mod answer;

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

pub use self::answer::{Answer, Command};

use crate::acl;
use crate::proxy::take_message;

type Script = Arc<dyn Fn(&Command) -> Answer + Send + Sync>;

/// A running node, on a port of 127.0.0.1 and threads of its own. Dropping it closes its connections: to whoever knows
/// its port it is a node that is gone.
///
/// The script is asked about every command but those that log in, which any user may do.
pub struct ScriptedNode {
    port: u16,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    script: Mutex<Script>,
    received: Mutex<Vec<(usize, String)>>,
    /// The connections that are open, by their numbers.
    open: Mutex<HashMap<usize, TcpStream>>,
    ends: AtomicBool,
}

impl ScriptedNode {
    /// Starts a node that answers by `script`.
    ///
    /// # Panics
    ///
    /// When there is no port to be had.
    #[must_use = "the node ends when it is dropped"]
    pub fn start(script: impl Fn(&Command) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            received: Mutex::default(),
            open: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &serving));
        Self { port, shared, thread: Some(thread) }
    }

    /// Answers by `script` from now on, on connections that exist as well: a script may name nodes that were started
    /// after this one.
    pub fn script(&self, script: impl Fn(&Command) -> Answer + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// The URL of the node, with the login of [`RedisServer::url`](crate::RedisServer::url).
    pub fn url(&self) -> String {
        acl::url(&format!("127.0.0.1:{}", self.port))
    }

    /// The port, on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How many commands of this name have come: see [`Command::name`].
    pub fn count(&self, name: &str) -> usize {
        lock(&self.shared.received).iter().filter(|(_, received)| received == name).count()
    }

    /// The names of all commands that have come, logins included, each with the number of its connection.
    pub fn received(&self) -> Vec<(usize, String)> {
        lock(&self.shared.received).clone()
    }

    /// Closes all connections that are open.
    pub fn disconnect(&self) {
        for stream in lock(&self.shared.open).values() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for ScriptedNode {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::SeqCst);
        // Wakes the thread, which accepts no other.
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.disconnect();
    }
}

impl fmt::Debug for ScriptedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptedNode").field("port", &self.port).finish_non_exhaustive()
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for (number, stream) in listener.incoming().enumerate() {
        let Ok(stream) = stream else { continue };
        if shared.ends.load(Ordering::SeqCst) {
            return;
        }
        let Ok(kept) = stream.try_clone() else { continue };
        lock(&shared.open).insert(number, kept);
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // An error is the other end's, which closed the connection.
            let _ = serve(number, &stream, &shared);
            lock(&shared.open).remove(&number);
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

/// Answers the commands of one connection until it ends.
fn serve(number: usize, mut stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut bytes, mut piece, mut is_silent) = (Vec::new(), [0; 4_096], false);
    loop {
        let length = stream.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&piece[..length]);
        while let Some(message) = take_message(&mut bytes) {
            let command = Command::parse(&message);
            lock(&shared.received).push((number, command.name().to_owned()));
            let script = Arc::clone(&lock(&shared.script));
            let answer = if command.is_login() { Answer::Usual } else { script(&command) };
            match answer {
                Answer::Reply(reply) if !is_silent => stream.write_all(&reply)?,
                Answer::Usual if !is_silent => stream.write_all(&command.usual())?,
                Answer::Reply(_) | Answer::Usual => {}
                Answer::Nothing => is_silent = true,
                Answer::Close => return Ok(()),
            }
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
