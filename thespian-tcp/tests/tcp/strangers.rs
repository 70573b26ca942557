//! Whoever else connects: garbage, silence, slowness, replays, floods. Those who belong to the system notice nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use thespian_core::transport::Role;
use thespian_tcp::PortLimits;
use thespian_transport::handshake::{LONGEST, MAGIC};

use crate::kit::{Relay, Running, Side, open, pair, tcp, tcp_with, until};

fn connect(place: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(place).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(60))).expect("a timeout");
    stream
}

/// What it says until it closes the connection.
fn rest(mut stream: &TcpStream) -> Vec<u8> {
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it did not close"),
    }
    said
}

/// A connection works as if nothing had happened.
fn still_works(running: Running) {
    let mut host = open(&tcp(), Role::Host);
    let peer = host.port.connect(&crate::kit::locator(running.place));
    host.send(peer, 1, b"hello");
    until([&mut host], |[host]| host.ups().len() == 1);
    let mut admin = running.stop();
    until([&mut host, &mut admin], |[_, admin]| admin.messages().len() == 1);
    assert_eq!(admin.ups().len(), 1);
    assert_eq!(admin.events.len(), 2, "{:?}", admin.events);
}

#[test]
fn foreign_words_are_cut_off_at_the_first_wrong_byte_without_an_answer() {
    let running = Running::start(open(&tcp(), Role::Admin));
    let tls = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    for words in
        [&b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..], tls, &[0; 100], &[0xff; 5000], b"\x89thsq"]
    {
        let mut stream = connect(running.place);
        let _ = stream.write_all(words);
        assert!(rest(&stream).is_empty());
    }
    still_works(running);
}

#[test]
fn lengths_beyond_the_bound_are_cut_off() {
    let running = Running::start(open(&tcp(), Role::Admin));
    for length in [0, LONGEST as u16 + 1, u16::MAX] {
        let mut stream = connect(running.place);
        let words = [&MAGIC[..], &[1, 0, 1, 0], &length.to_le_bytes()].concat();
        stream.write_all(&words).expect("written");
        assert!(rest(&stream).is_empty());
    }
    still_works(running);
}

#[test]
fn one_that_connects_and_hangs_or_is_slow_is_cut_off_in_time() {
    let limits = PortLimits { handshake: Duration::from_millis(100), ..PortLimits::default() };
    let running = Running::start(open(&tcp_with(limits), Role::Admin));
    let start = Instant::now();
    let silent = connect(running.place);
    // A byte now and then, of the right words, does not buy time.
    let mut slow = connect(running.place);
    slow.set_read_timeout(Some(Duration::from_millis(10))).expect("a timeout");
    let words = [&MAGIC[..], &[1, 0, 1, 0, 0, 16, 1], &[0; LONGEST]].concat();
    let mut sent = 0;
    loop {
        if slow.write_all(&words[sent..=sent]).is_err() {
            break;
        }
        sent += 1;
        match slow.read(&mut [0]) {
            Ok(_) => break,
            Err(error)
                if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    assert!(sent < words.len() / 2, "it was heard out");
    assert!(rest(&silent).is_empty());
    assert!((limits.handshake..200 * limits.handshake).contains(&start.elapsed()));
    still_works(running);
}

#[test]
fn a_recorded_handshake_opens_nothing() {
    let admin = Running::start(open(&tcp(), Role::Admin));
    let relay = Relay::start(admin.place, &[(usize::MAX, usize::MAX)]);
    let mut host = open(&tcp(), Role::Host);
    let peer = host.port.connect(&crate::kit::locator(relay.place));
    host.send(peer, 1, b"once");
    until([&mut host], |[host]| host.ups().len() == 1);
    host.port.disconnect(peer);
    host.port.flush();
    until([&mut host], |[host]| !host.port.has_unwritten());
    let (said, answered) = relay.recorded();
    // The same words again, all at once.
    let mut replay = connect(admin.place);
    let _ = replay.write_all(&said);
    let second = rest(&replay);
    assert_ne!(second, answered);
    let mut admin = admin.stop();
    until([&mut admin], |[admin]| admin.has_down());
    assert_eq!((admin.ups().len(), admin.messages().len()), (1, 1));
}

#[test]
fn words_sent_back_open_nothing() {
    let admin = Running::start(open(&tcp(), Role::Admin));
    // Its own answer to a real hello, given back to it as ours.
    let relay = Relay::start(admin.place, &[(usize::MAX, usize::MAX)]);
    let mut host = open(&tcp(), Role::Host);
    let peer = host.port.connect(&crate::kit::locator(relay.place));
    until([&mut host], |[host]| host.ups().len() == 1);
    host.port.disconnect(peer);
    until([&mut host], |[host]| !host.port.has_unwritten());
    let (said, answered) = relay.recorded();
    let mut mirror = connect(admin.place);
    let _ = mirror.write_all(&answered);
    assert!(rest(&mirror).is_empty());
    // A real hello, and the proof that comes for it given back.
    let hello = said.len() - 35;
    let mut mirror = connect(admin.place);
    mirror.write_all(&said[..hello]).expect("written");
    let mut answer = vec![0; answered.len() - 3];
    mirror.read_exact(&mut answer).expect("an answer");
    let proof = answer[answer.len() - 35..].to_vec();
    mirror.write_all(&proof).expect("written");
    rest(&mirror);
    assert_eq!(admin.stop().ups().len(), 1);
}

#[test]
fn authenticated_bytes_that_are_no_frames_end_that_connection_alone() {
    // A wire frame of each kind that is wrong, put behind a real handshake.
    let bad: [&[u8]; 8] = [
        &[0xff, 0xff, 0xff, 1],
        &[1, 0, 1, 1, 0],
        &[1, 0, 0, 99, 0],
        &[0, 0, 0, 1],
        &[1, 0, 0, 4, 0],
        &[2, 0, 0, 4, 17, 0],
        &[3, 0, 0, 2, 0, 0, 0],
        &[3, 0, 0, 1, 0xff, 0xff, 0xff],
    ];
    for words in bad {
        let mut admin = open(&tcp(), Role::Admin);
        let place = admin.place();
        let mut bystander = open(&tcp(), Role::Host);
        bystander.port.connect(&admin.port.locator());
        let mut host = open(&tcp(), Role::Host);
        let injector = crate::kit::Injector::start(place, words.to_vec());
        host.port.connect(&crate::kit::locator(injector.place));
        until([&mut admin, &mut bystander, &mut host], |[admin, ..]| admin.has_down());
        assert_eq!(admin.ups().len(), 2);
        assert!(admin.downs()[0].contains("Trouble"), "{words:?}: {:?}", admin.downs());
        until([&mut admin, &mut bystander, &mut host], |[.., host]| host.has_down());
        assert!(!bystander.has_down());
        injector.end();
    }
}

#[test]
fn more_strangers_than_there_may_be_push_out_the_oldest_and_nobody_else() {
    let limits = PortLimits { strangers: 4, handshake: Duration::from_secs(600), ..PortLimits::default() };
    let mut admin = open(&tcp_with(limits), Role::Admin);
    let mut host = open(&tcp(), Role::Host);
    let peer = host.port.connect(&admin.port.locator());
    until([&mut admin, &mut host], |[_, host]| host.ups().len() == 1);
    let running = Running::start(admin);
    let strangers: Vec<TcpStream> = (0..20).map(|_| connect(running.place)).collect();
    // The oldest are closed; another of ours gets in all the same.
    for gone in &strangers[..16] {
        assert!(rest(gone).is_empty());
    }
    let mut late = open(&tcp(), Role::Host);
    late.port.connect(&crate::kit::locator(running.place));
    until([&mut late], |[late]| late.ups().len() == 1);
    host.send(peer, 1, b"still here");
    host.port.flush();
    let mut admin = running.stop();
    until([&mut admin, &mut host], |[admin, _]| admin.messages().len() == 1);
    assert!(!admin.has_down() && !host.has_down());
}

#[test]
fn ten_thousand_connections_do_no_harm() {
    let running = Running::start(open(&tcp(), Role::Admin));
    let (mut host, place) = (open(&tcp(), Role::Host), running.place);
    let peer = host.port.connect(&crate::kit::locator(place));
    until([&mut host], |[host]| host.ups().len() == 1);
    for number in 0..10_000_u64 {
        let mut stream = connect(place);
        match number % 4 {
            0 => drop(stream.write_all(b"GET / HTTP/1.1\r\n")),
            1 => drop(stream.write_all(&MAGIC)),
            _ => {}
        }
        if number % 1000 == 0 {
            host.send(peer, number, b"among them");
            host.wait(Duration::ZERO);
        }
    }
    host.port.flush();
    let mut admin = running.stop();
    until([&mut admin, &mut host], |[admin, _]| admin.messages().len() == 10);
    assert!(!admin.has_down() && !host.has_down());
}

#[test]
fn strangers_cannot_keep_a_connection_from_answering() {
    let (mut a, mut b, to_b, to_a) = pair();
    let place = b.place();
    let noise: Vec<TcpStream> = (0..100).map(|_| connect(place)).collect();
    let round_trip = |a: &mut Side, b: &mut Side, number: usize| {
        a.send(to_b, number as u64, b"ask");
        a.port.flush();
        until([b, a], |[b, _]| b.messages().len() > number);
        b.send(to_a, number as u64, b"answer");
        b.port.flush();
        until([a, b], |[a, _]| a.messages().len() > number);
    };
    for (number, mut stranger) in noise.iter().enumerate() {
        let _ = stranger.write_all(b"garbage");
        round_trip(&mut a, &mut b, number);
    }
}
