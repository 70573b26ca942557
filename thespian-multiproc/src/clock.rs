//! The time of a system: the same in all its processes.

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

fn kernel_time() -> u64 {
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("every Linux has this clock");
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}
