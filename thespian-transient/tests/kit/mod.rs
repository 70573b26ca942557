//! The bases that every scenario is played on, and what scenarios share.

use std::ops::Deref;
use std::time::Duration;

use thespian_core::{ActorAddress, ActorSystem, ActorTypes, Builder, StatusReq};
use thespian_sim::{Faults, Sim};
use thespian_simple::Simple;

/// A system on some base.
pub(crate) struct Stage {
    system: ActorSystem,
    sim: Option<Sim>,
    /// What a message may take longer than on a base where it takes no time.
    patience: Duration,
}

/// Longer than anything takes that does not wait for a timer.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// How often a condition is looked at that nothing tells of, with [`LOOK`] in between.
const LOOKS: u32 = 400;

const LOOK: Duration = Duration::from_millis(5);

impl Stage {
    pub(crate) fn simple(types: ActorTypes) -> Stage {
        let system = ActorSystem::builder().base(Simple).actors(types).unregistered().start();
        Stage { system: system.expect("starts"), sim: None, patience: Duration::ZERO }
    }

    /// On a base that a function puts into the builder, and whose actors need some time to get a message.
    #[allow(dead_code, reason = "for the program whose actors have processes")]
    pub(crate) fn real(on: fn(Builder) -> Builder, types: ActorTypes) -> Stage {
        let system = on(ActorSystem::builder()).actors(types).unregistered().start();
        Stage { system: system.expect("starts"), sim: None, patience: Duration::from_millis(200) }
    }

    pub(crate) fn calm(types: ActorTypes) -> Stage {
        Stage::simulated(Sim::new(1), types)
    }

    /// A network that loses, repeats and reorders, while handlers take their time.
    pub(crate) fn stormy(seed: u64, types: ActorTypes) -> Stage {
        let faults = Faults {
            loss: 0.05,
            duplication: 0.05,
            jitter: Duration::from_micros(800),
            handling: Duration::from_micros(300),
            ..Faults::default()
        };
        let stage = Stage::simulated(Sim::new(seed).with_faults(faults), types);
        Stage { patience: Duration::from_secs(2), ..stage }
    }

    pub(crate) fn simulated(sim: Sim, types: ActorTypes) -> Stage {
        let system = ActorSystem::builder().base(sim.clone()).actors(types).unregistered().start();
        Stage { system: system.expect("starts"), sim: Some(sim), patience: Duration::ZERO }
    }

    /// Lets time pass. On the simple base timers only run while somebody waits.
    pub(crate) fn pass(&self, time: Duration) {
        match &self.sim {
            Some(sim) => sim.run_for(time + self.patience).expect("the actors settle"),
            None => drop(self.private().expect("an endpoint").listen(time + self.patience)),
        }
    }

    pub(crate) fn eventually(&self, what: &str, holds: impl Fn() -> bool) {
        for _ in 0..LOOKS {
            if holds() {
                return;
            }
            self.pass(LOOK);
        }
        panic!("it did not come to pass that {what}");
    }

    /// A question for the status is no use, and the actor does not see it.
    pub(crate) fn is_dead(&self, actor: &ActorAddress) -> bool {
        let private = self.private().expect("an endpoint");
        private.ask(actor, StatusReq, SOON).expect("the question is sent").is_dead()
    }

    pub(crate) fn await_death(&self, actor: &ActorAddress) {
        self.eventually("the actor is dead", || self.is_dead(actor));
    }

    /// Shuts down, and checks that nothing is left and every message is accounted for.
    pub(crate) fn finish(self) {
        self.system.shutdown().expect("shuts down");
        if let Some(sim) = &self.sim {
            if let Err(violations) = sim.finish() {
                panic!("{violations}\n{}", sim.trace().join("\n"));
            }
            assert_eq!(sim.actors(), []);
        }
    }
}

impl Deref for Stage {
    type Target = ActorSystem;

    fn deref(&self) -> &ActorSystem {
        &self.system
    }
}

/// Something that holds on every base.
pub(crate) type Scenario = (&'static str, fn(&Stage));

/// Makes tests of scenarios: one on the simple base, one in a simulated world, one in simulated storms. And a list of them,
/// for those that cannot be tests like others because their actors are processes.
macro_rules! on_every_base {
    ($types:expr; $($scenario:ident),* $(,)?) => {
        #[allow(dead_code, reason = "for the program whose actors have processes")]
        pub(crate) const EVERYWHERE: &[kit::Scenario] = &[$((stringify!($scenario), $scenario)),*];

        mod simple {
            $(#[test] fn $scenario() {
                let stage = super::kit::Stage::simple($types);
                super::$scenario(&stage);
                stage.finish();
            })*
            #[allow(unused_imports, reason = "the types are named relative to the caller's module")]
            use super::*;
        }
        mod simulated {
            $(#[test] fn $scenario() {
                let stage = super::kit::Stage::calm($types);
                super::$scenario(&stage);
                stage.finish();
            })*
            #[allow(unused_imports, reason = "the types are named relative to the caller's module")]
            use super::*;
        }
        mod in_storms {
            $(#[test] fn $scenario() {
                for seed in 1..=5 {
                    let stage = super::kit::Stage::stormy(seed, $types);
                    super::$scenario(&stage);
                    stage.finish();
                }
            })*
            #[allow(unused_imports, reason = "the types are named relative to the caller's module")]
            use super::*;
        }
    };
}

pub(crate) use on_every_base;
