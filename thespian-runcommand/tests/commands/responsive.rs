//! What an actor does that watches while a command runs.

use std::iter;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thespian_core::{ActorExitRequest, AnyMessage, WakeupMessage, WatchMessage};
use thespian_runcommand::{
    Command, CommandAbort, CommandOutput, CommandProblem, CommandResult, CommandStarted, Ending, NOT_RUN,
    RunCommandSettings, UNKNOWN,
};

use crate::ground::{Ground, short_grace};
use crate::sizes::{LARGEST, NUMBERS, assert_cut};
use crate::streams::{all_numbers, are_all};

/// A command that has started, and runs until it is ended.
fn running(ground: &Ground, settings: RunCommandSettings, script: &str) -> Ground {
    let mut ground = ground.again(settings);
    let updates = Some(ground.watcher());
    ground.tell(Command { report_on_start: true, output_updates: updates, ..Command::shell(script) });
    ground.take::<CommandStarted>();
    ground
}

const ENDLESS: &str = "exec sleep 1000";

pub(crate) fn an_abort_ends_the_command_that_runs_and_no_other(ground: &mut Ground) {
    let mut ground = running(ground, RunCommandSettings::default(), ENDLESS);
    ground.tell(Command::new("echo", ["next"]));
    ground.tell(CommandAbort);
    let aborted: CommandResult = ground.take();
    assert_eq!((aborted.exitcode, &aborted.ending), (-15, &Ending::Aborted));
    assert_eq!(aborted.to_string(), "CommandResult FAILED Error #-15 (aborted)");
    let next: CommandResult = ground.take();
    assert!(next.success(), "{next}");
    ground.finish();
}

pub(crate) fn an_aborted_command_that_goes_on_is_killed_after_the_grace(ground: &mut Ground) {
    // The trap is there before the output is: the start alone does not say so.
    let mut ground = running(ground, short_grace(), "trap '' TERM; echo ready; while :; do sleep 1000; done");
    let begun = Instant::now();
    wait_for_output(&mut ground);
    ground.tell(CommandAbort);
    ground.tell(CommandAbort);
    let aborted: CommandResult = ground.take();
    assert_eq!((aborted.exitcode, &aborted.ending), (-9, &Ending::Aborted));
    assert!(begun.elapsed() >= Duration::from_millis(300));
    ground.finish();
}

/// Lets the actor work until it has sent on some output, which this returns.
fn wait_for_output(ground: &mut Ground) -> AnyMessage {
    let message = ground.next_for_watcher();
    assert!(message.is::<CommandOutput>(), "{message:?}");
    message
}

pub(crate) fn output_comes_while_the_command_runs(ground: &mut Ground) {
    let mut ground = running(ground, RunCommandSettings::default(), "echo begun; exec sleep 1000");
    wait_for_output(&mut ground);
    ground.tell(CommandAbort);
    let aborted: CommandResult = ground.take();
    assert_eq!(aborted.stdout.text(), "begun\n");
    ground.finish();
}

pub(crate) fn a_flood_of_output_does_not_hide_an_abort(ground: &mut Ground) {
    let mut ground = running(ground, RunCommandSettings::default(), "exec yes");
    let first = wait_for_output(&mut ground);
    ground.tell(CommandAbort);
    let aborted = if ground.may_lose_messages() {
        ground.take()
    } else {
        ground.result_and(|result, seen| are_all(result, iter::once(&first).chain(seen))).0
    };
    assert_eq!(aborted.ending, Ending::Aborted);
    ground.finish();
}

pub(crate) fn any_other_message_leaves_the_watch_in_force(ground: &mut Ground) {
    let mut ground = running(ground, RunCommandSettings::default(), "sleep 0.1; echo done");
    ground.tell("something else");
    ground.tell(WatchMessage { ready: vec![-1, 0, 1, 99999] });
    ground.tell(WakeupMessage { delay_period: Duration::ZERO, payload: None });
    let result: CommandResult = ground.take();
    assert!(result.success() && result.stdout.text() == "done\n", "{result:?}");
    ground.finish();
}

#[test]
fn a_command_that_closes_its_streams_is_waited_for_without_a_spin() {
    let mut ground = running(
        &Ground::watching(RunCommandSettings::default()),
        RunCommandSettings::default(),
        "exec >&- 2>&-; sleep 0.3; exit 4",
    );
    let result: CommandResult = ground.take();
    assert_eq!((result.exitcode, &result.ending), (4, &Ending::Exited));
    let Ground::Stage(stage) = &ground else { panic!("this is for an actor that watches") };
    assert!(stage.watch_messages < 10, "{} messages", stage.watch_messages);
    ground.finish();
}

pub(crate) fn a_full_queue_answers_and_names_the_limit(ground: &mut Ground) {
    let settings = RunCommandSettings { queue_limit: 2, ..RunCommandSettings::default() };
    let mut ground = running(ground, settings, ENDLESS);
    (0..3).for_each(|number| ground.tell(Command::new("echo", [number.to_string()])));
    let refused: CommandResult = ground.take();
    assert_eq!(refused.command.args, ["2"]);
    assert_eq!(refused.exitcode, 11);
    assert_eq!(refused.ending, Ending::Refused(CommandProblem::QueueFull { queue_limit: 2 }));
    assert!(refused.errorstr().contains("RunCommandSettings::queue_limit"), "{refused}");
    ground.tell(CommandAbort);
    assert_eq!(ground.take::<CommandResult>().ending, Ending::Aborted);
    for number in ["0\n", "1\n"] {
        assert_eq!(ground.take::<CommandResult>().stdout.text(), number);
    }
    ground.finish();
}

pub(crate) fn without_a_queue_a_second_command_is_refused(ground: &mut Ground) {
    let settings = RunCommandSettings { queue_limit: 0, ..RunCommandSettings::default() };
    let mut ground = running(ground, settings, ENDLESS);
    ground.tell(Command::new("echo", ["x"]));
    assert!(matches!(ground.take::<CommandResult>().ending, Ending::Refused(_)));
    ground.tell(CommandAbort);
    assert_eq!(ground.take::<CommandResult>().ending, Ending::Aborted);
    assert!(ground.script("true").success());
    ground.finish();
}

pub(crate) fn an_exit_answers_everybody(ground: &mut Ground) {
    let mut ground = running(ground, RunCommandSettings::default(), "echo begun; exec sleep 1000");
    wait_for_output(&mut ground);
    (0..3).for_each(|number| ground.tell(Command::new("echo", [number.to_string()])));
    // The answer to what cannot be run says that the actor has taken all that came before.
    assert!(matches!(ground.run(Command::new("", [""; 0])).ending, Ending::Refused(_)));
    ground.tell(ActorExitRequest::new());
    let ended: CommandResult = ground.take();
    assert_eq!((ended.exitcode, &ended.ending), (-15, &Ending::ActorExited));
    assert_eq!(ended.stdout.text(), "begun\n");
    for number in ["0", "1", "2"] {
        let result: CommandResult = ground.take();
        assert_eq!((result.exitcode, &result.ending), (NOT_RUN, &Ending::ActorExited));
        assert!(result.command.args == [number] && result.stdout.is_empty() && result.duration.is_zero());
    }
    ground.end();
}

pub(crate) fn an_exit_answers_with_what_fits(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let updates = Some(ground.watcher());
    let script = format!("{NUMBERS}; exec sleep 1000");
    ground.tell(Command { output_updates: updates, ..Command::shell(script) });
    let mut length = 0;
    while length < all_numbers().len() {
        length += wait_for_output(&mut ground).downcast::<CommandOutput>().unwrap().output.0.len();
    }
    ground.tell(ActorExitRequest::new());
    let ended: CommandResult = ground.take();
    assert_eq!((ended.exitcode, &ended.ending), (-15, &Ending::ActorExited));
    assert!(assert_cut(&ended.stdout) > LARGEST / 2);
    ground.end();
}

pub(crate) fn a_command_that_is_stopped_is_terminated_all_the_same(ground: &mut Ground) {
    let mut ground = running(ground, RunCommandSettings::default(), "echo ready; kill -STOP $$");
    wait_for_output(&mut ground);
    ground.tell(CommandAbort);
    let aborted: CommandResult = ground.take();
    assert_eq!((aborted.exitcode, &aborted.ending), (-15, &Ending::Aborted));
    ground.finish();
}

#[test]
fn a_guardian_takes_no_notice_of_signals() {
    let mut ground = Ground::watching(RunCommandSettings::default());
    ground.tell(Command { report_on_start: true, ..Command::shell(ENDLESS) });
    let started: CommandStarted = ground.take();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1, Signal::SIGPIPE] {
        kill(guardian_of(started.pid), signal).unwrap();
    }
    // What they do to it they have done by then: it is asked after them, and answers.
    ground.tell(CommandAbort);
    let result: CommandResult = ground.take();
    assert_eq!((result.exitcode, &result.ending), (-15, &Ending::Aborted));
    ground.finish();
}

#[test]
fn a_guardian_that_is_killed_takes_the_command_along() {
    let mut ground = Ground::watching(RunCommandSettings::default());
    ground.tell(Command { report_on_start: true, ..Command::shell(ENDLESS) });
    let started: CommandStarted = ground.take();
    kill(guardian_of(started.pid), Signal::SIGKILL).unwrap();
    let lost: CommandResult = ground.take();
    assert_eq!((lost.exitcode, &lost.ending), (UNKNOWN, &Ending::Lost));
    ground.finish();
}

#[test]
fn a_command_that_was_faster_than_the_exit_has_ended_by_itself() {
    let mut ground = Ground::watching(RunCommandSettings::default());
    ground.tell(Command { report_on_start: true, ..Command::shell("echo done; exit 3") });
    let started: CommandStarted = ground.take();
    // It ends, and nobody looks.
    let gone = format!("/proc/{}", started.pid);
    while std::path::Path::new(&gone).exists() {
        std::thread::yield_now();
    }
    ground.tell(ActorExitRequest::new());
    let result: CommandResult = ground.take();
    assert_eq!((result.exitcode, &result.ending), (3, &Ending::Exited));
    assert_eq!(result.stdout.text(), "done\n");
}

/// The parent of the command's process.
fn guardian_of(command: i32) -> Pid {
    let stat = std::fs::read_to_string(format!("/proc/{command}/stat")).unwrap();
    let parent = stat.rsplit(") ").next().unwrap().split(' ').nth(1).unwrap();
    Pid::from_raw(parent.parse().unwrap())
}
