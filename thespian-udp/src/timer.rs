//! The end of a wait, for which the system is asked seldom.
//!
//! A wait with a limit costs the system a timer that is set and taken back, half a microsecond of the six that a message
//! takes, and nearly always for nothing: something comes before, and the next limit is later. So one timer is left to run.
//! If it runs out too early it is set again, and it is set for nothing but a limit that comes before it runs out.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// A timer that the system counts down.
pub(crate) struct Timer {
    descriptor: TimerFd,
    runs_out: Option<Instant>,
}

impl Timer {
    /// A timer that does not run, with a token for word that it has run out.
    ///
    /// # Errors
    ///
    /// Those of the operating system.
    pub(crate) fn new(registry: &Registry, token: Token) -> io::Result<Timer> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let descriptor = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        registry.register(&mut SourceFd(&descriptor.as_fd().as_raw_fd()), token, Interest::READABLE)?;
        Ok(Timer { descriptor, runs_out: None })
    }

    /// Whether it runs out before that, or just then.
    #[inline]
    pub(crate) fn runs_out_by(&self, due: Instant) -> bool {
        self.runs_out.is_some_and(|at| at <= due)
    }

    /// Has it run out when this is over.
    ///
    /// # Errors
    ///
    /// The system does not do that, and has to be asked in another way.
    #[cold]
    pub(crate) fn set(&mut self, now: Instant, left: Duration) -> io::Result<()> {
        // Nothing left would stop it.
        let left = left.max(Duration::from_nanos(1));
        self.runs_out = None;
        self.descriptor
            .set(Expiration::OneShot(TimeSpec::from_duration(left)), TimerSetTimeFlags::empty())?;
        self.runs_out = Some(now + left);
        Ok(())
    }

    /// The system has said that it has run out.
    pub(crate) fn has_run_out(&mut self) {
        self.runs_out = None;
    }
}

#[cfg(test)]
mod tests {
    use mio::{Events, Poll};

    use super::*;

    const TOKEN: Token = Token(3);

    /// Whether it has run out before a minute is over.
    fn runs_out(poll: &mut Poll) -> bool {
        let mut events = Events::with_capacity(4);
        poll.poll(&mut events, Some(Duration::from_secs(60))).expect("it can be waited for");
        events.iter().any(|event| event.token() == TOKEN)
    }

    #[test]
    fn it_runs_out_in_time_and_can_be_set_again_before_and_after() {
        let mut poll = Poll::new().expect("a poll");
        let mut timer = Timer::new(poll.registry(), TOKEN).expect("a timer");
        for _ in 0..2 {
            let now = Instant::now();
            let due = |left| now + Duration::from_millis(left);
            timer.set(now, Duration::from_secs(3_600)).expect("it is set");
            assert!(!timer.runs_out_by(due(5)));
            timer.set(now, Duration::from_millis(5)).expect("it is set");
            assert!(timer.runs_out_by(due(5)) && timer.runs_out_by(due(6)) && !timer.runs_out_by(due(4)));
            assert!(runs_out(&mut poll));
            assert!(now.elapsed() >= Duration::from_millis(5));
            timer.has_run_out();
            assert!(!timer.runs_out_by(due(3_600_000)));
        }
    }

    #[test]
    fn a_limit_of_nothing_ends_at_once() {
        let mut poll = Poll::new().expect("a poll");
        let mut timer = Timer::new(poll.registry(), TOKEN).expect("a timer");
        timer.set(Instant::now(), Duration::ZERO).expect("it is set");
        assert!(runs_out(&mut poll));
    }
}
