//! The suite on the simple base.

use std::time::Duration;

use thespian_conformance::Subject;
use thespian_core::{ActorSystem, Builder, Error};
use thespian_simple::Simple;

struct OnSimple;

impl Subject for OnSimple {
    fn base(&self) -> &'static str {
        thespian_simple::NAME
    }

    fn start(&self, builder: Builder) -> Result<ActorSystem, Error> {
        builder.base(Simple).start()
    }

    /// Timers only run while somebody waits.
    fn pass(&self, system: &ActorSystem, time: Duration) {
        if let Ok(private) = system.private() {
            // A system that goes down meanwhile ends the wait, and that is all this is for.
            drop(private.listen(time));
        }
    }
}

thespian_conformance::conformance!(OnSimple);
