//! Programs that join a system (decision D32).

use std::io::{BufRead, BufReader, Write};
use std::process::Child;

use nix::sys::signal::Signal;
use thespian_conformance::processes::{LINGER, ProcessScenario, Processes, admins, eventually, of_this_run};
use thespian_core::{ActorAddress, ActorSpec, ActorSystem, AttachProblem, Error};

use super::actors::{Deed, Doer, SOON, answers, ask};
use super::deaths::{BUSY, Family, Gate};
use super::ends::{join, port};

/// For bases whose systems are joined.
pub(crate) const JOINING: &[ProcessScenario] = &[
    ("programs::fifty_programs_are_attached_at_once", fifty_programs_are_attached_at_once),
    (
        "programs::programs_that_start_at_one_moment_share_a_system",
        programs_that_start_at_one_moment_share_a_system,
    ),
    (
        "programs::a_program_that_ends_has_acknowledged_its_answers",
        a_program_that_ends_has_acknowledged_its_answers,
    ),
    ("programs::what_a_program_told_before_it_ended_arrives", what_a_program_told_before_it_ended_arrives),
    (
        "programs::a_program_that_ends_is_not_kept_by_an_actor_that_blocks",
        a_program_that_ends_is_not_kept_by_an_actor_that_blocks,
    ),
    ("programs::a_system_on_its_way_down_is_not_joined", a_system_on_its_way_down_is_not_joined),
    ("programs::a_place_is_free_after_a_killed_admin", a_place_is_free_after_a_killed_admin),
];

pub(crate) const PROGRAMS: &[ProcessScenario] =
    &[("program::client", client), ("program::asker", asker), ("program::teller", teller)];

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

/// Joins the system at the port it is told, asks a named counter, and ends with the answer, and with the system in its hands.
fn asker(ground: &Processes) {
    let system = join(ground, ground.argument().parse().expect("a port")).expect("joined");
    assert_eq!(count(&system), 0);
    std::process::exit(0);
}

/// The same with a hundred messages instead of the question.
fn teller(ground: &Processes) {
    let system = join(ground, ground.argument().parse().expect("a port")).expect("joined");
    let counter = system.find_actor("counter").expect("up").expect("there");
    (0..100).for_each(|_| system.tell(&counter, 1_u64).expect("told"));
    std::process::exit(0);
}

fn a_program_that_ends_has_acknowledged_its_answers(ground: &Processes) {
    let system = ground.system();
    let counter = system.create(ActorSpec::of::<Doer>().global_name("counter")).expect("created");
    for _ in 0..10 {
        let mut asker = ground.program("program::asker", &port(&system).to_string());
        assert!(asker.wait().expect("it ends").success());
        // By when the counter has noticed.
        assert!(answers(&system, &counter));
    }
    let counters = system.status().expect("up").counters;
    assert_eq!(counters.dead_lettered, 0, "{counters}");
    system.shutdown().expect("down");
}

fn what_a_program_told_before_it_ended_arrives(ground: &Processes) {
    let system = ground.system();
    system.create(ActorSpec::of::<Doer>().global_name("counter")).expect("created");
    for ended in 1..=5 {
        let mut teller = ground.program("program::teller", &port(&system).to_string());
        assert!(teller.wait().expect("it ends").success());
        assert_eq!(count(&system), 100 * ended);
    }
    system.shutdown().expect("down");
}

fn a_program_that_ends_is_not_kept_by_an_actor_that_blocks(ground: &Processes) {
    let system = ground.system();
    let counter = system.create(ActorSpec::of::<Doer>().global_name("counter")).expect("created");
    let gate = Gate::new(&ground.folder());
    system.tell(&counter, gate.deed()).expect("told");
    assert!(eventually(SOON, || gate.is_read()));
    let mut teller = ground.program("program::teller", &port(&system).to_string());
    let mut status = None;
    let ended = eventually(BUSY * 2 * LINGER, || {
        status = teller.try_wait().expect("it is ours");
        status.is_some()
    });
    assert!(ended && status.is_some_and(|status| status.success()), "{status:?}");
    gate.open();
    system.shutdown().expect("down");
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
