//! Points in time, as engines see them.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// Time since the system started, in nanoseconds. Engines are told the time and never ask for it; it does not go
/// back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// When the system started.
    pub const ZERO: Time = Time(0);

    /// Later than any other: 584 years after the start.
    pub const FAR: Time = Time(u64::MAX);

    /// The point this long after the start.
    pub fn after_start(elapsed: Duration) -> Time {
        Time(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// How long after the start this is.
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// How long after an earlier point this is; zero if it is not after it.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

/// Stops at [`Time::FAR`].
impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, delay: Duration) -> Time {
        Time(self.0.saturating_add(Time::after_start(delay).0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}s", self.since_start().as_secs_f64())
    }
}
