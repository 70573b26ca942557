//! The suite in the simulator: every actor as if in a process of its own, on a network that works.

use std::time::Duration;

use thespian_conformance::Subject;
use thespian_core::{ActorAddress, ActorSystem, Builder, Error};
use thespian_sim::Sim;

struct InSim(Sim);

impl Default for InSim {
    fn default() -> InSim {
        InSim(Sim::new(1))
    }
}

impl Subject for InSim {
    fn base(&self) -> &'static str {
        thespian_sim::NAME
    }

    fn start(&self, builder: Builder) -> Result<ActorSystem, Error> {
        builder.base(self.0.clone()).start()
    }

    fn pass(&self, _: &ActorSystem, time: Duration) {
        self.0.run_for(time).expect("the actors settle");
    }

    fn kill(&self, actor: &ActorAddress) {
        self.0.kill(actor);
    }

    fn finish(&self) {
        if let Err(violations) = self.0.finish() {
            panic!("{violations}\n{}", self.0.trace().join("\n"));
        }
        assert_eq!(self.0.actors(), []);
    }
}

thespian_conformance::conformance!(InSim);
