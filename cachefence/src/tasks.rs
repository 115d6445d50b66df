//! The tasks of one cache that outlive the calls which began them: detached loads, and leases that are given
//! back after their callers have gone.
//!
//! # Bulkheads
//!
//! A load that nobody waits for costs its caller nothing, so nothing slows its callers down when the database
//! hangs: each stale hit would begin one more load. Their number is therefore bounded, for each function and
//! for the whole cache, so that one function that hangs leaves room for the others.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::sync::lock;

/// How many loads nobody may wait for at a time: of one function, and of one cache.
const MOST_OF_FUNCTION: usize = 64;
const MOST_OF_CACHE: usize = 256;

/// The tasks of one cache.
#[derive(Default)]
pub(crate) struct Tasks {
    state: Mutex<State>,
    /// Wakes whoever waits for tasks to end, or is to end.
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The tasks that run, by number, and which of them are loads.
    running: HashMap<u64, bool>,
    last_number: u64,
    /// How many loads of each function run that nobody waits for. The function is its template.
    unwaited: HashMap<&'static str, usize>,
    /// Whether the cache has been shut down, and begins no load any more that could outlive its caller.
    is_closed: bool,
    /// Whether the loads that run are to end as soon as nobody waits for them.
    is_over: bool,
}

/// A task that runs.
struct Running {
    tasks: Arc<Tasks>,
    number: u64,
}

/// The place of a load that nobody waits for.
pub(crate) struct Unwaited {
    tasks: Arc<Tasks>,
    template: &'static str,
}

impl Tasks {
    /// The runtime for a task that leads a load; `None` if there is none, or if the cache has been shut down.
    pub(crate) fn runtime(&self) -> Option<Handle> {
        if self.state().is_closed {
            return None;
        }
        Handle::try_current().ok()
    }

    /// Whether one more load of the function may begin that nobody may come to wait for.
    pub(crate) fn has_room(&self, template: &'static str) -> bool {
        let state = self.state();
        state.unwaited.get(template).is_none_or(|count| *count < MOST_OF_FUNCTION)
            && state.unwaited.values().sum::<usize>() < MOST_OF_CACHE
    }

    /// Runs a load in a task of its own.
    pub(crate) fn load<T: Send + 'static>(
        self: &Arc<Self>,
        runtime: &Handle,
        load: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        let running = self.begin(true);
        runtime.spawn(async move {
            let _running = running;
            load.await
        })
    }

    /// Carries `work` to its end in a task of its own, if there is a runtime to run it on.
    pub(crate) fn detach(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            let running = self.begin(false);
            runtime.spawn(async move {
                let _running = running;
                work.await;
            });
        }
    }

    /// A load of the function is not waited for by anybody, until the place is dropped.
    pub(crate) fn unwaited(self: &Arc<Self>, template: &'static str) -> Unwaited {
        *self.state().unwaited.entry(template).or_default() += 1;
        Unwaited { tasks: Arc::clone(self), template }
    }

    /// Begins no load any more, and waits for those that run.
    pub(crate) async fn close(&self) {
        self.state().is_closed = true;
        self.wait_until(|state| !state.running.values().any(|is_load| *is_load)).await;
    }

    /// Has the loads that run end as soon as nobody waits for them, and waits until all tasks have ended.
    pub(crate) async fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_waiters();
        self.wait_until(|state| state.running.is_empty()).await;
    }

    /// Waits until loads are to end as soon as nobody waits for them.
    pub(crate) async fn over(&self) {
        self.wait_until(|state| state.is_over).await;
    }

    async fn wait_until(&self, over: impl Fn(&State) -> bool) {
        loop {
            let changed = self.changed.notified();
            if over(&self.state()) {
                return;
            }
            changed.await;
        }
    }

    fn begin(self: &Arc<Self>, is_load: bool) -> Running {
        let mut state = self.state();
        state.last_number += 1;
        let number = state.last_number;
        state.running.insert(number, is_load);
        Running { tasks: Arc::clone(self), number }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tasks.state().running.remove(&self.number);
        self.tasks.changed.notify_waiters();
    }
}

impl Drop for Unwaited {
    fn drop(&mut self) {
        let mut state = self.tasks.state();
        if let Some(count) = state.unwaited.get_mut(self.template) {
            *count -= 1;
            if *count == 0 {
                state.unwaited.remove(self.template);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    #[test]
    fn a_function_has_its_share_and_a_cache_its_sum() {
        let tasks = Arc::<Tasks>::default();
        let has_room = |template| tasks.has_room(template);
        let mut places = Vec::new();
        for template in ["a", "b", "c", "d"] {
            for _ in 0..MOST_OF_FUNCTION {
                assert!(has_room(template) && has_room("e"));
                places.push(tasks.unwaited(template));
            }
            assert!(!has_room(template));
        }
        assert!(!has_room("e"), "the cache is full");
        places.pop();
        assert!(has_room("d") && has_room("e"));
        places.clear();
        assert!(tasks.state().unwaited.is_empty());
    }

    #[test]
    fn without_a_runtime_no_load_is_detached() {
        assert!(Tasks::default().runtime().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_loads_and_ending_for_all_that_they_leave_behind() {
        let (tasks, runtime) = (Arc::<Tasks>::default(), Handle::current());
        let load = tasks.load(&runtime, sleep(Duration::from_secs(9)));
        tasks.close().await;
        assert!(load.is_finished());
        assert!(tasks.runtime().is_none(), "it is closed");
        let ends = {
            let tasks = Arc::clone(&tasks);
            async move { tasks.over().await }
        };
        let load = tasks.load(&runtime, ends);
        tasks.detach(sleep(Duration::from_secs(1)));
        tasks.end().await;
        assert!(load.is_finished() && tasks.state().running.is_empty());
    }
}
