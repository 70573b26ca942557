//! Nothing of a command outlives its actor, whatever has ended that.
//!
//! A test starts a process with an actor in it that runs a command, ends that process, and waits until all that the command
//! has started is gone. This program is the test, the actor's process and the command: see `cast`.
//!
//! `THESPIAN_ROUNDS=200` plays each test so many times; otherwise that is [`ROUNDS`].

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::print_stdout, reason = "the actor's process tells the test what it does")]

#[path = "../kit/mod.rs"]
mod kit;

mod cast;
mod scene;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

use cast::Mode;
use scene::{End, Scene};

fn main() -> ExitCode {
    thespian_multiproc::init();
    if let Some(role) = cast::role() {
        return role.play();
    }
    let arguments = Arguments::from_args();
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    use Mode::{Blocking, Process, Watching};
    let trial = |name: &str, scene: Scene| {
        Trial::test(name, move || {
            (0..rounds()).for_each(|_| scene.play());
            Ok(())
        })
    };
    vec![
        trial("a_killed_actor_that_watches_leaves_nothing", Scene(Watching, End::Kill)),
        trial("a_killed_actor_that_blocks_leaves_nothing", Scene(Blocking, End::Kill)),
        trial("an_actor_killed_with_its_group_leaves_nothing", Scene(Watching, End::KillGroup)),
        trial("an_actor_that_is_terminated_leaves_nothing", Scene(Blocking, End::Terminate)),
        trial("an_actor_that_aborts_leaves_nothing", Scene(Watching, End::Abort)),
        trial("an_actor_whose_process_exits_leaves_nothing", Scene(Watching, End::Exit)),
        trial("an_actor_that_is_dropped_leaves_nothing", Scene(Watching, End::Drop)),
        trial("an_actor_that_is_asked_to_exit_leaves_nothing", Scene(Watching, End::Request)),
        trial("an_aborted_command_leaves_nothing", Scene(Watching, End::AbortCommand)),
        trial("a_command_that_ends_leaves_nothing", Scene(Blocking, End::CommandEnds)),
        trial("a_killed_guardian_takes_the_command_along", Scene(Watching, End::KillGuardian)),
        trial("a_killed_process_of_a_system_leaves_nothing", Scene(Process, End::Kill)),
        trial("a_terminated_process_of_a_system_leaves_nothing", Scene(Process, End::Terminate)),
        trial("an_aborted_process_of_a_system_leaves_nothing", Scene(Process, End::Abort)),
        trial("a_system_whose_admin_is_killed_leaves_nothing", Scene(Process, End::KillAdmin)),
        trial("an_actor_of_a_system_that_exits_leaves_nothing", Scene(Process, End::Request)),
        trial("a_command_of_a_system_that_is_aborted_leaves_nothing", Scene(Process, End::AbortCommand)),
        trial("a_system_that_is_shut_down_leaves_nothing", Scene(Process, End::Drop)),
        trial("an_actor_killed_at_any_moment_leaves_nothing", Scene(Watching, End::KillEarly)),
    ]
}

/// How many times each test is played, where nobody says otherwise.
const ROUNDS: u32 = 3;

fn rounds() -> u32 {
    std::env::var("THESPIAN_ROUNDS").ok().map_or(ROUNDS, |rounds| rounds.parse().expect("a number of rounds"))
}
