//! What a worker in another process has done that the troupe may not know of.

use std::collections::VecDeque;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::worker::Ticket;

/// What a worker has at the same time takes it no longer than this, as far as it can tell from what it did before: nobody else can
/// have what waits with it.
const WORTH: Duration = Duration::from_millis(1);

/// What takes no longer is quick, and a worker is when it has done so much in a row that was: what blocks until others have begun, too,
/// must not come to stand before one of them because it had not to wait for once.
const QUICK: Duration = Duration::from_micros(50);
const QUICK_IN_A_ROW: usize = 16;

/// A worker that has been at its work for so long gives back what it has not begun.
const LONG: Duration = Duration::from_millis(10);

/// The troupe is told at the latest when so much is done, or when so much time has passed: what it does not know of is done again
/// when the worker dies.
const UNTOLD: usize = 32;
const UNTOLD_FOR: Duration = Duration::from_micros(100);

/// Kept by the worker, who tells the troupe of several at a time.
#[derive(Default)]
pub(crate) struct Ledger {
    /// In the order in which it was done. What the troupe is known to know of is forgotten.
    done: VecDeque<Ticket>,
    /// How much of that the troupe was told.
    told: usize,
    /// What was not begun here.
    returned: Vec<Ticket>,
    /// When the first was begun of what it was not told.
    began: Duration,
    /// Whether the worker was given this and had nothing else.
    is_only: bool,
    /// Whether what is not begun goes back, until the worker is given something while it has nothing else.
    is_slow: bool,
    /// How much in a row was quick.
    quick: usize,
    /// How much the worker likes to have at the same time.
    room: u32,
    /// Whether the worker has asked itself to tell what there is.
    pub(crate) is_called: bool,
}

/// What became of the work of a worker in another process.
#[derive(Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) done: Vec<Ticket>,
    /// What it has not begun and will not.
    pub(crate) returned: Vec<Ticket>,
    /// How much it likes to have at the same time from now on.
    pub(crate) room: u32,
}

impl Ledger {
    /// The troupe knows what became of all before this turn.
    pub(crate) fn forget_before(&mut self, oldest: u64) {
        while self.done.front().is_some_and(|done| done.turn < oldest) {
            self.done.pop_front();
            self.told = self.told.saturating_sub(1);
        }
    }

    /// Work has come, after which the worker has only that, or more. Says whether it is to be begun.
    pub(crate) fn take(&mut self, ticket: Ticket, is_only: bool, now: impl FnOnce() -> Duration) -> bool {
        if self.is_slow && !is_only {
            self.returned.push(ticket);
            return false;
        }
        self.is_slow = false;
        self.is_only = is_only;
        if self.untold() == 0 {
            self.began = now();
        }
        true
    }

    /// This is done. Says whether the troupe has to be told at once.
    pub(crate) fn put(&mut self, ticket: Ticket, now: Duration) -> bool {
        self.done.push_back(ticket);
        let taken = now.saturating_sub(self.began);
        self.is_slow |= taken > LONG;
        self.is_only || taken >= UNTOLD_FOR || self.untold() >= UNTOLD
    }

    /// Takes back the last [`put`](Ledger::put).
    pub(crate) fn undo(&mut self) {
        self.done.pop_back();
    }

    /// Something is in progress: what else there is goes back.
    pub(crate) fn wait(&mut self) {
        self.is_slow = true;
    }

    pub(crate) fn has_news(&self) -> bool {
        self.untold() > 0 || !self.returned.is_empty()
    }

    fn untold(&self) -> usize {
        self.done.len() - self.told
    }

    /// Whether this was done.
    pub(crate) fn has(&self, ticket: Ticket) -> bool {
        self.done.contains(&ticket)
    }

    /// Whether the troupe is to be told that this was not begun.
    pub(crate) fn has_returned(&self, ticket: Ticket) -> bool {
        self.returned.contains(&ticket)
    }

    /// What the troupe was not told. When it is sure to be sent, it [was told](Ledger::told).
    pub(crate) fn news(&mut self, now: Duration) -> Report {
        self.estimate(now.saturating_sub(self.began));
        let done = self.done.range(self.told..).copied().collect();
        Report { done, returned: self.returned.clone(), room: self.room }
    }

    pub(crate) fn told(&mut self) {
        self.told = self.done.len();
        self.returned.clear();
    }

    /// What the troupe was not told took so long. From that follows how much the worker likes to have: at most twice as much as before,
    /// so that nothing counts for more than it is.
    fn estimate(&mut self, taken: Duration) {
        let done = self.untold();
        let is_quick = taken.as_nanos() <= QUICK.as_nanos() * done as u128;
        if is_quick {
            self.quick = self.quick.saturating_add(done);
        } else if self.quick < QUICK_IN_A_ROW || self.is_slow {
            self.quick = 0;
        }
        if self.quick < QUICK_IN_A_ROW || self.is_slow {
            self.room = 1;
            return;
        }
        // One that is known to be quick may have been without a processor for a while.
        let most = self.room.saturating_mul(2).max(2);
        let fit = (WORTH.as_nanos() * done as u128).checked_div(taken.as_nanos());
        let fit = fit.and_then(|fit| u32::try_from(fit).ok()).unwrap_or(most);
        self.room = fit.clamp(1, most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MICROSECOND: Duration = Duration::from_micros(1);

    fn ticket(turn: u64) -> Ticket {
        Ticket { work: turn, place: 0, turn }
    }

    fn turns(tickets: &[Ticket]) -> Vec<u64> {
        tickets.iter().map(|ticket| ticket.turn).collect()
    }

    /// Takes a job and does it, from one time to another.
    fn does(ledger: &mut Ledger, turn: u64, is_only: bool, times: (u32, u32)) -> bool {
        assert!(ledger.take(ticket(turn), is_only, || MICROSECOND * times.0));
        ledger.put(ticket(turn), MICROSECOND * times.1)
    }

    fn tells(ledger: &mut Ledger, now: u32) -> (Vec<u64>, Vec<u64>, u32) {
        let Report { done, returned, room } = ledger.news(MICROSECOND * now);
        ledger.told();
        (turns(&done), turns(&returned), room)
    }

    #[test]
    fn the_troupe_is_told_at_once_of_a_single_one_and_otherwise_of_several() {
        let mut ledger = Ledger::default();
        assert!(does(&mut ledger, 1, true, (0, 1)));
        assert_eq!(tells(&mut ledger, 1), (vec![1], vec![], 1));
        for turn in 2..33 {
            assert!(!does(&mut ledger, turn, false, (2, 3)));
        }
        assert!(does(&mut ledger, 33, false, (3, 4)));
        assert_eq!(tells(&mut ledger, 4).0, (2..34).collect::<Vec<_>>());
        assert!(!ledger.has_news());
    }

    #[test]
    fn what_takes_a_while_is_told_though_it_is_one() {
        let mut ledger = Ledger::default();
        assert!(!does(&mut ledger, 1, false, (0, 99)));
        assert!(does(&mut ledger, 2, false, (99, 100)));
    }

    /// Does one that takes so many microseconds, and says how much it likes to have then.
    fn room_after(ledger: &mut Ledger, taken: u32) -> u32 {
        does(ledger, 1, true, (0, taken));
        tells(ledger, taken).2
    }

    #[test]
    fn a_worker_that_was_quick_often_enough_likes_as_much_as_it_does_in_a_millisecond() {
        let mut ledger = Ledger::default();
        for _ in 0..15 {
            assert_eq!(room_after(&mut ledger, 10), 1);
        }
        let rooms: Vec<u32> = (0..8).map(|_| room_after(&mut ledger, 10)).collect();
        assert_eq!(rooms, [2, 4, 8, 16, 32, 64, 100, 100]);
        // It had to wait for a processor.
        assert_eq!(room_after(&mut ledger, 5000), 1);
        assert_eq!(room_after(&mut ledger, 10), 2);
        // It is not as quick any more.
        assert_eq!(room_after(&mut ledger, 10_001), 1);
        assert_eq!(room_after(&mut ledger, 10), 1);
    }

    #[test]
    fn a_worker_that_is_quick_now_and_then_gets_one_after_the_other() {
        let mut ledger = Ledger::default();
        for _ in 0..10 {
            for _ in 0..15 {
                assert_eq!(room_after(&mut ledger, 50), 1);
            }
            assert_eq!(room_after(&mut ledger, 51), 1);
        }
    }

    #[test]
    fn what_is_behind_something_slow_goes_back_until_there_is_nothing_else() {
        let mut ledger = Ledger::default();
        assert!(does(&mut ledger, 1, false, (0, 10_001)));
        assert!(!ledger.take(ticket(2), false, || MICROSECOND));
        assert!(!ledger.take(ticket(3), false, || MICROSECOND));
        assert!(ledger.has_returned(ticket(3)));
        assert_eq!(tells(&mut ledger, 10_002), (vec![1], vec![2, 3], 1));
        assert!(!ledger.has_returned(ticket(3)));
        assert!(ledger.take(ticket(4), true, || MICROSECOND));
    }

    #[test]
    fn what_is_behind_something_in_progress_goes_back() {
        let mut ledger = Ledger::default();
        assert!(ledger.take(ticket(1), true, || MICROSECOND));
        ledger.wait();
        assert!(!ledger.take(ticket(2), false, || MICROSECOND));
        assert_eq!(tells(&mut ledger, 2), (vec![], vec![2], 1));
    }

    #[test]
    fn what_the_troupe_knows_is_forgotten_and_the_rest_is_not() {
        let mut ledger = Ledger::default();
        for turn in 1..5 {
            does(&mut ledger, turn, false, (0, 1));
        }
        tells(&mut ledger, 1);
        ledger.forget_before(3);
        assert_eq!((1..5).filter(|turn| ledger.has(ticket(*turn))).collect::<Vec<_>>(), [3, 4]);
        does(&mut ledger, 5, false, (0, 1));
        assert_eq!(tells(&mut ledger, 1).0, [5]);
    }

    #[test]
    fn what_an_attempt_did_that_fails_is_not_done() {
        let mut ledger = Ledger::default();
        does(&mut ledger, 1, true, (0, 1));
        ledger.undo();
        assert!(!ledger.has_news());
    }
}
