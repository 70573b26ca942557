//! The thread that keeps an actor's process responsive while its handler runs for long.
//!
//! Handlers run in the main thread, which also does all reading and writing: nothing is handed between threads on the way
//! of a message. Only when one handler has been running for a whole [`TICK`] does the keeper take over: messages are
//! accepted, the status is answered, exits of children are noted, until the handler returns. While nothing happens the
//! keeper sleeps without waking up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::biased::{Absence, Biased};

/// How often the keeper looks while something happens, and how long a handler runs before it takes over at the latest, twice.
pub(crate) const TICK: Duration = Duration::from_millis(25);

/// Whether the keeper sleeps, and what wakes it.
///
/// The lock and the condition are those of the standard library, which allocate nothing: a thread that allocates gets a part
/// of the heap to itself, and most keepers never need one.
pub(crate) struct Pulse {
    asleep: AtomicBool,
    lock: Mutex<()>,
    wake: Condvar,
}

impl Pulse {
    pub(super) fn new() -> Pulse {
        Pulse { asleep: AtomicBool::new(true), lock: Mutex::new(()), wake: Condvar::new() }
    }

    /// The main thread has left. Says whether the keeper sleeps and is to be [woken](Pulse::rouse).
    #[inline]
    #[must_use]
    pub(super) fn is_asleep<T>(&self, core: &Biased<T>) -> bool {
        // Either this sees that the keeper has gone to sleep, or the keeper sees before it does that the main thread has left.
        core.barrier().light();
        self.asleep.load(Ordering::Relaxed)
    }

    /// Wakes the keeper.
    #[cold]
    pub(super) fn rouse(&self) {
        let _guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.store(false, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Waits until the main thread has been away for a while; sleeps as long as it is here.
    pub(super) fn watch<T>(&self, core: &Biased<T>) -> Absence {
        let mut guard = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = None;
        loop {
            if self.asleep.load(Ordering::SeqCst) {
                guard = self.wake.wait(guard).unwrap_or_else(PoisonError::into_inner);
                seen = None;
                continue;
            }
            guard = self.wake.wait_timeout(guard, TICK).unwrap_or_else(PoisonError::into_inner).0;
            let absence = core.absence();
            match absence {
                Some(absence) if seen == Some(absence) => return absence,
                Some(_) => {}
                None => self.go_to_sleep(core),
            }
            seen = absence;
        }
    }

    /// No handler runs: the next one says that it begins, at most once in a tick.
    fn go_to_sleep<T>(&self, core: &Biased<T>) {
        let place = core.place();
        self.asleep.store(true, Ordering::SeqCst);
        let stays = core.barrier().heavy() && core.place() == place;
        self.asleep.store(stays, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::super::barrier::Barrier;
    use super::*;

    #[test]
    fn a_handler_that_runs_on_is_found_and_a_quick_one_is_not() {
        for barrier in [Barrier::of_process(), Barrier::Even] {
            let pulse: &'static Pulse = Box::leak(Box::new(Pulse::new()));
            let mut owner = Biased::leak((), barrier, Waker::noop().clone());
            let core = owner.lock();
            let keeper = std::thread::spawn(move || pulse.watch(core));
            for _ in 0..1000 {
                owner.away(|_| {
                    if pulse.is_asleep(core) {
                        pulse.rouse();
                    }
                });
            }
            assert!(!keeper.is_finished());
            let found = owner.away(|_| {
                if pulse.is_asleep(core) {
                    pulse.rouse();
                }
                let found = keeper.join().expect("returns when a handler runs on");
                assert_eq!(core.absence(), Some(found));
                found
            });
            assert_ne!(core.absence(), Some(found));
        }
    }
}
