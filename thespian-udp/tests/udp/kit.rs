//! Two or more ports in one thread, over real sockets, waited for in turns.

use std::fmt::Debug;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thespian_core::engine::link::{Frame, Lane};
use thespian_core::transport::{Identity, Locator, PeerId, Port, PortEvent, Role, Transport};
use thespian_core::{ActorAddress, AddressKey, Capabilities, Limits, Payload, SystemId, TypeName};
use thespian_udp::{PortLimits, Udp};

pub(crate) const SYSTEM: SystemId = SystemId::from_bits(0xabcd << 64);
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// How long a test waits for what must come; much longer than it ever takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The transport of most tests.
pub(crate) fn udp() -> Udp {
    configured(Udp::default().secret(SECRET))
}

pub(crate) fn udp_with(limits: PortLimits) -> Udp {
    configured(Udp::default().secret(SECRET).limits(limits))
}

/// Configured with any port for the admin.
pub(crate) fn configured(mut udp: Udp) -> Udp {
    let mut capabilities = Capabilities::new();
    capabilities.set("Admin Port", 0);
    udp.configure(&mut capabilities, &Limits::default()).expect("settings that can be used");
    udp
}

pub(crate) fn identity(role: Role) -> Identity {
    Identity { system: SYSTEM, role }
}

pub(crate) fn open(udp: &Udp, role: Role) -> Side {
    Side::new(match role {
        Role::Admin => udp.open_admin(identity(role)).expect("a port"),
        _ => udp.open(identity(role)).expect("a port"),
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
        self.port.wait(Some(timeout), &mut |event| events.push(event.to_event()));
    }

    pub(crate) fn send(&mut self, peer: PeerId, sequence: u64, bytes: &[u8]) {
        self.port.send(peer, address(1), address(2), data(sequence, bytes).borrow());
    }

    /// The messages that have come: their place and their bytes.
    pub(crate) fn messages(&self) -> Vec<(u64, Payload)> {
        self.events.iter().filter_map(message).collect()
    }

    /// The places of the messages that have come from one peer.
    pub(crate) fn messages_of(&self, of: PeerId) -> Vec<u64> {
        let of_peer = |event: &&PortEvent| matches!(event, PortEvent::Frame { peer, .. } if *peer == of);
        self.events.iter().filter(of_peer).filter_map(message).map(|(sequence, _)| sequence).collect()
    }

    /// The control messages that have come.
    pub(crate) fn words(&self) -> Vec<&[u8]> {
        let mut words = Vec::new();
        for event in &self.events {
            if let PortEvent::Control { bytes, .. } = event {
                words.push(&bytes[..]);
            }
        }
        words
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

fn message(event: &PortEvent) -> Option<(u64, Payload)> {
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
    let last = &side.events[side.events.len().saturating_sub(5)..];
    let short = |event: &PortEvent| format!("{event:?}").chars().take(160).collect::<String>();
    (side.events.len(), last.iter().map(short).collect::<Vec<_>>())
}

/// Two ports and a session that the first has made with the second: the first's peer, and the second's.
pub(crate) fn pair() -> (Side, Side, PeerId, PeerId) {
    pair_of(&udp())
}

pub(crate) fn pair_of(udp: &Udp) -> (Side, Side, PeerId, PeerId) {
    let (mut a, mut b) = (open(udp, Role::Host), open(udp, Role::Host));
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
        asks: false,
        names: vec![TypeName::Borrowed("test.Message")].into(),
        bytes: bytes.into(),
    }
}

pub(crate) fn locator(place: SocketAddr) -> Locator {
    Locator::new(place.to_string())
}

/// A socket of the test's own.
pub(crate) fn stranger() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time");
    socket
}

/// A place at which nobody is: it was free a moment ago.
pub(crate) fn nobody() -> SocketAddr {
    stranger().local_addr().expect("an address")
}

/// A port that somebody else waits for meanwhile.
pub(crate) struct Running {
    pub(crate) place: SocketAddr,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: JoinHandle<Side>,
}

impl Running {
    pub(crate) fn start(mut side: Side) -> Running {
        let (place, stop, waker) = (side.place(), Arc::new(AtomicBool::new(false)), side.port.waker());
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                side.wait(PATIENCE);
            }
            side
        });
        Running { place, stop, waker, thread }
    }

    pub(crate) fn stop(self) -> Side {
        self.stop.store(true, Ordering::SeqCst);
        self.waker.wake();
        self.thread.join().expect("no panic")
    }
}

/// What a relay does with datagrams, in parts of a thousand.
#[derive(Clone, Copy, Default)]
pub(crate) struct Faults {
    pub(crate) loses: u64,
    pub(crate) repeats: u64,
    /// Held back until some that came later have gone.
    pub(crate) delays: u64,
}

/// Carries datagrams between whoever sends to it first and a place.
pub(crate) struct Relay {
    pub(crate) place: SocketAddr,
    pub(crate) faults: Arc<Mutex<Faults>>,
    /// All that was carried there.
    pub(crate) recorded: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    pub(crate) fn start(target: SocketAddr, seed: u64) -> Relay {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
        socket.set_read_timeout(Some(Duration::from_millis(2))).expect("a time");
        let place = socket.local_addr().expect("an address");
        let faults = Arc::new(Mutex::new(Faults::default()));
        let (recorded, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (known, record, stopped) = (faults.clone(), recorded.clone(), stop.clone());
        let thread = thread::spawn(move || {
            let mut dice = Dice(seed);
            let (mut first, mut held) = (None, Vec::new());
            let mut bytes = vec![0; 70_000];
            while !stopped.load(Ordering::SeqCst) {
                let faults = *known.lock().expect("no panic");
                let release = match socket.recv_from(&mut bytes) {
                    Ok((length, from)) => {
                        let there = from != target;
                        if there {
                            first = Some(from);
                            record.lock().expect("no panic").push(bytes[..length].to_vec());
                        }
                        let to = if there { Some(target) } else { first };
                        let copies = match dice.below(1000) {
                            roll if roll < faults.loses => 0,
                            roll if roll < faults.loses + faults.repeats => 2,
                            _ => 1,
                        };
                        for _ in 0..copies {
                            held.extend(to.map(|to| (bytes[..length].to_vec(), to)));
                        }
                        dice.below(1000) >= faults.delays
                    }
                    Err(_) => true,
                };
                while release && !held.is_empty() {
                    let at = if faults.delays > 0 { dice.below(held.len() as u64) as usize } else { 0 };
                    let (bytes, to) = held.remove(at);
                    // Nobody may be there any more.
                    let _ = socket.send_to(&bytes, to);
                }
            }
        });
        Relay { place, faults, recorded, stop, thread: Some(thread) }
    }

    pub(crate) fn set(&self, faults: Faults) {
        *self.faults.lock().expect("no panic") = faults;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Numbers from a seed.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}
