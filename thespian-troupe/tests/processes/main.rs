//! What troupes do on `multiprocTCPBase`, where each worker has a process of its own that can be killed.
//!
//! - The scenarios of the other bases, from `tests/troupe`. Those in which a worker dies kill its process.
//! - `parallel`: what only processes can show.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

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

use thespian_conformance::processes::{METHODS, ProcessScenario, Suite, kill_actor, with_method};
use thespian_core::{ActorTypes, Builder};
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;

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
    let suite = METHODS.iter().fold(suite, |suite, method| {
        suite.scenarios(method, SCENARIOS).scenarios(method, parallel::SCENARIOS)
    });
    suite.run()
}

fn put_on(builder: Builder) -> Builder {
    with_method(builder.base(Multiproc::new(Tcp::default())).capability(thespian_tcp::ADMIN_PORT, 0))
}

fn actor_types() -> ActorTypes {
    scenarios::together([ActorTypes::linked(), scenarios::actor_types(), parallel::actor_types()])
}
