//! The process host over a transport without any care.
//!
//! - the conformance suite, with each startup method

mod plain;

use std::process::ExitCode;

use thespian_conformance::processes::{METHODS, Suite};
use thespian_multiproc::Multiproc;

use plain::Plain;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    let suite = Suite::new(plain::NAME, |builder| builder.base(Multiproc::new(Plain)));
    METHODS.iter().fold(suite, |suite, method| suite.conformance(method)).run()
}
