//! Joining a system, and everything else that may be at its place (decision D32).

use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use thespian_core::transport::{Attached, PortEvent, Role, Transport};
use thespian_core::{AttachProblem, Error};
use thespian_udp::handshake::{MAGIC, VERSIONS};
use thespian_udp::{PortLimits, Udp};

use crate::kit::{
    Faults, Relay, Running, SYSTEM, Side, address, configured, data, locator, nobody, open, stranger, udp,
    udp_with, until,
};

/// What attaching there fails with.
fn problem(udp: &Udp, place: SocketAddr) -> AttachProblem {
    match udp.attach(Some(&locator(place))).err() {
        Some(Error::AttachFailure { base, place: at, problem }) => {
            assert_eq!((base.as_str(), at), ("multiprocUDPBase", place.to_string()));
            problem
        }
        other => panic!("{other:?}"),
    }
}

fn attached(udp: &Udp, place: SocketAddr) -> Attached {
    udp.attach(Some(&locator(place))).expect("a system").expect("somebody is there")
}

/// A program that answers the first datagram with this.
fn program(
    answer: impl FnOnce(&[u8]) -> Vec<u8> + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<UdpSocket>) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let place = socket.local_addr().expect("an address");
    let thread = thread::spawn(move || {
        let mut bytes = [0; 1000];
        let (length, from) = socket.recv_from(&mut bytes).expect("a datagram");
        socket.send_to(&answer(&bytes[..length]), from).expect("sent");
        socket
    });
    (place, thread)
}

fn this_process() -> String {
    format!("process {} (", std::process::id())
}

#[test]
fn a_client_joins_and_learns_which_system_it_is() {
    let running = Running::start(open(&udp(), Role::Admin));
    let mut client = attached(&udp(), running.place);
    assert_eq!(client.system, SYSTEM);
    client.port.control(client.admin, b"hello".to_vec());
    client.port.flush();
    let mut admin = running.stop();
    let mut client = Side::new(client.port);
    until([&mut admin, &mut client], |[admin, _]| admin.events.len() == 2);
    assert!(matches!(admin.events[0], PortEvent::Up { role: Role::Client, .. }));
    assert_eq!(admin.words(), [b"hello"]);
    // It is told nothing of the session that it has from the start, and can be reached itself.
    assert!(client.events.is_empty());
    let to_client = admin.port.connect(&client.port.locator());
    admin.port.send(to_client, address(1), address(2), data(1, b"welcome").borrow());
    until([&mut admin, &mut client], |[_, client]| client.messages().len() == 1);
}

#[test]
fn nobody_there_is_none_and_not_a_failure() {
    assert!(udp().attach(Some(&locator(nobody()))).expect("no failure").is_none());
    // With any port for the admin there is no place to look at.
    assert!(udp().attach(None).expect("no failure").is_none());
}

#[test]
fn a_program_that_answers_with_something_else_is_foreign_and_named() {
    let (place, server) = program(|_| b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    match problem(&udp(), place) {
        AttachProblem::Foreign { holder } => assert!(holder.starts_with(&this_process()), "{holder}"),
        other => panic!("{other:?}"),
    }
    server.join().expect("no panic");
}

#[test]
fn a_program_that_echoes_is_silent() {
    let limits = PortLimits { attach: Duration::from_millis(100), ..PortLimits::default() };
    let (place, server) = program(|bytes| bytes.to_vec());
    assert!(matches!(problem(&udp_with(limits), place), AttachProblem::Silent { .. }));
    server.join().expect("no panic");
}

#[test]
fn a_silent_program_is_named_after_a_bounded_time() {
    let limits = PortLimits { attach: Duration::from_millis(100), ..PortLimits::default() };
    let (silent, start) = (stranger(), Instant::now());
    match problem(&udp_with(limits), silent.local_addr().expect("an address")) {
        AttachProblem::Silent { waited, holder } => {
            assert_eq!(waited, limits.attach);
            assert!(holder.starts_with(&this_process()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert!(start.elapsed() >= limits.attach);
}

#[test]
fn another_version_is_told_with_both_ranges() {
    let (place, server) = program(|hello| {
        // The random bytes that it answers, and no cookie.
        [&MAGIC[..], &[7, 0, 9, 0, 2], &hello[13..29], &[0; 16]].concat()
    });
    assert_eq!(problem(&udp(), place), AttachProblem::OtherVersion { theirs: (7, 9), ours: VERSIONS });
    server.join().expect("no panic");
}

#[test]
fn another_base_is_named() {
    let (place, server) = program(|hello| {
        let refusal =
            thespian_core::encode(&thespian_transport::handshake::Refused::OtherBase("other".into()));
        [&MAGIC[..], &[1, 0, 1, 0, 4], &hello[13..29], &refusal.expect("it encodes")].concat()
    });
    assert_eq!(problem(&udp(), place), AttachProblem::OtherBase { base: "other".into() });
    server.join().expect("no panic");
}

#[test]
fn a_refusal_that_does_not_know_the_question_is_none() {
    let limits = PortLimits { attach: Duration::from_millis(100), ..PortLimits::default() };
    let (place, server) = program(|_| [&MAGIC[..], &[1, 0, 1, 0, 4], &[9; 16], &[0]].concat());
    assert!(matches!(problem(&udp_with(limits), place), AttachProblem::Silent { .. }));
    server.join().expect("no panic");
}

#[test]
fn a_wrong_secret_is_told_with_the_holder() {
    let running = Running::start(open(&udp(), Role::Admin));
    let other = configured(Udp::default().secret([8; 32]));
    match problem(&other, running.place) {
        AttachProblem::WrongSecret { holder } => assert!(holder.starts_with(&this_process()), "{holder}"),
        other => panic!("{other:?}"),
    }
    assert!(running.stop().events.is_empty());
}

#[test]
fn a_system_that_shuts_down_says_so_to_clients_and_still_talks_to_its_own() {
    let mut admin = open(&udp(), Role::Admin);
    admin.port.set_closing();
    let running = Running::start(admin);
    assert_eq!(problem(&udp(), running.place), AttachProblem::ShuttingDown);
    let mut host = open(&udp(), Role::Host);
    host.port.connect(&locator(running.place));
    until([&mut host], |[host]| host.ups().len() == 1);
}

#[test]
fn fifty_clients_join_at_once() {
    let running = Running::start(open(&udp(), Role::Admin));
    let place = running.place;
    let clients: Vec<_> = (0..50).map(|_| thread::spawn(move || attached(&udp(), place))).collect();
    let clients: Vec<Attached> = clients.into_iter().map(|client| client.join().expect("no panic")).collect();
    assert!(clients.iter().all(|client| client.system == SYSTEM));
    let mut admin = running.stop();
    // One of them may not have had the time to show that it knows.
    until([&mut admin], |[admin]| admin.ups().len() == 50);
}

#[test]
fn a_client_joins_though_half_of_all_is_lost() {
    let running = Running::start(open(&udp(), Role::Admin));
    let long = Duration::from_secs(60);
    let limits = PortLimits { attach: long, handshake: long, ..PortLimits::default() };
    for seed in 0..4 {
        let relay = Relay::start(running.place, seed);
        relay.set(Faults { loses: 500, repeats: 100, delays: 200 });
        assert_eq!(attached(&udp_with(limits), relay.place).system, SYSTEM, "seed {seed}");
    }
    running.stop();
}

#[test]
fn a_client_learns_that_its_admin_was_killed_though_it_says_nothing() {
    let running = Running::start(open(&udp(), Role::Admin));
    let mut client = Side::new(attached(&udp(), running.place).port);
    drop(running.stop());
    let start = Instant::now();
    until([&mut client], |[client]| client.has_down());
    assert_eq!(client.downs(), ["Lost"]);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn an_admin_learns_that_a_client_was_killed() {
    let running = Running::start(open(&udp(), Role::Admin));
    drop(attached(&udp(), running.place));
    let mut admin = running.stop();
    until([&mut admin], |[admin]| admin.has_down());
}
