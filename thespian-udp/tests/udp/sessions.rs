//! How sessions begin and end, and what is told of it.

use std::time::Duration;

use thespian_core::SystemId;
use thespian_core::transport::{Identity, Locator, Role, Transport};
use thespian_udp::{PortLimits, Udp};

use crate::kit::{
    Faults, Relay, Side, configured, locator, nobody, open, pair, stranger, udp, udp_with, until,
};

#[test]
fn nobody_there_is_told_as_refused() {
    let mut a = open(&udp(), Role::Host);
    let free = nobody();
    let peer = a.port.connect(&locator(free));
    a.send(peer, 1, b"lost");
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Refused"]);
    // The next attempt is another session.
    assert_ne!(a.port.connect(&locator(free)), peer);
}

#[test]
fn a_place_that_is_none_is_trouble_and_not_a_panic() {
    let mut a = open(&udp(), Role::Host);
    for text in ["", "nonsense", "127.0.0.1", "127.0.0.1:99999", "localhost:1"] {
        a.port.connect(&Locator::new(text));
    }
    until([&mut a], |[a]| a.downs().len() == 5);
    assert!(a.downs().iter().all(|down| down.contains("not an address and a port")), "{:?}", a.downs());
}

#[test]
fn a_process_of_another_system_is_a_stranger_to_both() {
    let mut a = open(&udp(), Role::Host);
    let other = Identity { system: SystemId::from_bits(9), role: Role::Host };
    let mut b = Side::new(udp().open(other).expect("a port"));
    a.port.connect(&b.port.locator());
    until([&mut a, &mut b], |[a, _]| a.has_down());
    assert_eq!(a.downs(), ["Stranger"]);
    assert!(b.events.is_empty());
}

#[test]
fn a_process_with_another_secret_is_a_stranger() {
    let mut a = open(&udp(), Role::Host);
    let mut b = open(&configured(Udp::default().secret([8; 32])), Role::Host);
    a.port.connect(&b.port.locator());
    until([&mut a, &mut b], |[a, _]| a.has_down());
    assert_eq!(a.downs(), ["Stranger"]);
    assert!(b.events.is_empty());
}

#[test]
fn a_port_connects_to_itself_like_to_any_other() {
    let mut a = open(&udp(), Role::Host);
    let own = a.port.locator();
    let peer = a.port.connect(&own);
    a.send(peer, 1, b"to myself");
    until([&mut a], |[a]| a.ups().len() == 2 && a.messages().len() == 1);
}

#[test]
fn a_session_works_over_ipv6() {
    let six = configured(Udp::default().secret([7; 32]).bind("::1".parse().expect("an address")));
    let (mut a, mut b) = (open(&six, Role::Host), open(&six, Role::Host));
    assert!(b.place().is_ipv6());
    let peer = a.port.connect(&b.port.locator());
    a.send(peer, 1, &[5; 65_000]);
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 1);
    drop(b);
    a.send(peer, 2, b"to nobody");
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Lost"]);
}

#[test]
fn disconnecting_says_all_that_was_said_and_tells_only_the_other_side() {
    let (mut a, mut b, to_b, _) = pair();
    for word in 0..200_u8 {
        a.port.control(to_b, vec![word; 10_000]);
    }
    a.send(to_b, 1, b"last");
    a.port.disconnect(to_b);
    a.send(to_b, 999, b"after the end");
    until([&mut a, &mut b], |[a, b]| b.has_down() && !a.port.has_unwritten());
    assert_eq!((b.words().len(), b.messages().len()), (200, 1));
    assert_eq!(b.downs(), ["Lost"]);
    assert!(a.events.is_empty(), "{:?}", a.events);
    assert_ne!(a.port.connect(&b.port.locator()), to_b);
}

#[test]
fn one_that_does_not_answer_the_end_is_left_after_a_while() {
    let (mut a, b, to_b, _) = pair();
    a.port.disconnect(to_b);
    a.port.flush();
    assert!(a.port.has_unwritten());
    until([&mut a], |[a]| !a.port.has_unwritten());
    assert!(a.events.is_empty());
    drop(b);
}

#[test]
fn nothing_is_left_to_say_to_one_that_was_never_up() {
    let silent = stranger();
    let mut a = open(&udp(), Role::Host);
    let peer = a.port.connect(&locator(silent.local_addr().expect("an address")));
    a.port.disconnect(peer);
    assert!(!a.port.has_unwritten());
    a.wait(Duration::ZERO);
    assert!(a.events.is_empty());
}

#[test]
fn a_process_that_is_gone_is_told_as_soon_as_something_is_sent_to_it() {
    let (mut a, b, to_b, _) = pair();
    drop(b);
    a.send(to_b, 1, b"to nobody");
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Lost"]);
}

#[test]
fn other_sessions_go_on_when_one_process_is_gone() {
    let (mut a, b, to_b, _) = pair();
    let mut c = open(&udp(), Role::Host);
    let to_c = a.port.connect(&c.port.locator());
    until([&mut a, &mut c], |[a, c]| a.ups().len() == 1 && c.ups().len() == 1);
    drop(b);
    for sequence in 0..100 {
        a.send(to_b, sequence, b"to nobody");
        a.port.flush();
        a.send(to_c, sequence, b"to somebody");
        a.port.flush();
        a.wait(Duration::ZERO);
    }
    until([&mut a, &mut c], |[_, c]| c.messages().len() == 100);
    assert_eq!(a.downs(), ["Lost"]);
}

#[test]
fn a_process_that_has_forgotten_a_session_says_so() {
    let (mut a, mut b, to_b, _) = pair();
    let place = b.place();
    // Another process at the same place: it knows nothing of its predecessor's sessions.
    b.port.stop_listening();
    let mut successor = configured(Udp::default().secret([7; 32]));
    let mut capabilities = thespian_core::Capabilities::new();
    capabilities.set("Admin Port", i64::from(place.port()));
    successor.configure(&mut capabilities, &Default::default()).expect("settings");
    let mut c = open(&successor, Role::Admin);
    assert_eq!(c.place(), place);
    drop(b);
    a.send(to_b, 1, b"to nobody");
    until([&mut a, &mut c], |[a, _]| a.has_down());
    assert_eq!(a.downs(), ["Lost"]);
    assert!(c.events.is_empty());
}

#[test]
fn sessions_go_on_when_the_place_is_left_to_others() {
    let (mut a, mut b, to_b, to_a) = pair();
    let place = b.place();
    b.port.stop_listening();
    let other = std::net::UdpSocket::bind(place).expect("the place is free");
    b.port.control(to_a, b"from elsewhere".to_vec());
    b.port.flush();
    until([&mut a, &mut b], |[a, _]| a.words() == [b"from elsewhere"]);
    a.send(to_b, 1, b"to elsewhere");
    until([&mut a, &mut b], |[_, b]| b.messages().len() == 1);
    assert!(!a.has_down() && !b.has_down());
    // It takes no others there.
    let mut c = open(
        &udp_with(PortLimits { answer: Duration::from_millis(200), ..PortLimits::default() }),
        Role::Host,
    );
    drop(other);
    c.port.connect(&locator(place));
    until([&mut c], |[c]| c.has_down());
    assert_eq!(c.downs(), ["Refused"]);
}

#[test]
fn a_process_that_does_not_answer_is_waited_for_and_given_up_at_last() {
    let silent = stranger();
    let limits = PortLimits { answer: Duration::from_millis(50), ..PortLimits::default() };
    let mut a = open(&udp_with(limits), Role::Host);
    a.port.connect(&locator(silent.local_addr().expect("an address")));
    until([&mut a], |[a]| a.has_down());
    assert_eq!(a.downs(), ["Lost"]);
}

#[test]
fn a_session_that_is_made_through_a_storm_is_up_at_both_ends_once() {
    for seed in 0..20 {
        let (mut a, mut b) = (open(&udp(), Role::Host), open(&udp(), Role::Host));
        let relay = Relay::start(b.place(), seed);
        relay.set(Faults { loses: 400, repeats: 200, delays: 300 });
        let peer = a.port.connect(&locator(relay.place));
        a.port.control(peer, b"hello".to_vec());
        until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.words().len() == 1);
        assert_eq!((b.ups().len(), a.downs().len() + b.downs().len()), (1, 0), "seed {seed}");
    }
}

#[test]
fn idle_sessions_have_nothing_to_do() {
    let (mut a, mut b, _, _) = pair();
    // What is left of the handshake.
    for _ in 0..20 {
        a.wait(Duration::from_millis(1));
        b.wait(Duration::from_millis(1));
    }
    let start = std::time::Instant::now();
    a.wait(Duration::from_millis(300));
    b.wait(Duration::from_millis(300));
    assert!(start.elapsed() >= Duration::from_millis(600), "{:?}", start.elapsed());
}

#[test]
fn beyond_the_bound_a_session_is_refused_with_a_reason() {
    let limits = PortLimits { connections: Some(1), ..PortLimits::default() };
    let (mut a, mut b, mut c) =
        (open(&udp(), Role::Host), open(&udp_with(limits), Role::Host), open(&udp(), Role::Host));
    a.port.connect(&b.port.locator());
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
    c.port.connect(&b.port.locator());
    until([&mut c, &mut b], |[c, _]| c.has_down());
    assert!(c.downs()[0].contains("no more sessions"), "{:?}", c.downs());
    b.port.connect(&c.port.locator());
    until([&mut b], |[b]| b.has_down());
    assert!(b.downs()[0].contains("as many sessions"), "{:?}", b.downs());
}
