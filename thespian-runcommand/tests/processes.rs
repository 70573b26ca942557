//! What the actor does with commands on the bases where it watches them in a process of its own: the scenarios of the other
//! bases, from `commands`, and how a system on TCP logs and ends.

#![allow(dead_code, unused_imports, reason = "the included files have more, for the other bases")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

#[path = "../../conformance/tests/bases/chosen.rs"]
mod chosen;
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
#[path = "commands/sizes.rs"]
mod sizes;
#[path = "commands/streams.rs"]
mod streams;

use std::process::ExitCode;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{
    LINGER, METHODS, Process, Processes, Suite, eventually, pid_of, with_method,
};
use thespian_core::{
    ActorAddress, ActorExitRequest, ActorSystem, ActorTypes, Answer, AnyMessage, Builder, Context,
    DeadEnvelope, Handled, actor,
};
use thespian_multiproc::{LogFile, Logging, Multiproc};
use thespian_runcommand::{Command, CommandResult, CommandStarted, Ending, RunCommand};
use thespian_tcp::Tcp;

use chosen::{UDP, WAYS, put_on};
use ground::{Ground, SOON};
use scenarios::{every_scenario, every_scenario_of_sizes, every_scenario_with_a_watch};

/// Collects the log of the process that the test is in, which is not the actor's; [`without_a_logger_the_systems_log_has_it`] has its place.
const ELSEWHERE: &str = "logs::without_a_logger_the_processs_log_is_used";

/// Those with input that does not fit into a datagram: such a command is refused to whoever sends it.
const LARGE: &[&str] =
    &["streams::large_input_meets_large_output", "streams::input_that_nobody_reads_is_no_error"];

type Scenario = (&'static str, fn(&mut Ground));

macro_rules! list {
    ($($module:ident { $($scenario:ident),* $(,)? })*) => {
        &[$($(
            (concat!(stringify!($module), "::", stringify!($scenario)), crate::$module::$scenario)
        ),*),*]
    };
}

const SCENARIOS: &[Scenario] = every_scenario!(list);

const OF_SIZES: &[Scenario] = every_scenario_of_sizes!(list);

const WITH_A_WATCH: &[Scenario] = every_scenario_with_a_watch!(list);

fn main() -> ExitCode {
    thespian_multiproc::Init::new().actors(ActorTypes::linked()).run();
    let suite = Suite::new(thespian_tcp::NAME, put_on);
    let all = || SCENARIOS.iter().chain(OF_SIZES).chain(WITH_A_WATCH);
    let played = || all().filter(|(name, _)| *name != ELSEWHERE);
    let suite = WAYS.iter().fold(suite, |suite, way| {
        let fits = |name: &str| *way != UDP || !LARGE.contains(&name);
        played().filter(|(name, _)| fits(name)).fold(suite, |suite, (name, play)| {
            suite.trial(way, name, move |_| {
                let mut ground = Ground::on(put_on, Default::default());
                play(&mut ground);
                ground.finish();
            })
        })
    });
    let suite = METHODS.iter().fold(suite, |suite, method| {
        suite
            .trial(method, "without_a_logger_the_systems_log_has_it", without_a_logger_the_systems_log_has_it)
            .trial(
                method,
                "a_command_that_the_exit_overtakes_is_a_dead_letter",
                a_command_that_the_exit_overtakes_is_a_dead_letter,
            )
    });
    suite.run()
}

fn without_a_logger_the_systems_log_has_it(processes: &Processes) {
    let file = processes.folder().join("log");
    let base = Multiproc::new(Tcp::default()).logging(Logging::new().to_file(LogFile::new(&file)));
    let builder = ActorSystem::builder().unregistered().base(base).capability(thespian_tcp::ADMIN_PORT, 0);
    let system = with_method(builder).start().unwrap();
    let actor = system.create_actor::<RunCommand>().unwrap();
    let command = Command {
        logtag: Some("tagged".into()),
        omit_string: Some("hunter2".into()),
        ..Command::shell("echo hunter2 >&2; exit 1")
    };
    let result: CommandResult = system.request(&actor, command, SOON).unwrap();
    assert_eq!(result.exitcode, 1);
    system.shutdown().unwrap();
    let expected = ["tagged CMD: echo ... >&2; exit 1", "tagged ERR> ...", "tagged ERROR exit code: 1"];
    let log = || std::fs::read_to_string(&file).unwrap_or_default();
    let has_all = || expected.iter().all(|line| log().contains(line));
    assert!(eventually(LINGER, has_all), "{}", log());
    assert!(!log().contains("hunter2"), "{}", log());
}

/// Tells of commands that are dead letters.
#[derive(Default)]
struct Undertaker {
    mourner: Option<ActorAddress>,
}

#[actor]
impl Undertaker {
    fn begin(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
        self.mourner = Some(ctx.sender());
        ctx.handle_dead_letters(true);
        ctx.reply(())
    }

    fn bury(&mut self, letter: &DeadEnvelope, ctx: &mut Context<'_>) {
        if let (Some(mourner), Some(command)) = (self.mourner, letter.dead_message.downcast_ref::<Command>())
        {
            ctx.send(&mourner, command.args[0].clone());
        }
    }
}

/// A request to exit overtakes what waits in the mailbox, as it does everywhere: the actor answers what it has taken.
fn a_command_that_the_exit_overtakes_is_a_dead_letter(processes: &Processes) {
    let system = processes.system();
    let (actor, undertaker) =
        (system.create_actor::<RunCommand>().unwrap(), system.create_actor::<Undertaker>().unwrap());
    let outside = system.private().unwrap();
    let ask = |to, message: AnyMessage| {
        outside.tell(to, message).unwrap();
        let Answer::Message(reply) = outside.listen(SOON).unwrap() else { panic!("no answer came") };
        reply.message
    };
    assert!(ask(&undertaker, AnyMessage::new(())).is::<()>());
    let endless = Command { report_on_start: true, ..Command::shell("exec sleep 1000") };
    assert!(ask(&actor, AnyMessage::new(endless)).is::<CommandStarted>());
    // While the actor's process stands still, all of it comes to it.
    let process = Process::of(pid_of(&system, &actor).unwrap());
    process.signal(Signal::SIGSTOP).unwrap();
    for number in ["0", "1", "2"] {
        outside.tell(&actor, Command::new("echo", [number])).unwrap();
    }
    outside.tell(&actor, ActorExitRequest::new()).unwrap();
    process.signal(Signal::SIGCONT).unwrap();
    let (mut answered, mut dead) = (Vec::new(), Vec::new());
    while answered.len() + dead.len() < 4 {
        let Answer::Message(reply) = outside.listen(SOON).unwrap() else {
            panic!("neither answered nor dead: {answered:?} {dead:?}");
        };
        match reply.message.downcast::<CommandResult>() {
            Ok(result) => {
                assert_eq!(result.ending, Ending::ActorExited);
                answered.push(result.command.args.last().cloned());
            }
            Err(message) => dead.push(message.downcast::<String>().unwrap()),
        }
    }
    // Each in one way, and in the order they came.
    let mut numbers: Vec<String> = answered.into_iter().skip(1).flatten().collect();
    numbers.extend(dead);
    assert_eq!(numbers, ["0", "1", "2"]);
    system.shutdown().unwrap();
}
