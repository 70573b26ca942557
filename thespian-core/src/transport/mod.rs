//! What carries frames between the processes of one system: the contract between the process host and a transport.
//!
//! A transport is a crate of its own. It opens a [`Port`] in each process of a system, and moves [`Frame`]s between
//! ports; it knows nothing of actors. Order, repetition and acknowledgement are the engines' work (see
//! [`engine::link`](crate::engine::link)): a transport may lose frames, as long as it says when.
//!
//! # Processes, peers and addresses
//!
//! Every process has one port, whose [`Locator`] others connect to. A connection, either side of it, is a [`PeerId`] of
//! the port. A frame carries the addresses that it is from and to; many addresses may live in one process, and which do
//! is the host's business.
//!
//! # The calls
//!
//! - Commands (`connect`, `send`, `control`, `disconnect`) never block and never fail: what they lead to is told as an event.
//!   They may collect bytes until [`Port::flush`] or [`Port::wait`].
//! - [`Port::wait`] does all reading and writing and hands each [`PortEvent`] to a function, in the order in which they
//!   happened on one connection.
//! - For every peer that `connect` returned, or `Up` announced, there is one [`PortEvent::Down`] at the end, unless the
//!   host asked for it with `disconnect`. Ids are not used again within a port.
//!
//! # Reliability
//!
//! If [`Port::carrier`] is [`Carrier::Reliable`], frames between two `Up` peers arrive once until `Down`, and messages from
//! one address to another in one lane in order; whatever else may pass a large one. After `Down`, any of those not yet
//! acknowledged may or may not have arrived. Otherwise each frame may be lost, repeated and overtaken.
//! Control messages always arrive once and in order until `Down`.

mod interned;
pub mod wire;

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::fmt;
use core::task::Waker;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::link::{Carrier, Frame, FrameRef};
use crate::{ActorAddress, Capabilities, Error, Limits, SystemId};

/// Where a process can be reached, in the words of its transport: for TCP `127.0.0.1:4711`.
///
/// At most [`Locator::MAX`] bytes, which whoever reads one from elsewhere checks with [`Locator::is_valid`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Locator(Box<str>);

impl Locator {
    /// The longest locator, in bytes.
    pub const MAX: usize = 255;

    /// A locator from the transport's own text.
    pub fn new(text: impl Into<Box<str>>) -> Locator {
        Locator(text.into())
    }

    /// The transport's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is not empty and not over [`Locator::MAX`].
    pub fn is_valid(&self) -> bool {
        (1..=Locator::MAX).contains(&self.0.len())
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Locator({})", self.0)
    }
}

/// One connection of a port, for as long as the port lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u32);

/// What a process is in its system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Role {
    /// It runs the system's admin.
    Admin,
    /// It runs an actor.
    Host,
    /// A program outside the system, attached to it.
    Client,
}

/// Who a process is: what it tells the other side of each connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The system it belongs to. A port refuses connections from processes of another.
    pub system: SystemId,
    /// What it is there.
    pub role: Role,
}

/// Why a connection is no more, or never was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DownReason {
    /// Nobody listens there.
    Refused,
    /// The other side, or what is between, ended it.
    Lost,
    /// The process there belongs to another system, or is no process of ours at all.
    Stranger,
    /// The transport ended it for a reason of its own (no descriptors left, say): connecting again may help.
    Trouble(Box<str>),
}

impl fmt::Display for DownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DownReason::Refused => f.write_str("nobody listens there"),
            DownReason::Lost => f.write_str("the connection was lost"),
            DownReason::Stranger => f.write_str("the process there belongs to another system"),
            DownReason::Trouble(text) => f.write_str(text),
        }
    }
}

/// Something that happened at a port. A port hands over frames as they are in what it has read, and whoever wants to keep
/// an event [makes it his own](PortEvent::to_event).
#[derive(Clone, Debug)]
pub enum PortEvent<F = Frame> {
    /// A connection, made by either side, can be used. What was sent before is on its way.
    Up {
        /// The connection.
        peer: PeerId,
        /// What the process at the other side is.
        role: Role,
    },
    /// A frame has come.
    Frame {
        /// By this connection, which leads to `from`.
        peer: PeerId,
        /// From this address.
        from: ActorAddress,
        /// To this one. The host says [`Port::nobody`] if it is not in this process.
        to: ActorAddress,
        /// The frame.
        frame: F,
    },
    /// An address to which a frame was sent by this connection is not in the process there.
    Nobody {
        /// The connection.
        peer: PeerId,
        /// The address that is not there.
        address: ActorAddress,
        /// Who had sent to it.
        sender: ActorAddress,
    },
    /// The host's own words from the other side.
    Control {
        /// The connection.
        peer: PeerId,
        /// The bytes given to [`Port::control`] there.
        bytes: Vec<u8>,
    },
    /// A connection is no more.
    Down {
        /// The connection.
        peer: PeerId,
        /// Why.
        reason: DownReason,
    },
    /// A watched descriptor is ready.
    Ready {
        /// The key it is watched under.
        key: u64,
    },
}

impl<F> PortEvent<F> {
    fn map<F2>(self, of_frame: impl FnOnce(F) -> F2) -> PortEvent<F2> {
        match self {
            PortEvent::Up { peer, role } => PortEvent::Up { peer, role },
            PortEvent::Frame { peer, from, to, frame } => {
                PortEvent::Frame { peer, from, to, frame: of_frame(frame) }
            }
            PortEvent::Nobody { peer, address, sender } => PortEvent::Nobody { peer, address, sender },
            PortEvent::Control { peer, bytes } => PortEvent::Control { peer, bytes },
            PortEvent::Down { peer, reason } => PortEvent::Down { peer, reason },
            PortEvent::Ready { key } => PortEvent::Ready { key },
        }
    }
}

impl PortEvent<FrameRef<'_>> {
    /// The event, to be kept.
    #[must_use]
    pub fn to_event(self) -> PortEvent {
        self.map(|frame| frame.to_frame())
    }
}

impl PortEvent {
    /// Hands over an event that was kept.
    pub fn hand_over(self, happened: &mut Happened<'_>) {
        let mut kept = None;
        let place = &mut kept;
        happened(self.map(move |frame| place.insert(frame).borrow()));
    }
}

/// Whom a port tells what has happened.
pub type Happened<'a> = dyn FnMut(PortEvent<FrameRef<'_>>) + 'a;

/// How a descriptor is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Until it can be read.
    Readable,
    /// Until it can be read or written.
    Both,
}

/// One process's end of a transport. See the [module](self) for the contract.
///
/// Used by one thread at a time; only the [`waker`](Port::waker) may be used meanwhile.
pub trait Port: Send {
    /// Where other processes reach this one.
    fn locator(&self) -> Locator;

    /// What the engines can rely on: see [Reliability](self#reliability).
    fn carrier(&self) -> Carrier;

    /// The connection to this place: the one there is, made by this side, or a new one that is begun now.
    fn connect(&mut self, to: &Locator) -> PeerId;

    /// Sends a frame. Kept while the connection is being made; gone with it when it goes down.
    fn send(&mut self, peer: PeerId, from: ActorAddress, to: ActorAddress, frame: FrameRef<'_>);

    /// Tells the other side that an address to which it sent a frame is not in this process.
    fn nobody(&mut self, peer: PeerId, address: ActorAddress, sender: ActorAddress);

    /// Sends the host's own words, in one piece.
    fn control(&mut self, peer: PeerId, bytes: Vec<u8>);

    /// Ends a connection when what was sent by it has been written. There are no more events of it.
    fn disconnect(&mut self, peer: PeerId);

    /// [Ends](Port::disconnect) every connection: the process is about to end. It then waits until nothing is
    /// [unwritten](Port::has_unwritten).
    fn disconnect_all(&mut self);

    /// Writes what can be written now.
    fn flush(&mut self);

    /// Whether something that was sent has not been written yet, or a connection that this side ended has not been closed
    /// by the other one. A process that exits before may take back what it wrote last.
    ///
    /// Whoever waits for this to end flushes before each [`wait`](Port::wait), which does not come back for having written.
    fn has_unwritten(&self) -> bool;

    /// Whether something that was sent to this peer has not been written yet. A port that does not know that of each says the
    /// same of all.
    fn has_unwritten_to(&self, _peer: PeerId) -> bool {
        self.has_unwritten()
    }

    /// Waits until something happens, the waker is used, or the time is over (`None`: for ever; zero: only looks), and
    /// hands over all that has happened. May come back without any.
    fn wait(&mut self, timeout: Option<Duration>, happened: &mut Happened<'_>);

    /// Reports [`PortEvent::Ready`] with this key when the descriptor is ready: at once if it is now, and again whenever
    /// it becomes so after it was not. Watching under a key that is used already replaces that; one descriptor can be watched
    /// under several keys.
    ///
    /// A descriptor that is always ready by its nature, such as a file's, is reported once for each call.
    ///
    /// # Errors
    ///
    /// It is no open descriptor.
    fn watch(&mut self, descriptor: i32, key: u64, interest: Interest) -> Result<(), NotOpen>;

    /// Watches a descriptor no longer.
    fn unwatch(&mut self, key: u64);

    /// From now on refuses clients that want to join: the system is shutting down.
    fn set_closing(&mut self) {}

    /// From now on takes no connections, and its place is free for others; the connections that there are stay.
    fn stop_listening(&mut self) {}

    /// Ends a [`wait`](Port::wait) that another thread is in, or the next one.
    fn waker(&self) -> Waker;
}

/// The number is not that of an open descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotOpen;

impl fmt::Display for NotOpen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no open descriptor has that number")
    }
}

impl core::error::Error for NotOpen {}

/// A transport: a value that a program gives to the process host, as in `Multiproc::new(Tcp::default())`.
pub trait Transport: Send + Sync {
    /// The name of the base it makes, such as `multiprocTCPBase`.
    fn base(&self) -> &'static str;

    /// Takes what concerns it from the capabilities that the user gave, checks it, and sets what the transport adds of
    /// its own accord. Called once, in the process that starts the system, before anything else.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] names the capability and what is wrong with its value.
    fn configure(&mut self, capabilities: &mut Capabilities, limits: &Limits) -> Result<(), Error>;

    /// Lowers bounds that are above what it can carry, of a system that is about to start: messages that are too large are
    /// then refused to whoever sends them (decision D7). Called after [`configure`](Transport::configure).
    fn narrow(&self, limits: &mut Limits) {
        let _ = limits;
    }

    /// The settings, as bytes from which [`LinkedTransport::restore`] makes the transport again in another process.
    fn settings(&self) -> Vec<u8>;

    /// How long a system lives if nobody shuts it down.
    fn lifetime(&self) -> Lifetime {
        Lifetime::UntilShutDown
    }

    /// The capabilities of its own that cannot be changed while the system runs.
    fn read_only(&self) -> &'static [&'static str] {
        &[]
    }

    /// Where this system's admin is looked for, for people; after [`configure`](Transport::configure).
    fn place(&self) -> Locator {
        Locator::new("its place")
    }

    /// Looks for a running system where this one would have its admin, or at a place, and joins it as a client.
    /// `None` if nobody is there.
    ///
    /// # Errors
    ///
    /// [`Error::AttachFailure`] says what is there instead. Comes back promptly in every case.
    fn attach(&self, at: Option<&Locator>) -> Result<Option<Attached>, Error>;

    /// Opens the port of a system's admin, at the place where others look for it.
    ///
    /// # Errors
    ///
    /// [`Error::StartupFailure`] says why it cannot, who has the place, and what to do. [`Error::PlaceTaken`] if the
    /// place is taken, by whomever.
    fn open_admin(&self, identity: Identity) -> Result<Box<dyn Port>, Error>;

    /// Opens the port of any other process.
    ///
    /// # Errors
    ///
    /// [`Error::StartupFailure`].
    fn open(&self, identity: Identity) -> Result<Box<dyn Port>, Error>;

    /// Completes the capabilities of a system whose admin has its port: what could not be known before.
    fn opened(&self, port: &dyn Port, capabilities: &mut Capabilities) {
        let _ = (port, capabilities);
    }
}

/// How long a system lives if nobody shuts it down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// For ever, whatever becomes of the program that started it: others may join it.
    UntilShutDown,
    /// As long as the process that started it. When that ends, however it does, everything is gone within a second.
    OfItsStarter,
}

/// A running system that was found, and the connection to its admin.
pub struct Attached {
    /// The client's port.
    pub port: Box<dyn Port>,
    /// The admin. It is `Up` already.
    pub admin: PeerId,
    /// Which system it is.
    pub system: SystemId,
}

/// Makes a transport from its [`settings`](Transport::settings).
pub type Restore = fn(&[u8]) -> Result<Box<dyn Transport>, Error>;

/// A transport that a crate offers to processes which the host starts, registered at link time.
pub struct LinkedTransport {
    /// [`Transport::base`].
    pub base: &'static str,
    /// Makes the transport from its [`settings`](Transport::settings).
    pub restore: Restore,
}

inventory::collect!(LinkedTransport);

impl LinkedTransport {
    /// The transport of that base, if the crate that brings it is linked into this program.
    pub fn find(base: &str) -> Option<&'static LinkedTransport> {
        inventory::iter::<LinkedTransport>.into_iter().find(|known| known.base == base)
    }
}
