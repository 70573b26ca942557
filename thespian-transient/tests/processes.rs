//! Transient actors on the bases where an actor that exits takes its process along.
//!
//! - What holds on every base, from `transient`.
//! - What only processes can show.

#![allow(dead_code, unused_imports, reason = "half of the included file is tests in virtual time")]

#[path = "../../conformance/tests/bases/chosen.rs"]
mod chosen;
#[path = "transient.rs"]
mod transient;

use std::process::ExitCode;
use std::time::Duration;

use thespian_conformance::processes::{LINGER, Process, Processes, Suite, eventually, pid_of};
use thespian_core::ActorTypes;
use thespian_transient::{Transient, TransientIdle};

use chosen::{WAYS, put_on};
use transient::kit::{Scenario, Stage};
use transient::{Brief, Probe, Use, actor_types, use_it};

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(ActorTypes::linked()).actors(actor_types()).run();
    let suite = Suite::new(thespian_tcp::NAME, put_on);
    let scenarios = || transient::EVERYWHERE.iter().chain(ONLY_HERE);
    let suite = WAYS.iter().fold(suite, |suite, way| {
        scenarios().fold(suite, |suite, (name, play)| suite.trial(way, name, move |_| on_stage(*play)))
    });
    suite.run()
}

/// What only processes can show.
const ONLY_HERE: &[Scenario] = &[
    ("its_process_goes_after_the_first_message", its_process_goes_after_the_first_message),
    ("its_process_goes_after_the_last_message", its_process_goes_after_the_last_message),
];

fn on_stage(play: fn(&Stage)) {
    let stage = Stage::real(put_on, actor_types());
    play(&stage);
    stage.finish();
}

fn its_process_goes_after_the_first_message(stage: &Stage) {
    let actor = stage.create_actor::<Transient<Probe, Brief>>().expect("created");
    let process = Process::of(pid_of(stage, &actor).expect("it has a process"));
    // It was not used so far, so it stays.
    stage.pass(Duration::from_millis(80));
    assert!(process.is_alive());
    use_it(stage, &actor);
    stage.await_death(&actor);
    assert!(eventually(LINGER, || !process.is_alive()), "{process}");
}

fn its_process_goes_after_the_last_message(stage: &Stage) {
    let actor = stage.create_actor::<TransientIdle<Probe, Brief>>().expect("created");
    let process = Process::of(pid_of(stage, &actor).expect("it has a process"));
    for _ in 0..10 {
        use_it(stage, &actor);
    }
    stage.await_death(&actor);
    assert!(eventually(LINGER, || !process.is_alive()), "{process}");
}
