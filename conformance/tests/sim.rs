//! The suite in the simulator: every actor as if in a process of its own, on a network that works, and on one that
//! loses, repeats and reorders while handlers take their time.

use std::time::Duration;

use thespian_conformance::Subject;
use thespian_core::{ActorAddress, ActorSystem, Builder, Error};
use thespian_sim::{Faults, Sim};

struct InSim {
    sim: Sim,
    /// What to add to every wait: long enough for what was lost to be sent again.
    patience: Duration,
}

impl Subject for InSim {
    fn base(&self) -> &'static str {
        thespian_sim::NAME
    }

    fn start(&self, builder: Builder) -> Result<ActorSystem, Error> {
        builder.base(self.sim.clone()).start()
    }

    fn pass(&self, _: &ActorSystem, time: Duration) {
        self.sim.run_for(time + self.patience).expect("the actors settle");
    }

    fn kill(&self, actor: &ActorAddress) {
        self.sim.kill(actor);
    }

    fn finish(&self) {
        if let Err(violations) = self.sim.finish() {
            panic!("{violations}\n{}", self.sim.trace().join("\n"));
        }
        assert_eq!(self.sim.actors(), []);
    }
}

fn calm() -> InSim {
    InSim { sim: Sim::new(1), patience: Duration::ZERO }
}

fn stormy() -> InSim {
    let faults = Faults {
        loss: 0.05,
        duplication: 0.05,
        jitter: Duration::from_micros(800),
        handling: Duration::from_micros(300),
        ..Faults::default()
    };
    InSim { sim: Sim::new(2).with_faults(faults), patience: Duration::from_secs(2) }
}

mod on_a_network_that_works {
    use super::*;

    thespian_conformance::conformance!(calm());
}

mod in_a_storm {
    use super::*;

    thespian_conformance::conformance!(stormy());
}
