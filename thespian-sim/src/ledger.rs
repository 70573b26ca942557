//! The account of every message, and the trace of everything that happened.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use thespian_core::driver::world::{Note, Observer};
use thespian_core::engine::Disposition;
use thespian_core::engine::link::Frame;
use thespian_core::{ActorAddress, ChildActorExited, Time};

/// What a simulation did to the promises of delivery: empty if it kept them.
///
/// The law (decision D19): every message that was accepted is handled, poisoned, or a dead letter; once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(pub Vec<String>);

impl Violations {
    /// Whether all promises were kept.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in self.0.iter().take(20) {
            writeln!(f, "{violation}")?;
        }
        match self.0.len().saturating_sub(20) {
            0 => Ok(()),
            more => writeln!(f, "and {more} more"),
        }
    }
}

impl std::error::Error for Violations {}

/// How many messages ended in which way, over a whole simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Accepted for sending.
    pub accepted: u64,
    /// Handled by a handler.
    pub handled: u64,
    /// Returned as poison.
    pub poisoned: u64,
    /// Dead letters.
    pub dead_lettered: u64,
    /// Dead letters that may have been handled before.
    pub unsure: u64,
    /// Not accepted after all: they could not be encoded or were too large.
    pub refused: u64,
    /// Unacknowledged when their sender was killed.
    pub sender_killed: u64,
}

#[derive(Default)]
struct Entry {
    fates: Vec<Disposition>,
}

/// What is known of an actor's life.
#[derive(Default)]
struct Life {
    started: bool,
    exited: bool,
    notices: u32,
}

pub(crate) struct Ledger {
    entries: BTreeMap<(ActorAddress, u64), Entry>,
    lives: BTreeMap<ActorAddress, Life>,
    pub(crate) account: Account,
    violations: Vec<String>,
    trace: VecDeque<String>,
    trace_limit: usize,
    dropped: u64,
    hash: u128,
}

impl Ledger {
    pub(crate) fn new(trace_limit: usize) -> Ledger {
        Ledger {
            entries: BTreeMap::new(),
            lives: BTreeMap::new(),
            account: Account::default(),
            violations: Vec::new(),
            trace: VecDeque::new(),
            trace_limit,
            dropped: 0,
            hash: 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d,
        }
    }

    /// A number that two runs share only if they did the same things at the same times.
    pub(crate) fn hash(&self) -> u128 {
        self.hash
    }

    pub(crate) fn trace(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.trace.iter().cloned().collect();
        if self.dropped > 0 {
            lines.insert(0, format!("... {} earlier lines", self.dropped));
        }
        lines
    }

    fn write(&mut self, now: Time, text: fmt::Arguments<'_>) {
        let line = format!("{now} {text}");
        // FNV-1a with 128 bits: it has to tell runs apart, not to withstand anybody.
        for byte in line.bytes() {
            self.hash =
                (self.hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        if self.trace_limit == 0 {
            return;
        }
        if self.trace.len() >= self.trace_limit {
            self.trace.pop_front();
            self.dropped += 1;
        }
        self.trace.push_back(line);
    }

    fn account(&mut self, from: ActorAddress, number: u64, what: Disposition) {
        let count = match what {
            Disposition::Accepted => &mut self.account.accepted,
            Disposition::Handled => &mut self.account.handled,
            Disposition::Poisoned => &mut self.account.poisoned,
            Disposition::DeadLettered => &mut self.account.dead_lettered,
            Disposition::DeadLetteredUnsure => &mut self.account.unsure,
            Disposition::Refused => &mut self.account.refused,
            Disposition::SenderKilled => &mut self.account.sender_killed,
        };
        *count += 1;
        let entry = self.entries.entry((from, number)).or_default();
        entry.fates.push(what);
        if let Some(problem) = entry.problem() {
            let fates = format!("{:?}", entry.fates);
            self.violations.push(format!("message {number} of {from} {problem}: {fates}"));
        }
    }

    /// What is wrong now, whatever may still come.
    pub(crate) fn violations(&self) -> Vec<String> {
        self.violations.clone()
    }

    /// How many messages nothing has become of yet.
    pub(crate) fn unsettled(&self) -> usize {
        self.entries.values().filter(|entry| !entry.is_settled()).count()
    }

    /// What is wrong if nothing more will come, and these messages wait for their callers outside.
    pub(crate) fn final_violations(&self, unread: &BTreeSet<(ActorAddress, u64)>) -> Vec<String> {
        let mut violations = self.violations.clone();
        for (key @ (from, number), entry) in &self.entries {
            if !entry.is_settled() && !unread.contains(key) {
                violations.push(format!("message {number} of {from} was accepted, and nothing became of it"));
            }
        }
        violations
    }

    /// How often the parent of this actor was told of its exit.
    pub(crate) fn notices(&self, child: &ActorAddress) -> u32 {
        self.lives.get(child).map_or(0, |life| life.notices)
    }

    fn started(&mut self, address: ActorAddress) {
        let life = self.lives.entry(address).or_default();
        if life.started {
            self.violations.push(format!("{address} was started twice"));
        }
        life.started = true;
    }

    fn exited(&mut self, address: ActorAddress) {
        let life = self.lives.entry(address).or_default();
        if life.exited {
            self.violations.push(format!("{address} exited twice"));
        }
        life.exited = true;
    }

    fn notified(&mut self, parent: ActorAddress, child: ActorAddress) {
        let life = self.lives.entry(child).or_default();
        life.notices += 1;
        if life.notices > 1 {
            self.violations.push(format!("{parent} was told {} times that {child} exited", life.notices));
        }
        if life.started && !life.exited {
            self.violations.push(format!("{parent} was told that {child} exited, and it lives"));
        }
    }
}

impl Entry {
    /// Whether something became of the message.
    fn is_settled(&self) -> bool {
        self.fates.iter().any(|fate| *fate != Disposition::Accepted)
    }

    fn problem(&self) -> Option<&'static str> {
        let count = |fate| self.fates.iter().filter(|known| **known == fate).count();
        let certain = count(Disposition::Handled)
            + count(Disposition::Poisoned)
            + count(Disposition::DeadLettered)
            + count(Disposition::Refused);
        // Whoever could not know adds one of these, and no more.
        let unsure = count(Disposition::DeadLetteredUnsure) + count(Disposition::SenderKilled);
        match () {
            () if count(Disposition::Accepted) > 1 => Some("was accepted twice"),
            () if certain > 1 => Some("ended twice"),
            () if unsure > 1 => Some("was given up twice"),
            () => None,
        }
    }
}

/// The end of the shared ledger that the world holds.
pub(crate) struct SimObserver(pub(crate) Arc<Mutex<Ledger>>);

impl Observer for SimObserver {
    fn note(&mut self, now: Time, note: Note<'_>) {
        let ledger = &mut *self.0.lock();
        match note {
            Note::Deliver(envelope) => {
                ledger.write(now, format_args!("deliver {envelope:?}"));
            }
            Note::Finished { envelope, failure: None } => {
                if let Some(notice) = envelope.message().downcast_ref::<ChildActorExited>() {
                    ledger.notified(*envelope.to(), notice.child_address);
                }
                ledger.write(now, format_args!("handled {envelope:?}"));
            }
            Note::Finished { envelope, failure: Some(failure) } => {
                let first = failure.details().lines().next().unwrap_or_default();
                ledger.write(now, format_args!("failed  {envelope:?}: {first}"));
            }
            Note::Started(address, kind) => {
                ledger.started(address);
                ledger.write(now, format_args!("started {address} ({kind})"));
            }
            Note::Exited(address, cause) => {
                ledger.exited(address);
                ledger.write(now, format_args!("gone    {address}: {cause}"));
            }
            Note::Frame { from, to, frame, copies } => {
                let what = match frame {
                    Frame::Data { lane, sequence, names, .. } => {
                        format!("{lane:?} {sequence} {}", names.first().map_or("nameless", AsRef::as_ref))
                    }
                    Frame::Ack { lane, handled, .. } => format!("{lane:?} ack {handled}"),
                    Frame::Closed { lane, handled, .. } => format!("{lane:?} closed at {handled}"),
                    Frame::AckButGaps { lane, handled, gaps, closed, .. } => {
                        let what = if closed.is_some() { "closed at" } else { "ack" };
                        format!("{lane:?} {what} {handled} but {:?}", gaps.ranges)
                    }
                    Frame::Past { lane, base, .. } => format!("{lane:?} past {base}"),
                };
                let fate = match copies {
                    0 => " LOST",
                    1 => "",
                    _ => " REPEATED",
                };
                ledger.write(now, format_args!("frame   {from} -> {to}: {what}{fate}"));
            }
            Note::Account { from, number, what } => {
                ledger.account(from, number, what);
                ledger.write(now, format_args!("account message {number} of {from}: {what:?}"));
            }
            Note::Log(log) => {
                let first = log.text.lines().next().unwrap_or_default();
                ledger.write(now, format_args!("{}: {first}", log.level));
            }
        }
    }
}
