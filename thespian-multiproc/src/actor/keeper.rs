//! The thread that keeps an actor's process responsive while its handler runs for long.
//!
//! Handlers run in the main thread, which also does all reading and writing: nothing is handed between threads on the way
//! of a message. Only when one handler has been running for a whole [`TICK`] does the keeper take over: messages are
//! accepted, the status is answered, exits of children are noted, until the handler returns. While nothing happens the
//! keeper sleeps without waking up.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// How often the keeper looks while something happens, and how long a handler runs before it takes over at the latest, twice.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// What the main thread tells the keeper: a counter that is odd while a handler runs.
///
/// The lock and the condition are those of the standard library, which allocate nothing: a thread that allocates gets a part
/// of the heap to itself, and most keepers never need one.
pub(crate) struct Pulse {
    beat: AtomicU64,
    asleep: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

/// What the keeper found.
pub(crate) enum Look {
    /// The handler of this beat has been running for a while.
    Stuck(u64),
}

impl Pulse {
    pub(crate) fn new() -> Pulse {
        Pulse {
            beat: AtomicU64::new(0),
            asleep: AtomicBool::new(true),
            lock: Mutex::new(()),
            wake: Condvar::new(),
        }
    }

    /// A handler begins. Called by one thread. Says whether the keeper sleeps and is to be [woken](Pulse::rouse).
    #[inline]
    #[must_use]
    pub(crate) fn begin(&self) -> bool {
        self.beat.store(self.beat.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        // Either this sees that the keeper has gone to sleep, or the keeper sees the beat before it does.
        fence(Ordering::SeqCst);
        self.asleep.load(Ordering::Relaxed)
    }

    /// It has returned.
    #[inline]
    pub(crate) fn end(&self) {
        self.beat.store(self.beat.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }

    /// Whether the handler of this beat still runs.
    pub(crate) fn is_at(&self, beat: u64) -> bool {
        self.beat.load(Ordering::Acquire) == beat
    }

    /// Wakes the keeper.
    #[cold]
    pub(crate) fn rouse(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(false, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Waits until a handler has been running for a while; sleeps as long as none does.
    pub(crate) fn watch(&self) -> Look {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = None;
        loop {
            if self.asleep.load(Ordering::SeqCst) {
                guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
                seen = None;
                continue;
            }
            guard = self.wake.wait_timeout(guard, TICK).unwrap_or_else(PoisonError::into_inner).0;
            let beat = self.beat.load(Ordering::Acquire);
            if beat.is_multiple_of(2) {
                // No handler runs: the next one says that it begins, at most once in a tick.
                self.asleep.store(true, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                let now = self.beat.load(Ordering::Relaxed);
                self.asleep.store(now == beat, Ordering::SeqCst);
            } else if seen == Some(beat) {
                return Look::Stuck(beat);
            }
            seen = Some(beat);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn a_handler_that_runs_on_is_found_and_a_quick_one_is_not() {
        let pulse = Arc::new(Pulse::new());
        let keeper = std::thread::spawn({
            let pulse = pulse.clone();
            move || pulse.watch()
        });
        for _ in 0..1000 {
            if pulse.begin() {
                pulse.rouse();
            }
            pulse.end();
        }
        assert!(!keeper.is_finished());
        if pulse.begin() {
            pulse.rouse();
        }
        let Look::Stuck(beat) = keeper.join().expect("returns when a handler runs on");
        assert_eq!(beat, 2001);
        assert!(pulse.is_at(beat));
        pulse.end();
        assert!(!pulse.is_at(beat));
    }
}
