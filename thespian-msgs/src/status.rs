//! How actors and systems are: answers to a [`StatusReq`](crate::StatusReq) (guide sections 7.13 and 7.14).
//!
//! For people and for monitoring. The fields grow; do not build application logic on them.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::ops::AddAssign;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ActorAddress, Capabilities};

/// How many messages ended in which way. Every message that was given to a `send` or `tell` ends in exactly
/// one of `handled`, `poisoned`, `dead_lettered` and `refused`, or still waits (decision D19).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Messages that were given to the runtime to send.
    pub sent: u64,
    /// Messages that a handler handled, or a caller outside took.
    pub handled: u64,
    /// Messages that came back to their sender as poison.
    pub poisoned: u64,
    /// Messages that became dead letters.
    pub dead_lettered: u64,
    /// Messages that were not accepted: they could not be encoded or are too large.
    pub refused: u64,
    /// Attempts of handlers that failed.
    pub failed_attempts: u64,
    /// Messages that did not reach whoever counts them, because the network lost them or was too slow. Their sender counts
    /// them as dead-lettered, when it has learnt of it.
    pub lost: u64,
    /// Those of them that came too late, and were dropped, counted each time they came.
    pub late: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.sent += other.sent;
        self.handled += other.handled;
        self.poisoned += other.poisoned;
        self.dead_lettered += other.dead_lettered;
        self.refused += other.refused;
        self.failed_attempts += other.failed_attempts;
        self.lost += other.lost;
        self.late += other.late;
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "sent {}, handled {}, poisoned {}, dead-lettered {}, refused {}, failed attempts {}",
            self.sent, self.handled, self.poisoned, self.dead_lettered, self.refused, self.failed_attempts
        )?;
        // Most bases lose nothing.
        match (self.lost, self.late) {
            (0, 0) => Ok(()),
            (lost, late) => write!(f, ", lost {lost}, late {late}"),
        }
    }
}

/// What waits: how many messages, and their encoded size. Messages between actors of one process are not encoded, and count
/// no bytes; nor does what an actor sends itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Ordinary messages that wait for the actor.
    pub user: u64,
    /// System messages that wait for the actor.
    pub system: u64,
    /// Messages the actor has sent that nobody has handled yet.
    pub outgoing: u64,
    /// The size of the ordinary messages that wait, in bytes.
    pub user_bytes: u64,
    /// The size of the system messages that wait, in bytes.
    pub system_bytes: u64,
    /// The size of what the actor has sent and nobody has handled yet, in bytes.
    pub outgoing_bytes: u64,
}

/// What an actor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ActorState {
    /// It waits for messages.
    Idle,
    /// Its handler runs.
    Busy,
    /// It sent more than it may have outstanding, and gets no message until that has gone down (decision D20).
    Paused,
    /// It has accepted an exit request and waits for its children.
    Exiting,
    /// It is gone.
    Dead,
}

impl fmt::Display for ActorState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ActorState::Idle => "idle",
            ActorState::Busy => "busy",
            ActorState::Paused => "paused",
            ActorState::Exiting => "exiting",
            ActorState::Dead => "dead",
        })
    }
}

/// How an actor is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActorStatus {
    /// The actor.
    pub address: ActorAddress,
    /// Its type's name.
    pub actor_type: String,
    /// The number of its process, where it has one of its own.
    pub pid: Option<u32>,
    /// What it is doing.
    pub state: ActorState,
    /// Since when its handler runs, as time since the system started.
    pub busy_since: Option<Duration>,
    /// What waits.
    pub queues: QueueStatus,
    /// What became of the messages it received and sent.
    pub counters: Counters,
    /// Its children.
    pub children: Vec<ActorAddress>,
    /// How many wakeups are pending.
    pub pending_wakeups: u64,
    /// When the answer was made, as time since the system started.
    pub uptime: Duration,
}

impl fmt::Display for ActorStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "actor {} ({}", self.address, self.actor_type)?;
        if let Some(pid) = self.pid {
            write!(f, ", process {pid}")?;
        }
        writeln!(f, "): {}", self.state)?;
        if let Some(since) = self.busy_since {
            writeln!(f, "  handler runs for {:?}", self.uptime.saturating_sub(since))?;
        }
        let QueueStatus { user, system, outgoing, user_bytes, system_bytes, outgoing_bytes } = self.queues;
        writeln!(
            f,
            "  waiting: {user} messages ({user_bytes} bytes), {system} system messages ({system_bytes} bytes); outgoing: \
             {outgoing} ({outgoing_bytes} bytes)"
        )?;
        writeln!(f, "  messages: {}", self.counters)?;
        writeln!(f, "  children: {}, pending wakeups: {}", self.children.len(), self.pending_wakeups)
    }
}

/// Whether a system takes work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SystemState {
    /// It runs.
    Running,
    /// It is being shut down.
    ShuttingDown,
    /// It is down.
    Down,
}

impl fmt::Display for SystemState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SystemState::Running => "running",
            SystemState::ShuttingDown => "shutting down",
            SystemState::Down => "down",
        })
    }
}

/// How a system is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SystemStatus {
    /// The address of the system's admin.
    pub admin_address: ActorAddress,
    /// The name of its base, such as `simpleSystemBase`.
    pub base: String,
    /// Whether it takes work.
    pub state: SystemState,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Its actors, in the order of their addresses: at most `Limits::status_actors` of them.
    pub actors: Vec<ActorAddress>,
    /// How many actors there are.
    pub actor_count: u64,
    /// The named actors.
    pub global_names: BTreeMap<String, ActorAddress>,
    /// The actor that handles dead letters.
    pub dead_letter_handler: Option<ActorAddress>,
    /// Dead letters that are counted and were given to nobody, because they came faster than they could be passed on
    /// (`Limits::dead_letter_bytes`).
    pub dead_letters_dropped: u64,
    /// What became of messages, of actors alive and gone.
    pub counters: Counters,
    /// Messages that its actors, and programs outside, have sent and that nobody has handled yet, wherever they wait.
    pub outgoing: u64,
    /// Their encoded size, in bytes; 0 where all actors are in one process.
    pub outgoing_bytes: u64,
    /// Time since the system started.
    pub uptime: Duration,
}

impl fmt::Display for SystemStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "system {} ({}): {}, up {:?}", self.admin_address, self.base, self.state, self.uptime)?;
        writeln!(f, "  actors: {}", self.actor_count)?;
        writeln!(f, "  messages: {}", self.counters)?;
        writeln!(f, "  outgoing: {} ({} bytes)", self.outgoing, self.outgoing_bytes)?;
        match self.dead_letter_handler {
            Some(handler) => writeln!(f, "  dead letters go to {handler}")?,
            None => writeln!(f, "  dead letters are dropped")?,
        }
        if self.dead_letters_dropped > 0 {
            writeln!(f, "  dead letters that came too fast to be handled: {}", self.dead_letters_dropped)?;
        }
        for (name, address) in &self.global_names {
            writeln!(f, "  name {name:?} = {address}")?;
        }
        for (name, value) in self.capabilities.iter() {
            writeln!(f, "  capability {name} = {value}")?;
        }
        Ok(())
    }
}
