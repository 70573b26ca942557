//! What the actor does with commands on `multiprocTCPBase`, where it watches them in a process of its own: the scenarios
//! of the other bases, from `commands`.

#![allow(dead_code, unused_imports, reason = "the included files have more, for the other bases")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

#[path = "commands/ground.rs"]
mod ground;
#[path = "commands/logs.rs"]
mod logs;
#[path = "commands/responsive.rs"]
mod responsive;
#[path = "commands/results.rs"]
mod results;
#[path = "commands/scenarios.rs"]
mod scenarios;
#[path = "commands/streams.rs"]
mod streams;

use std::process::ExitCode;

use thespian_conformance::processes::Suite;
use thespian_core::{ActorTypes, Builder};
use thespian_multiproc::Multiproc;
use thespian_tcp::Tcp;

use ground::Ground;
use scenarios::{every_scenario, every_scenario_with_a_watch};

/// Collects the log of the process that the test is in, which is not the actor's.
const ELSEWHERE: &str = "logs::without_a_logger_the_processs_log_is_used";

type Scenario = (&'static str, fn(&mut Ground));

macro_rules! list {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        &[$($(
            (concat!(stringify!($module), "::", stringify!($scenario)), crate::$module::$scenario)
        ),*),*]
    };
}

const SCENARIOS: &[Scenario] = every_scenario!(list);

const WITH_A_WATCH: &[Scenario] = every_scenario_with_a_watch!(list);

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(ActorTypes::linked()).run();
    let suite = Suite::new(thespian_tcp::NAME, put_on);
    let played = SCENARIOS.iter().chain(WITH_A_WATCH).filter(|(name, _)| *name != ELSEWHERE);
    let suite = played.fold(suite, |suite, (name, play)| {
        suite.trial("fork", name, move |_| {
            let mut ground = Ground::on(put_on, Default::default());
            play(&mut ground);
            ground.finish();
        })
    });
    suite.run()
}

fn put_on(builder: Builder) -> Builder {
    builder.base(Multiproc::new(Tcp::default())).capability(thespian_tcp::ADMIN_PORT, 0)
}
