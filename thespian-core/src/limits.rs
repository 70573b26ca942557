//! Every bound of the engines, by name.

use alloc::format;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The bounds a system works within. Each can be set when the system starts.
///
/// ```
/// use thespian_core::Limits;
/// let limits = Limits { outgoing_high: 100, outgoing_low: 80, ..Limits::default() };
/// assert!(limits.check().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Messages of one actor that nobody has handled yet, at which it is paused: it gets no next message, and a
    /// `flush` in a long handler blocks (decision D20; guide section 4.1). Messages.
    pub outgoing_high: u32,
    /// Where a paused actor goes on. Messages; not above `outgoing_high`.
    pub outgoing_low: u32,
    /// The same in bytes, for messages to other processes: what an actor has sent is kept until it has been handled, and
    /// this bounds how much that is, but for what one attempt sends. A paused actor goes on at half of it. Bytes of encoded
    /// messages.
    pub outgoing_bytes: usize,
    /// Messages on their way between one sender and one target that are in different processes and not yet
    /// acknowledged, to begin with; more wait at the sender. Messages.
    pub window: u32,
    /// What the window grows to for a target that keeps up, as long as more than half of the window is in use. Not
    /// below `window`, and the same in systems that talk to each other: a target takes twice as much from one sender and
    /// no more. Messages.
    pub window_max: u32,
    /// The same bound in bytes, whatever the window; one message, however large, may always be on its way. The same in
    /// systems that talk to each other. Bytes of encoded messages.
    pub window_bytes: usize,
    /// With how many peers, in which direction and lane, an actor remembers how far they came, so that no repetition is taken
    /// for new. Beyond that the half that was not used for longest is forgotten before two delivery limits have passed. Links.
    pub idle_links: usize,
    /// What one attempt of a handler may ask for (sends, creates, wakeups) before it must `flush`. Actions.
    pub actions_per_attempt: usize,
    /// Messages that wait for an outside endpoint's next `ask` or `listen`; further ones are dead letters. Messages.
    pub endpoint_queue: usize,
    /// Dead letters of one process that its system's admin has yet to be told of, and dead letters of a system between
    /// processes that their handler has yet to handle. Further ones are counted, and nobody is given them. One, however
    /// large, always may be on its way. Bytes of encoded messages.
    pub dead_letter_bytes: usize,
    /// Deliveries that one outside call may set off on a base that runs to equilibrium, before the call fails with
    /// [`Error::NeverSettles`]. Deliveries.
    pub steps_per_call: u64,
    /// The longest global name. Bytes.
    pub name_length: usize,
    /// The largest encoded message. Bytes.
    pub message_size: usize,
    /// How deep a blocking `flush` may nest in one thread; deeper ones release without blocking. Levels.
    pub flush_depth: u32,
    /// How long one `flush` blocks at most: actors whose handlers wait for each other in one would otherwise wait until
    /// their messages expire.
    pub flush_wait: Duration,
    /// How many actors a system has at once; further ones never start. Actors.
    pub actors: u64,
    /// How many wakeups of one actor are pending at once; further ones come back to it as poison. Wakeups.
    pub wakeups: usize,
    /// How many addresses a [`SystemStatus`](crate::SystemStatus) lists. Actors.
    pub status_actors: usize,
    /// How many actors that could not start are remembered, so that messages for them come back with the reason.
    /// Actors.
    pub failed_starts: usize,
    /// How long an unacknowledged message is kept and sent again before it is given up (guide section 3).
    pub delivery_limit: Duration,
    /// How long after sending an unacknowledged message is sent again where frames may be lost; doubles up to sixteen
    /// times this. Also what is slow: a window shrinks when a message is acknowledged later, and grows within half of it.
    pub resend_after: Duration,
    /// How long an actor is paused before it gets some messages all the same: actors that are paused by each other
    /// would otherwise wait for ever. Those who have not dealt with all that it sent them are heard meanwhile, until it sends more.
    pub pause_relief: Duration,
    /// How long after a request to exit has reached an actor a handler of it may still run, the one for the request
    /// among them; then it is ended without being asked.
    pub exit_grace: Duration,
    /// How long a shutdown waits for actors to exit before it kills them.
    pub shutdown_grace: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            // The guide's marks.
            outgoing_high: 950,
            outgoing_low: 780,
            outgoing_bytes: 8 << 20,
            window: 64,
            window_max: 1024,
            window_bytes: 4 << 20,
            idle_links: 100_000,
            actions_per_attempt: 1_000_000,
            endpoint_queue: 10_000,
            dead_letter_bytes: 64 << 20,
            steps_per_call: 100_000_000,
            name_length: 1024,
            message_size: 1 << 30,
            flush_depth: 16,
            flush_wait: Duration::from_secs(10),
            actors: 10_000_000,
            wakeups: 1_000_000,
            status_actors: 1000,
            failed_starts: 1024,
            delivery_limit: Duration::from_secs(300),
            resend_after: Duration::from_millis(200),
            pause_relief: Duration::from_millis(100),
            exit_grace: Duration::from_secs(5),
            shutdown_grace: Duration::from_secs(5),
        }
    }
}

impl Limits {
    /// Whether the bounds make sense together.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names the first that does not.
    pub fn check(&self) -> Result<(), Error> {
        let positive = [
            ("outgoing_high", self.outgoing_high as u64),
            ("outgoing_bytes", self.outgoing_bytes as u64),
            ("window", self.window as u64),
            ("window_bytes", self.window_bytes as u64),
            ("idle_links", self.idle_links as u64),
            ("actions_per_attempt", self.actions_per_attempt as u64),
            ("endpoint_queue", self.endpoint_queue as u64),
            ("dead_letter_bytes", self.dead_letter_bytes as u64),
            ("steps_per_call", self.steps_per_call),
            ("name_length", self.name_length as u64),
            ("message_size", self.message_size as u64),
            ("failed_starts", self.failed_starts as u64),
            ("actors", self.actors),
            ("wakeups", self.wakeups as u64),
            ("delivery_limit", nanoseconds(self.delivery_limit)),
            ("resend_after", nanoseconds(self.resend_after)),
            ("pause_relief", nanoseconds(self.pause_relief)),
        ];
        for (name, value) in positive {
            if value == 0 {
                return Err(Error::InvalidSetting {
                    setting: format!("Limits::{name}"),
                    problem: "is zero, and must be more".into(),
                });
            }
        }
        if self.outgoing_low >= self.outgoing_high {
            return Err(Error::InvalidSetting {
                setting: "Limits::outgoing_low".into(),
                problem: format!(
                    "is {}, and must be below outgoing_high, which is {}",
                    self.outgoing_low, self.outgoing_high
                ),
            });
        }
        if self.window_max < self.window {
            return Err(Error::InvalidSetting {
                setting: "Limits::window_max".into(),
                problem: format!(
                    "is {}, and must be at least window, which is {}",
                    self.window_max, self.window
                ),
            });
        }
        Ok(())
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
