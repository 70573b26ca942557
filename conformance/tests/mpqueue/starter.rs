//! The system is that of the program that started it, and of no other (guide section 9.3).

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::Child;
use std::time::Instant;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{
    LINGER, Process, ProcessScenario, Processes, actors, admins, eventually, of_this_run,
};
use thespian_core::{ActorAddress, AttachProblem, Error, Feature};
use thespian_mpqueue::MpQueue;
use thespian_multiproc::Multiproc;

use crate::bases::actors::{Deed, Doer, SOON, answers};
use crate::bases::deaths::{Family, Gate};

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("starter::a_system_ends_with_a_starter_that_exits", a_system_ends_with_a_starter_that_exits),
    ("starter::a_system_ends_with_a_killed_starter", a_system_ends_with_a_killed_starter),
    ("starter::a_system_outlives_the_thread_that_started_it", a_system_outlives_the_thread_that_started_it),
    ("starter::a_program_beside_the_starter_finds_nobody", a_program_beside_the_starter_finds_nobody),
    ("starter::clones_of_one_value_lead_to_one_system", clones_of_one_value_lead_to_one_system),
    ("starter::two_values_are_two_systems", two_values_are_two_systems),
    ("starter::names_of_sockets_go_with_their_processes", names_of_sockets_go_with_their_processes),
    ("starter::the_capabilities_are_those_of_the_guide", the_capabilities_are_those_of_the_guide),
];

pub(crate) const PROGRAMS: &[ProcessScenario] = &[("program::owner", owner), ("program::sibling", sibling)];

/// Starts a system in which one actor sits, one spins and one blocks, says so, and ends as it is told: by returning, by
/// `exit`, or not by itself.
fn owner(ground: &Processes) {
    let family = Family::new(ground);
    let gate = Gate::new(&ground.folder());
    let blocked = family.system.create_actor::<Doer>().expect("created");
    family.tell(&family.child, Deed::Spin);
    family.tell(&blocked, gate.deed());
    assert!(eventually(SOON, || gate.is_read()));
    writeln!(std::io::stdout(), "ready").expect("said");
    let _ = std::io::stdin().read_line(&mut String::new());
    match ground.argument().as_str() {
        "return" => drop(family),
        _ => std::process::exit(0),
    }
}

/// Starts a program with a system and waits until that runs.
fn started(ground: &Processes, argument: &str) -> Child {
    let mut program = ground.program("program::owner", argument);
    let mut said = String::new();
    let output = program.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut said).expect("it says so");
    assert_eq!(said, "ready\n");
    program
}

/// All processes of a system end within the time that is promised.
fn ends_with(mut program: Child, end: impl FnOnce(&mut Child)) {
    let processes: Vec<Process> =
        of_this_run().into_iter().filter(|process| process.pid != program.id()).collect();
    assert!(processes.len() >= 5, "{processes:?}");
    end(&mut program);
    program.wait().expect("it ends");
    let began = Instant::now();
    let gone = eventually(SOON, || processes.iter().all(|process| !process.is_alive()));
    let took = began.elapsed();
    assert!(gone && took < LINGER, "after {took:?} there are still {:?}", of_this_run());
    assert!(names().is_empty(), "{:?}", names());
}

fn a_system_ends_with_a_starter_that_exits(ground: &Processes) {
    for how in ["return", "exit"] {
        ends_with(started(ground, how), |program| drop(program.stdin.take()));
        fs::remove_file(ground.folder().join("gate")).expect("it was there");
    }
}

fn a_system_ends_with_a_killed_starter(ground: &Processes) {
    ends_with(started(ground, ""), |program| {
        Process::of(program.id()).signal(Signal::SIGKILL).expect("killed");
    });
}

fn a_system_outlives_the_thread_that_started_it(ground: &Processes) {
    let system = std::thread::scope(|scope| {
        let thread = scope.spawn(|| ground.system());
        thread.join().expect("no panic")
    });
    // The thread is gone, and what would follow it has had its time.
    assert!(!eventually(LINGER / 4, || admins().is_empty()));
    let actor = system.create_actor::<Doer>().expect("created");
    assert!(answers(&system, &actor));
    system.shutdown().expect("down");
}

/// Looks for the system of the program that started it, and finds none; so what it starts is its own.
fn sibling(ground: &Processes) {
    match ground.builder().attach() {
        Err(Error::AttachFailure { base, problem: AttachProblem::Nobody, .. }) => {
            assert_eq!(base, ground.base());
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
    let own = ground.system();
    assert!(own.find_actor("heir").expect("up").is_none());
    own.shutdown().expect("down");
}

fn a_program_beside_the_starter_finds_nobody(ground: &Processes) {
    let system = ground.system();
    let heir = thespian_core::ActorSpec::of::<Doer>().global_name("heir");
    let heir: ActorAddress = system.create(heir).expect("created");
    let mut sibling = ground.program("program::sibling", "");
    assert!(sibling.wait().expect("it ends").success());
    assert!(answers(&system, &heir));
    system.shutdown().expect("down");
}

fn clones_of_one_value_lead_to_one_system(ground: &Processes) {
    let queue = MpQueue::default();
    let start = |queue: &MpQueue| ground.builder().base(Multiproc::new(queue.clone())).start();
    let nobody = ground.builder().base(Multiproc::new(queue.clone())).attach();
    assert!(matches!(nobody, Err(Error::AttachFailure { problem: AttachProblem::Nobody, .. })));
    for _ in 0..2 {
        let first = start(&queue).expect("starts");
        let actor = first.create_actor::<Doer>().expect("created");
        let second = start(&queue).expect("joined");
        let third = ground.builder().base(Multiproc::new(queue.clone())).attach().expect("joined");
        assert!(eventually(LINGER, || admins().len() == 1), "{:?}", admins());
        assert!(answers(&second, &actor) && answers(&third, &actor));
        second.shutdown().expect("down");
        assert!(eventually(SOON, || first.is_down() && third.is_down()));
        assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
    }
}

fn two_values_are_two_systems(ground: &Processes) {
    let (first, second) = (ground.system(), ground.system());
    let actor = first.create_actor::<Doer>().expect("created");
    assert!(eventually(LINGER, || admins().len() == 2), "{:?}", admins());
    // An address of one is nobody's in the other.
    assert!(second.ask(&actor, "there?", SOON).expect("sent").is_dead());
    first.shutdown().expect("down");
    let other = second.create_actor::<Doer>().expect("created");
    assert!(answers(&second, &other));
    second.shutdown().expect("down");
}

/// The names of sockets of this base on this machine that are those of this trial's processes.
pub(crate) fn names() -> BTreeSet<String> {
    let own = std::process::id();
    let pids = of_this_run().into_iter().map(|process| process.pid).chain([own]);
    let inodes: BTreeSet<String> = pids.flat_map(sockets).collect();
    let table = fs::read_to_string("/proc/net/unix").expect("Linux has it");
    let named = table.lines().filter_map(|line| {
        let columns: Vec<&str> = line.split_ascii_whitespace().collect();
        let (inode, name) = (columns.get(6)?, columns.get(7)?);
        (name.starts_with("@thespian-") && inodes.contains(*inode)).then(|| String::from(*name))
    });
    named.collect()
}

/// The inodes of the sockets that a process has open.
pub(crate) fn sockets(pid: u32) -> Vec<String> {
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten();
    let targets = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let inode = |target: std::path::PathBuf| {
        let text = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_string();
        Some(text)
    };
    targets.filter_map(inode).collect()
}

fn names_of_sockets_go_with_their_processes(ground: &Processes) {
    let family = Family::new(ground);
    // The admin's, this program's, and one for each actor.
    assert!(names().len() >= 2 + actors().len(), "{:?}", names());
    let before = names();
    family.process(&family.sibling).signal(Signal::SIGKILL).expect("killed");
    assert!(eventually(SOON, || names().len() < before.len()));
    family.system.shutdown().expect("down");
    drop(family);
    let table = || fs::read_to_string("/proc/net/unix").expect("Linux has it");
    assert!(eventually(LINGER, || before.iter().all(|name| !table().contains(name.as_str()))));
}

fn the_capabilities_are_those_of_the_guide(ground: &Processes) {
    let system = ground.system();
    let capabilities = system.capabilities().expect("up");
    assert_eq!(capabilities.get("Admin Address").and_then(|value| value.as_str()), Some("ThespianQ"));
    assert!(system.update_capability("Admin Address", "another").is_err());
    system.shutdown().expect("down");
    let given = |name: &str, value: &str| match ground.builder().capability(name, value).start() {
        Err(error) => error,
        Ok(_) => panic!("{name} {value} was taken"),
    };
    let error = given("Process Startup Method", "forkserver");
    assert!(matches!(error, Error::InvalidSetting { .. }), "{error}");
    assert!(error.to_string().contains("forkserver") && error.to_string().contains("spawn"), "{error}");
    let error = given("Admin Address", "another");
    assert!(matches!(error, Error::InvalidSetting { .. }), "{error}");
    let error = given("Convention Address.IPv4", "192.0.2.1:1900");
    assert!(matches!(error, Error::NotSupported { feature: Feature::Conventions, .. }), "{error}");
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}
