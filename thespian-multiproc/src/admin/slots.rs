//! Which addresses a system has given out, and what is at each.

use nix::unistd::Pid;
use thespian_core::transport::{Locator, PeerId};
use thespian_core::{ActorAddress, AddressKey, Counters, SystemId};

use crate::control::Channel;

/// A process that the admin talks with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// That of an actor.
    Actor(ActorAddress),
    /// A client.
    Client(PeerId),
}

/// What is at a slot.
pub(super) enum Slot {
    Free,
    /// An address has been given to a process, for a child or an endpoint.
    Leased(Lease),
    Actor(Box<ActorSlot>),
}

/// An address that a process may use.
pub(super) struct Lease {
    pub(super) address: ActorAddress,
    pub(super) holder: Who,
    /// Processes that want to know where it is.
    pub(super) waiting: Vec<Who>,
}

/// An actor, or what is to become one.
pub(super) struct ActorSlot {
    pub(super) address: ActorAddress,
    pub(super) pid: Option<Pid>,
    pub(super) channel: Option<Channel>,
    pub(super) stage: Stage,
    /// Why it was killed, if it was.
    pub(super) killed: Option<String>,
    /// Processes that want to know where it is.
    pub(super) waiting: Vec<Who>,
    /// Addresses that it may use.
    pub(super) leases: Vec<ActorAddress>,
    /// Names that it has claimed for actors that it has yet to ask for.
    pub(super) claims: Vec<(String, ActorAddress)>,
}

/// How far an actor has come.
pub(super) enum Stage {
    /// Its process is being made ready.
    Starting,
    /// It runs, and is here.
    Running(Locator),
    /// It did not start, and its process is about to end.
    Failed,
    /// It has said that it is done, and its process is about to end.
    Stopped(Counters),
}

/// The slots of a system.
pub(super) struct Slots {
    system: SystemId,
    key: AddressKey,
    slots: Vec<Slot>,
    free: Vec<u64>,
    generation: u64,
}

impl Slots {
    /// Slot 0 is the admin's own.
    pub(super) fn new(system: SystemId, key: AddressKey) -> Slots {
        Slots { system, key, slots: vec![Slot::Free], free: Vec::new(), generation: 2 }
    }

    /// The admin's address.
    pub(super) fn admin(&self) -> ActorAddress {
        self.key.seal(self.system, 0, 1)
    }

    /// Whether this system has made that address.
    pub(super) fn is_ours(&self, address: &ActorAddress) -> bool {
        address.system() == self.system && self.key.verify(address)
    }

    /// Gives out an address that nobody has had.
    pub(super) fn lease(&mut self, holder: Who) -> ActorAddress {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::Free);
            self.slots.len() as u64 - 1
        });
        self.generation += 1;
        let address = self.key.seal(self.system, slot, self.generation);
        self.slots[slot as usize] = Slot::Leased(Lease { address, holder, waiting: Vec::new() });
        address
    }

    /// Takes back an address that was given out and not used. Returns who wanted to know where it is.
    pub(super) fn end_lease(&mut self, address: &ActorAddress) -> Option<Lease> {
        let slot = self.slots.get_mut(address.slot() as usize)?;
        if !matches!(slot, Slot::Leased(lease) if lease.address == *address) {
            return None;
        }
        self.free.push(address.slot());
        match std::mem::replace(slot, Slot::Free) {
            Slot::Leased(lease) => Some(lease),
            _ => None,
        }
    }

    pub(super) fn lease_at(&mut self, address: &ActorAddress) -> Option<&mut Lease> {
        match self.slots.get_mut(address.slot() as usize)? {
            Slot::Leased(lease) if lease.address == *address => Some(lease),
            _ => None,
        }
    }

    /// Makes a leased address that of an actor.
    pub(super) fn promote(&mut self, address: &ActorAddress) -> Option<&mut ActorSlot> {
        let lease = match std::mem::replace(self.slots.get_mut(address.slot() as usize)?, Slot::Free) {
            Slot::Leased(lease) if lease.address == *address => lease,
            other => {
                self.slots[address.slot() as usize] = other;
                return None;
            }
        };
        self.slots[address.slot() as usize] = Slot::Actor(Box::new(ActorSlot {
            address: *address,
            pid: None,
            channel: None,
            stage: Stage::Starting,
            killed: None,
            waiting: lease.waiting,
            leases: Vec::new(),
            claims: Vec::new(),
        }));
        self.actor(address)
    }

    pub(super) fn actor(&mut self, address: &ActorAddress) -> Option<&mut ActorSlot> {
        match self.slots.get_mut(address.slot() as usize)? {
            Slot::Actor(actor) if actor.address == *address => Some(actor),
            _ => None,
        }
    }

    pub(super) fn actor_at(&mut self, slot: u64) -> Option<&mut ActorSlot> {
        match self.slots.get_mut(slot as usize)? {
            Slot::Actor(actor) => Some(actor),
            _ => None,
        }
    }

    /// Frees the slot of an actor whose process is gone.
    pub(super) fn remove(&mut self, address: &ActorAddress) -> Option<Box<ActorSlot>> {
        self.actor(address)?;
        self.free.push(address.slot());
        match std::mem::replace(&mut self.slots[address.slot() as usize], Slot::Free) {
            Slot::Actor(actor) => Some(actor),
            _ => None,
        }
    }

    /// What is at an address, if it is that address's own.
    pub(super) fn at(&mut self, address: &ActorAddress) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(address.slot() as usize)?;
        let known = match slot {
            Slot::Leased(lease) => lease.address,
            Slot::Actor(actor) => actor.address,
            Slot::Free => return None,
        };
        (known == *address).then_some(slot)
    }

    /// The actors whose processes live.
    pub(super) fn actors(&mut self) -> impl Iterator<Item = &mut ActorSlot> {
        self.slots.iter_mut().filter_map(|slot| match slot {
            Slot::Actor(actor) => Some(&mut **actor),
            _ => None,
        })
    }
}
