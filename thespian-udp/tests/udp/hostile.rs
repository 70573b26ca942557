//! Datagrams of others: garbage, what was cut, changed, recorded and sent from elsewhere.

use std::net::UdpSocket;
use std::time::Duration;

use thespian_core::transport::Role;

use crate::kit::{Dice, Relay, Side, locator, open, stranger, udp, until};

/// A session through a relay, with what was carried to its accepting side recorded.
fn recorded() -> (Side, Side, thespian_core::transport::PeerId, Relay) {
    let (mut a, mut b) = (open(&udp(), Role::Host), open(&udp(), Role::Host));
    let relay = Relay::start(b.place(), 1);
    let to_b = a.port.connect(&locator(relay.place));
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
    a.events.clear();
    b.events.clear();
    for sequence in 0..5 {
        a.send(to_b, sequence, b"genuine");
        a.port.flush();
    }
    a.port.control(to_b, b"word".to_vec());
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 5 && b.words().len() == 1);
    (a, b, to_b, relay)
}

fn record(relay: &Relay) -> Vec<Vec<u8>> {
    relay.recorded.lock().expect("no panic").clone()
}

/// Lets the side take all that has been sent to it.
fn settle(side: &mut Side) {
    for _ in 0..20 {
        side.wait(Duration::from_millis(1));
    }
}

/// How much has come to this socket, in datagrams and bytes.
fn answers(socket: &UdpSocket) -> (usize, usize) {
    socket.set_nonblocking(true).expect("a socket");
    let (mut count, mut size, mut bytes) = (0, 0, [0; 70_000]);
    while let Ok(length) = socket.recv(&mut bytes) {
        count += 1;
        size += length;
    }
    (count, size)
}

#[test]
fn what_was_recorded_and_is_sent_again_is_not_taken_again() {
    let (mut a, mut b, to_b, relay) = recorded();
    b.events.clear();
    let other = stranger();
    for datagram in record(&relay) {
        other.send_to(&datagram, b.place()).expect("sent");
        settle(&mut b);
    }
    assert!(b.events.is_empty(), "{:?}", b.events);
    // And the session goes on where it was: nobody has taken it over.
    a.send(to_b, 9, b"genuine");
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 1);
}

#[test]
fn what_was_changed_anywhere_is_not_taken() {
    let (mut a, mut b, to_b, relay) = recorded();
    b.events.clear();
    let (other, mut dice) = (stranger(), Dice(7));
    for datagram in record(&relay) {
        for _ in 0..100 {
            let mut changed = datagram.clone();
            let at = dice.below(changed.len() as u64) as usize;
            changed[at] ^= 1 << dice.below(8);
            if dice.below(4) == 0 {
                changed.truncate(at);
            }
            other.send_to(&changed, b.place()).expect("sent");
        }
        settle(&mut b);
    }
    assert!(b.events.is_empty(), "{:?}", b.events);
    a.send(to_b, 9, b"genuine");
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 1);
}

#[test]
fn garbage_is_never_answered_by_more_than_it_has_and_leaves_nothing() {
    let mut b = open(&udp(), Role::Host);
    let (other, mut dice) = (stranger(), Dice(3));
    let (mut sent, mut came) = (0, (0, 0));
    for _ in 0..3_000 {
        let length = dice.below(600) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| dice.below(256) as u8).collect();
        if let Some(first) = bytes.first_mut() {
            *first = [1, 2, 0x89, 0][dice.below(4) as usize];
        }
        if dice.below(2) == 0 && length > 8 {
            bytes[..8].copy_from_slice(&thespian_udp::handshake::MAGIC);
        }
        sent += bytes.len();
        other.send_to(&bytes, b.place()).expect("sent");
        b.wait(Duration::ZERO);
        let (count, size) = answers(&other);
        assert!(size <= length, "{size} bytes in answer to {length}");
        came = (came.0 + count, came.1 + size);
    }
    assert!(b.events.is_empty(), "{:?}", b.events);
    assert!(came.1 < sent);
}

#[test]
fn a_hello_from_a_place_that_is_not_the_senders_gets_no_session_and_no_more_than_it_has() {
    // Whoever it pretends to be gets the cookie, and does not bring it back.
    let (mut a, b) = (open(&udp(), Role::Host), stranger());
    let mut c = open(&udp(), Role::Host);
    a.port.connect(&locator(b.local_addr().expect("an address")));
    let mut hello = vec![0; 1000];
    let length = b.recv(&mut hello).expect("a hello");
    for _ in 0..1_000 {
        b.send_to(&hello[..length], c.place()).expect("sent");
        c.wait(Duration::ZERO);
        let (count, size) = answers(&b);
        assert!(count <= 1 && size < length, "{count} answers of {size} bytes to {length}");
    }
    settle(&mut c);
    // Nothing is waited for, so there is nothing to do.
    let start = std::time::Instant::now();
    c.wait(Duration::from_millis(200));
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert!(c.events.is_empty());
}

#[test]
fn a_recorded_handshake_makes_no_session_for_whoever_sends_it_again() {
    let (a, mut b, _, relay) = recorded();
    let hellos: Vec<Vec<u8>> = record(&relay).into_iter().filter(|word| word[0] == 0x89).collect();
    assert!(hellos.len() >= 2, "one without a cookie, one with");
    drop((a, relay));
    b.events.clear();
    let other = stranger();
    for hello in hellos {
        other.send_to(&hello, b.place()).expect("sent");
        settle(&mut b);
    }
    assert!(b.events.is_empty(), "{:?}", b.events);
}

#[test]
fn nobody_ends_a_session_who_has_not_seen_it() {
    let (mut a, mut b, to_b, relay) = recorded();
    // From the place of the other side, but without knowing what was sent.
    drop(relay);
    b.events.clear();
    let mut dice = Dice(5);
    let other = stranger();
    for _ in 0..1_000 {
        let mut bytes = [2; 17];
        bytes[1..].iter_mut().for_each(|byte| *byte = dice.below(256) as u8);
        other.send_to(&bytes, a.place()).expect("sent");
        other.send_to(&bytes, b.place()).expect("sent");
    }
    settle(&mut a);
    settle(&mut b);
    assert!(!a.has_down() && !b.has_down());
    let _ = to_b;
}

#[test]
fn a_flood_of_strangers_does_not_keep_a_process_of_ours_out() {
    let mut b = open(&udp(), Role::Admin);
    let other = stranger();
    let place = b.place();
    for round in 0..200_u64 {
        for _ in 0..50 {
            let mut bytes = [0x55; 300];
            bytes[..8].copy_from_slice(&round.to_le_bytes());
            other.send_to(&bytes, place).expect("sent");
        }
        b.wait(Duration::ZERO);
    }
    let mut a = open(&udp(), Role::Host);
    a.port.connect(&locator(place));
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
}

/// What a process of ours that has gone mad may put into a datagram is no danger, and nothing grows beyond it.
#[test]
fn items_of_any_bytes_are_no_danger() {
    let mut dice = Dice(11);
    for _ in 0..20_000 {
        let mut random = |most: u64| -> Vec<u8> {
            let length = dice.below(most);
            (0..length)
                .map(|_| [0, 1, 2, 0x7f, 0xff, dice.below(256) as u8][dice.below(6) as usize])
                .collect()
        };
        let items: Vec<Vec<u8>> = (0..4).map(|_| random(40)).collect();
        let kinds = random(5);
        let items: Vec<(u8, &[u8])> =
            items.iter().zip(&kinds).map(|(item, kind)| (kind % 9, item.as_slice())).collect();
        let sealed = thespian_udp::probe::sealed(&items);
        let (count, size) = thespian_udp::probe::session(&sealed);
        assert!(count <= items.len() && size <= sealed.len());
        thespian_udp::probe::word(&[&thespian_udp::handshake::MAGIC[..], &random(400)].concat());
    }
}
