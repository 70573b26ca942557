//! How two processes find out that they belong together, before anything else is read: a machine without IO.
//!
//! ```text
//! connecting                                accepting
//! magic, versions, HELLO        ->
//!                               <-          magic, versions, HELLO, PROOF
//! PROOF                         ->
//!                               <-          WELCOME
//! ```
//!
//! or a REFUSAL in place of what the accepting side would say next. Each side's HELLO has the base, the system, its role,
//! the release, and 32 random bytes. A PROOF is a keyed hash (HMAC-SHA256 under the secret) of which side makes it and of
//! all that both had sent up to the HELLOs. So it says that whoever makes it has the secret and saw the same words; it is
//! of no use in another handshake, whose random bytes differ, nor to the side that made the other proof.
//!
//! The accepting side proves itself first, so that a client learns nothing wrong from an impostor; the side that connects
//! says nothing secret at all. What it says is authenticated, but what follows is not encrypted: that is for TLS, whose
//! own name for the connection goes into the hash as `Local::binding`, so that no proof can be relayed into another.
//!
//! # Format
//!
//! The magic ([`MAGIC`]), the oldest and the newest version (16 bits each, little-endian, as all numbers), then messages:
//! a length of 16 bits, of what follows, at most [`LONGEST`]; a byte that says which; a postcard body.

use std::sync::Arc;

use hmac::Mac;
use serde::{Deserialize, Serialize};
use thespian_core::transport::Role;
use thespian_core::{AttachProblem, DecodeLimits, SystemId, decode, encode};

use crate::secret::Secret;

/// What every connection begins with. No text and no protocol of others does: the first byte is outside ASCII, and the
/// line ends show a channel that changes them.
pub const MAGIC: [u8; 8] = *b"\x89thsp\r\n\x1a";

/// The oldest and the newest version of the protocol that this release speaks.
pub const VERSIONS: (u16, u16) = (1, 1);

/// The longest message of a handshake, in bytes.
pub const LONGEST: usize = 4096;

const PREFACE: usize = MAGIC.len() + 4;

const HELLO: u8 = 1;
const PROOF: u8 = 2;
const WELCOME: u8 = 3;
const REFUSAL: u8 = 4;

/// The longest text of the other side that is shown to anybody, in characters.
const SHOWN: usize = 100;

/// What a process says of itself in each handshake.
#[derive(Clone, Debug)]
pub struct Local {
    /// The base of its transport.
    pub base: String,
    /// Unknown to a client that looks for a system.
    pub system: Option<SystemId>,
    /// What it is in its system.
    pub role: Role,
    /// What it proves to have, and wants the other side to.
    pub secret: Secret,
    /// The name that the layer below gives the connection; nothing on bare sockets.
    pub binding: Vec<u8>,
}

/// What the process at the other side is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) system: SystemId,
    pub(crate) role: Role,
}

/// Why there is no connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refused {
    /// These are not the words of a process of ours.
    Foreign,
    /// The versions do not overlap. Those of the other side.
    OtherVersion(u16, u16),
    /// It belongs to a system on another base.
    OtherBase(String),
    /// It belongs to another system.
    OtherSystem,
    /// It has another secret.
    WrongSecret,
    /// The system is shutting down.
    ShuttingDown,
    /// There is no room. The bound that is reached.
    Full(String),
}

impl Refused {
    /// The same for a program that wanted to join: what is there instead of a system of its own. `holder` says who has the
    /// place.
    pub fn problem(self, ours: (u16, u16), holder: impl Fn() -> String) -> AttachProblem {
        match self {
            Refused::OtherBase(base) => AttachProblem::OtherBase { base },
            Refused::OtherVersion(oldest, newest) => {
                AttachProblem::OtherVersion { theirs: (oldest, newest), ours }
            }
            Refused::WrongSecret => AttachProblem::WrongSecret { holder: holder() },
            Refused::ShuttingDown => AttachProblem::ShuttingDown,
            Refused::Full(limit) => AttachProblem::Full { limit },
            Refused::Foreign | Refused::OtherSystem => AttachProblem::Foreign { holder: holder() },
        }
    }
}

/// One side of one handshake.
pub(crate) struct Handshake {
    side: Side,
    local: Arc<Local>,
    /// The random bytes of this side.
    nonce: [u8; 32],
    /// What this side has sent up to its HELLO.
    ours: Vec<u8>,
    /// What the other side has sent up to its HELLO.
    theirs: Vec<u8>,
    remote: Option<Remote>,
    /// What is not whole yet.
    input: Vec<u8>,
    awaited: Awaited,
    /// Why the accepting side will take nobody, if it will not.
    closed_for: Option<Refused>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Connecting,
    Accepting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Preface,
    Hello,
    Proof,
    Welcome,
}

#[derive(Serialize, Deserialize)]
struct Hello {
    /// So that what one side says is never taken for the other's.
    accepting: bool,
    base: String,
    system: Option<SystemId>,
    role: Role,
    release: String,
    /// Nothing yet: what both sides know how to do beyond the version.
    features: u64,
    nonce: [u8; 32],
}

/// What became of the bytes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// All were taken, and there must be more.
    More,
    /// So many were taken, and the handshake is over. What is behind belongs to the connection.
    Done(usize, Remote),
}

impl Handshake {
    /// The side that connects; puts its first words into `out`.
    pub(crate) fn connecting(local: Arc<Local>, nonce: [u8; 32], out: &mut Vec<u8>) -> Handshake {
        let mut handshake = Handshake::new(Side::Connecting, local, nonce);
        handshake.say_hello(out);
        handshake
    }

    /// The side that accepts, which says nothing until it has heard the other.
    pub(crate) fn accepting(local: Arc<Local>, nonce: [u8; 32]) -> Handshake {
        Handshake::new(Side::Accepting, local, nonce)
    }

    fn new(side: Side, local: Arc<Local>, nonce: [u8; 32]) -> Handshake {
        Handshake {
            side,
            local,
            nonce,
            ours: Vec::new(),
            theirs: Vec::new(),
            remote: None,
            input: Vec::new(),
            awaited: Awaited::Preface,
            closed_for: None,
        }
    }

    /// Refuses the other side, for this reason, once it has shown that it belongs here.
    pub(crate) fn close_for(&mut self, reason: Refused) {
        self.closed_for = Some(reason);
    }

    /// Whether the other side has said hello as a process of ours would.
    pub(crate) fn is_under_way(&self) -> bool {
        matches!(self.awaited, Awaited::Proof | Awaited::Welcome)
    }

    /// Whether both sides have proved what they are, as far as the side that connects can know: the other one only has to
    /// agree, and what follows need not wait for that.
    pub(crate) fn is_proved(&self) -> bool {
        self.awaited == Awaited::Welcome
    }

    /// What the other side says it is, which is proved only when the handshake is done.
    pub(crate) fn claimed_role(&self) -> Option<Role> {
        self.remote.as_ref().map(|remote| remote.role)
    }

    /// Whether anything right has come at all.
    pub(crate) fn has_heard(&self) -> bool {
        self.awaited != Awaited::Preface || !self.input.is_empty()
    }

    /// Takes what has come, and puts what is to be said into `out`, after an error too.
    ///
    /// # Errors
    ///
    /// There will be no connection.
    pub(crate) fn read(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<Progress, Refused> {
        let mut rest = bytes;
        loop {
            let wanted = self.wanted()?;
            let (taken, behind) = rest.split_at(rest.len().min(wanted - self.input.len()));
            self.input.extend_from_slice(taken);
            rest = behind;
            if self.awaited == Awaited::Preface && !MAGIC.starts_with(&self.input[..self.input.len().min(8)])
            {
                return Err(Refused::Foreign);
            }
            if self.input.len() < self.wanted()? {
                if rest.is_empty() {
                    return Ok(Progress::More);
                }
                continue;
            }
            let whole = std::mem::take(&mut self.input);
            match self.take(&whole, out) {
                Ok(None) => {}
                Ok(Some(remote)) => return Ok(Progress::Done(bytes.len() - rest.len(), remote)),
                Err(refused) => {
                    if self.side == Side::Accepting && refused != Refused::Foreign {
                        self.refuse(&refused, out);
                    }
                    return Err(refused);
                }
            }
        }
    }

    /// Says that this side will not go on. Only after the other has said who it is: nobody else would understand it.
    pub(crate) fn refuse(&self, reason: &Refused, out: &mut Vec<u8>) {
        if self.ours.is_empty() {
            out.extend(preface());
        }
        let reason = match reason {
            Refused::OtherVersion(..) => &Refused::OtherVersion(VERSIONS.0, VERSIONS.1),
            // Our own base is what the other side wants to know.
            Refused::OtherBase(_) => &Refused::OtherBase(self.local.base.clone()),
            reason => reason,
        };
        message(out, REFUSAL, &encode(reason).unwrap_or_default());
    }

    /// How many bytes the next message takes, as far as is known.
    fn wanted(&self) -> Result<usize, Refused> {
        if self.awaited == Awaited::Preface {
            return Ok(PREFACE);
        }
        let Some(length) = self.input.first_chunk() else { return Ok(2) };
        let length = usize::from(u16::from_le_bytes(*length));
        if (1..=LONGEST).contains(&length) { Ok(2 + length) } else { Err(Refused::Foreign) }
    }

    fn take(&mut self, whole: &[u8], out: &mut Vec<u8>) -> Result<Option<Remote>, Refused> {
        if self.awaited == Awaited::Preface {
            self.theirs.extend_from_slice(whole);
            self.awaited = Awaited::Hello;
            return check_versions(&whole[MAGIC.len()..]).map(|()| None);
        }
        let (kind, body) = whole[2..].split_first().ok_or(Refused::Foreign)?;
        if *kind == REFUSAL && self.side == Side::Connecting {
            return Err(refusal(body));
        }
        match (self.awaited, *kind) {
            (Awaited::Hello, HELLO) => {
                self.theirs.extend_from_slice(whole);
                self.remote = Some(self.check_hello(body)?);
                self.awaited = Awaited::Proof;
                if self.side == Side::Accepting {
                    self.say_hello(out);
                    message(out, PROOF, &self.proof(Side::Accepting).finalize().into_bytes());
                }
            }
            (Awaited::Proof, PROOF) => {
                let other = if self.side == Side::Connecting { Side::Accepting } else { Side::Connecting };
                // In constant time: how long it takes says nothing about how much of a guess was right.
                self.proof(other).verify_slice(body).map_err(|_| Refused::WrongSecret)?;
                if self.side == Side::Accepting {
                    if let Some(reason) = self.closed_for.clone() {
                        return Err(reason);
                    }
                    message(out, WELCOME, &[]);
                    return Ok(self.remote.take());
                }
                message(out, PROOF, &self.proof(Side::Connecting).finalize().into_bytes());
                self.awaited = Awaited::Welcome;
            }
            (Awaited::Welcome, WELCOME) if body.is_empty() => return Ok(self.remote.take()),
            _ => return Err(Refused::Foreign),
        }
        Ok(None)
    }

    fn say_hello(&mut self, out: &mut Vec<u8>) {
        let hello = Hello {
            accepting: self.side == Side::Accepting,
            base: self.local.base.clone(),
            system: self.local.system,
            role: self.local.role,
            release: env!("CARGO_PKG_VERSION").into(),
            features: 0,
            nonce: self.nonce,
        };
        self.ours.extend(preface());
        message(&mut self.ours, HELLO, &encode(&hello).unwrap_or_default());
        out.extend_from_slice(&self.ours);
    }

    fn check_hello(&self, body: &[u8]) -> Result<Remote, Refused> {
        let hello: Hello = decode(body, DecodeLimits::default()).map_err(|_| Refused::Foreign)?;
        if hello.accepting == (self.side == Side::Accepting) {
            return Err(Refused::Foreign);
        }
        if hello.base != self.local.base {
            return Err(Refused::OtherBase(shown(&hello.base)));
        }
        match (self.local.system, hello.system) {
            (Some(ours), Some(theirs)) if ours == theirs => Ok(Remote { system: ours, role: hello.role }),
            // A client that looks for a system: whichever is there.
            (None, Some(theirs)) => Ok(Remote { system: theirs, role: hello.role }),
            (Some(ours), None) if hello.role == Role::Client => Ok(Remote { system: ours, role: hello.role }),
            (Some(_), Some(_)) => Err(Refused::OtherSystem),
            _ => Err(Refused::Foreign),
        }
    }

    fn proof(&self, of: Side) -> hmac::Hmac<sha2::Sha256> {
        let (first, second) = match self.side {
            Side::Connecting => (&self.ours, &self.theirs),
            Side::Accepting => (&self.theirs, &self.ours),
        };
        let mut mac = self.local.secret.mac();
        let label: &[u8] = match of {
            Side::Connecting => b"thespian 1 connecting",
            Side::Accepting => b"thespian 1 accepting",
        };
        // Each with its length, so that nothing can move from one to the next.
        for part in [label, &self.local.binding, first, second] {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac
    }
}

fn preface() -> impl Iterator<Item = u8> {
    MAGIC.into_iter().chain(VERSIONS.0.to_le_bytes()).chain(VERSIONS.1.to_le_bytes())
}

fn message(out: &mut Vec<u8>, kind: u8, body: &[u8]) {
    // Ours are a few hundred bytes: the base's name and two texts of this crate are all that varies.
    let length = u16::try_from(body.len() + 1).unwrap_or(u16::MAX);
    out.extend(length.to_le_bytes());
    out.push(kind);
    out.extend_from_slice(body);
}

fn check_versions(versions: &[u8]) -> Result<(), Refused> {
    let [a, b, c, d] = *versions else { return Err(Refused::Foreign) };
    let (oldest, newest) = (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    if oldest > newest {
        return Err(Refused::Foreign);
    }
    if newest < VERSIONS.0 || oldest > VERSIONS.1 {
        return Err(Refused::OtherVersion(oldest, newest));
    }
    Ok(())
}

/// The other side's reason, with nothing in it that could harm a terminal or a log.
fn refusal(body: &[u8]) -> Refused {
    match decode(body, DecodeLimits::default()) {
        Ok(Refused::OtherBase(base)) => Refused::OtherBase(shown(&base)),
        Ok(Refused::Full(limit)) => Refused::Full(shown(&limit)),
        Ok(reason) => reason,
        Err(_) => Refused::Foreign,
    }
}

fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;
