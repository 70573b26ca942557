//! The time of a system: the same in all its processes.

use std::cell::Cell;

use nix::time::{ClockId, clock_gettime};
use thespian_core::Time;

/// The clock of a system: the kernel's monotonic clock, counted from the system's start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// The kernel's time at the system's start, in nanoseconds.
    origin: u64,
}

impl Clock {
    /// The clock of a system that starts now.
    pub(crate) fn start() -> Clock {
        Clock { origin: kernel_time() }
    }

    /// The clock of a system whose [origin](Clock::origin) is known.
    pub(crate) fn since(origin: u64) -> Clock {
        Clock { origin }
    }

    pub(crate) fn origin(&self) -> u64 {
        self.origin
    }

    pub(crate) fn now(&self) -> Time {
        Time::after_start(std::time::Duration::from_nanos(kernel_time().saturating_sub(self.origin)))
    }
}

/// The clock, with a memory: for the engine of an actor, which is told the time with every message, and never an earlier
/// one than before.
#[derive(Debug)]
pub(crate) struct Teller {
    clock: Clock,
    tick: Cell<u64>,
    last: Cell<Time>,
}

impl Teller {
    pub(crate) fn new(clock: Clock) -> Teller {
        Teller { clock, tick: Cell::new(0), last: Cell::new(Time::ZERO) }
    }

    /// The time now.
    pub(crate) fn now(&self) -> Time {
        // The tick first: the time that is read after it is never older.
        self.tick.set(ticks());
        self.last.set(self.clock.now());
        self.last.get()
    }

    /// What was told last.
    #[inline]
    pub(crate) fn last(&self) -> Time {
        self.last.get()
    }

    /// What was told last, unless the kernel has counted another tick since: at most a few milliseconds ago. To ask for the
    /// tick costs a quarter of asking for the time.
    #[inline]
    pub(crate) fn about(&self) -> Time {
        if ticks() == self.tick.get() { self.last.get() } else { self.now() }
    }
}

fn kernel_time() -> u64 {
    read(ClockId::CLOCK_MONOTONIC)
}

/// The kernel's time at its last tick.
#[inline]
fn ticks() -> u64 {
    read(ClockId::CLOCK_MONOTONIC_COARSE)
}

#[inline]
fn read(clock: ClockId) -> u64 {
    let now = clock_gettime(clock).expect("every Linux has this clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rough_time_is_never_ahead_never_goes_back_and_is_a_few_ticks_behind_at_most() {
        let clock = Clock::start();
        let teller = Teller::new(clock);
        let mut last = teller.about();
        let began = kernel_time();
        while kernel_time() < began + 30_000_000 {
            let about = teller.about();
            assert!(last <= about && about <= clock.now());
            assert!(about <= teller.now());
            last = teller.about();
        }
        // Ticks are 10 ms apart at most.
        assert!(last.since_start() >= std::time::Duration::from_millis(15), "it stands still");
    }
}
