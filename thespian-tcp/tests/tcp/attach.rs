//! Joining a system, and everything else that may be at its place (decision D32).

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use thespian_core::transport::{Attached, PortEvent, Role, Transport};
use thespian_core::{AttachProblem, Error};
use thespian_tcp::{PortLimits, Tcp};

use crate::kit::{Running, SYSTEM, Side, address, configured, data, locator, open, tcp, tcp_with, until};

/// What attaching there fails with.
fn problem(tcp: &Tcp, place: SocketAddr) -> AttachProblem {
    match tcp.attach(Some(&locator(place))).err() {
        Some(Error::AttachFailure { base, place: at, problem }) => {
            assert_eq!((base.as_str(), at), ("multiprocTCPBase", place.to_string()));
            problem
        }
        other => panic!("{other:?}"),
    }
}

fn attached(tcp: &Tcp, place: SocketAddr) -> Attached {
    tcp.attach(Some(&locator(place))).expect("a system").expect("somebody is there")
}

/// A program that takes one connection and does this with it.
fn program(
    act: impl FnOnce(std::net::TcpStream) + Send + 'static,
) -> (SocketAddr, thread::JoinHandle<TcpListener>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address");
    let server = move || {
        act(listener.accept().expect("a connection").0);
        // It holds the port for as long as somebody may look who does.
        listener
    };
    (place, thread::spawn(server))
}

fn this_process() -> String {
    format!("process {} (", std::process::id())
}

#[test]
fn a_client_joins_and_learns_which_system_it_is() {
    let running = Running::start(open(&tcp(), Role::Admin));
    let mut client = attached(&tcp(), running.place);
    assert_eq!(client.system, SYSTEM);
    client.port.control(client.admin, b"hello".to_vec());
    client.port.flush();
    let mut admin = running.stop();
    let mut client = Side::new(client.port);
    until([&mut admin, &mut client], |[admin, _]| admin.events.len() == 2);
    assert!(matches!(admin.events[0], PortEvent::Up { role: Role::Client, .. }));
    assert!(matches!(&admin.events[1], PortEvent::Control { bytes, .. } if bytes == b"hello"));
    // It is told nothing of the connection that it has from the start, and can be reached itself.
    assert!(client.events.is_empty());
    let to_client = admin.port.connect(&client.port.locator());
    admin.port.send(to_client, address(1), address(2), data(1, b"welcome").borrow());
    until([&mut admin, &mut client], |[_, client]| client.messages().len() == 1);
}

#[test]
fn nobody_there_is_none_and_not_a_failure() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    assert!(tcp().attach(Some(&locator(free))).expect("no failure").is_none());
    // With any port for the admin there is no place to look at.
    assert!(tcp().attach(None).expect("no failure").is_none());
}

#[test]
fn a_web_server_is_foreign_and_named() {
    let (place, server) = program(|mut stream| {
        let _ = stream.read(&mut [0; 1000]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    match problem(&tcp(), place) {
        AttachProblem::Foreign { holder } => {
            assert!(holder.starts_with(&this_process()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    server.join().expect("no panic");
}

#[test]
fn a_program_that_closes_at_once_is_foreign_and_asked_twice() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address");
    let server = thread::spawn(move || {
        drop(listener.accept());
        drop(listener.accept());
        listener
    });
    assert!(matches!(problem(&tcp(), place), AttachProblem::Foreign { .. }));
    server.join().expect("no panic");
}

#[test]
fn a_system_that_ends_while_it_is_asked_is_nobody() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("an address");
    let server = thread::spawn(move || {
        let taken = listener.accept().expect("a connection");
        drop(listener);
        drop(taken);
    });
    assert!(tcp().attach(Some(&locator(place))).expect("no failure").is_none());
    server.join().expect("no panic");
}

#[test]
fn a_silent_program_is_named_after_a_bounded_time() {
    let limits = PortLimits { attach: Duration::from_millis(100), ..PortLimits::default() };
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let start = Instant::now();
    match problem(&tcp_with(limits), silent.local_addr().expect("an address")) {
        AttachProblem::Silent { waited, holder } => {
            assert_eq!(waited, limits.attach);
            assert!(holder.starts_with(&this_process()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert!(start.elapsed() >= limits.attach);
}

#[test]
fn a_program_that_begins_right_and_hangs_is_silent_too() {
    let limits = PortLimits { attach: Duration::from_millis(100), ..PortLimits::default() };
    let (go, gone) = std::sync::mpsc::channel::<()>();
    let (place, server) = program(move |mut stream| {
        let _ = stream.write_all(&thespian_transport::handshake::MAGIC);
        let _ = gone.recv();
    });
    assert!(matches!(problem(&tcp_with(limits), place), AttachProblem::Silent { .. }));
    drop(go);
    server.join().expect("no panic");
}

#[test]
fn another_version_is_told_with_both_ranges() {
    let (place, server) = program(|mut stream| {
        let _ = stream.write_all(&[&thespian_transport::handshake::MAGIC[..], &[7, 0, 9, 0]].concat());
        let _ = stream.read(&mut [0; 1000]);
    });
    let expected =
        AttachProblem::OtherVersion { theirs: (7, 9), ours: thespian_transport::handshake::VERSIONS };
    assert_eq!(problem(&tcp(), place), expected);
    server.join().expect("no panic");
}

#[test]
fn another_base_is_named() {
    // The same words with another base of the same length, to which the answer names its own.
    let mut theirs = Vec::new();
    let (place, server) = program(move |mut stream| {
        let mut said = [0; 1000];
        let count = stream.read(&mut said).expect("a hello");
        theirs.extend(&said[..count]);
        let at = theirs.windows(12).position(|part| part == b"multiprocTCP").expect("its base");
        theirs[at + 9..at + 12].copy_from_slice(b"UDP");
        // It is the accepting side's.
        theirs[8 + 4 + 3] = 1;
        let _ = stream.write_all(&theirs);
        let _ = stream.read(&mut [0; 1000]);
    });
    let expected = AttachProblem::OtherBase { base: "multiprocUDPBase".into() };
    assert_eq!(problem(&tcp(), place), expected);
    server.join().expect("no panic");
}

#[test]
fn a_wrong_secret_is_told_with_the_holder() {
    let running = Running::start(open(&tcp(), Role::Admin));
    let other = configured(Tcp::default().secret([8; 32]), &Default::default());
    match problem(&other, running.place) {
        AttachProblem::WrongSecret { holder } => assert!(holder.starts_with(&this_process()), "{holder}"),
        other => panic!("{other:?}"),
    }
    assert!(running.stop().events.is_empty());
}

#[test]
fn a_system_that_shuts_down_says_so_to_clients_and_still_talks_to_its_own() {
    let mut admin = open(&tcp(), Role::Admin);
    admin.port.set_closing();
    let running = Running::start(admin);
    assert_eq!(problem(&tcp(), running.place), AttachProblem::ShuttingDown);
    let mut host = open(&tcp(), Role::Host);
    host.port.connect(&locator(running.place));
    until([&mut host], |[host]| host.ups().len() == 1);
}

#[test]
fn fifty_clients_join_at_once() {
    let running = Running::start(open(&tcp(), Role::Admin));
    let place = running.place;
    let clients: Vec<_> = (0..50).map(|_| thread::spawn(move || attached(&tcp(), place))).collect();
    let clients: Vec<Attached> = clients.into_iter().map(|client| client.join().expect("no panic")).collect();
    assert!(clients.iter().all(|client| client.system == SYSTEM));
    assert_eq!(running.stop().ups().len(), 50);
}
