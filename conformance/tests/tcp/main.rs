//! `multiprocTCPBase`.
//!
//! With each startup method:
//!
//! - the conformance suite
//! - [`deaths`]: an actor's process ends, hangs or is sent signals
//! - [`ends`]: how a system ends, and how it does not
//! - [`programs`]: who joins a system, and what stands in the way
//! - [`places`]: what speaks our protocol there and cannot be joined
//! - [`load`]: many actors, many messages
//! - [`accounting`]: kills at random moments, and the account of every message

mod accounting;
mod actors;
mod deaths;
mod ends;
mod ledgers;
mod load;
mod places;
mod programs;

use std::process::ExitCode;

use thespian_conformance::processes::{METHODS, Suite};
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(thespian_conformance::actor_types()).run();
    let mut suite = Suite::new(thespian_tcp::NAME, |builder| {
        builder.base(Multiproc::new(Tcp::default())).capability(thespian_tcp::ADMIN_PORT, 0)
    });
    for method in METHODS {
        suite = suite.conformance(method);
        let modules = [
            deaths::SCENARIOS,
            ends::SCENARIOS,
            programs::SCENARIOS,
            places::SCENARIOS,
            load::SCENARIOS,
            accounting::SCENARIOS,
        ];
        suite = modules.into_iter().fold(suite, |suite, scenarios| suite.scenarios(method, scenarios));
        for programs in [ends::PROGRAMS, programs::PROGRAMS, accounting::PROGRAMS] {
            suite = suite.programs(method, programs);
        }
    }
    suite.run()
}
