//! More connections than there are descriptors.

use std::time::Duration;

use thespian_core::transport::{Locator, PortEvent, Role};
use thespian_tcp::PortLimits;

use crate::kit::{Side, is_alone, open, tcp, tcp_with, until};

/// Whether this process may have so few descriptors, which another one that runs the same test may.
fn is_alone_with(descriptors: u32, test: &str) -> bool {
    is_alone(&format!("shortage::{test}"), &format!("ulimit -n {descriptors}"), &[])
}

fn frames(side: &Side) -> usize {
    side.messages().len()
}

#[test]
fn the_connection_that_was_idle_for_longest_makes_room() {
    let few = tcp_with(PortLimits { connections: Some(3), ..PortLimits::default() });
    let mut hub = open(&few, Role::Host);
    let mut others: Vec<Side> = (0..4).map(|_| open(&tcp(), Role::Host)).collect();
    let mut peers = Vec::new();
    for other in &mut others[..3] {
        peers.push(hub.port.connect(&other.port.locator()));
        until([&mut hub, other], |[_, other]| other.ups().len() == 1);
    }
    until([&mut hub], |[hub]| hub.ups().len() == 3);
    // The first is used again, so the second is the one.
    hub.send(peers[0], 1, b"in use");
    until([&mut hub, &mut others[0]], |[_, other]| frames(other) == 1);
    hub.events.clear();
    let fourth = hub.port.connect(&others[3].port.locator());
    hub.send(fourth, 2, b"there is room");
    until([&mut hub, &mut others[3]], |[_, other]| frames(other) == 1);
    assert!(matches!(&hub.events[0], PortEvent::Down { peer, .. } if *peer == peers[1]), "{:?}", hub.events);
    assert_eq!(hub.downs().len(), 1);
    until([&mut others[1]], |[other]| other.has_down());
}

#[test]
fn a_connection_with_the_admin_makes_no_room() {
    let few = tcp_with(PortLimits { connections: Some(1), ..PortLimits::default() });
    for (role, other) in [(Role::Client, Role::Admin), (Role::Admin, Role::Client)] {
        let (mut hub, mut other) = (open(&few, role), open(&tcp(), other));
        let peer = match role {
            Role::Client => hub.port.connect(&other.port.locator()),
            _ => other.port.connect(&hub.port.locator()),
        };
        until([&mut hub, &mut other], |[hub, other]| hub.ups().len() == 1 && other.ups().len() == 1);
        let third = open(&tcp(), Role::Host);
        hub.port.connect(&third.port.locator());
        until([&mut hub, &mut other], |[hub, _]| hub.has_down());
        assert!(hub.downs()[0].contains("PortLimits::connections"), "{peer:?}: {:?}", hub.downs());
        assert_eq!((hub.downs().len(), other.downs().len()), (1, 0));
    }
}

#[test]
fn connections_without_use_are_closed_but_for_a_few() {
    const MORE: usize = 3;
    let quick = tcp_with(PortLimits { idle: Duration::from_millis(20), ..PortLimits::default() });
    let mut hub = open(&quick, Role::Host);
    let mut others: Vec<Side> = (0..PortLimits::FEW + MORE).map(|_| open(&tcp(), Role::Host)).collect();
    let mut peers = Vec::new();
    for other in &mut others {
        peers.push(hub.port.connect(&other.port.locator()));
        until([&mut hub, other], |[_, other]| other.ups().len() == 1);
        // This one is always in use.
        hub.send(peers[0], 1, b"in use");
        hub.port.flush();
    }
    until([&mut hub], |[hub]| hub.downs().len() == MORE);
    let ended = hub.events.iter().filter_map(|event| match event {
        PortEvent::Down { peer, .. } => Some(*peer),
        _ => None,
    });
    assert!(ended.into_iter().all(|peer| peer != peers[0]));
    // There are but a few now, which stay: the hub has nothing to wake up for.
    let begun = std::time::Instant::now();
    hub.wait(Duration::from_millis(200));
    assert!(begun.elapsed() >= Duration::from_millis(200) && hub.downs().len() == MORE);
}

#[test]
fn with_nobody_idle_a_connection_is_trouble_and_others_wait_to_be_accepted() {
    let few = tcp_with(PortLimits { connections: Some(1), ..PortLimits::default() });
    let mut hub = open(&few, Role::Host);
    let mut other = open(&tcp(), Role::Host);
    let peer = hub.port.connect(&other.port.locator());
    // It is not up yet, so it cannot be closed for another.
    hub.port.connect(&Locator::new("127.0.0.1:9"));
    until([&mut hub], |[hub]| hub.has_down());
    assert!(hub.downs()[0].contains("PortLimits::connections"), "{:?}", hub.downs());
    let mut late = open(&tcp(), Role::Host);
    late.port.connect(&hub.port.locator());
    until([&mut hub, &mut other], |[_, other]| other.ups().len() == 1);
    // Once it is idle it goes, and the one that waited is accepted.
    until([&mut hub, &mut other, &mut late], |[hub, _, late]| {
        late.ups().len() == 1 && hub.downs().len() == 2
    });
    assert!(matches!(hub.events.iter().rfind(|event| matches!(event, PortEvent::Down { .. })),
        Some(PortEvent::Down { peer: down, .. }) if *down == peer));
}

#[test]
fn what_came_by_an_idle_connection_is_not_lost_with_it() {
    let few = tcp_with(PortLimits { connections: Some(1), ..PortLimits::default() });
    let mut hub = open(&few, Role::Host);
    let (mut first, second) = (open(&tcp(), Role::Host), open(&tcp(), Role::Host));
    hub.port.connect(&first.port.locator());
    until([&mut hub, &mut first], |[hub, first]| hub.ups().len() == 1 && first.ups().len() == 1);
    let to_hub = first.ups()[0];
    first.send(to_hub, 1, b"just in time");
    first.port.flush();
    // The hub has not looked, and thinks it idle.
    hub.port.connect(&second.port.locator());
    until([&mut hub], |[hub]| frames(hub) == 1 && hub.has_down());
    // It was not idle, so the new one had to do without.
    assert_eq!(hub.downs().len(), 1);
    assert!(hub.downs()[0].contains("PortLimits::connections"), "{:?}", hub.downs());
}

#[test]
fn a_process_without_descriptors_goes_on_and_recovers() {
    if !is_alone_with(40, "a_process_without_descriptors_goes_on_and_recovers") {
        return;
    }
    let many = tcp_with(PortLimits { connections: Some(1000), ..PortLimits::default() });
    let mut hub = open(&many, Role::Host);
    let mut first = open(&tcp(), Role::Host);
    let peer = hub.port.connect(&first.port.locator());
    until([&mut hub, &mut first], |[_, first]| first.ups().len() == 1);
    let to_hub = first.ups()[0];
    // A message that has come in part keeps the connection from being idle.
    first.send(to_hub, 0, &vec![1; 20 << 20]);
    for _ in 0..20 {
        first.port.flush();
        hub.wait(Duration::ZERO);
    }
    let mut fill = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        fill.push(file);
    }
    // No descriptor: this fails with its reason, and nothing else does.
    hub.port.connect(&Locator::new("127.0.0.1:9"));
    until([&mut hub], |[hub]| hub.has_down());
    assert!(hub.downs()[0].contains("no descriptor left"), "{:?}", hub.downs());
    until([&mut hub, &mut first], |[hub, _]| frames(hub) == 1);
    // Now it is idle, and goes for the next one.
    fill.pop();
    let stranger = std::net::TcpStream::connect(hub.place()).expect("it listens");
    until([&mut hub, &mut first], |[_, first]| first.has_down());
    assert!(matches!(hub.events.iter().rfind(|event| matches!(event, PortEvent::Down { .. })),
        Some(PortEvent::Down { peer: down, .. }) if *down == peer));
    drop(stranger);
    drop(fill);
    let again = first.port.connect(&hub.port.locator());
    first.send(again, 2, b"recovered");
    until([&mut hub, &mut first], |[hub, _]| frames(hub) == 2);
}

#[test]
fn accepting_rests_without_descriptors_and_does_not_spin() {
    if !is_alone_with(40, "accepting_rests_without_descriptors_and_does_not_spin") {
        return;
    }
    let mut hub = open(&tcp(), Role::Host);
    let place = hub.place();
    let stranger = std::net::TcpStream::connect(place).expect("it listens");
    let mut fill = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        fill.push(file);
    }
    let mut waits = 0;
    let start = std::time::Instant::now();
    while start.elapsed() < Duration::from_millis(350) {
        hub.wait(Duration::from_millis(500));
        waits += 1;
    }
    assert!(waits < 20, "{waits} times in a third of a second");
    drop(fill);
    drop(stranger);
    let mut host = open(&tcp(), Role::Host);
    host.port.connect(&hub.port.locator());
    until([&mut hub, &mut host], |[_, host]| host.ups().len() == 1);
}
