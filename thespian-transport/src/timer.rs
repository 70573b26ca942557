//! The end of a wait, for which the system is asked seldom.
//!
//! To wait with a limit costs the system a timer that is set and taken back, half a microsecond of the seven that a message
//! takes, and nearly always for nothing: something comes before, and the next limit is later. So one timer is left to run.
//! If it runs out too early the wait goes on, and it is set for nothing but a limit that comes before it runs out.
//!
//! While something comes again and again it is set for a second at most. So a process that comes to rest is woken by it within
//! that second, once, and from then on for what is due alone.

use std::io;
use std::time::{Duration, Instant};

use mio::{Events, Poll, Registry, Token};

use self::system::Countdown;

/// Until when there is nothing to do, unless something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// There is something to do.
    Now,
    /// Until then.
    At(Instant),
    /// For ever.
    Never,
}

impl Due {
    /// After that time, and for ever without one.
    pub fn after(timeout: Option<Duration>) -> Due {
        match timeout {
            Some(Duration::ZERO) => Due::Now,
            // What does not fit into a clock is never.
            Some(timeout) => Instant::now().checked_add(timeout).map_or(Due::Never, Due::At),
            None => Due::Never,
        }
    }

    /// The same, or then if that is sooner.
    #[must_use]
    pub fn or_at(self, sooner: Option<Instant>) -> Due {
        match (self, sooner) {
            (Due::Never, Some(at)) => Due::At(at),
            (Due::At(due), Some(at)) => Due::At(due.min(at)),
            (due, _) => due,
        }
    }
}

/// How long the timer runs at most, unless nothing has come since it was last set.
const LONGEST: Duration = Duration::from_secs(1);

/// A timer that ends the waits of one loop.
pub struct Timer {
    countdown: Countdown,
    token: Token,
    runs_out: Option<Instant>,
}

impl Timer {
    /// A timer that does not run. Events with this token are its own, and say nothing to others.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        Ok(Timer { countdown: Countdown::new(registry, token)?, token, runs_out: None })
    }

    /// Waits for events until then. When it comes back there are some, or it is due.
    ///
    /// # Errors
    ///
    /// Those of the operating system; there are no events then.
    pub fn wait(&mut self, poll: &mut Poll, events: &mut Events, due: Due) -> io::Result<()> {
        let mut longest = LONGEST;
        loop {
            let limit = self.limit(due, longest);
            if let Err(error) = poll.poll(events, limit) {
                events.clear();
                return Err(error);
            }
            if !self.has_run_out_early(events, due) {
                return Ok(());
            }
            longest = Duration::MAX;
        }
    }

    /// How long the system may be waited for, if this one does not end that.
    #[inline]
    fn limit(&mut self, due: Due, longest: Duration) -> Option<Duration> {
        match due {
            Due::Now => Some(Duration::ZERO),
            Due::At(due) if self.runs_out.is_some_and(|at| at <= due) => None,
            Due::At(due) => self.set(due, longest),
            Due::Never => None,
        }
    }

    #[cold]
    fn set(&mut self, due: Instant, longest: Duration) -> Option<Duration> {
        let now = Instant::now();
        let left = due.saturating_duration_since(now);
        let runs = left.min(longest);
        if left.is_zero() || !self.countdown.set(runs) {
            return Some(left);
        }
        self.runs_out = Some(now + runs);
        None
    }

    /// Whether nothing has happened but that it has run out, and too early.
    #[inline]
    fn has_run_out_early(&mut self, events: &Events, due: Due) -> bool {
        let mut others = false;
        for event in events {
            if event.token() == self.token {
                self.runs_out = None;
            } else {
                others = true;
            }
        }
        if others || events.is_empty() {
            return false;
        }
        match due {
            Due::Now => false,
            Due::At(due) => Instant::now() < due,
            Due::Never => true,
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::fd::{AsFd, AsRawFd};
    use std::time::Duration;

    use mio::unix::SourceFd;
    use mio::{Interest, Registry, Token};
    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

    /// A timer of the system, as a descriptor.
    pub(super) struct Countdown(TimerFd);

    impl Countdown {
        pub(super) fn new(registry: &Registry, token: Token) -> io::Result<Countdown> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            registry.register(&mut SourceFd(&timer.as_fd().as_raw_fd()), token, Interest::READABLE)?;
            Ok(Countdown(timer))
        }

        /// Has it run out when this is over. Whether the system does that. Zero would stop it.
        pub(super) fn set(&self, left: Duration) -> bool {
            let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
            self.0.set(expiration, TimerSetTimeFlags::empty()).is_ok()
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use std::io;
    use std::time::Duration;

    use mio::{Registry, Token};

    /// Nothing: each wait has its own limit there.
    pub(super) struct Countdown;

    impl Countdown {
        pub(super) fn new(_: &Registry, _: Token) -> io::Result<Countdown> {
            Ok(Countdown)
        }

        pub(super) fn set(&self, _: Duration) -> bool {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const TIMER: Token = Token(3);
    const WAKER: Token = Token(4);

    struct Loop {
        poll: Poll,
        events: Events,
        timer: Timer,
    }

    impl Loop {
        fn new() -> Loop {
            let poll = Poll::new().expect("a poll");
            let timer = Timer::new(poll.registry(), TIMER).expect("a timer");
            Loop { poll, events: Events::with_capacity(4), timer }
        }

        fn wait(&mut self, due: Due) {
            self.timer.wait(&mut self.poll, &mut self.events, due).expect("it can be waited for");
        }
    }

    fn after(milliseconds: u64) -> Instant {
        Instant::now() + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_wait_ends_when_it_is_due_whatever_limits_others_had() {
        let mut waits = Loop::new();
        let waker = Arc::new(mio::Waker::new(waits.poll.registry(), WAKER).expect("a waker"));
        for earlier in [1, 5, 3_600_000, 2] {
            // One that ends before its limit leaves the timer running.
            waker.wake().expect("it is woken");
            waits.wait(Due::At(after(earlier)));
            let due = after(20);
            waits.wait(Due::At(due));
            assert!(Instant::now() >= due, "{earlier}");
        }
    }

    #[test]
    fn the_timer_is_set_again_for_nothing_but_a_sooner_limit() {
        let mut waits = Loop::new();
        let waker = mio::Waker::new(waits.poll.registry(), WAKER).expect("a waker");
        let mut wait = |due| {
            waker.wake().expect("it is woken");
            waits.wait(due);
            waits.timer.runs_out
        };
        let far = after(3_600_000);
        let first = wait(Due::At(far));
        for due in [Due::At(after(7_200_000)), Due::At(far), Due::Never, Due::Now] {
            assert_eq!(wait(due), first, "{due:?}");
        }
        let sooner = wait(Due::At(after(200)));
        if cfg!(target_os = "linux") {
            assert!(first < Some(far) && sooner < first && sooner.is_some());
        }
    }

    #[test]
    fn a_wait_that_is_longer_than_the_timer_runs_ends_when_it_is_due() {
        let mut waits = Loop::new();
        let due = Instant::now() + LONGEST + Duration::from_millis(100);
        waits.wait(Due::At(due));
        assert!(Instant::now() >= due);
    }

    #[test]
    fn nothing_is_waited_for_when_something_is_to_be_done() {
        let mut waits = Loop::new();
        waits.wait(Due::Now);
        waits.wait(Due::At(Instant::now()));
        assert!(waits.events.is_empty());
    }

    #[test]
    fn the_sooner_of_two_is_due() {
        let (sooner, later) = (after(1), after(2));
        assert_eq!(Due::At(later).or_at(Some(sooner)), Due::At(sooner));
        assert_eq!(Due::At(sooner).or_at(Some(later)), Due::At(sooner));
        assert_eq!((Due::Never.or_at(Some(later)), Due::Never.or_at(None)), (Due::At(later), Due::Never));
        assert_eq!((Due::Now.or_at(Some(later)), Due::after(Some(Duration::ZERO))), (Due::Now, Due::Now));
        assert_eq!((Due::after(None), Due::after(Some(Duration::MAX))), (Due::Never, Due::Never));
    }
}
