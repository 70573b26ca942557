//! The roles that this program plays besides that of the test.

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{self, ExitCode, Stdio};
use std::time::Duration;

use nix::poll::{PollTimeout, poll};
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, Signal, raise, sigprocmask};
use nix::unistd::setsid;
use thespian_core::{ActorExitRequest, ActorSystem};
use thespian_multiproc::Multiproc;
use thespian_runcommand::{
    Command, CommandAbort, CommandResult, CommandStarted, RunCommand, RunCommandSettings, RunCommandWith,
};
use thespian_simple::Simple;
use thespian_tcp::Tcp;

use crate::kit::{Stage, address};
use crate::scene::{End, SOON};

/// Which role, as a name.
const ROLE: &str = "THESPIAN_ROLE";
/// The path of the pipe that every process of the command holds.
pub(crate) const PIPE: &str = "THESPIAN_PIPE";
/// What tells the processes of one scene from all others.
pub(crate) const TOKEN: &str = "THESPIAN_TOKEN";
const END: &str = "THESPIAN_END";
const MODE: &str = "THESPIAN_MODE";

/// How the actor runs its command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// On a stage in the process that is to end.
    Watching,
    /// On the simple base in that process.
    Blocking,
    /// In a process of a system, which that process has started.
    Process,
}

#[derive(Clone, Copy)]
pub(crate) enum Role {
    /// The process with the actor.
    Actor,
    /// The command: one of each kind below it, and one more of its own.
    Command,
    /// Leads a process group.
    Group,
    /// Leads a session, and leaves two in it behind: a daemon.
    Daemon,
    /// Stays, and takes no notice of signals that can be blocked.
    Deaf,
    /// Is stopped.
    Stopped,
    /// Takes in what its children leave behind, as the guardian does.
    Reaper,
    /// Replaces itself by another one in another session, again and again.
    Runner,
}

/// Those that the command starts.
const BROOD: [(&str, Role); 6] = [
    ("group", Role::Group),
    ("daemon", Role::Daemon),
    ("deaf", Role::Deaf),
    ("stopped", Role::Stopped),
    ("reaper", Role::Reaper),
    ("runner", Role::Runner),
];

/// How many say that they are there: the brood, the command itself, and what the daemon and the reaper leave behind.
pub(crate) const VOICES: usize = BROOD.len() + 1 + 2 + 1;

/// What this process is to be, if it is not the test.
pub(crate) fn role() -> Option<Role> {
    let name = env::var(ROLE).ok()?;
    Some(match name.as_str() {
        "actor" => Role::Actor,
        "command" => Role::Command,
        name => BROOD.iter().find(|(known, _)| *known == name).expect("a role of this play").1,
    })
}

/// This program, in that role.
fn program(role: &str) -> process::Command {
    let mut program = process::Command::new(env::current_exe().unwrap());
    program.env(ROLE, role);
    program
}

/// The process with the actor.
pub(crate) fn actor(mode: Mode, end: End) -> process::Command {
    let mut actor = program("actor");
    actor.env(MODE, format!("{mode:?}")).env(END, end.name()).process_group(0).stdin(Stdio::piped());
    actor
}

impl Role {
    pub(crate) fn play(self) -> ExitCode {
        match self {
            Role::Actor => return act(),
            Role::Command => command(),
            Role::Group => stay(),
            Role::Daemon => {
                setsid().unwrap();
                speak();
                start("deaf");
                start("group");
            }
            Role::Deaf => {
                sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None).unwrap();
                stay();
            }
            Role::Stopped => {
                speak();
                raise(Signal::SIGSTOP).unwrap();
                rest();
            }
            Role::Reaper => {
                nix::sys::prctl::set_child_subreaper(true).unwrap();
                start("group");
                stay();
            }
            Role::Runner => {
                let _ = setsid();
                if env::var_os("THESPIAN_RAN").is_none() {
                    speak();
                }
                // A test that fails takes the folder away, so that this has an end all the same. Whoever is ended in between
                // has no next.
                if !Path::new(&env::var_os(PIPE).unwrap()).exists() {
                    return ExitCode::SUCCESS;
                }
                let _ = held(program("runner").env("THESPIAN_RAN", "yes")).spawn();
            }
        }
        ExitCode::SUCCESS
    }
}

/// The command's process: it opens the pipe, and hands it on as the standard input of all others.
fn command() {
    let pipe = OpenOptions::new().write(true).open(env::var_os(PIPE).unwrap()).unwrap();
    nix::unistd::dup2_stdin(&pipe).unwrap();
    drop(pipe);
    for (role, _) in BROOD {
        start(role);
    }
    speak();
    if End::of_environment() == Some(End::CommandEnds) {
        // Until the test says so, which it does through the pipe's path.
        while !Path::new(&format!("{}.end", env::var(PIPE).unwrap())).exists() {
            std::thread::yield_now();
        }
        return;
    }
    rest();
}

#[expect(clippy::zombie_processes, reason = "what is left behind is what this is about")]
fn start(role: &str) {
    held(&mut program(role)).spawn().unwrap();
}

/// With the pipe, and nothing that keeps the command's output open.
fn held(program: &mut process::Command) -> &mut process::Command {
    let pipe = io::stdin().as_fd().try_clone_to_owned().unwrap();
    program.stdin(pipe).stdout(Stdio::null()).stderr(Stdio::null())
}

/// Says that this process is there.
fn speak() {
    File::from(io::stdin().as_fd().try_clone_to_owned().unwrap()).write_all(b"!").unwrap();
}

fn stay() {
    speak();
    rest();
}

/// Longer than any test takes: what a test that is ended itself leaves behind comes to an end too.
const REST: u16 = 60_000;

fn rest() {
    let _ = poll(&mut [], PollTimeout::from(REST));
}

/// The process with the actor: it runs the command, and ends in its way when a line comes.
fn act() -> ExitCode {
    if env::var(MODE).unwrap() != "Process" {
        ignore_children();
    }
    let end = End::of_environment().unwrap();
    let exe = env::current_exe().unwrap().into_os_string().into_string().unwrap();
    let is_blocking = env::var(MODE).unwrap() == "Blocking";
    let command = Command {
        env: Some(env::vars().chain([(ROLE.to_string(), "command".to_string())]).collect()),
        report_on_start: !is_blocking,
        ..Command::new(exe, [""; 0])
    };
    if is_blocking {
        let system = ActorSystem::builder().base(Simple).unregistered().start().unwrap();
        let actor = system.create_actor::<RunCommand>().unwrap();
        let result: CommandResult = system.request(&actor, command, SOON).unwrap();
        assert!(result.success(), "{result}");
        println!("over");
        return ExitCode::SUCCESS;
    }
    if env::var(MODE).unwrap() == "Process" {
        return act_in_a_system(command, end);
    }
    let settings = RunCommandSettings { grace: Duration::from_millis(50), ..RunCommandSettings::default() };
    let mut stage = Stage::new::<RunCommandWith>(settings);
    stage.tell(address(10), command);
    let (_, started) = stage.next(Duration::ZERO).expect("it has started");
    println!("{}", started.downcast::<CommandStarted>().unwrap().pid);
    io::stdin().read_line(&mut String::new()).unwrap();
    match end {
        End::Abort => process::abort(),
        End::Exit => process::exit(3),
        End::Drop => drop(stage),
        End::Request => stage.tell(address(10), ActorExitRequest::new()),
        End::AbortCommand | End::KillGuardian => {
            stage.tell(address(10), CommandAbort);
            let _ = stage.next(Duration::from_secs(60)).expect("a result");
        }
        _ => rest(),
    }
    println!("over");
    ExitCode::SUCCESS
}

/// The process that has started the system with the actor.
fn act_in_a_system(command: Command, end: End) -> ExitCode {
    let base = Multiproc::new(Tcp::default());
    let system =
        ActorSystem::builder().base(base).capability("Admin Port", 0).unregistered().start().unwrap();
    let actor = system.create_actor::<RunCommand>().unwrap();
    let started: CommandStarted = system.request(&actor, command, SOON).unwrap();
    println!("{}", started.pid);
    io::stdin().read_line(&mut String::new()).unwrap();
    match end {
        End::Request => {
            // The exit is over when the actor is known to be dead.
            system.tell(&actor, ActorExitRequest::new()).unwrap();
            assert!(system.ask(&actor, Command::new("true", [""; 0]), SOON).unwrap().is_dead());
        }
        End::AbortCommand => {
            system.tell(&actor, CommandAbort).unwrap();
            // It comes to whoever asked for the command; that the actor goes on is what is seen from here.
            let result: CommandResult = system.request(&actor, Command::new("true", [""; 0]), SOON).unwrap();
            assert!(result.success(), "{result}");
        }
        _ => {}
    }
    println!("ended");
    io::stdin().read_line(&mut String::new()).unwrap();
    // There may be none any more.
    let _ = system.shutdown();
    println!("over");
    ExitCode::SUCCESS
}

/// As some daemons do: the kernel throws away how their children have ended.
#[expect(unsafe_code, reason = "what happens on a signal is the whole process's")]
fn ignore_children() {
    // SAFETY: no handler is installed.
    unsafe { nix::sys::signal::signal(Signal::SIGCHLD, SigHandler::SigIgn) }.unwrap();
}

impl End {
    fn of_environment() -> Option<End> {
        let name = env::var(END).ok()?;
        End::ALL.into_iter().find(|end| end.name() == name)
    }

    fn name(self) -> String {
        format!("{self:?}")
    }
}
