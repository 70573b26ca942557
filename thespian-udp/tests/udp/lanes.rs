//! Sessions in which much is said have a socket of their own, and nobody notices.

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use thespian_core::transport::{PeerId, Role};
use thespian_udp::Udp;

use crate::kit::{Side, configured, open, pair, pair_of, udp, until};

/// More than is said before a session has one.
const MUCH: u64 = 200;

/// How many sockets there are at a place.
fn sockets_at(place: SocketAddr) -> usize {
    let table = if place.is_ipv6() { "/proc/self/net/udp6" } else { "/proc/self/net/udp" };
    let sockets = fs::read_to_string(table).expect("Linux tells");
    let port = format!(":{:04X} ", place.port());
    sockets
        .lines()
        .skip(1)
        .filter(|line| line.split_once(": ").is_some_and(|(_, line)| is_at(line, &port)))
        .count()
}

fn is_at(line: &str, port: &str) -> bool {
    line.find(port).is_some_and(|at| !line[..at].contains(' '))
}

/// Says much, one thing at a time, in both directions.
fn talk(a: &mut Side, to_b: PeerId, b: &mut Side, to_a: PeerId) {
    let (told_a, told_b) = (a.messages().len(), b.messages().len());
    for number in 1..=MUCH as usize {
        a.send(to_b, number as u64, b"question");
        a.port.flush();
        until([b], |[b]| b.messages().len() == told_b + number);
        b.send(to_a, number as u64, b"answer");
        b.port.flush();
        until([a], |[a]| a.messages().len() == told_a + number);
    }
}

fn is_in_turn(side: &Side) -> bool {
    side.messages().iter().map(|(sequence, _)| *sequence).eq(1..=MUCH)
}

#[test]
fn who_says_much_gets_one_and_what_is_said_comes_in_turn() {
    for address in ["127.0.0.1", "::1"] {
        let udp = configured(Udp::default().secret([7; 32]).bind(address.parse().expect("an address")));
        let (mut a, mut b, to_b, to_a) = pair_of(&udp);
        assert_eq!((sockets_at(a.place()), sockets_at(b.place())), (1, 1));
        talk(&mut a, to_b, &mut b, to_a);
        assert_eq!((sockets_at(a.place()), sockets_at(b.place())), (2, 2), "{address}");
        assert!(is_in_turn(&a) && is_in_turn(&b));
        let (at_a, at_b) = (a.place(), b.place());
        a.port.disconnect(to_b);
        until([&mut a, &mut b], |[a, b]| b.has_down() && !a.port.has_unwritten());
        assert_eq!((sockets_at(at_a), sockets_at(at_b)), (1, 1), "{address}: closed with the session");
    }
}

#[test]
fn others_still_come_and_go_by_the_place_itself() {
    let (mut a, mut b, to_b, to_a) = pair();
    talk(&mut a, to_b, &mut b, to_a);
    let mut c = open(&udp(), Role::Host);
    let from_c = c.port.connect(&b.port.locator());
    c.send(from_c, 1, b"from another");
    until([&mut b, &mut c], |[b, _]| b.messages().len() as u64 == MUCH + 1);
    a.send(to_b, MUCH + 1, b"and again");
    until([&mut a, &mut b], |[_, b]| b.messages().len() as u64 == MUCH + 2);
    assert!(!a.has_down() && !b.has_down());
}

#[test]
fn a_flood_from_many_is_in_turn_for_each_while_they_get_them() {
    const SENDERS: u64 = 20;
    const EACH: u64 = 300;
    let mut target = open(&udp(), Role::Host);
    let mut senders: Vec<(Side, PeerId)> = Vec::new();
    for _ in 0..SENDERS {
        let mut side = open(&udp(), Role::Host);
        let peer = side.port.connect(&target.port.locator());
        until([&mut side, &mut target], |[side, _]| side.ups().len() == 1);
        senders.push((side, peer));
    }
    for sequence in 1..=EACH {
        for (side, peer) in &mut senders {
            side.send(*peer, sequence, b"one of many");
            side.port.flush();
            side.wait(Duration::ZERO);
        }
        // Answers, so that the target has some to whom it says much, and more than may have a lane.
        if sequence % 2 == 0 {
            for peer in target.ups() {
                target.send(peer, sequence, b"so many");
            }
            target.wait(Duration::from_millis(1));
        }
    }
    until([&mut target], |[target]| target.messages().len() as u64 == SENDERS * EACH);
    for peer in target.ups() {
        let of_peer = target.messages_of(peer);
        assert!(of_peer.iter().copied().eq(1..=EACH), "{of_peer:?}");
    }
    // No more than may be, and the socket itself.
    assert_eq!(sockets_at(target.place()), 17);
}

#[test]
fn a_process_that_is_gone_is_told_by_them_too() {
    let (mut a, mut b, to_b, to_a) = pair();
    talk(&mut a, to_b, &mut b, to_a);
    let mut c = open(&udp(), Role::Host);
    let to_c = a.port.connect(&c.port.locator());
    until([&mut a, &mut c], |[_, c]| c.ups().len() == 1);
    drop(b);
    a.send(to_b, MUCH + 1, b"to nobody");
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Lost"]);
    a.send(to_c, 1, b"to somebody");
    until([&mut a, &mut c], |[_, c]| c.messages().len() == 1);
}

#[test]
fn a_place_is_left_to_others_with_them_and_sessions_go_on() {
    let (mut a, mut b, to_b, to_a) = pair();
    talk(&mut a, to_b, &mut b, to_a);
    let place = b.place();
    b.port.stop_listening();
    let _other = UdpSocket::bind(place).expect("the place is free");
    b.send(to_a, MUCH + 1, b"from elsewhere");
    until([&mut a, &mut b], |[a, _]| a.messages().len() as u64 == MUCH + 1);
    a.send(to_b, MUCH + 1, b"to elsewhere");
    until([&mut a, &mut b], |[_, b]| b.messages().len() as u64 == MUCH + 1);
    assert_eq!(sockets_at(a.place()), 1, "the way to the old place is of no use");
    assert!(!a.has_down() && !b.has_down());
}

#[test]
fn nobody_else_can_join_the_place() {
    let (mut a, mut b, to_b, to_a) = pair();
    talk(&mut a, to_b, &mut b, to_a);
    for place in [a.place(), b.place()] {
        for reuse in [socket2::Socket::set_reuse_address, socket2::Socket::set_reuse_port] {
            let socket =
                socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
            reuse(&socket, true).expect("it can be set");
            assert!(socket.bind(&place.into()).is_err());
        }
    }
}
