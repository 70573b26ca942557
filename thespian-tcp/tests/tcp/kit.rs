//! Two or more ports in one thread, over real sockets, waited for in turns.

use std::env;
use std::ffi::OsStr;
use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Waker;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use thespian_core::engine::link::{Frame, Lane};
use thespian_core::transport::{Identity, Locator, PeerId, Port, PortEvent, Role, Transport};
use thespian_core::{ActorAddress, AddressKey, Capabilities, Limits, Payload, SystemId, TypeName};
use thespian_tcp::{PortLimits, Tcp};

pub(crate) const SYSTEM: SystemId = SystemId::from_bits(0xabcd << 64);
pub(crate) const SECRET: [u8; 32] = [7; 32];

/// How long a test waits for what must come; much longer than it ever takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// The transport of most tests.
pub(crate) fn tcp() -> Tcp {
    configured(Tcp::default().secret(SECRET), &Limits::default())
}

pub(crate) fn tcp_with(limits: PortLimits) -> Tcp {
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
        self.port.wait(Some(timeout), &mut |event| events.push(event.to_event()));
    }

    pub(crate) fn send(&mut self, peer: PeerId, sequence: u64, bytes: &[u8]) {
        self.port.send(peer, address(1), address(2), data(sequence, bytes).borrow());
    }

    /// The messages that have come: their place and their bytes.
    pub(crate) fn messages(&self) -> Vec<(u64, Payload)> {
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

pub(crate) fn message(event: &PortEvent) -> Option<(u64, Payload)> {
    match event {
        PortEvent::Frame { frame: Frame::Data { sequence, bytes, .. }, .. } => {
            Some((*sequence, bytes.clone()))
        }
        _ => None,
    }
}

/// Runs this test again in a process of its own, where the shell has done this first and these variables are set. Whether
/// this is that process.
pub(crate) fn is_alone(test: &str, first: &str, variables: &[(&str, &OsStr)]) -> bool {
    const ALONE: &str = "THESPIAN_TCP_TEST_ALONE";
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let script = format!("{first} && exec \"$0\" --exact {test} --nocapture");
    let program = env::current_exe().expect("this program");
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program).env(ALONE, "1").envs(variables.iter().copied());
    let output = command.output().expect("a shell");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    false
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
        asks: false,
        names: vec![TypeName::Borrowed("test.Message")].into(),
        bytes: bytes.into(),
    }
}

pub(crate) fn locator(place: SocketAddr) -> Locator {
    Locator::new(place.to_string())
}

/// Carries bytes between whoever connects to it and a place, until so many have gone each way.
pub(crate) struct Relay {
    pub(crate) place: SocketAddr,
    /// What was carried by the last connection that has ended, there and back.
    recorded: Arc<Mutex<(Vec<u8>, Vec<u8>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Takes one connection for each pair of numbers: how many bytes it carries there, and back, before it is cut.
    pub(crate) fn start(target: SocketAddr, cuts: &[(usize, usize)]) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("an address");
        let recorded = Arc::new(Mutex::new((Vec::new(), Vec::new())));
        let (cuts, record) = (cuts.to_vec(), recorded.clone());
        let thread = thread::spawn(move || {
            for (there, back) in cuts {
                let (near, _) = listener.accept().expect("a connection");
                let Ok(far) = TcpStream::connect(target) else { return };
                let record = record.clone();
                thread::scope(|scope| {
                    let forth = scope.spawn(|| carry(&near, &far, there));
                    let back = carry(&far, &near, back);
                    let forth = forth.join().expect("no panic");
                    *record.lock().expect("no panic") = (forth, back);
                });
            }
        });
        Relay { place, recorded, thread: Some(thread) }
    }

    /// What was carried, once all connections have ended.
    pub(crate) fn recorded(mut self) -> (Vec<u8>, Vec<u8>) {
        self.thread.take().expect("it runs").join().expect("no panic");
        self.recorded.lock().expect("no panic").clone()
    }
}

/// Until the end, or the cut, and then neither side can use the connection any more.
fn carry(mut from: &TcpStream, mut to: &TcpStream, most: usize) -> Vec<u8> {
    let (mut carried, mut buffer) = (Vec::new(), [0; 4096]);
    while carried.len() < most {
        let share = buffer.len().min(most - carried.len());
        match from.read(&mut buffer[..share]) {
            Ok(0) | Err(_) => break,
            Ok(count) if to.write_all(&buffer[..count]).is_ok() => carried.extend(&buffer[..count]),
            Ok(_) => break,
        }
    }
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    carried
}

/// A port that is waited for by a thread of its own, until it is stopped.
pub(crate) struct Running {
    pub(crate) place: SocketAddr,
    stop: Arc<AtomicBool>,
    waker: Waker,
    thread: Option<JoinHandle<Side>>,
}

impl Running {
    pub(crate) fn start(mut side: Side) -> Running {
        let (place, waker, stop) = (side.place(), side.port.waker(), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Acquire) {
                let events = &mut side.events;
                side.port.wait(None, &mut |event| events.push(event.to_event()));
            }
            side
        });
        Running { place, stop, waker, thread: Some(thread) }
    }

    pub(crate) fn stop(mut self) -> Side {
        self.end().expect("it runs")
    }

    fn end(&mut self) -> Option<Side> {
        self.stop.store(true, Ordering::Release);
        self.waker.wake_by_ref();
        self.thread.take().map(|thread| thread.join().expect("no panic"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// A relay that puts bytes of its own behind the handshake of the side that connects.
pub(crate) struct Injector {
    pub(crate) place: SocketAddr,
    thread: JoinHandle<()>,
}

impl Injector {
    pub(crate) fn start(target: SocketAddr, words: Vec<u8>) -> Injector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("an address");
        let thread = thread::spawn(move || {
            let (near, _) = listener.accept().expect("a connection");
            let far = TcpStream::connect(target).expect("it listens");
            thread::scope(|scope| {
                scope.spawn(|| carry(&near, &far, usize::MAX));
                // The last of the handshake is a welcome of three bytes: behind it, these words go the other way.
                let (mut from, mut to, mut last) = (&far, &near, Vec::new());
                while !last.ends_with(&[1, 0, 3]) {
                    let mut buffer = [0; 4096];
                    let count = from.read(&mut buffer).expect("a handshake");
                    to.write_all(&buffer[..count]).expect("carried");
                    last.extend(&buffer[..count]);
                }
                (&far).write_all(&words).expect("written");
                carry(&far, &near, usize::MAX);
            });
        });
        Injector { place, thread }
    }

    /// Waits for its end, which comes when both sides have closed.
    pub(crate) fn end(self) {
        self.thread.join().expect("no panic");
    }
}
