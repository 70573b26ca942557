//! What the simulated network does to frames.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use thespian_core::driver::world::Network;
use thespian_core::engine::link::{Carrier, Frame};
use thespian_core::{ActorAddress, SystemId, Time};

use crate::random::Random;

/// The faults of a simulated network. All off by default: frames take a millisecond and arrive.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// The shortest time a frame, or word to and from an admin, takes.
    pub latency: Duration,
    /// Up to how much longer it may take. Frames may overtake each other within this, but not
    /// [on a connection](crate::Sim::with_connections).
    pub jitter: Duration,
    /// The probability that a frame is lost, from 0 to 1. On a connection, that it is lost with the connection and all
    /// that is on its way by it.
    pub loss: f64,
    /// The probability that a frame arrives twice; on a connection none does.
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
    pub(crate) carrier: Carrier,
    /// When the last frame of a connection arrives, so that the next does not overtake it.
    last: BTreeMap<(ActorAddress, ActorAddress), Time>,
    pub(crate) lost: u64,
    pub(crate) repeated: u64,
}

impl Weather {
    pub(crate) fn new(faults: Faults, random: Random) -> Weather {
        Weather {
            faults,
            random,
            cuts: BTreeSet::new(),
            system_cuts: BTreeSet::new(),
            carrier: Carrier::Lossy,
            last: BTreeMap::new(),
            lost: 0,
            repeated: 0,
        }
    }

    fn delay(&mut self) -> Duration {
        self.faults.latency + self.up_to(self.faults.jitter)
    }

    /// The delay of a frame that arrives after those that were sent before it.
    fn delay_on_connection(&mut self, now: Time, pair: (ActorAddress, ActorAddress)) -> Duration {
        let arrives = now + self.delay();
        self.last.retain(|_, last| *last > now);
        let last = self.last.entry(pair).or_insert(arrives);
        *last = arrives.max(*last);
        last.since_start().saturating_sub(now.since_start())
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
    fn carrier(&self) -> Carrier {
        self.0.lock().carrier
    }

    fn frame(&mut self, now: Time, from: &ActorAddress, to: &ActorAddress, _frame: &Frame) -> Vec<Duration> {
        let mut weather = self.0.lock();
        let (loss, duplication) = (weather.faults.loss, weather.faults.duplication);
        if weather.is_cut(from, to) || weather.random.chance(loss) {
            weather.lost += 1;
            return Vec::new();
        }
        if weather.carrier == Carrier::Reliable {
            return vec![weather.delay_on_connection(now, (*from, *to))];
        }
        let mut delays = vec![weather.delay()];
        if weather.random.chance(duplication) {
            weather.repeated += 1;
            delays.push(weather.delay());
        }
        delays
    }

    fn reconnect(&mut self, _now: Time, to: &ActorAddress, peer: &ActorAddress) -> Option<Duration> {
        let mut weather = self.0.lock();
        if weather.is_cut(to, peer) { None } else { Some(weather.delay()) }
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
