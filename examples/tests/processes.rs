//! The programs with a process for every actor: the same results, also while processes are killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use kit::Scratch;
use libtest_mimic::{Arguments, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use thespian_core::{ActorStatus, ActorSystem, StatusReq};
use thespian_examples::bases;
use thespian_examples::wordcount::files::Found;
use thespian_examples::wordcount::{Event, Options, Totals, count};

/// The bases with processes.
const PROCESSES: [&str; 3] = ["tcp", "udp", "queue"];

const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    thespian_multiproc::init();
    let arguments = Arguments::from_args();
    let trial = |name: &str, test: fn()| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    let trials = vec![
        trial("every_program_prints_the_same_on_every_base", every_program_prints_the_same_on_every_base),
        trial("killing_counters_changes_nothing", killing_counters_changes_nothing),
        trial("an_interrupted_program_leaves_no_system", an_interrupted_program_leaves_no_system),
    ];
    libtest_mimic::run(&arguments, trials).exit();
}

/// Exit code, standard output and standard error.
fn run(program: &str, arguments: &[String], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Not all of them read.
    child.stdin.take().unwrap().write_all(input.as_bytes()).ok();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

/// A text of many chunks, in which words differ in how often they occur.
fn text() -> String {
    (0..600_000_u32).map(|number| format!("w{} ", number.trailing_zeros() * 7 % 31)).collect()
}

fn every_program_prints_the_same_on_every_base() {
    let scratch = Scratch::new();
    let words = format!("--words=en={}", scratch.write("en", "a\ngreen\nfrog\n").display());
    let missing = format!("--words=fr={}", scratch.path().join("missing").display());
    let big = scratch.write("big", text()).display().to_string();
    let document = scratch.write("one.md", "[itself](one.md)\n[next](two.md)").display().to_string();
    let programs: [(&str, &[String], &str, i32); 3] = [
        (env!("CARGO_BIN_EXE_wordcount"), &[big], "", 0),
        (env!("CARGO_BIN_EXE_spell"), &[words, missing], "en: A gren frog\nfr: grenouille\nen: frog\n", 2),
        (env!("CARGO_BIN_EXE_linkcheck"), &[document], "", 1),
    ];
    for (program, arguments, input, code) in programs {
        let on = |base: &str| {
            let arguments = [arguments, &["--base".into(), base.into()]].concat();
            run(program, &arguments, input)
        };
        let simple = on("simple");
        assert_eq!(simple.0, Some(code), "{program}: {simple:?}");
        assert!(!simple.1.is_empty(), "{program}");
        for base in PROCESSES {
            assert_eq!(on(base), simple, "{program} on {base}");
        }
    }
}

/// The counters of a system.
fn counters(system: &ActorSystem) -> Vec<ActorStatus> {
    let actors = system.status().unwrap().actors;
    let statuses =
        actors.iter().filter_map(|actor| system.request::<ActorStatus>(actor, StatusReq, PATIENCE).ok());
    statuses.filter(|status| status.actor_type.ends_with("Counter")).collect()
}

fn killing_counters_changes_nothing() {
    let scratch = Scratch::new();
    let path = scratch.write("big", text());
    let Found { inputs, .. } = Found::new(&[path]);
    let options = Options { workers: 2, top: 100, chunk_size: 16 * 1024 };
    let counted = |base: &str, kills: u32| -> Totals {
        let builder = (bases::find(base).unwrap().choose)(ActorSystem::builder().unregistered());
        let system = builder.start().unwrap();
        let (mut chunks, mut killed) = (0, 0);
        let totals = count(&system, &inputs, &options, &mut |event| match event {
            Event::Progress(_) => {
                chunks += 1;
                // There are more than eighty chunks, so counters work when they are killed.
                if killed < kills && chunks % 10 == 0 {
                    for counter in counters(&system).into_iter().take((kills - killed) as usize) {
                        kill(Pid::from_raw(counter.pid.unwrap() as i32), Signal::SIGKILL).unwrap();
                        killed += 1;
                    }
                }
            }
            Event::Problem(problem) => panic!("{problem}"),
        });
        system.shutdown().unwrap();
        assert_eq!(killed, kills);
        totals.unwrap()
    };
    let expected = counted("simple", 0);
    assert!(expected.bytes > 80 * 16 * 1024, "{} bytes", expected.bytes);
    for base in PROCESSES {
        assert_eq!(counted(base, 8), expected, "{base}");
    }
}

/// The processes below this one, those of its children among them.
fn below(pid: u32) -> Vec<u32> {
    let list = |task: PathBuf| fs::read_to_string(task.join("children")).unwrap_or_default();
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten();
    let children: Vec<u32> = tasks
        .filter_map(Result::ok)
        .flat_map(|task| list(task.path()).split_whitespace().map(str::parse).collect::<Vec<_>>())
        .filter_map(Result::ok)
        .collect();
    let further: Vec<u32> = children.iter().flat_map(|child| below(*child)).collect();
    [children, further].concat()
}

fn an_interrupted_program_leaves_no_system() {
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        // It counts what it is given until that ends, which it does not.
        let mut child = Command::new(env!("CARGO_BIN_EXE_wordcount"))
            .args(["--base", "tcp", "--workers", "2", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let text = "some words ".repeat(100_000);
        child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
        // An admin, a logger and the counters.
        let until = Instant::now() + PATIENCE;
        let processes = loop {
            let processes = below(child.id());
            if processes.len() >= 4 {
                break processes;
            }
            assert!(Instant::now() < until, "{processes:?}");
            thread::yield_now();
        };
        kill(Pid::from_raw(child.id() as i32), signal).unwrap();
        assert_eq!(child.wait().unwrap().signal(), Some(signal as i32));
        let runs = |pid: &u32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ").is_some_and(|(_, after)| !after.starts_with(['Z', 'X']))
        };
        let until = Instant::now() + Duration::from_secs(3);
        while processes.iter().any(runs) {
            assert!(Instant::now() < until, "left: {processes:?}");
            thread::yield_now();
        }
    }
}
