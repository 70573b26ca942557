//! Programs that join a system (decision D32).

use std::io::{BufRead, BufReader, Write};
use std::process::Child;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{LINGER, ProcessScenario, Processes, admins, eventually, of_this_run};
use thespian_core::{ActorAddress, ActorSpec, ActorSystem, AttachProblem, Error};

use super::actors::{Deed, Doer, SOON, answers, ask};
use super::deaths::{Family, Gate};
use super::ends::{join, port};

/// For bases whose systems are joined.
pub(crate) const JOINING: &[ProcessScenario] = &[
    ("programs::fifty_programs_are_attached_at_once", fifty_programs_are_attached_at_once),
    (
        "programs::programs_that_start_at_one_moment_share_a_system",
        programs_that_start_at_one_moment_share_a_system,
    ),
    ("programs::a_system_on_its_way_down_is_not_joined", a_system_on_its_way_down_is_not_joined),
    ("programs::a_place_is_free_after_a_killed_admin", a_place_is_free_after_a_killed_admin),
];

pub(crate) const PROGRAMS: &[ProcessScenario] = &[("program::client", client)];

/// Joins the system at the port it is told, adds to a named counter, waits to be let go, and asks that.
fn client(ground: &Processes) {
    let system = join(ground, ground.argument().parse().expect("a port")).expect("joined");
    let counter = system.create(ActorSpec::of::<Doer>().global_name("counter")).expect("found or created");
    system.tell(&counter, 1_u64).expect("told");
    assert!(answers(&system, &counter));
    writeln!(std::io::stdout(), "attached").expect("said");
    std::io::stdin().read_line(&mut String::new()).expect("let go");
    assert!(answers(&system, &counter));
}

/// Starts clients, and waits until each is attached.
fn attach_clients(ground: &Processes, count: usize, port: i64) -> Vec<Child> {
    let start = |_| ground.program("program::client", &port.to_string());
    let mut clients: Vec<Child> = (0..count).map(start).collect();
    for client in &mut clients {
        let mut said = String::new();
        let output = client.stdout.as_mut().expect("it is piped");
        BufReader::new(output).read_line(&mut said).expect("it says so");
        assert_eq!(said, "attached\n");
    }
    clients
}

fn let_go(clients: Vec<Child>) {
    for mut client in clients {
        writeln!(client.stdin.take().expect("it is piped"), "go").expect("it listens");
        assert!(client.wait().expect("it ends").success());
    }
}

fn count(system: &ActorSystem) -> u64 {
    let counter: ActorAddress = system.find_actor("counter").expect("up").expect("there");
    ask(system, &counter, Deed::Count)
}

fn fifty_programs_are_attached_at_once(ground: &Processes) {
    let system = ground.system();
    let clients = attach_clients(ground, 50, port(&system));
    assert_eq!(count(&system), 50);
    assert_eq!(system.status().expect("up").actor_count, 1);
    let_go(clients);
    // None of them took the system along.
    assert_eq!(count(&system), 50);
    system.shutdown().expect("down");
}

fn programs_that_start_at_one_moment_share_a_system(ground: &Processes) {
    // A port that was free a moment ago.
    let system = ground.system();
    let port = port(&system);
    system.shutdown().expect("down");
    let clients = attach_clients(ground, 6, port);
    let system = join(ground, port).expect("joined");
    assert_eq!(count(&system), 6);
    assert_eq!(admins().len(), 1);
    let_go(clients);
    system.shutdown().expect("down");
}

fn a_system_on_its_way_down_is_not_joined(ground: &Processes) {
    let family = Family::new(ground);
    let port = port(&family.system);
    let gate = Gate::new(&ground.folder());
    family.tell(&family.child, gate.deed());
    assert!(eventually(SOON, || gate.is_read()));
    family.tell(&family.sibling, Deed::Shutdown);
    let closing = || match join(ground, port) {
        Ok(joined) => {
            drop(joined);
            false
        }
        Err(Error::AttachFailure { problem: AttachProblem::ShuttingDown, .. }) => true,
        Err(error) => panic!("{error}"),
    };
    assert!(eventually(LINGER, closing), "the system is joined while it is on its way down");
    gate.open();
    assert!(eventually(SOON, || family.system.is_down()));
}

fn a_place_is_free_after_a_killed_admin(ground: &Processes) {
    let mut port = 0;
    for _ in 0..3 {
        let system = join(ground, port).expect("starts");
        port = super::ends::port(&system);
        let actor = system.create_actor::<Doer>().expect("created");
        assert!(answers(&system, &actor));
        admins()[0].signal(Signal::SIGKILL).expect("killed");
        assert!(eventually(LINGER, || of_this_run().is_empty()), "{:?}", of_this_run());
        assert!(eventually(LINGER, || system.is_down()));
    }
}
