//! Addresses: who a message is for.

use core::fmt;
use core::hash::Hasher;

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

/// Identifies one start of one actor system: 128 bits drawn at random when the system starts.
///
/// A system that is started again at the same place has another id, so an address of the first can never reach an
/// actor of the second.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SystemId([u8; 16]);

impl SystemId {
    /// An id from 128 bits that the caller drew at random.
    pub const fn from_bits(bits: u128) -> SystemId {
        SystemId(bits.to_be_bytes())
    }

    /// The 128 bits of the id.
    pub const fn bits(self) -> u128 {
        u128::from_be_bytes(self.0)
    }
}

impl fmt::Display for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.bits() >> 96)
    }
}

impl fmt::Debug for SystemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemId({:032x})", self.bits())
    }
}

/// The address of an actor, or of something that looks like one: a system's admin, an outside caller's endpoint.
///
/// Opaque (guide section 1.2): it comes from creating an actor or from a message, and application code can compare,
/// hash, order, print, store and send it, but not make one up. It is usable before the actor it names exists, and
/// names that one incarnation for ever: an address of a dead actor reaches nobody (decision D17).
///
/// 40 bytes, plain data. Its text form is `actor-SYSTEM/SLOT.GENERATION`, for people and logs.
///
/// ```
/// use std::collections::HashMap;
/// use thespian_msgs::{AddressKey, SystemId};
///
/// let key = AddressKey::new([7; 16]);
/// let address = key.seal(SystemId::from_bits(1 << 96), 3, 8);
/// let names = HashMap::from([(address, "worker")]);
/// assert_eq!(names[&address.clone()], "worker");
/// assert_eq!(address.to_string(), "actor-00000001/3.8");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ActorAddress {
    system: SystemId,
    slot: u64,
    generation: u64,
    seal: [u8; 8],
}

impl ActorAddress {
    /// The address of nobody: what an envelope has before it is addressed, and the sender of messages that have
    /// none. Nothing is ever delivered to it.
    pub const NOBODY: ActorAddress =
        ActorAddress { system: SystemId([0; 16]), slot: 0, generation: 0, seal: [0; 8] };

    /// Whether this is [`ActorAddress::NOBODY`].
    #[inline]
    pub fn is_nobody(&self) -> bool {
        self.generation == 0 && *self == ActorAddress::NOBODY
    }

    /// The system in which this address was made.
    #[inline]
    pub fn system(&self) -> SystemId {
        self.system
    }

    /// The place in its system's tables; may be used again by another generation.
    #[inline]
    pub fn slot(&self) -> u64 {
        self.slot
    }

    /// The incarnation: never used twice for the same slot of one system.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation
    }
}

impl fmt::Display for ActorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_nobody() {
            return f.pad("actor-nobody");
        }
        f.pad(&alloc::format!("actor-{}/{}.{}", self.system, self.slot, self.generation))
    }
}

impl fmt::Debug for ActorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A system's secret for making addresses, and for telling real ones from invented ones.
///
/// The seal is SipHash-1-3 under a 128-bit key: not for signing documents, but an address guessed without the key
/// is found out with all but 1 in 2^64 chance.
#[derive(Clone)]
pub struct AddressKey([u8; 16]);

impl AddressKey {
    /// A key from 128 bits that the caller drew at random.
    pub const fn new(bits: [u8; 16]) -> AddressKey {
        AddressKey(bits)
    }

    /// Makes the address of a slot and generation in a system.
    pub fn seal(&self, system: SystemId, slot: u64, generation: u64) -> ActorAddress {
        let seal = self.hash(system, slot, generation).to_le_bytes();
        ActorAddress { system, slot, generation, seal }
    }

    /// Whether this key made that address.
    pub fn verify(&self, address: &ActorAddress) -> bool {
        let expected = self.hash(address.system, address.slot, address.generation).to_le_bytes();
        // No early exit: how long this takes says nothing about how much of a guess was right.
        expected.iter().zip(address.seal).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }

    fn hash(&self, system: SystemId, slot: u64, generation: u64) -> u64 {
        // In one piece, which is quicker than its parts.
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&system.0);
        bytes[16..24].copy_from_slice(&slot.to_le_bytes());
        bytes[24..].copy_from_slice(&generation.to_le_bytes());
        let mut hasher = SipHasher13::new_with_key(&self.0);
        hasher.write(&bytes);
        hasher.finish()
    }
}

impl fmt::Debug for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A key has no business in a log.
        f.write_str("AddressKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    const SYSTEM: SystemId = SystemId::from_bits(0xfeed_0000_0000_0000_0000_0000_0000_0001);

    #[test]
    fn an_address_made_with_another_key_is_found_out() {
        let (ours, theirs) = (AddressKey::new([1; 16]), AddressKey::new([2; 16]));
        let address = ours.seal(SYSTEM, 4, 9);
        assert!(ours.verify(&address));
        assert!(!theirs.verify(&address));
        assert!(!ours.verify(&ActorAddress { generation: 10, ..address }));
        assert!(!ours.verify(&ActorAddress { slot: 5, ..address }));
        assert!(!ours.verify(&ActorAddress::NOBODY));
    }

    #[test]
    fn incarnations_of_one_slot_differ() {
        let key = AddressKey::new([1; 16]);
        assert_ne!(key.seal(SYSTEM, 4, 9), key.seal(SYSTEM, 4, 10));
        assert!(key.seal(SYSTEM, 4, 9) < key.seal(SYSTEM, 4, 10));
    }

    #[test]
    fn the_text_form_pads_like_any_text() {
        let key = AddressKey::new([1; 16]);
        assert_eq!(key.seal(SYSTEM, 4, 9).to_string(), "actor-feed0000/4.9");
        assert_eq!(alloc::format!("{:>20}", ActorAddress::NOBODY), "        actor-nobody");
    }

    #[test]
    fn an_address_survives_encoding() {
        let address = AddressKey::new([1; 16]).seal(SYSTEM, 4, 9);
        let bytes = crate::encode(&address).expect("an address always encodes");
        assert_eq!(crate::decode(&bytes, Default::default()), Ok(address));
        assert!(bytes.len() <= 44, "small enough to travel in every envelope: {}", bytes.len());
    }
}
