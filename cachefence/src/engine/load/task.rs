//! The state of a detached load's task, which three parties share: the task, the call that began it, and the task
//! that renews its lease.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::observe::RequestResult;
use crate::sync::lock;

/// The load that a call has begun, from the call's side. Dropped, it tells the task that the call has gone.
#[derive(Clone)]
pub(crate) struct OwnLoad(Arc<Left>);

struct Left(Arc<TaskState>);

impl OwnLoad {
    /// A load that has not begun yet.
    pub(super) fn new() -> Self {
        Self(Arc::new(Left(Arc::default())))
    }

    /// The state of the load's task.
    pub(super) fn state(&self) -> &Arc<TaskState> {
        &self.0.0
    }

    /// How the call is served if it is given the value of the load.
    pub(crate) fn result(&self) -> RequestResult {
        lock(&self.0.0.load).begun.unwrap_or(RequestResult::Joined)
    }

    /// Whether the body of the load has ended.
    pub(crate) fn has_ended(&self) -> bool {
        lock(&self.0.0.load).step >= Step::BodyEnded
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        self.0.change(|load| load.is_left = true);
    }
}

/// The state of one load's task.
#[derive(Default)]
pub(crate) struct TaskState {
    load: Mutex<LoadState>,
    changed: Notify,
}

#[derive(Default)]
struct LoadState {
    /// How the call is served if the load gives a value, once the body has begun.
    begun: Option<RequestResult>,
    step: Step,
    /// Whether the lease is lost.
    is_void: bool,
    /// Whether the call that began the task has gone.
    is_left: bool,
    polls: Polls,
}

/// How far a task has come.
#[derive(Default, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    #[default]
    Works,
    BodyEnded,
    HasResult,
}

/// When a task was polled.
#[derive(Default)]
enum Polls {
    #[default]
    None,
    /// The task is inside a poll.
    Inside,
    /// The last poll ended then.
    Last(Instant),
}

impl TaskState {
    /// The body begins. A call that waits for its value is served in this way.
    pub(in crate::engine) fn note_begun(&self, result: RequestResult) {
        self.change(|load| load.begun = Some(result));
    }

    /// The body has ended.
    pub(in crate::engine) fn note_body_ended(&self) {
        self.change(|load| load.step = Step::BodyEnded);
    }

    /// The task has a result.
    pub(crate) fn note_result(&self) {
        self.change(|load| load.step = Step::HasResult);
    }

    /// The lease is lost.
    pub(in crate::engine) fn note_void(&self) {
        self.change(|load| load.is_void = true);
    }

    /// Whether the call that began the task waits for it.
    pub(crate) fn is_waited_for(&self) -> bool {
        !lock(&self.load).is_left
    }

    pub(super) fn has_begun(&self) -> bool {
        lock(&self.load).begun.is_some()
    }

    pub(super) fn poll(&self, poll: &mut dyn FnMut()) {
        lock(&self.load).polls = Polls::Inside;
        let _polled = Polled(self);
        poll();
    }

    /// Whether the task is inside a poll, or was polled within the last `term`.
    pub(super) fn is_alive(&self, term: Duration) -> bool {
        let load = lock(&self.load);
        match load.polls {
            Polls::None => false,
            Polls::Inside => true,
            Polls::Last(polled) => polled.elapsed() < term,
        }
    }

    /// Waits until the call that began the task has gone.
    pub(super) async fn until_left(&self) {
        self.until(|load| load.is_left).await;
    }

    /// Waits until the lease is lost, and the call that began the task has gone.
    pub(super) async fn until_void_and_left(&self) {
        self.until(|load| load.is_void && load.is_left).await;
    }

    /// Waits until the task has a result.
    pub(super) async fn until_result(&self) {
        self.until(|load| load.step == Step::HasResult).await;
    }

    fn change(&self, change: impl FnOnce(&mut LoadState)) {
        change(&mut lock(&self.load));
        self.changed.notify_waiters();
    }

    async fn until(&self, is_so: impl Fn(&LoadState) -> bool) {
        loop {
            let changed = self.changed.notified();
            if is_so(&lock(&self.load)) {
                return;
            }
            changed.await;
        }
    }
}

/// A task inside a poll, until this is dropped.
struct Polled<'a>(&'a TaskState);

impl Drop for Polled<'_> {
    fn drop(&mut self) {
        let mut load = lock(&self.0.load);
        load.polls = Polls::Last(Instant::now());
    }
}
