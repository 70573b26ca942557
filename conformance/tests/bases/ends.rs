//! How a system ends: its admin is killed, it is told to by whoever may, or its starter is gone and it does not.

use std::io::{BufRead, BufReader, Write};
use std::time::Instant;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{
    LINGER, Process, ProcessScenario, Processes, admins, eventually, of_this_run, zombies,
};
use thespian_core::{ActorSpec, ActorSystem, Error};
use thespian_multiproc::Multiproc;

use super::actors::{Deed, Doer, SOON, answers, ask};
use super::deaths::{BUSY, Family, Gate};
use super::is_joined;
use crate::base;

pub(crate) const SCENARIOS: &[ProcessScenario] = &[
    ("ends::everything_ends_with_the_admin", everything_ends_with_the_admin),
    ("ends::the_parent_death_signal_alone_suffices", the_parent_death_signal_alone_suffices),
    ("ends::the_lifeline_alone_suffices", the_lifeline_alone_suffices),
    ("ends::an_admin_that_dies_mid_create_leaves_nothing", an_admin_that_dies_mid_create_leaves_nothing),
    ("ends::everything_ends_with_the_process_that_forks", everything_ends_with_the_process_that_forks),
    ("ends::an_ended_admin_is_buried", an_ended_admin_is_buried),
    ("ends::the_children_of_a_program_are_its_own", the_children_of_a_program_are_its_own),
    ("ends::an_actor_ends_the_system", an_actor_ends_the_system),
    ("ends::an_operator_ends_the_system", an_operator_ends_the_system),
];

/// For bases whose systems are joined.
pub(crate) const JOINING: &[ProcessScenario] = &[
    ("ends::a_system_outlives_its_starter", a_system_outlives_its_starter),
    (
        "ends::an_admin_is_buried_by_a_program_that_has_let_go",
        an_admin_is_buried_by_a_program_that_has_let_go,
    ),
    ("ends::a_program_that_only_joined_ends_the_system", a_program_that_only_joined_ends_the_system),
];

pub(crate) const PROGRAMS: &[ProcessScenario] = &[("program::starter", starter), ("program::child", child)];

/// The capability that says where the admin of a system listens (guide section 9.4).
const ADMIN_PORT: &str = "Admin Port";

/// Where the admin of a system listens; 0, which is anywhere, on a base without such places.
pub(crate) fn port(system: &ActorSystem) -> i64 {
    let capabilities = system.capabilities().expect("up");
    capabilities.get(ADMIN_PORT).and_then(thespian_core::Value::as_int).unwrap_or(0)
}

/// The system at this port, which is a new one if nobody is there.
pub(crate) fn join(ground: &Processes, port: i64) -> Result<ActorSystem, Error> {
    ground.builder().capability(ADMIN_PORT, port).start()
}

/// Kills the admin of a family that sits, spins and blocks, and sees it all go.
fn dies_with_its_admin(ground: &Processes, system: ActorSystem) {
    let family = Family::of(system);
    let gate = Gate::new(&ground.folder());
    let blocked = family.system.create_actor::<Doer>().expect("created");
    family.tell(&family.child, Deed::Spin);
    family.tell(&blocked, gate.deed());
    assert!(eventually(SOON, || gate.is_read()));
    let processes = of_this_run();
    assert!(processes.len() >= 5, "{processes:?}");
    let began = Instant::now();
    admins()[0].signal(Signal::SIGKILL).expect("killed");
    let gone = eventually(SOON, || processes.iter().all(|process| !process.is_alive()));
    let took = began.elapsed();
    assert!(gone && took < BUSY * LINGER, "after {took:?} there are still {:?}", of_this_run());
    assert!(eventually(LINGER, || family.system.is_down()), "the program does not know");
    let refused = family.system.tell(&family.parent, "there?");
    assert!(matches!(refused, Err(Error::SystemDown { .. })), "{refused:?}");
    family.system.shutdown().expect("it is down");
}

fn everything_ends_with_the_admin(ground: &Processes) {
    let system = ground.system();
    let port = port(&system);
    dies_with_its_admin(ground, system);
    // And the place is free for the next.
    let next = join(ground, port).expect("starts");
    let actor = next.create_actor::<Doer>().expect("created");
    assert!(answers(&next, &actor));
    next.shutdown().expect("down");
}

fn tied(ground: &Processes, parent_death_signal: bool, lifeline: bool) -> ActorSystem {
    let tied = Multiproc::new(base::transport()).ties(parent_death_signal, lifeline);
    ground.builder().base(tied).start().expect("starts")
}

fn the_parent_death_signal_alone_suffices(ground: &Processes) {
    dies_with_its_admin(ground, tied(ground, true, false));
}

fn the_lifeline_alone_suffices(ground: &Processes) {
    dies_with_its_admin(ground, tied(ground, false, true));
}

fn an_admin_that_dies_mid_create_leaves_nothing(ground: &Processes) {
    let system = ground.system();
    let parent = system.create_actor::<Doer>().expect("created");
    system.tell(&parent, Deed::BegetMany(300)).expect("told");
    assert!(eventually(SOON, || of_this_run().len() > 20));
    admins()[0].signal(Signal::SIGKILL).expect("killed");
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
    assert!(eventually(LINGER, || system.is_down()));
}

fn everything_ends_with_the_process_that_forks(ground: &Processes) {
    let system = ground.system();
    let parent = system.create_actor::<Doer>().expect("created");
    assert!(answers(&system, &parent));
    let server = of_this_run().into_iter().find(|process| process.title == "thespian forkserver");
    let has_one = ground.method() == "forkserver";
    assert_eq!(server.is_some(), has_one, "{:?}", of_this_run());
    let Some(server) = server else { return system.shutdown().expect("down") };
    server.signal(Signal::SIGKILL).expect("killed");
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
    assert!(eventually(LINGER, || system.is_down()));
}

/// Starts a system, says where, and waits for its own end.
fn starter(ground: &Processes) {
    let system = ground.system();
    system.create(ActorSpec::of::<Doer>().global_name("heir")).expect("created");
    writeln!(std::io::stdout(), "{}", port(&system)).expect("said");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn a_system_outlives_its_starter(ground: &Processes) {
    let mut starter = ground.program("program::starter", "");
    let mut said = String::new();
    let output = starter.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut said).expect("it says where");
    Process::of(starter.id()).signal(Signal::SIGKILL).expect("killed");
    starter.wait().expect("it ends");
    let system = join(ground, said.trim().parse().expect("a port")).expect("joined");
    let heir = system.find_actor("heir").expect("up").expect("it is there");
    assert!(answers(&system, &heir));
    system.shutdown().expect("down");
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}

/// Nothing of a process is left, not even how it ended.
fn is_buried(process: &Process) -> bool {
    eventually(LINGER, || Process::of(process.pid).began != process.began)
}

fn an_ended_admin_is_buried(ground: &Processes) {
    for kill in [false, true] {
        let system = ground.system();
        let admin = admins().remove(0);
        match kill {
            true => admin.signal(Signal::SIGKILL).expect("killed"),
            false => system.shutdown().expect("down"),
        }
        assert!(is_buried(&admin), "{}", Process::of(admin.pid));
        assert!(eventually(LINGER, || system.is_down()));
    }
}

fn an_admin_is_buried_by_a_program_that_has_let_go(ground: &Processes) {
    for signal in [Signal::SIGTERM, Signal::SIGKILL] {
        drop(ground.system());
        let admin = admins().remove(0);
        admin.signal(signal).expect("sent");
        assert!(is_buried(&admin), "{signal}: {}", Process::of(admin.pid));
    }
}

/// Ends at once, with the code it is told, or waits to be let go first.
fn child(ground: &Processes) {
    let (code, waits) = match ground.argument().split_once(' ') {
        Some((code, _)) => (code.to_string(), true),
        None => (ground.argument(), false),
    };
    if waits {
        let _ = std::io::stdin().read_line(&mut String::new());
    }
    std::process::exit(code.parse().expect("a code"));
}

fn the_children_of_a_program_are_its_own(ground: &Processes) {
    // One that has ended and of which nobody has asked how, one that ends while the system runs, one that outlives it.
    let mut early = ground.program("program::child", "3");
    assert!(eventually(SOON, || zombies().iter().any(|zombie| zombie.pid == early.id())));
    let mut during = ground.program("program::child", "4 later");
    let mut late = ground.program("program::child", "5 later");
    let system = ground.system();
    let admin = admins().remove(0);
    drop(during.stdin.take());
    assert!(eventually(SOON, || zombies().iter().any(|zombie| zombie.pid == during.id())));
    system.shutdown().expect("down");
    assert!(is_buried(&admin), "{}", Process::of(admin.pid));
    let ended: Vec<u32> = zombies().iter().map(|zombie| zombie.pid).collect();
    assert!(ended.contains(&early.id()) && ended.contains(&during.id()), "{ended:?}");
    drop(late.stdin.take());
    let codes = [&mut early, &mut during, &mut late].map(|child| child.wait().expect("it is ours").code());
    assert_eq!(codes, [Some(3), Some(4), Some(5)]);
}

/// Everybody notices the end of the system, and nothing is left of it.
fn ended(systems: &[&ActorSystem]) {
    assert!(eventually(SOON, || systems.iter().all(|system| system.is_down())));
    assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
}

fn an_actor_ends_the_system(ground: &Processes) {
    let family = Family::new(ground);
    let port = port(&family.system);
    let other = is_joined(ground).then(|| join(ground, port).expect("joined"));
    family.tell(&family.child, Deed::Shutdown);
    let systems: Vec<&ActorSystem> = other.iter().chain([&family.system]).collect();
    ended(&systems);
}

fn an_operator_ends_the_system(ground: &Processes) {
    let family = Family::new(ground);
    admins()[0].signal(Signal::SIGTERM).expect("sent");
    ended(&[&family.system]);
}

fn a_program_that_only_joined_ends_the_system(ground: &Processes) {
    let family = Family::new(ground);
    let other = join(ground, port(&family.system)).expect("joined");
    assert_eq!(ask::<String>(&other, &family.child, "there?"), "there?");
    other.shutdown().expect("down");
    ended(&[&family.system, &other]);
}
