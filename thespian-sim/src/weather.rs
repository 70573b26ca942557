//! What the simulated network does to frames.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thespian_core::driver::world::Network;
use thespian_core::engine::link::Frame;
use thespian_core::{ActorAddress, SystemId, Time};

use crate::random::Random;

/// The faults of a simulated network. All off by default: frames take a millisecond and arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// The shortest time a frame, or word to and from an admin, takes.
    pub latency: Duration,
    /// Up to how much longer it may take. Frames may overtake each other within this.
    pub jitter: Duration,
    /// The probability that a frame is lost, from 0 to 1.
    pub loss: f64,
    /// The probability that a frame arrives twice.
    pub duplication: f64,
    /// Up to how long a handler takes. It runs at once, and what it asks for happens when the time is over.
    pub handling: Duration,
    /// How long an actor takes to start.
    pub start: Duration,
    /// The probability that an actor's start fails for reasons outside the actor.
    pub start_failure: f64,
}

impl Default for Faults {
    fn default() -> Faults {
        Faults {
            latency: Duration::from_millis(1),
            jitter: Duration::ZERO,
            loss: 0.0,
            duplication: 0.0,
            handling: Duration::ZERO,
            start: Duration::from_millis(1),
            start_failure: 0.0,
        }
    }
}

/// The network's state, shared with the handle that sets faults while it runs.
pub(crate) struct Weather {
    pub(crate) faults: Faults,
    random: Random,
    /// Pairs of addresses between which nothing passes, in both directions.
    pub(crate) cuts: BTreeSet<(ActorAddress, ActorAddress)>,
    /// The same for whole systems.
    pub(crate) system_cuts: BTreeSet<(SystemId, SystemId)>,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
}

impl Weather {
    pub(crate) fn new(faults: Faults, random: Random) -> Weather {
        Weather { faults, random, cuts: BTreeSet::new(), system_cuts: BTreeSet::new(), lost: 0, repeated: 0 }
    }

    fn delay(&mut self) -> Duration {
        self.faults.latency + self.up_to(self.faults.jitter)
    }

    fn up_to(&mut self, longest: Duration) -> Duration {
        let nanoseconds = u64::try_from(longest.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.random.below(nanoseconds.saturating_add(1)))
    }

    fn is_cut(&self, from: &ActorAddress, to: &ActorAddress) -> bool {
        self.cuts.contains(&ordered(*from, *to))
            || self.system_cuts.contains(&ordered(from.system(), to.system()))
    }
}

/// A pair without a direction.
pub(crate) fn ordered<T: Ord>(a: T, b: T) -> (T, T) {
    if a <= b { (a, b) } else { (b, a) }
}

/// The end of the shared state that the world holds.
pub(crate) struct SimNetwork(pub(crate) Arc<Mutex<Weather>>);

impl Network for SimNetwork {
    fn frame(&mut self, _now: Time, from: &ActorAddress, to: &ActorAddress, _frame: &Frame) -> Vec<Duration> {
        let mut weather = self.0.lock();
        let (loss, duplication) = (weather.faults.loss, weather.faults.duplication);
        if weather.is_cut(from, to) || weather.random.chance(loss) {
            weather.lost += 1;
            return Vec::new();
        }
        let mut delays = vec![weather.delay()];
        if weather.random.chance(duplication) {
            weather.repeated += 1;
            delays.push(weather.delay());
        }
        delays
    }

    fn control(&mut self, _now: Time) -> Duration {
        self.0.lock().delay()
    }

    fn handling(&mut self, _now: Time) -> Duration {
        let mut weather = self.0.lock();
        let longest = weather.faults.handling;
        if longest.is_zero() { Duration::ZERO } else { weather.up_to(longest) }
    }

    fn launch(&mut self, _now: Time) -> (Duration, Result<(), String>) {
        let mut weather = self.0.lock();
        let failure = weather.faults.start_failure;
        let outcome = match weather.random.chance(failure) {
            true => Err("the simulated host could not start a process".into()),
            false => Ok(()),
        };
        (weather.faults.start, outcome)
    }
}
