//! Calls whose loads run in tasks of their own.

use std::future::{Future, pending, poll_fn};
use std::mem;
use std::panic::resume_unwind;
use std::pin::{Pin, pin};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::body::{Run, Within};
use super::convert::Convert;
use super::serving::Unserved;
use super::{Fetch, NotServed, decode_shared, swallowed};
use crate::engine::{self, Call, Encoded, Engine, Held, Next, ToDetach, Waited, Waits};
use crate::observe::PANICKED;
use crate::race::{First, race};
use crate::request::Request;
use crate::scope;
use crate::share::{KeepError, Share};
use crate::time::sleep_until;

/// A body in a box, so that one type serves the call and the task that may lead a load in its place.
pub(crate) type BoxedBody<'a, F> = Box<dyn FnOnce() -> F + Send + 'a>;

/// A call whose loads tasks lead.
type Detaching<'a, T, E, S, K, F> = Fetch<'a, T, E, S, K, BoxedBody<'a, F>, F>;

/// The task of a load, whose output is the result of the load; `None` if the load was for nobody any more.
type LoadTask<T, E> = JoinHandle<Option<Result<T, E>>>;

impl<'a, T, E, S, K, F> Detaching<'a, T, E, S, K, F>
where
    T: Serialize + DeserializeOwned + Send + 'static,
    E: Send + 'static,
    S: Share<T, E> + KeepError<E, Kept = E>,
    K: Convert<T, E>,
    F: Future<Output = K::Returned> + Send + 'static,
{
    /// As [`fetch`](Self::fetch), except that tasks lead the loads. A load runs in the call where there is no
    /// runtime for a task, or where as many loads run as may of which nobody waits for any.
    pub(crate) fn fetch_detached(mut self, usable: bool) -> impl Future<Output = K::Output> {
        async move {
            if usable {
                let read = match self.first_look() {
                    Ok(value) => return K::output(Ok(value)),
                    Err(read) => read.await,
                };
                let mut not_served = match self.take(read) {
                    Ok(value) => return K::output(Ok(value)),
                    Err(not_served) => not_served,
                };
                not_served.0.detach(true);
                if let Some(result) = Box::pin(self.serve_detached(not_served)).await {
                    return K::output(result);
                }
            }
            if let Some(refused) = K::refusal() {
                return refused;
            }
            let mut load = self.begin_uncached(usable);
            K::output(poll_fn(|cx| self.poll_uncached(&mut load, cx)).await)
        }
    }

    /// As [`serve`](Self::serve), with tasks that lead.
    async fn serve_detached(&mut self, not_served: NotServed<'a, T>) -> Option<Result<T, E>> {
        let (engine, request) = (self.engine, self.request);
        let (call, next, held) = not_served;
        let (call, next) = match self.serve(call, next).await {
            Ok(result) => return Some(result),
            Err(Unserved::Recursive) => return None,
            Err(Unserved::Detach(call, next)) => (call, *next),
        };
        let load = match ToDetach::new(next) {
            Ok(load) => load,
            Err(next) => return self.serve_in_caller(call, next).await,
        };
        // A call that has a value to serve waits for nobody.
        let refreshed = load.refreshed().cloned();
        let held = refreshed.and_then(|refreshed| {
            let held =
                held.or_else(|| decode_shared::<T, E, S>(engine, request, &refreshed.value))?;
            Some((held, refreshed.result))
        });
        let runtime = engine.tasks.runtime();
        let has_room = engine.tasks.has_room(call.template());
        // Without a runtime the load runs in its caller, whatever that holds.
        if let (Some((held, how)), Some(runtime)) = (held, &runtime) {
            if has_room {
                drop(self.start(&call, load, runtime));
            } else {
                engine.observers.skipped_refresh(request.key());
            }
            call.served(engine, how);
            return Some(Ok(held));
        }
        let Some(runtime) = runtime.filter(|_| has_room) else {
            return self.serve_in_caller(call, load.into_next()).await;
        };
        let (task, waits) = self.start(&call, load, &runtime);
        Some(Self::serve_from_task(engine, request, &call, task, waits).await)
    }

    /// As [`serve`](Self::serve), from `next` on, with no task.
    async fn serve_in_caller(
        &mut self,
        mut call: Box<Call<'a>>,
        next: Next,
    ) -> Option<Result<T, E>> {
        call.detach(false);
        self.serve(call, next).await.ok()
    }

    /// Waits for the load that a task leads in place of the call.
    async fn serve_from_task(
        engine: &Engine,
        request: &Request<T>,
        call: &Call<'_>,
        mut task: LoadTask<T, E>,
        waits: Waits,
    ) -> Result<T, E> {
        let own = waits.own_load();
        let decode = |value: &Encoded| decode_shared::<T, E, S>(engine, request, value);
        let decode_held = |held: Box<Held>| decode(&held.value).zip(Some(held.result));
        let mut limit = None;
        let instead = match engine::wait_for_task(engine, call, waits).await {
            // The task has the value itself, which may be more than what comes back of it.
            Waited::Value(value) if own.has_ended() => Self::value_of(engine, request, &mut task)
                .await
                .or_else(|| decode(&value))
                .zip(Some(own.result())),
            Waited::Value(value) => decode(&value).zip(Some(own.result())),
            Waited::TakesTooLong(held) => decode_held(held),
            Waited::Failed(held) => match held.and_then(decode_held) {
                // Else another load has failed, beside this one, which hangs.
                Some((held, how)) if own.has_ended() => {
                    let value = Self::value_of(engine, request, &mut task).await;
                    let (value, how) = value.map_or((held, how), |value| (value, own.result()));
                    call.served(engine, how);
                    return Ok(value);
                }
                instead => instead,
            },
            Waited::OwnResult(held, until) => {
                limit = held.zip(until);
                None
            }
        };
        if let Some((value, how)) = instead {
            call.served(engine, how);
            return Ok(value);
        }
        let until = limit.as_ref().map(|(_, until)| *until);
        let ended = match race(Pin::new(&mut task), pin!(sleep_until(until))).await {
            First::A(ended) => ended,
            First::B(()) => {
                if let Some((value, how)) = limit.and_then(|(held, _)| decode_held(held)) {
                    call.served(engine, how);
                    return Ok(value);
                }
                task.await
            }
        };
        match ended {
            Ok(Some(result)) => {
                call.served(engine, own.result());
                result
            }
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime is shutting down. The task that waits here ends with the runtime.
            Ok(None) | Err(_) => pending().await,
        }
    }

    /// The value of a task's load, which others could not be given. `None` if the load has failed, which is told of.
    async fn value_of(
        engine: &Engine,
        request: &Request<T>,
        task: &mut LoadTask<T, E>,
    ) -> Option<T> {
        match task.await {
            Ok(Some(Ok(value))) => return Some(value),
            Ok(Some(Err(error))) => swallowed::<T, E, S>(engine, request, &error),
            Err(error) if error.is_panic() => {
                engine.observers.swallowed_error(request.key(), PANICKED);
            }
            Ok(None) | Err(_) => {}
        }
        None
    }

    /// Has a task lead the load in place of the call.
    fn start(
        &mut self,
        call: &Call<'a>,
        load: ToDetach,
        runtime: &Handle,
    ) -> (LoadTask<T, E>, Waits) {
        let Self { engine, request, policy, share, kind, .. } = *self;
        // The copies of borrowed arguments are made here.
        self.begin(Within::Load);
        let run: Run<BoxedBody<'static, F>, F> = match mem::replace(&mut self.run, Run::Over) {
            Run::Running(body, mark) => Run::Running(body, mark),
            Run::NotYet(_) | Run::Over => Run::Over,
        };
        let (next, waits, in_task) = load.begin(engine, call);
        let (engine, request, policy) = (Arc::clone(engine), request.clone(), *policy);
        let (tasks, state) = (Arc::clone(&engine.tasks), in_task.state());
        let call = call.for_task(&state);
        let work = async move {
            let (engine, request, policy) = (&engine, &request, &policy);
            let mut fetch: Detaching<'_, T, E, S, K, F> =
                Fetch { engine, request, policy, run, share, kind };
            let call = Box::new(call.with(request.key(), policy));
            let result = if let Ok(result) = fetch.serve(call, next).await {
                result
            } else {
                let mut load = fetch.begin_uncached(true);
                poll_fn(|cx| fetch.poll_uncached(&mut load, cx)).await
            };
            if let (Err(error), false) = (&result, state.is_waited_for()) {
                swallowed::<T, E, S>(engine, request, error);
            }
            state.note_result();
            result
        };
        (tasks.load(runtime, in_task.run(scope::inherited(Box::pin(work)))), waits)
    }
}
