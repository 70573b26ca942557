//! What the admin and the other processes of a system say to each other, beside the messages of actors.
//!
//! Actors' processes say it over a pair of sockets that they were born with: it carries word in order, and its end is
//! the end of whoever is at the other side. Clients say it over their connection to the admin.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thespian_core::engine::{Live, ToAdmin, ToHost};
use thespian_core::transport::{Interest, Locator};
use thespian_core::{
    ActorAddress, ActorSpec, AnyMessage, Capabilities, Counters, DeadReason, DecodeLimits, Error, Limits,
    SpecificationProblem, SystemId, Value,
};

use crate::carried::Carried;

/// The largest word from one process to another, in bytes: that of a dead letter with the largest message, and some room.
pub(crate) const LONGEST: usize = (1 << 30) + (1 << 20);

/// What a process says to the admin.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToAdminProcess {
    /// The actor runs and can be reached here, or does not and why.
    Started(Result<Locator, StartFailure>),
    /// An engine of the process says something to the admin's engine.
    Engine(ActorAddress, ToAdmin),
    /// So many messages that could not be delivered are not told of one by one.
    DeadLettersDropped(u64),
    /// A frame for the admin's own address.
    Frame(Carried),
    /// The process needs addresses.
    Allocate(u32),
    /// There will be nobody at this address.
    Release(ActorAddress),
    /// An actor creates another one with this name, and proposes an address.
    Claim { call: u64, name: String, proposed: ActorAddress },
    /// The attempt that claimed the name has failed.
    AbandonClaim { name: String, address: ActorAddress },
    /// Who has this name?
    Find { call: u64, name: String },
    /// Where is this address? It is not where it was last said to be, if `failed`.
    Locate { address: ActorAddress, failed: bool },
    /// What the capability check says now.
    Rechecked(Result<(), String>),
    /// The actor's handler goes on although it was asked to exit: it is to be killed.
    Overdue,
    /// The actor is done, and this became of its messages.
    Stopped(Counters),
    /// A client introduces itself: this is where it can be reached, and who it is.
    Attach { locator: Locator, pid: u32 },
    /// These endpoints of a client are gone, with what became of their messages.
    Closed(Vec<(ActorAddress, Counters)>),
    /// What a status says of all endpoints that a client has now.
    Live(Live),
    /// A client creates an actor.
    Create { call: u64, spec: ActorSpec },
    /// A client sets a capability, or removes it.
    Update { call: u64, name: String, value: Value },
    /// A client wants the system to end.
    Shutdown,
}

/// Why an actor does not run, in the process that was to run it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum StartFailure {
    /// The capability check said no.
    Incompatible(String),
    /// The start argument is of the wrong type.
    Argument(SpecificationProblem),
    /// The constructor failed, or the process could not be made ready.
    Failed(String),
}

/// What the admin says to a process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToProcess {
    /// What a process that was started from the beginning has to know.
    Begin(Box<Begin>),
    /// Addresses that were asked for.
    Allocated(Vec<ActorAddress>),
    /// The answer to `Claim` or `Find`.
    Named { call: u64, address: Option<ActorAddress> },
    /// Where an address is.
    Located { address: ActorAddress, locator: Locator },
    /// There is nobody at this address.
    Gone { address: ActorAddress, reason: DeadReason, details: String },
    /// The admin's engine says something to the actor's.
    Engine(ToHost),
    /// A frame from the admin's own address.
    Frame(Carried),
    /// The capabilities have changed, and the actor is to be checked again if `recheck`.
    Capabilities { capabilities: Capabilities, recheck: bool },
    /// The answer to `Attach`.
    Welcome(Box<Welcome>),
    /// The answer to `Create`.
    Created { call: u64, result: Result<ActorAddress, Error> },
    /// The answer to `Update`.
    Updated { call: u64, result: Result<(), Error> },
    /// The system is down.
    Down,
}

/// What the process of an actor has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// The actor.
    pub(crate) address: ActorAddress,
    /// The registered name of its type.
    pub(crate) actor_type: String,
    /// For the capability check.
    pub(crate) requirements: Value,
    /// For the constructor.
    pub(crate) start: AnyMessage,
    /// Addresses that it may give to children.
    pub(crate) addresses: Vec<ActorAddress>,
    /// The system it belongs to. Shared, so that an admin that forks has little to copy for each actor.
    pub(crate) world: Arc<Surroundings>,
}

/// What every process of a system knows of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Surroundings {
    pub(crate) system: SystemId,
    pub(crate) admin: ActorAddress,
    pub(crate) base: String,
    pub(crate) limits: Arc<Limits>,
    pub(crate) capabilities: Arc<Capabilities>,
    /// The kernel's time at the system's start, in nanoseconds.
    pub(crate) origin: u64,
    /// The transport, as bytes.
    pub(crate) transport: Vec<u8>,
    /// How processes hold on to each other.
    pub(crate) ties: Ties,
    /// Below this nothing is logged.
    pub(crate) log_level: log::LevelFilter,
}

/// The two layers that let a process end with its admin. Each suffices alone; both are on but in tests of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ties {
    /// The kernel kills it.
    pub(crate) parent_death_signal: bool,
    /// It ends when its control channel does.
    pub(crate) lifeline: bool,
}

/// What a client has to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) admin: ActorAddress,
    pub(crate) base: String,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Capabilities,
    pub(crate) origin: u64,
    /// For its endpoints.
    pub(crate) addresses: Vec<ActorAddress>,
}

/// As bytes.
///
/// # Errors
///
/// What serde said of a message inside that cannot be encoded.
pub(crate) fn encode<T: Serialize>(word: &T) -> Result<Vec<u8>, String> {
    match thespian_core::driver::panics::catch(|| thespian_core::encode(word)) {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) => Err(error.cause),
        Err(failure) => Err(failure.details().into()),
    }
}

/// From bytes.
///
/// # Errors
///
/// When they are not what was expected.
pub(crate) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    thespian_core::decode(bytes, DecodeLimits::default()).map_err(|error| error.to_string())
}

/// One end of the socket between the admin and a process that it has started.
pub(crate) struct Channel {
    stream: UnixStream,
    incoming: Vec<u8>,
    /// How much of `incoming` has been taken.
    taken: usize,
    outgoing: Vec<u8>,
    written: usize,
    closed: bool,
}

/// How a word begins: with its length.
const HEAD: usize = 4;

impl Channel {
    /// Makes the stream one that never blocks.
    pub(crate) fn new(stream: UnixStream) -> io::Result<Channel> {
        stream.set_nonblocking(true)?;
        Ok(Channel {
            stream,
            incoming: Vec::new(),
            taken: 0,
            outgoing: Vec::new(),
            written: 0,
            closed: false,
        })
    }

    pub(crate) fn descriptor(&self) -> RawFd {
        self.stream.as_raw_fd()
    }

    /// Whether the other side is gone and all it said has been taken.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(crate) fn has_unwritten(&self) -> bool {
        self.written < self.outgoing.len()
    }

    /// How it is to be watched.
    pub(crate) fn interest(&self) -> Interest {
        if self.has_unwritten() { Interest::Both } else { Interest::Readable }
    }

    /// Says something, when the other side has room for it. Whether it begins to wait for that: then it is to be watched for
    /// room, which is seldom wanted and so not asked for before.
    pub(crate) fn say(&mut self, bytes: &[u8]) -> bool {
        if self.closed {
            return false;
        }
        let waited = self.has_unwritten();
        let length = u32::try_from(bytes.len()).expect("LONGEST fits in 32 bits");
        self.outgoing.extend_from_slice(&length.to_le_bytes());
        self.outgoing.extend_from_slice(bytes);
        self.flush();
        !waited && self.has_unwritten()
    }

    /// Says something, and waits until the other side has room for it.
    pub(crate) fn say_all(&mut self, bytes: &[u8]) {
        // If that fails the other side is gone, and there is nothing to wait for.
        if self.stream.set_nonblocking(false).is_ok() {
            self.say(bytes);
        }
    }

    /// Writes what can be written now.
    pub(crate) fn flush(&mut self) {
        while self.written < self.outgoing.len() {
            match self.stream.write(&self.outgoing[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.compact(),
                // Whoever is gone is found out by reading, after all that it had said.
                Err(_) => break,
            }
        }
        self.outgoing.clear();
        self.written = 0;
        if self.outgoing.capacity() > KEPT {
            self.outgoing = Vec::new();
        }
    }

    fn compact(&mut self) {
        if self.written > KEPT {
            self.outgoing.drain(..self.written);
            self.written = 0;
        }
    }

    /// Reads what is there. The words are then taken with [`Channel::next`].
    pub(crate) fn read(&mut self) {
        if self.taken > 0 {
            self.incoming.drain(..self.taken);
            self.taken = 0;
        }
        // What has come before an error is there all the same. No buffer on the stack: that would be memory which a process
        // that was just forked does not have yet.
        match self.stream.read_to_end(&mut self.incoming) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => self.closed = true,
        }
    }

    /// The next whole word that has been read.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        let rest = &self.incoming[self.taken..];
        let head: [u8; HEAD] = rest.get(..HEAD)?.try_into().ok()?;
        let length = u32::from_le_bytes(head) as usize;
        if length > LONGEST {
            // Both sides are this very program, so this is damage, and nothing after it can be trusted.
            self.closed = true;
            return None;
        }
        let word = rest.get(HEAD..HEAD + length)?.to_vec();
        self.taken += HEAD + length;
        if self.taken == self.incoming.len() {
            self.incoming.clear();
            self.taken = 0;
            if self.incoming.capacity() > KEPT {
                self.incoming = Vec::new();
            }
        }
        Some(word)
    }
}

/// The largest buffer that is kept when it is empty.
const KEPT: usize = 64 * 1024;

/// Reads one word from a stream that blocks.
pub(crate) fn read_word(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut head = [0; HEAD];
    stream.read_exact(&mut head)?;
    let length = u32::from_le_bytes(head) as usize;
    if length > LONGEST {
        return Err(io::Error::other("a word over the limit"));
    }
    let mut word = vec![0; length];
    stream.read_exact(&mut word)?;
    Ok(word)
}

/// Writes one word to a stream that blocks.
pub(crate) fn write_word(stream: &mut UnixStream, word: &[u8]) -> io::Result<()> {
    let length = u32::try_from(word.len()).map_err(|_| io::Error::other("a word over the limit"))?;
    stream.write_all(&length.to_le_bytes())?;
    stream.write_all(word)
}

/// The name of a start argument that could not be encoded, and why.
pub(crate) const NOT_ENCODABLE: &str = "thespian::NotEncodable";

/// Stands for a start argument that cannot travel, so that the create fails where creates fail.
pub(crate) fn not_encodable(error: &str) -> AnyMessage {
    let names: Vec<thespian_core::TypeName> = vec![NOT_ENCODABLE.into()];
    AnyMessage::encoded(names, error.as_bytes().to_vec())
}

/// Why a start argument could not travel, if it is such a stand-in.
pub(crate) fn why_not_encodable(start: &AnyMessage) -> Option<String> {
    if start.type_name() != NOT_ENCODABLE {
        return None;
    }
    Some(String::from_utf8_lossy(start.as_encoded()?.bytes()).into_owned())
}
