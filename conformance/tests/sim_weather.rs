//! The suite in the simulator, on a network that loses, repeats and reorders.

use std::time::Duration;

use thespian_conformance::Subject;
use thespian_core::{ActorAddress, ActorSystem, Builder, Error};
use thespian_sim::{Faults, Sim};

struct InStorm(Sim);

impl Default for InStorm {
    fn default() -> InStorm {
        let faults =
            Faults { loss: 0.05, duplication: 0.05, jitter: Duration::from_micros(800), ..Faults::default() };
        InStorm(Sim::new(2).with_faults(faults))
    }
}

impl Subject for InStorm {
    fn base(&self) -> &'static str {
        thespian_sim::NAME
    }

    fn start(&self, builder: Builder) -> Result<ActorSystem, Error> {
        builder.base(self.0.clone()).start()
    }

    /// Long enough for what was lost to be sent again.
    fn pass(&self, _: &ActorSystem, time: Duration) {
        self.0.run_for(time + Duration::from_secs(2)).expect("the actors settle");
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

thespian_conformance::conformance!(InStorm);
