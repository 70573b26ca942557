//! A transport without any care: loopback TCP, no handshake, no limits, no secret. It shows how little a transport has to be,
//! and lets the host be tested apart from the real ones.

use std::collections::{HashMap, VecDeque};
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::unix::SourceFd;
use mio::{Events, Poll, Token};
use thespian_core::engine::link::{Carrier, FrameRef};
use thespian_core::transport::{
    Attached, DownReason, Happened, Identity, Interest, LinkedTransport, Locator, NotOpen, PeerId, Port,
    PortEvent, Role, Transport, wire,
};
use thespian_core::{ActorAddress, Capabilities, Error, Limits, SystemId};

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Plain;

pub(crate) const NAME: &str = "plainSystemBase";

thespian_core::__private::inventory::submit! {
    LinkedTransport { base: NAME, restore: |_| Ok(Box::new(Plain)) }
}

impl Transport for Plain {
    fn base(&self) -> &'static str {
        NAME
    }

    fn configure(&mut self, _: &mut Capabilities, _: &Limits) -> Result<(), Error> {
        Ok(())
    }

    fn settings(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Without a fixed place there is nothing to join.
    fn attach(&self, at: Option<&Locator>) -> Result<Option<Attached>, Error> {
        let Some(at) = at else { return Ok(None) };
        // It has no handshake that would tell it the system, and does not check it either.
        let system = SystemId::from_bits(1);
        let mut port = PlainPort::new(Role::Client);
        let admin = port.connect(at);
        Ok(Some(Attached { port: Box::new(port), admin, system }))
    }

    fn open_admin(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        self.open(identity)
    }

    fn open(&self, identity: Identity) -> Result<Box<dyn Port>, Error> {
        Ok(Box::new(PlainPort::new(identity.role)))
    }
}

struct PlainPort {
    poll: Poll,
    listener: TcpListener,
    waker: Arc<PortWaker>,
    role: Role,
    peers: HashMap<u32, Peer>,
    places: HashMap<Locator, PeerId>,
    /// By key: the descriptor and its token.
    watched: HashMap<u64, (RawFd, usize)>,
    next: u32,
    ready: VecDeque<PortEvent>,
}

struct Peer {
    stream: TcpStream,
    out: Vec<u8>,
    input: Vec<u8>,
}

struct PortWaker(mio::Waker);

impl Wake for PortWaker {
    fn wake(self: Arc<Self>) {
        self.0.wake().expect("the poll is there");
    }
}

const LISTENER: Token = Token(usize::MAX - 1);
const WAKER: Token = Token(usize::MAX - 2);
const WATCHED: usize = 1 << 40;

impl PlainPort {
    fn new(role: Role) -> PlainPort {
        let poll = Poll::new().expect("a poll");
        let mut listener = TcpListener::bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
        poll.registry().register(&mut listener, LISTENER, mio::Interest::READABLE).expect("registered");
        let waker = Arc::new(PortWaker(mio::Waker::new(poll.registry(), WAKER).expect("a waker")));
        PlainPort {
            poll,
            listener,
            waker,
            role,
            peers: HashMap::new(),
            places: HashMap::new(),
            watched: HashMap::new(),
            next: 0,
            ready: VecDeque::new(),
        }
    }

    fn add(&mut self, mut stream: TcpStream) -> PeerId {
        let id = self.next;
        self.next += 1;
        let _ = stream.set_nodelay(true);
        let interest = mio::Interest::READABLE | mio::Interest::WRITABLE;
        self.poll.registry().register(&mut stream, Token(id as usize), interest).expect("registered");
        let role = [self.role as u8];
        self.peers.insert(id, Peer { stream, out: Vec::new(), input: Vec::new() });
        self.put(PeerId(id), 0, &role);
        PeerId(id)
    }

    fn put(&mut self, peer: PeerId, kind: u8, payload: &[u8]) {
        let Some(peer) = self.peers.get_mut(&peer.0) else { return };
        peer.out.extend_from_slice(&(payload.len() as u32 + 1).to_le_bytes());
        peer.out.push(kind);
        peer.out.extend_from_slice(payload);
    }

    fn down(&mut self, id: u32) {
        if self.peers.remove(&id).is_some() {
            self.places.retain(|_, peer| peer.0 != id);
            self.ready.push_back(PortEvent::Down { peer: PeerId(id), reason: DownReason::Lost });
        }
    }

    fn read(&mut self, id: u32) {
        let mut buffer = [0; 65536];
        let mut ended = false;
        while let Some(peer) = self.peers.get_mut(&id) {
            match peer.stream.read(&mut buffer) {
                Ok(0) => {
                    ended = true;
                    break;
                }
                Ok(count) => peer.input.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::NotConnected => break,
                Err(_) => {
                    ended = true;
                    break;
                }
            }
        }
        self.parse(id);
        if ended {
            self.down(id);
        }
    }

    fn parse(&mut self, id: u32) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        let input = std::mem::take(&mut peer.input);
        let mut rest = &input[..];
        while let Some(head) = rest.first_chunk::<4>() {
            let length = u32::from_le_bytes(*head) as usize;
            let Some(body) = rest.get(4..4 + length) else { break };
            rest = &rest[4 + length..];
            let peer = PeerId(id);
            let (kind, payload) = (body[0], &body[1..]);
            let event = match kind {
                0 => {
                    PortEvent::Up { peer, role: [Role::Admin, Role::Host, Role::Client][payload[0] as usize] }
                }
                1 => match wire::Decoder::default().whole_frame(payload.to_vec()) {
                    Ok((from, to, frame)) => PortEvent::Frame { peer, from, to, frame },
                    Err(_) => continue,
                },
                2 => {
                    let (address, sender) =
                        thespian_core::decode(payload, Default::default()).expect("our own bytes");
                    PortEvent::Nobody { peer, address, sender }
                }
                _ => PortEvent::Control { peer, bytes: payload.to_vec() },
            };
            self.ready.push_back(event);
        }
        let rest = rest.to_vec();
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.input = rest;
        }
    }
}

impl Port for PlainPort {
    fn locator(&self) -> Locator {
        Locator::new(self.listener.local_addr().expect("it is bound").to_string())
    }

    fn carrier(&self) -> Carrier {
        Carrier::Reliable
    }

    fn connect(&mut self, to: &Locator) -> PeerId {
        if let Some(peer) = self.places.get(to) {
            return *peer;
        }
        let place: SocketAddr = to.as_str().parse().expect("one of ours");
        let peer = match TcpStream::connect(place) {
            Ok(stream) => self.add(stream),
            Err(_) => {
                let peer = PeerId(self.next);
                self.next += 1;
                self.ready.push_back(PortEvent::Down { peer, reason: DownReason::Refused });
                return peer;
            }
        };
        self.places.insert(to.clone(), peer);
        peer
    }

    fn send(&mut self, peer: PeerId, from: ActorAddress, to: ActorAddress, frame: FrameRef<'_>) {
        let mut bytes = Vec::new();
        wire::Encoder::default().frame(&mut bytes, &from, &to, &frame);
        self.put(peer, 1, &bytes);
    }

    fn nobody(&mut self, peer: PeerId, address: ActorAddress, sender: ActorAddress) {
        let bytes = thespian_core::encode(&(address, sender)).expect("addresses encode");
        self.put(peer, 2, &bytes);
    }

    fn control(&mut self, peer: PeerId, bytes: Vec<u8>) {
        self.put(peer, 3, &bytes);
    }

    fn disconnect(&mut self, peer: PeerId) {
        self.flush();
        self.peers.remove(&peer.0);
        self.places.retain(|_, known| *known != peer);
    }

    /// What was written arrives by itself.
    fn disconnect_all(&mut self) {}

    fn flush(&mut self) {
        let mut lost = Vec::new();
        for (id, peer) in &mut self.peers {
            let mut written = 0;
            while written < peer.out.len() {
                match peer.stream.write(&peer.out[written..]) {
                    Ok(count) => written += count,
                    Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                        break;
                    }
                    Err(_) => {
                        lost.push(*id);
                        break;
                    }
                }
            }
            peer.out.drain(..written);
        }
        for id in lost {
            self.read(id);
            self.down(id);
        }
    }

    fn has_unwritten(&self) -> bool {
        self.peers.values().any(|peer| !peer.out.is_empty())
    }

    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened<'_>) {
        self.flush();
        let timeout = if self.ready.is_empty() { timeout } else { Some(Duration::ZERO) };
        let mut events = Events::with_capacity(256);
        if self.poll.poll(&mut events, timeout).is_err() {
            return;
        }
        for event in &events {
            match event.token() {
                LISTENER => {
                    while let Ok((stream, _)) = self.listener.accept() {
                        self.add(stream);
                    }
                }
                WAKER => {}
                Token(token) if token >= WATCHED => {
                    if let Some((key, _)) = self.watched.iter().find(|(_, (_, known))| *known == token) {
                        self.ready.push_back(PortEvent::Ready { key: *key });
                    }
                }
                Token(id) => self.read(id as u32),
            }
        }
        self.flush();
        while let Some(event) = self.ready.pop_front() {
            event.hand_over(happened);
        }
    }

    fn watch(&mut self, descriptor: i32, key: u64, interest: Interest) -> Result<(), NotOpen> {
        self.unwatch(key);
        let interest = match interest {
            Interest::Readable => mio::Interest::READABLE,
            Interest::Both => mio::Interest::READABLE | mio::Interest::WRITABLE,
        };
        let token = WATCHED + self.next as usize;
        self.next += 1;
        let registered = self.poll.registry().register(&mut SourceFd(&descriptor), Token(token), interest);
        match registered {
            Ok(()) => {}
            // It is a file, which can always be read.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                self.ready.push_back(PortEvent::Ready { key });
                return Ok(());
            }
            Err(_) => return Err(NotOpen),
        }
        self.watched.insert(key, (descriptor, token));
        Ok(())
    }

    fn unwatch(&mut self, key: u64) {
        if let Some((descriptor, _)) = self.watched.remove(&key) {
            let _ = self.poll.registry().deregister(&mut SourceFd(&descriptor));
        }
    }

    fn waker(&self) -> Waker {
        self.waker.clone().into()
    }
}
