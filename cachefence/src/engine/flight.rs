//! One flight: many callers, one of whom works for all.
//!
//! Callers that want the same thing at the same time *join* one flight. At any moment one of them
//! holds the [`Baton`] and does the work; the others are [`Member`]s and wait. A flight ends in one of
//! these ways:
//!
//! - The holder *lands* it: every member is given the outcome.
//! - The holder is dropped (cancelled, or unwound by a panic): the baton, with the cargo that it
//!   carries, is offered to the members, and the first that is polled goes on with it. If there is
//!   none, the flight is over and the cargo is dropped.
//! - The flight is *dismissed*: every member is given an outcome that says so, and the holder goes on
//!   alone.
//!
//! A flight whose holder shows no progress can be *overtaken*: it is sealed, and another flight begins in
//! its place, led by one of its members. Whichever of the two ends first ends the wait of the members of the
//! first: the second lands, or is dismissed, for them too.
//!
//! A flight is *sealed* when nobody may join it any more, which is before its outcome is known. A
//! sealed flight refuses to be joined, and a caller that finds one begins another in its place. So
//! only the flight itself decides whether it is sealed; the map that it stands in merely forgets it.
//!
//! Nothing here sleeps or does I/O, and no lock is held while a waker or a destructor from outside
//! runs. A map may call [`Flight::join`] with its own lock held, and a flight calls [`Home::forget`]
//! with no lock held.

use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::wakers::Wakers;
use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// One flight, which stands in a map `H`. `O` is the outcome that it ends with, `C` the cargo that its
/// baton carries.
pub(crate) struct Flight<O, C, H> {
    pub(crate) home: H,
    /// The flight that this one has overtaken, whose members wait for this one too.
    overtaken: Option<Arc<Self>>,
    state: Mutex<State<O, C>>,
}

/// The place where callers find a flight to join it.
pub(crate) trait Home<O, C>: Sized {
    /// Removes `flight`, which has been sealed, so that nobody finds it any more. If another flight
    /// stands in its place, that one stays.
    fn forget(&self, flight: &Arc<Flight<O, C, Self>>);
}

struct State<O, C> {
    sealed: bool,
    /// Whether callers may join before they have read the store.
    cold: bool,
    /// The cargo of a baton that nobody holds: the first member that is polled takes it.
    offer: Option<C>,
    outcome: Option<O>,
    since: Instant,
    /// When the holder of the baton last showed progress.
    progress: Instant,
    /// Wakes those who wait for the last member to leave.
    deserted: Vec<Waker>,
    overtaking: Overtaking,
    wakers: Wakers,
}

/// Whether another flight may begin in place of one that shows no progress.
#[derive(Clone, Copy, Default)]
enum Overtaking {
    #[default]
    Possible,
    /// One has. If that is given up, another may.
    Happened,
    /// None could do more than this one.
    Useless,
}

impl<O, C> State<O, C> {
    /// The wakers of those who wait until nobody waits for the flight, if nobody does.
    fn deserted(&mut self) -> Vec<Waker> {
        if self.is_awaited() { Vec::new() } else { mem::take(&mut self.deserted) }
    }

    /// Whether callers wait for the flight. The one who has overtaken it is a member too, and does not count.
    fn is_awaited(&self) -> bool {
        let overtaker = usize::from(matches!(self.overtaking, Overtaking::Happened));
        self.wakers.members() > overtaker
    }
}

/// How a caller entered a flight.
pub(crate) enum Entered<O, C: Default, H: Home<O, C>> {
    /// There was no flight: the caller has begun one.
    Leads(Baton<O, C, H>),
    /// The caller joined a flight that was under way.
    Joins(Member<O, C, H>),
}

/// The end of a member's wait.
pub(crate) enum Turn<O, C: Default, H: Home<O, C>> {
    /// The flight has ended.
    Landed(O),
    /// The holder of the baton is gone; the member holds it now.
    Leads(Baton<O, C, H>),
}

impl<O, C: Default, H: Home<O, C>> Flight<O, C, H> {
    /// Begins a flight, which the caller puts where `home` says.
    pub(crate) fn begin(home: H, cold: bool) -> Baton<O, C, H> {
        Self::begin_after(None, home, cold)
    }

    /// Begins a flight in place of this one, which shows no progress. The caller puts it where `home` says, in
    /// one step with this call, and is a member of this flight from now on.
    pub(crate) fn overtake(
        self: &Arc<Self>,
        home: H,
        cold: bool,
    ) -> (Baton<O, C, H>, Member<O, C, H>) {
        let mut state = self.state();
        (state.sealed, state.overtaking) = (true, Overtaking::Happened);
        let place = Some(state.wakers.enter());
        drop(state);
        let baton = Self::begin_after(Some(Arc::clone(self)), home, cold);
        (baton, Member { flight: Arc::clone(self), place })
    }

    fn begin_after(overtaken: Option<Arc<Self>>, home: H, cold: bool) -> Baton<O, C, H> {
        let now = Instant::now();
        let state = State {
            sealed: false,
            cold,
            offer: None,
            outcome: None,
            since: now,
            progress: now,
            deserted: Vec::new(),
            overtaking: Overtaking::default(),
            wakers: Wakers::default(),
        };
        let flight = Arc::new(Self { home, overtaken, state: Mutex::new(state) });
        Baton { flight, cargo: C::default(), done: false }
    }

    /// Joins the flight, unless it is sealed. A `cold` caller makes the flight cold.
    pub(crate) fn join(self: &Arc<Self>, cold: bool) -> Option<Member<O, C, H>> {
        let mut state = self.state();
        state.cold |= cold;
        self.take_place(state)
    }

    /// Joins the flight, if it is cold and not sealed.
    pub(crate) fn join_cold(self: &Arc<Self>) -> Option<Member<O, C, H>> {
        let state = self.state();
        if state.cold { self.take_place(state) } else { None }
    }

    fn take_place(
        self: &Arc<Self>,
        mut state: MutexGuard<'_, State<O, C>>,
    ) -> Option<Member<O, C, H>> {
        let place = (!state.sealed).then(|| state.wakers.enter())?;
        Some(Member { flight: Arc::clone(self), place: Some(place) })
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.state().sealed
    }

    /// How many members wait for the flight.
    pub(crate) fn members(&self) -> usize {
        self.state().wakers.members()
    }

    /// Closes the flight to further callers.
    pub(crate) fn seal(self: &Arc<Self>) {
        if !mem::replace(&mut self.state().sealed, true) {
            self.home.forget(self);
        }
    }

    /// Ends the flight, and those that it has overtaken, with `outcome` for their members; the holders of the
    /// batons go on alone. The first outcome counts.
    pub(crate) fn dismiss(self: &Arc<Self>, outcome: O)
    where
        O: Clone,
    {
        let mut next = Some(self);
        while let Some(flight) = next {
            flight.dismiss_own(outcome.clone());
            next = flight.overtaken.as_ref();
        }
    }

    fn dismiss_own(self: &Arc<Self>, outcome: O) {
        self.seal();
        let mut state = self.state();
        if state.outcome.is_none() {
            state.outcome = Some(outcome);
            let wakers = state.wakers.take_all();
            drop(state);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Shows the members that the holder of the baton makes progress.
    pub(crate) fn beat(&self) {
        self.state().progress = Instant::now();
    }

    /// When the holder of the baton last showed progress.
    pub(crate) fn progress(&self) -> Instant {
        self.state().progress
    }

    /// Has no flight overtake this one: another one could do no more than this one does.
    pub(crate) fn stay_alone(&self) {
        self.state().overtaking = Overtaking::Useless;
    }

    /// Whether a flight may overtake this one, now or after the one that has overtaken it was given up.
    pub(crate) fn may_be_overtaken(&self) -> bool {
        let state = self.state();
        let may_be = match state.overtaking {
            Overtaking::Possible => !state.sealed,
            Overtaking::Happened => true,
            Overtaking::Useless => false,
        };
        may_be && state.outcome.is_none()
    }

    /// Waits until nobody is a member of the flight, or of those that it has overtaken.
    pub(crate) fn deserted(&self) -> impl Future<Output = ()> {
        poll_fn(move |cx| {
            let mut next = Some(self);
            while let Some(flight) = next {
                let mut state = flight.state();
                if state.is_awaited() {
                    let waits = state.deserted.iter().any(|waker| waker.will_wake(cx.waker()));
                    if !waits {
                        state.deserted.push(cx.waker().clone());
                    }
                    return Poll::Pending;
                }
                next = flight.overtaken.as_deref();
            }
            Poll::Ready(())
        })
    }

    /// Whether callers wait for the flight, or for one that it has overtaken.
    pub(crate) fn is_awaited(&self) -> bool {
        let mut next = Some(self);
        while let Some(flight) = next {
            let state = flight.state();
            if state.outcome.is_none() && state.is_awaited() {
                return true;
            }
            next = flight.overtaken.as_deref();
        }
        false
    }

    /// Offers the cargo of a baton whose holder is gone to the members; gives it back if there are
    /// none.
    fn pass_on(self: &Arc<Self>, cargo: C) -> Option<C> {
        let mut state = self.state();
        if state.outcome.is_some() || state.wakers.members() == 0 {
            // The flight is sealed under the same lock under which its members are counted, so that
            // nobody joins a flight that is given up for want of members.
            let sealed = mem::replace(&mut state.sealed, true);
            drop(state);
            if !sealed {
                self.home.forget(self);
            }
            return Some(cargo);
        }
        state.offer = Some(cargo);
        let wakers = state.wakers.take_all();
        drop(state);
        // All members are woken, not one: a single member that is never polled again (parked in a
        // `select`) would keep the baton from the others.
        wakers.into_iter().for_each(Waker::wake);
        None
    }

    fn state(&self) -> MutexGuard<'_, State<O, C>> {
        lock(&self.state)
    }
}

/// The right, and the duty, to work for a flight. Dropped, it passes to a member.
pub(crate) struct Baton<O, C: Default, H: Home<O, C>> {
    pub(crate) flight: Arc<Flight<O, C, H>>,
    /// What the next holder needs to go on where this one stopped.
    pub(crate) cargo: C,
    done: bool,
}

impl<O, C: Default, H: Home<O, C>> Baton<O, C, H> {
    /// Closes the flight to further callers.
    pub(crate) fn seal(&self) {
        self.flight.seal();
    }

    /// How many members wait for the flight.
    pub(crate) fn members(&self) -> usize {
        self.flight.members()
    }

    /// A place in the flight for the holder itself, who has another hold the baton.
    pub(crate) fn member(&self) -> Member<O, C, H> {
        let place = Some(self.flight.state().wakers.enter());
        Member { flight: Arc::clone(&self.flight), place }
    }

    /// Ends the flight with `outcome` for all its members, and gives the cargo back.
    pub(crate) fn land(mut self, outcome: O) -> C
    where
        O: Clone,
    {
        self.done = true;
        self.flight.dismiss(outcome);
        mem::take(&mut self.cargo)
    }

    /// How many members there have been at one time.
    #[cfg(test)]
    pub(crate) fn places(&self) -> usize {
        self.flight.state().wakers.places()
    }
}

impl<O, C: Default, H: Home<O, C>> Drop for Baton<O, C, H> {
    fn drop(&mut self) {
        if !self.done {
            let unwanted = self.flight.pass_on(mem::take(&mut self.cargo));
            drop(unwanted); // with no lock held
        }
    }
}

/// A caller that waits for a flight. Dropped, it leaves.
#[must_use = "futures do nothing unless polled"]
pub(crate) struct Member<O, C: Default, H: Home<O, C>> {
    pub(crate) flight: Arc<Flight<O, C, H>>,
    /// `None` once the member has had its turn.
    place: Option<usize>,
}

impl<O: Clone, C: Default, H: Home<O, C>> Future for Member<O, C, H> {
    type Output = Turn<O, C, H>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(place) = self.place else {
            return Poll::Pending;
        };
        let mut state = self.flight.state();
        let turn = match (state.outcome.clone(), state.offer.is_some()) {
            (Some(outcome), _) => Some(Turn::Landed(outcome)),
            (None, true) => state.offer.take().map(|cargo| {
                let flight = Arc::clone(&self.flight);
                Turn::Leads(Baton { flight, cargo, done: false })
            }),
            (None, false) => None,
        };
        if let Some(turn) = turn {
            let waker = state.wakers.leave(place);
            let deserted = state.deserted();
            drop(state);
            drop(waker); // with the lock released
            deserted.into_iter().for_each(Waker::wake);
            self.place = None;
            return Poll::Ready(turn);
        }
        let replaced = state.wakers.wait(place, cx.waker());
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl<O, C: Default, H: Home<O, C>> Member<O, C, H> {
    /// When the flight was begun.
    pub(crate) fn since(&self) -> Instant {
        self.flight.state().since
    }

    /// When the holder of the baton last showed progress.
    pub(crate) fn progress(&self) -> Instant {
        self.flight.progress()
    }

    /// Makes the flight cold no longer: later callers read before they join.
    pub(crate) fn cool(&self) {
        self.flight.state().cold = false;
    }
}

impl<O, C: Default, H: Home<O, C>> Drop for Member<O, C, H> {
    /// Leaves the flight. The waker, and the cargo of an offer that nobody is left to take, are
    /// dropped with no lock held.
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        let mut state = self.flight.state();
        let waker = state.wakers.leave(place);
        let unwanted = if state.wakers.members() == 0 { state.offer.take() } else { None };
        let forget = unwanted.is_some() && !mem::replace(&mut state.sealed, true);
        let deserted = state.deserted();
        drop(state);
        if forget {
            self.flight.home.forget(&self.flight);
        }
        deserted.into_iter().for_each(Waker::wake);
        drop((waker, unwanted));
    }
}
