//! Initialization messages on the bases with processes: what holds on every base, from `initmsgs`.

#![allow(dead_code, unused_imports, reason = "half of the included file is tests in virtual time")]

#[path = "../../conformance/tests/bases/chosen.rs"]
mod chosen;
#[path = "initmsgs.rs"]
mod initmsgs;

use std::process::ExitCode;

use thespian_conformance::processes::Suite;
use thespian_core::ActorTypes;

use chosen::{WAYS, put_on};
use initmsgs::actor_types;
use initmsgs::kit::Stage;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(ActorTypes::linked()).actors(actor_types()).run();
    let suite = Suite::new(thespian_tcp::NAME, put_on);
    let suite = WAYS.iter().fold(suite, |suite, way| {
        initmsgs::EVERYWHERE.iter().fold(suite, |suite, (name, play)| {
            suite.trial(way, name, move |_| {
                let stage = Stage::real(put_on, actor_types());
                play(&stage);
                stage.finish();
            })
        })
    });
    suite.run()
}
