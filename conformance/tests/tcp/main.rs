//! `multiprocTCPBase`.
//!
//! With each startup method:
//!
//! - the conformance suite
//! - [`deaths`]: an actor's process ends, hangs or is sent signals
//! - [`ends`]: how a system ends, and how it does not
//! - [`programs`]: who joins a system, and what stands in the way
//! - [`load`]: many actors, many messages

mod actors;
mod deaths;
mod ends;
mod load;
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
        for scenarios in [deaths::SCENARIOS, ends::SCENARIOS, programs::SCENARIOS, load::SCENARIOS] {
            suite = suite.scenarios(method, scenarios);
        }
        suite = suite.programs(method, ends::PROGRAMS).programs(method, programs::PROGRAMS);
    }
    suite.run()
}
