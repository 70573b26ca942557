//! What troupes do on the bases where each worker has a process of its own that can be killed.
//!
//! - The scenarios of the other bases, from `tests/troupe`. Those in which a worker dies kill its process.
//! - `parallel`: what only processes can show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../../../conformance/tests/bases/chosen.rs"]
mod chosen;
#[path = "../troupe/failures.rs"]
mod failures;
#[expect(dead_code, reason = "the other bases have uses for more")]
#[path = "../troupe/ground.rs"]
mod ground;
#[path = "../troupe/keys.rs"]
mod keys;
mod parallel;
#[path = "../troupe/pool.rs"]
mod pool;
#[path = "../troupe/progress.rs"]
mod progress;
#[path = "../troupe/scenarios.rs"]
mod scenarios;

use std::process::ExitCode;

use thespian_conformance::processes::{ProcessScenario, Suite, kill_actor};
use thespian_core::ActorTypes;

use chosen::{WAYS, put_on};
use ground::{Ground, Plain};
use scenarios::every_scenario;

/// Plays each scenario on a system of its own.
macro_rules! trials {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        const SCENARIOS: &[ProcessScenario] = &[$($(
            (concat!(stringify!($module), "::", stringify!($scenario)), |_| {
                let ground = Ground::real(Plain { on: put_on, kill: Some(kill_actor) });
                crate::$module::$scenario(&ground);
                ground.finish();
            })
        ),*),*];
    };
}

every_scenario!(trials);

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(actor_types()).run();
    let suite = Suite::new(thespian_tcp::NAME, put_on);
    let suite = WAYS
        .iter()
        .fold(suite, |suite, way| suite.scenarios(way, SCENARIOS).scenarios(way, parallel::SCENARIOS));
    let reliable = WAYS.iter().filter(|way| **way != chosen::UDP);
    reliable.fold(suite, |suite, way| suite.scenarios(way, parallel::FLOODS)).run()
}

fn actor_types() -> ActorTypes {
    scenarios::together([ActorTypes::linked(), scenarios::actor_types(), parallel::actor_types()])
}
