//! Initialization messages on `multiprocTCPBase`: what holds on every base, from `initmsgs`.

#![allow(dead_code, unused_imports, reason = "half of the included file is tests in virtual time")]

#[path = "initmsgs.rs"]
mod initmsgs;

use std::process::ExitCode;

use thespian_conformance::processes::{METHODS, Suite, with_method};
use thespian_core::{ActorTypes, Builder};
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;

use initmsgs::actor_types;
use initmsgs::kit::Stage;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(ActorTypes::linked()).actors(actor_types()).run();
    let suite = Suite::new(thespian_tcp::NAME, put_on);
    let suite = METHODS.iter().fold(suite, |suite, method| {
        initmsgs::EVERYWHERE.iter().fold(suite, |suite, (name, play)| {
            suite.trial(method, name, move |_| {
                let stage = Stage::real(put_on, actor_types());
                play(&stage);
                stage.finish();
            })
        })
    });
    suite.run()
}

fn put_on(builder: Builder) -> Builder {
    with_method(builder.base(Multiproc::new(Tcp::default())).capability(thespian_tcp::ADMIN_PORT, 0))
}
