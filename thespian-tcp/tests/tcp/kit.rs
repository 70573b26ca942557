//! Two or more ports in one thread, over real sockets, waited for in turns.

use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use thespian_core::engine::link::{Frame, Lane};
use thespian_core::transport::{Identity, Locator, PeerId, Port, PortEvent, Role, Transport};
use thespian_core::{ActorAddress, AddressKey, Capabilities, Limits, SystemId, TypeName};
use thespian_tcp::{Tcp, TcpLimits};

pub(crate) const SYSTEM: SystemId = SystemId::from_bits(0xabcd << 64);
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// How long a test waits for what must come; much longer than it ever takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The transport of most tests.
pub(crate) fn tcp() -> Tcp {
    configured(Tcp::default().secret(SECRET), &Limits::default())
}

pub(crate) fn tcp_with(limits: TcpLimits) -> Tcp {
    configured(Tcp::default().secret(SECRET).limits(limits), &Limits::default())
}

/// Configured with any port for the admin.
pub(crate) fn configured(mut tcp: Tcp, limits: &Limits) -> Tcp {
    let mut capabilities = Capabilities::new();
    capabilities.set("Admin Port", 0);
    tcp.configure(&mut capabilities, limits).expect("settings that can be used");
    tcp
}

pub(crate) fn identity(role: Role) -> Identity {
    Identity { system: SYSTEM, role }
}

pub(crate) fn open(tcp: &Tcp, role: Role) -> Side {
    Side::new(match role {
        Role::Admin => tcp.open_admin(identity(role)).expect("a port"),
        _ => tcp.open(identity(role)).expect("a port"),
    })
}

/// A port and what has happened there.
pub(crate) struct Side {
    pub(crate) port: Box<dyn Port>,
    pub(crate) events: Vec<PortEvent>,
}

impl Side {
    pub(crate) fn new(port: Box<dyn Port>) -> Side {
        Side { port, events: Vec::new() }
    }

    pub(crate) fn place(&self) -> SocketAddr {
        self.port.locator().as_str().parse().expect("an address and a port")
    }

    pub(crate) fn wait(&mut self, timeout: Duration) {
        let events = &mut self.events;
        self.port.wait(Some(timeout), &mut |event| events.push(event));
    }

    pub(crate) fn send(&mut self, peer: PeerId, sequence: u64, bytes: &[u8]) {
        self.port.send(peer, address(1), address(2), &data(sequence, bytes));
    }

    /// The messages that have come: their place and their bytes.
    pub(crate) fn messages(&self) -> Vec<(u64, Arc<[u8]>)> {
        self.events.iter().filter_map(message).collect()
    }

    pub(crate) fn ups(&self) -> Vec<PeerId> {
        self.events
            .iter()
            .filter_map(|event| if let PortEvent::Up { peer, .. } = event { Some(*peer) } else { None })
            .collect()
    }

    pub(crate) fn downs(&self) -> Vec<String> {
        let down = |event: &PortEvent| match event {
            PortEvent::Down { reason, .. } => Some(format!("{reason:?}")),
            _ => None,
        };
        self.events.iter().filter_map(down).collect()
    }

    pub(crate) fn has_down(&self) -> bool {
        !self.downs().is_empty()
    }
}

pub(crate) fn message(event: &PortEvent) -> Option<(u64, Arc<[u8]>)> {
    match event {
        PortEvent::Frame { frame: Frame::Data { sequence, bytes, .. }, .. } => {
            Some((*sequence, bytes.clone()))
        }
        _ => None,
    }
}

/// Waits for each side in turn until all that the test needs has happened.
pub(crate) fn until<const N: usize>(mut sides: [&mut Side; N], done: impl Fn(&[&mut Side; N]) -> bool) {
    let start = Instant::now();
    while !done(&sides) {
        assert!(
            start.elapsed() < PATIENCE,
            "waited in vain; {:?}",
            sides.each_ref().map(|side| summary(side))
        );
        for side in &mut sides {
            side.wait(Duration::from_millis(1));
        }
    }
}

fn summary(side: &Side) -> impl Debug {
    let shown = side.events.len().saturating_sub(5);
    (side.events.len(), format!("{:.300?}", &side.events[shown..]))
}

/// Two ports and a connection that the first has made to the second: the first's peer, and the second's.
pub(crate) fn pair() -> (Side, Side, PeerId, PeerId) {
    pair_of(&tcp(), &tcp())
}

pub(crate) fn pair_of(first: &Tcp, second: &Tcp) -> (Side, Side, PeerId, PeerId) {
    let (mut a, mut b) = (open(first, Role::Host), open(second, Role::Host));
    let to_b = a.port.connect(&b.port.locator());
    until([&mut a, &mut b], |[a, b]| a.ups().len() == 1 && b.ups().len() == 1);
    let to_a = b.ups()[0];
    a.events.clear();
    b.events.clear();
    (a, b, to_b, to_a)
}

pub(crate) fn address(slot: u64) -> ActorAddress {
    AddressKey::new([1; 16]).seal(SYSTEM, slot, slot + 1)
}

pub(crate) fn data(sequence: u64, bytes: &[u8]) -> Frame {
    Frame::Data {
        lane: Lane::User,
        link: 1,
        sequence,
        base: sequence.saturating_sub(10),
        number: sequence / 2,
        by_runtime: false,
        names: vec![TypeName::Borrowed("test.Message")].into(),
        bytes: bytes.into(),
    }
}

pub(crate) fn locator(place: SocketAddr) -> Locator {
    Locator::new(place.to_string())
}
