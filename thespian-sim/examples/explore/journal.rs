//! What the walkers of one run have seen, and what is wrong with it.
//!
//! Actors share nothing; these do, because they are the eyes of a test. A run stays in one thread, and so does this.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use thespian_core::ActorAddress;

thread_local! {
    static JOURNAL: RefCell<Journal> = RefCell::default();
}

/// Identifies a ping: its sender, its target, and its number between the two.
pub(crate) type PingId = (ActorAddress, ActorAddress, u64);

/// Everything that was seen in one run.
#[derive(Default)]
pub(crate) struct Journal {
    /// What broke a promise.
    pub(crate) violations: Vec<String>,
    /// How often rare states were reached.
    pub(crate) probes: BTreeMap<&'static str, u64>,
    /// Every walker that was ever heard of.
    pub(crate) known: Vec<ActorAddress>,
    /// The walkers that live, as far as they have said anything.
    pub(crate) alive: BTreeSet<ActorAddress>,
    /// Children and their parents.
    pub(crate) families: BTreeMap<ActorAddress, Family>,
    /// Pings that a handler has handled.
    pub(crate) handled: BTreeSet<PingId>,
    /// Live actors by system and global name.
    pub(crate) names: BTreeMap<(u32, String), u32>,
    /// The time of whatever was seen last.
    pub(crate) now: Duration,
}

/// A child's place.
pub(crate) struct Family {
    pub(crate) parent: ActorAddress,
    /// It was left to the system when its parent exited.
    pub(crate) spared: bool,
}

/// Looks at the journal of this thread's run.
pub(crate) fn journal<T>(look: impl FnOnce(&mut Journal) -> T) -> T {
    JOURNAL.with_borrow_mut(look)
}

/// Begins a new one.
pub(crate) fn begin() {
    journal(|journal| *journal = Journal::default());
}

/// Notes that a promise was broken.
pub(crate) fn violation(text: String) {
    journal(|journal| journal.violations.push(text));
}

/// Notes that a rare state was reached.
pub(crate) fn probe(name: &'static str) {
    journal(|journal| *journal.probes.entry(name).or_default() += 1);
}

impl Journal {
    /// Adds an actor to those that are known.
    pub(crate) fn meet(&mut self, address: ActorAddress) {
        if !self.known.contains(&address) {
            self.known.push(address);
        }
    }
}
