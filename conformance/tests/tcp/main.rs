//! `multiprocTCPBase`.
//!
//! - the conformance suite, with each startup method

use std::process::ExitCode;

use thespian_conformance::processes::Suite;
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;

/// The startup methods that there are.
const METHODS: &[&str] = &["fork"];

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    let suite = Suite::new(thespian_tcp::NAME, |builder| {
        builder.base(Multiproc::new(Tcp::default())).capability(thespian_tcp::ADMIN_PORT, 0)
    });
    METHODS.iter().fold(suite, |suite, method| suite.conformance(method)).run()
}
