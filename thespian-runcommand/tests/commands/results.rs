//! What becomes of a command.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use thespian_runcommand::{
    Command, CommandAbort, CommandProblem, CommandResult, CommandStarted, Ending, RunCommandSettings,
};

use crate::ground::{Ground, SOON};

/// Longer than any test runs.
const FOREVER: &str = "1000";

pub(crate) fn a_command_that_succeeds_says_so(ground: &mut Ground) {
    let command = Command::new("echo", ["hello", "you"]);
    let result = ground.run(command.clone());
    assert!(result.success(), "{result}");
    assert_eq!((result.exitcode, &result.ending, &result.command), (0, &Ending::Exited, &command));
    assert_eq!(result.stdout.whole(), Some(&b"hello you\n"[..]));
    assert!(result.stderr.is_empty() && result.duration > Duration::ZERO && result.duration < SOON);
    assert_eq!((result.to_string().as_str(), result.errorstr().as_str()), ("CommandResult success", ""));
}

pub(crate) fn an_exit_code_is_the_commands(ground: &mut Ground) {
    for code in [1, 2, 77, 128, 255] {
        let result = ground.script(&format!("echo wrong >&2; exit {code}"));
        assert_eq!((result.exitcode, &result.ending), (code, &Ending::Exited));
        assert!(!result.success());
        assert_eq!(result.to_string(), format!("CommandResult FAILED Error #{code} wrong\n"));
    }
}

pub(crate) fn a_signal_is_a_negative_exit_code(ground: &mut Ground) {
    // None that whoever starts the tests may have had ignored, as `nohup` does.
    for signal in [6, 9, 11, 15] {
        let result = ground.script(&format!("kill -{signal} $$"));
        assert_eq!((result.exitcode, &result.ending), (-signal, &Ending::Exited));
        assert_eq!(result.errorstr(), "FAILED");
    }
}

pub(crate) fn a_signal_without_a_name_is_one_too(ground: &mut Ground) {
    assert_eq!(ground.script("kill -40 $$").exitcode, -40);
}

pub(crate) fn a_program_that_is_not_there_is_the_systems_error(ground: &mut Ground) {
    for program in ["no-such-program-anywhere", "/no/such/program"] {
        let result = ground.run(Command { report_on_start: true, ..Command::new(program, ["x"]) });
        assert_eq!((result.exitcode, &result.ending), (2, &Ending::NotStarted));
        assert!(result.errorstr().contains("No such file or directory"), "{result}");
        assert_eq!(result.duration, Duration::ZERO);
    }
    assert!(ground.script("true").success(), "and it goes on");
}

pub(crate) fn a_program_that_may_not_be_run_is_the_systems_error(ground: &mut Ground) {
    let result = ground.run(Command::new("/", ["x"]));
    assert_eq!((result.exitcode, &result.ending), (13, &Ending::NotStarted));
    assert!(result.errorstr().contains("Permission denied"), "{result}");
}

pub(crate) fn a_script_gets_its_arguments(ground: &mut Ground) {
    let script = Command { use_shell: true, ..Command::new("echo \"$1\" / \"$2\" / $#", ["a b", "*"]) };
    assert_eq!(ground.run(script).stdout.text(), "a b / * / 2\n");
    assert_eq!(ground.run(Command::new("echo", ["$HOME", "*"])).stdout.text(), "$HOME *\n");
}

pub(crate) fn the_environment_is_the_one_given_or_the_actors(ground: &mut Ground) {
    let env = BTreeMap::from([("GREETING".to_string(), "hello".to_string())]);
    let result = ground.run(Command { env: Some(env), ..Command::new("/usr/bin/env", [""; 0]) });
    assert_eq!(result.stdout.text(), "GREETING=hello\n");
    let inherited = ground.run(Command::new("/usr/bin/env", [""; 0]));
    let path = format!("PATH={}\n", std::env::var("PATH").unwrap());
    assert!(inherited.stdout.text().contains(&path), "{inherited:?}");
}

/// How many times longer than on an idle machine things may take.
const SLOWNESS: [u32; 5] = [1, 4, 16, 64, 128];

/// The result of a script that says `ready` and runs into its time limit, of this time or a multiple. A machine that is so busy
/// that the script had not come so far by then gets more time.
fn overdue(ground: &mut Ground, timeout: Duration, script: &str) -> CommandResult {
    for slowness in SLOWNESS {
        let timeout = timeout * slowness;
        let result = ground.run(Command { timeout: Some(timeout), ..Command::shell(script) });
        assert_eq!(result.ending, Ending::TimedOut);
        assert!(result.duration >= timeout, "{:?}", result.duration);
        if !result.stdout.is_empty() {
            return result;
        }
    }
    panic!("the script never got so far as to say that it is ready");
}

pub(crate) fn a_command_that_takes_too_long_is_terminated(ground: &mut Ground) {
    let result = overdue(ground, Duration::from_millis(200), &format!("echo ready; exec sleep {FOREVER}"));
    assert_eq!((result.exitcode, &*result.stdout.text()), (-15, "ready\n"));
    assert_eq!(result.to_string(), "CommandResult FAILED Error #-15 (timed out)");
}

pub(crate) fn a_command_that_does_not_mind_is_killed_after_the_grace(ground: &mut Ground) {
    let script = format!("trap 'echo no' TERM; echo ready; while :; do sleep {FOREVER}; done");
    let timeout = Duration::from_millis(100);
    for slowness in SLOWNESS {
        let grace = Duration::from_millis(300) * slowness;
        let mut ground = ground.again(RunCommandSettings { grace, ..RunCommandSettings::default() });
        let result = overdue(&mut ground, timeout, &script);
        ground.finish();
        assert_eq!(result.exitcode, -9);
        assert!(result.duration >= timeout + grace, "{:?}", result.duration);
        match &*result.stdout.text() {
            // The shell was killed before it had said anything, which takes it some time.
            "ready\n" => {}
            text => return assert_eq!(text, "ready\nno\n", "it was told first, and told once"),
        }
    }
    panic!("it was not told");
}

pub(crate) fn a_command_that_ends_well_when_told_to_has_not_succeeded(ground: &mut Ground) {
    let script = format!("trap 'echo cleaned; exit 0' TERM; echo ready; sleep {FOREVER} & wait");
    let mut ground = ground.again(RunCommandSettings { grace: SOON, ..RunCommandSettings::default() });
    let result = overdue(&mut ground, Duration::from_millis(200), &script);
    assert_eq!((result.exitcode, result.success()), (0, false));
    assert_eq!(result.stdout.text(), "ready\ncleaned\n");
    ground.finish();
}

pub(crate) fn time_counts_from_the_start(ground: &mut Ground) {
    // The second waits for longer than it may run.
    let begun = Instant::now();
    ground.tell(Command::new("sleep", ["2.5"]));
    ground.tell(Command { timeout: Some(Duration::from_secs(2)), ..Command::new("true", [""; 0]) });
    let first: CommandResult = ground.take();
    assert!(first.success() && first.duration >= Duration::from_millis(2500));
    let second: CommandResult = ground.take();
    assert!(second.success(), "{second}");
    assert!(first.duration + second.duration <= begun.elapsed(), "one after the other, without the wait");
}

pub(crate) fn settings_that_make_no_sense_are_refused_with_the_reason(ground: &mut Ground) {
    let command = Command { max_bufsize: 0, ..Command::new("echo", ["hello"]) };
    let result = ground.run(command.clone());
    let Ending::Refused(CommandProblem::Setting { setting, .. }) = &result.ending else {
        panic!("{:?}", result.ending)
    };
    assert_eq!((result.exitcode, setting.as_str(), &result.command), (22, "Command::max_bufsize", &command));
    assert_eq!(result.errorstr(), "Command::max_bufsize is zero, and must be at least one byte\n");
    assert!(ground.script("true").success(), "and it goes on");
}

pub(crate) fn the_start_is_reported_before_the_result(ground: &mut Ground) {
    let script = Command { report_on_start: true, ..Command::shell("echo $$") };
    ground.tell(script.clone());
    let started: CommandStarted = ground.take();
    assert_eq!(started.command, script);
    let result: CommandResult = ground.take();
    assert_eq!(result.stdout.text(), format!("{}\n", started.pid));
}

pub(crate) fn what_a_command_leaves_running_ends_with_it(ground: &mut Ground) {
    let begun = Instant::now();
    let result = leaving_nothing(ground, &format!("sleep {FOREVER} & echo $!"));
    assert!(result.success() && begun.elapsed() < SOON);
}

pub(crate) fn what_has_detached_itself_ends_with_it(ground: &mut Ground) {
    // In a session of its own, without its parent, and with none of the command's streams once it has said who it is.
    let detached = format!("echo $$; kill -USR1 $0; exec >&- 2>&-; sleep {FOREVER} & wait");
    let wait = format!("trap 'exit 0' USR1; (setsid sh -c '{detached}' $$ &); sleep {FOREVER} & wait");
    let result = leaving_nothing(ground, &wait);
    assert!(result.success(), "{result}");
}

pub(crate) fn what_forks_as_fast_as_it_can_ends_with_it(ground: &mut Ground) {
    // Each replaces itself by another one, in the background, so that its parent is gone at once.
    let result = leaving_nothing(ground, "f() { f & }; echo $$; f; f; f; exit 0");
    assert!(result.success(), "{result}");
}

/// The result of a script of which no process is left when it comes. The script says of one at least that it was there.
fn leaving_nothing(ground: &mut Ground, script: &str) -> CommandResult {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // Not by their ids, which soon are those of others where so many processes begin and end.
    let mark = ("THESPIAN_MARK", format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let own = std::env::vars().chain([(mark.0.to_string(), mark.1.clone())]);
    let result = ground.run(Command { env: Some(own.collect()), ..Command::shell(script) });
    assert!(!result.stdout.is_empty());
    let variable = format!("{}={}", mark.0, mark.1).into_bytes();
    let is_left = |process: &PathBuf| {
        let environment = fs::read(process.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|other| other == variable)
    };
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    let left: Vec<PathBuf> = processes.filter(is_left).collect();
    assert!(left.is_empty(), "{left:?}");
    result
}

pub(crate) fn a_command_has_a_session_of_its_own_and_nothing_open(ground: &mut Ground) {
    // Descriptors that a program would inherit, as a library may have opened them.
    let pipe = nix::unistd::pipe().unwrap();
    // The fields after the name: state, parent, group, session, terminal.
    let result = ground.script("echo $$; cat /proc/$$/stat; readlink /proc/$$/fd/*");
    let text = result.stdout.text().into_owned();
    let mut lines = text.lines();
    let pid = lines.next().unwrap();
    let fields: Vec<&str> = lines.next().unwrap().rsplit(") ").next().unwrap().split(' ').collect();
    assert_eq!(fields[2..5], [pid, pid, "0"]);
    let open: Vec<&str> = lines.collect();
    assert_eq!((open.len(), open[0]), (3, "/dev/null"), "{open:?}");
    drop(pipe);
}

pub(crate) fn commands_are_answered_in_the_order_they_came(ground: &mut Ground) {
    for number in 0..20 {
        let script = if number % 3 == 0 { "sleep 0.02; echo" } else { "echo" };
        ground.tell(Command::shell(format!("{script} {number}")));
    }
    for number in 0..20 {
        let result: CommandResult = ground.take();
        assert_eq!(result.stdout.text(), format!("{number}\n"));
    }
}

pub(crate) fn an_abort_without_a_command_is_nothing(ground: &mut Ground) {
    ground.tell(CommandAbort);
    assert!(ground.script("true").success());
    ground.tell(CommandAbort);
    assert!(ground.script("true").success());
}

#[test]
fn actors_with_bad_settings_are_not_created() {
    use thespian_core::{ActorSpec, Error};
    use thespian_runcommand::{RunCommand, RunCommandWith};
    let bad = RunCommandSettings { queue_limit: u32::MAX, ..RunCommandSettings::default() };
    assert!(matches!(RunCommand::of(bad.clone()), Err(Error::InvalidSetting { .. })));
    let system =
        thespian_core::ActorSystem::builder().base(thespian_simple::Simple).unregistered().start().unwrap();
    let Err(Error::ActorStartFailed { details, .. }) = system.create(ActorSpec::with::<RunCommandWith>(bad))
    else {
        panic!("it was created")
    };
    assert!(details.contains("RunCommandSettings::queue_limit"), "{details}");
    system.shutdown().unwrap();
}

#[test]
fn the_actor_is_created_by_name() {
    let system =
        thespian_core::ActorSystem::builder().base(thespian_simple::Simple).unregistered().start().unwrap();
    let actor = system.create("thespian_runcommand::RunCommand").unwrap();
    let result: CommandResult = system.request(&actor, Command::new("true", [""; 0]), SOON).unwrap();
    assert!(result.success());
    system.shutdown().unwrap();
}
