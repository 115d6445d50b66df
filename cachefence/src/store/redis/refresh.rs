//! When the nodes of a cluster are asked which slots each of them holds.
//!
//! One task at a time asks them, 100 ms after the last time at the earliest. Where nothing comes of it, because a node is
//! down and no replica is promoted, the pause grows with the time that this goes on, up to two seconds.

use std::time::Duration;

use tokio::time::Instant;

/// How long after the nodes were asked they are not asked again.
const PAUSE: Duration = Duration::from_millis(100);

/// The longest pause where nothing comes of asking.
const LONGEST: Duration = Duration::from_secs(2);

/// The pause is this part of the time in which asking has changed nothing: a sixteenth.
const PART: u32 = 16;

/// When the nodes are asked, and by which task.
#[derive(Default)]
pub(super) struct Refresh {
    task: Option<Task>,
    /// How many tasks there have been, which numbers them.
    tasks: u64,
    /// Whether the nodes are to be asked once more.
    is_wanted: bool,
    /// When the nodes were asked last.
    last: Option<Instant>,
    /// Since when asking has changed nothing.
    unchanged_since: Option<Instant>,
    /// The trouble with asking that was told last.
    problem: Option<String>,
}

/// The task that asks the nodes.
struct Task {
    number: u64,
    /// When the task was last seen to run.
    seen: Instant,
}

impl Refresh {
    /// Notes that the nodes are to be asked. Returns the number of the task that the caller has to start for it. None is
    /// started while there is one, unless that was not seen for as long as `longest`: its runtime may not be
    /// driven any more.
    pub(super) fn want(&mut self, longest: Duration) -> Option<u64> {
        let now = Instant::now();
        self.is_wanted = true;
        let runs = |task: &Task| now - task.seen < longest.saturating_add(LONGEST);
        if self.task.as_ref().is_some_and(runs) {
            return None;
        }
        self.tasks += 1;
        self.task = Some(Task { number: self.tasks, seen: now });
        Some(self.tasks)
    }

    /// When the task of this `number` asks next; `None` if it is over, because the nodes need not be asked, or because
    /// another task does.
    pub(super) fn next(&mut self, number: u64) -> Option<Instant> {
        let now = Instant::now();
        let task = self.task.as_mut().filter(|task| task.number == number)?;
        task.seen = now;
        if !self.is_wanted {
            self.task = None;
            return None;
        }
        let pause = self.unchanged_since.map_or(PAUSE, |since| (now - since) / PART);
        let due = self.last.map(|last| last + pause.clamp(PAUSE, LONGEST));
        Some(due.map_or(now, |due| due.max(now)))
    }

    /// Notes that the nodes are asked now.
    pub(super) fn begin(&mut self) {
        let now = Instant::now();
        self.is_wanted = false;
        if self.last.is_none_or(|last| now - last > 2 * LONGEST) {
            self.unchanged_since = Some(now);
        }
        self.last = Some(now);
    }

    /// Notes that the table has changed.
    pub(super) fn changed(&mut self) {
        self.unchanged_since = Some(Instant::now());
    }

    /// Notes that the task of this `number` was dropped.
    pub(super) fn end(&mut self, number: u64) {
        self.task.take_if(|task| task.number == number);
    }

    /// Notes the trouble with asking; `true` if that is news.
    pub(super) fn note_problem(&mut self, problem: &str) -> bool {
        let is_news = self.problem.as_deref() != Some(problem);
        self.problem = Some(problem.to_owned());
        is_news
    }

    /// Notes that a node has told the table; `true` if the trouble with that is over.
    pub(super) fn note_works(&mut self) -> bool {
        self.problem.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const STUCK: Duration = Duration::from_secs(5);

    /// When the task asks next, from now on.
    fn wait(refresh: &mut Refresh, number: u64) -> Option<Duration> {
        refresh.next(number).map(|due| due - Instant::now())
    }

    #[tokio::test(start_paused = true)]
    async fn one_task_asks_at_most_every_100_ms() {
        let mut refresh = Refresh::default();
        let task = refresh.want(STUCK).unwrap();
        assert_eq!(refresh.want(STUCK), None, "somebody does");
        assert_eq!(wait(&mut refresh, task), Some(Duration::ZERO));
        refresh.begin();
        refresh.want(STUCK);
        assert_eq!(wait(&mut refresh, task), Some(PAUSE));
        advance(PAUSE).await;
        refresh.begin();
        assert_eq!(wait(&mut refresh, task), None, "nothing has happened since");
        let task = refresh.want(STUCK).unwrap();
        assert_eq!(wait(&mut refresh, task), Some(PAUSE), "another task keeps the pause");
    }

    #[tokio::test(start_paused = true)]
    async fn asking_unchanged_since_becomes_rare_until_something_changes() {
        let mut refresh = Refresh::default();
        let task = refresh.want(STUCK).unwrap();
        let mut asked = 0_u32;
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) {
            refresh.want(STUCK);
            advance(wait(&mut refresh, task).unwrap()).await;
            refresh.begin();
            asked += 1;
        }
        assert!((60..100).contains(&asked), "{asked}");
        refresh.want(STUCK);
        assert_eq!(wait(&mut refresh, task), Some(LONGEST));
        refresh.changed();
        assert_eq!(wait(&mut refresh, task), Some(PAUSE));
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_not_driven_is_replaced_and_a_dropped_one_at_once() {
        let mut refresh = Refresh::default();
        let first = refresh.want(STUCK).unwrap();
        advance(STUCK + LONGEST).await;
        let second = refresh.want(STUCK).unwrap();
        assert_eq!(refresh.next(first), None, "it is not the one any more");
        refresh.end(first);
        assert_eq!(refresh.want(STUCK), None, "the second goes on");
        refresh.end(second);
        assert!(refresh.want(STUCK).is_some());
    }

    #[test]
    fn a_trouble_is_told_once() {
        let mut refresh = Refresh::default();
        assert!(!refresh.note_works());
        assert!(refresh.note_problem("no") && !refresh.note_problem("no"));
        assert!(refresh.note_problem("never"));
        assert!(refresh.note_works() && !refresh.note_works());
        assert!(refresh.note_problem("never"));
    }
}
