//! What a worker in another process is sent as work: the message as it came, behind a note of what else there is to know of it.
//!
//! Nobody decodes the message but the actor that is to handle it, and nobody encodes it again; the worker shares a large one with the
//! parcel that it came in. A message that is a value of the troupe's process goes in an [`Order`](crate::worker::Order) instead.

use std::mem;

use serde::{Deserialize, Serialize};
use thespian_core::{
    ActorAddress, AnyMessage, DecodeLimits, EncodeError, EncodedMessage, Failure, Message, Payload,
    PayloadRef, SpareMessage, TypeNames,
};

use crate::worker::Ticket;

/// The first name of such a message. Those of the message inside follow.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Parcel")]
struct Parcel;

/// What is said of a message to be handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note {
    pub(crate) ticket: Ticket,
    /// The first turn of which the troupe does not know what became. This one's, if the worker has nothing else.
    pub(crate) oldest: u64,
    /// Who sent the message.
    pub(crate) asker: ActorAddress,
}

/// The numbers of a note stand first, little-endian, and then the asker with the length of that in one byte.
const NUMBERS: usize = 8 + 4 + 8 + 8;

/// The troupe's side.
#[derive(Default)]
pub(crate) struct Packer {
    /// The names of the last message, and those of its parcel: mostly the next one has the same.
    names: Option<(TypeNames, TypeNames)>,
    /// The last asker, encoded.
    asker: Option<(ActorAddress, Vec<u8>)>,
    buffer: Vec<u8>,
}

impl Packer {
    /// The parcel of a message that came encoded.
    ///
    /// # Errors
    ///
    /// When the address of its asker cannot be encoded.
    pub(crate) fn pack(
        &mut self,
        note: &Note,
        message: &EncodedMessage,
    ) -> Result<EncodedMessage, EncodeError> {
        let Note { ticket: Ticket { work, place, turn }, oldest, asker } = note;
        let asker = match &self.asker {
            Some((last, bytes)) if last == asker => bytes,
            _ => &self.asker.insert((*asker, thespian_core::encode(asker)?)).1,
        };
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.reserve(NUMBERS + 1 + asker.len() + message.bytes().len());
        buffer.extend_from_slice(&work.to_le_bytes());
        buffer.extend_from_slice(&place.to_le_bytes());
        buffer.extend_from_slice(&turn.to_le_bytes());
        buffer.extend_from_slice(&oldest.to_le_bytes());
        // An address has some fifty bytes at most.
        buffer.push(asker.len() as u8);
        buffer.extend_from_slice(asker);
        buffer.extend_from_slice(message.bytes());
        let names = match &self.names {
            Some((inner, outer)) if inner.is_same(message.names()) => outer.clone(),
            _ => self.name(message.names()),
        };
        let bytes = match self.buffer.len() <= Payload::INLINE {
            true => Payload::from(&self.buffer[..]),
            false => Payload::from(mem::take(&mut self.buffer)),
        };
        Ok(EncodedMessage::new(names, bytes))
    }

    #[cold]
    fn name(&mut self, inner: &TypeNames) -> TypeNames {
        let outer: TypeNames =
            [Parcel::type_name()].into_iter().chain(inner.iter().cloned()).collect::<Vec<_>>().into();
        self.names = Some((inner.clone(), outer.clone()));
        outer
    }
}

/// The worker's side.
#[derive(Default)]
pub(crate) struct Unpacker {
    /// The names of the last parcel, and those of the message in it.
    names: Option<(TypeNames, TypeNames)>,
    /// The last asker, and how it is encoded.
    asker: Option<(Vec<u8>, ActorAddress)>,
    /// The memory of the last message.
    spare: Option<SpareMessage>,
}

impl Unpacker {
    /// What is in a message, if that is a parcel.
    ///
    /// # Errors
    ///
    /// It says that it is one, and is not.
    #[inline]
    pub(crate) fn unpack(&mut self, parcel: &AnyMessage) -> Option<Result<(Note, AnyMessage), Failure>> {
        Some(
            self.open(encoded(parcel)?)
                .ok_or_else(|| Failure::new("a parcel of no troupe: its note is incomplete")),
        )
    }

    fn open(&mut self, parcel: &EncodedMessage) -> Option<(Note, AnyMessage)> {
        let bytes = parcel.bytes();
        let (numbers, asker, content) = split(bytes)?;
        let asker = match &self.asker {
            Some((last, address)) if last == asker => *address,
            _ => self.asker.insert((asker.to_vec(), address(asker)?)).1,
        };
        let spare = self.spare.take();
        let names = match &self.names {
            Some((outer, inner)) if outer.is_same(parcel.names()) => inner,
            _ => self.name(parcel.names())?,
        };
        // A large one is shared. Of a small one a copy is made in any case.
        let behind = bytes.len() - content.len();
        let shared = (bytes.len() > Payload::INLINE).then(|| parcel.payload().clone().behind(behind));
        let content = shared.as_ref().map_or(PayloadRef::Read(content), PayloadRef::Kept);
        let message = match spare {
            Some(spare) => AnyMessage::encoded_in(spare, names, content),
            None => AnyMessage::encoded(names.clone(), content),
        };
        Some((note(numbers, asker), message))
    }

    #[cold]
    fn name(&mut self, outer: &TypeNames) -> Option<&TypeNames> {
        let inner = outer.get(1..).filter(|inner| !inner.is_empty())?;
        let names = self.names.insert((outer.clone(), inner.to_vec().into()));
        Some(&names.1)
    }

    /// A message that was unpacked is over.
    #[inline]
    pub(crate) fn is_over(&mut self, message: AnyMessage) {
        self.spare = message.into_spare();
    }
}

/// The ticket of a parcel that came back.
pub(crate) fn ticket_of(parcel: &AnyMessage) -> Option<Ticket> {
    let (numbers, asker, _) = split(encoded(parcel)?.bytes())?;
    Some(note(numbers, address(asker)?).ticket)
}

/// A message that says that it is a parcel.
#[inline]
fn encoded(parcel: &AnyMessage) -> Option<&EncodedMessage> {
    parcel.as_encoded().filter(|_| parcel.is::<Parcel>())
}

/// The numbers of a note, the bytes of its asker, and the message behind it.
#[inline]
fn split(bytes: &[u8]) -> Option<(&[u8; NUMBERS], &[u8], &[u8])> {
    let (numbers, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first()?;
    let (asker, content) = rest.split_at_checked(usize::from(*length))?;
    Some((numbers, asker, content))
}

#[inline]
fn note(numbers: &[u8; NUMBERS], asker: ActorAddress) -> Note {
    let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| numbers[at + byte]));
    let place = u32::from_le_bytes(std::array::from_fn(|byte| numbers[8 + byte]));
    Note { ticket: Ticket { work: long(0), place, turn: long(12) }, oldest: long(20), asker }
}

fn address(bytes: &[u8]) -> Option<ActorAddress> {
    thespian_core::decode(bytes, DecodeLimits::default()).ok()
}

#[cfg(test)]
mod tests {
    use thespian_core::{AddressKey, IntoMessage, SystemId, TypeName};

    use super::*;

    fn address_of(slot: u64) -> ActorAddress {
        AddressKey::new([1; 16]).seal(SystemId::from_bits(u128::MAX - 5), slot, u64::MAX)
    }

    fn note_of(work: u64, asker: u64) -> Note {
        let ticket = Ticket { work, place: u32::MAX - 1, turn: work << 40 };
        Note { ticket, oldest: 3, asker: address_of(asker) }
    }

    fn message(name: &'static str, size: usize) -> AnyMessage {
        AnyMessage::encoded(vec![TypeName::Borrowed(name), "parent".into()], vec![7; size])
    }

    fn packed(packer: &mut Packer, note: &Note, message: &AnyMessage) -> AnyMessage {
        packer.pack(note, message.as_encoded().expect("it is")).expect("packs").into_message()
    }

    #[test]
    fn what_is_packed_is_unpacked_whatever_came_before() {
        let (mut packer, mut unpacker) = (Packer::default(), Unpacker::default());
        let sizes = [0, 1, Payload::INLINE, 10_000];
        for (work, size) in sizes.into_iter().chain(sizes).zip(0..).map(|(size, work)| (work, size)) {
            let (name, note) = (["a", "b"][work as usize / 3 % 2], note_of(work, work / 2));
            let original = message(name, size);
            let parcel = packed(&mut packer, &note, &original);
            assert_eq!(ticket_of(&parcel), Some(note.ticket));
            let (read, inside) = unpacker.unpack(&parcel).expect("it is one").expect("it is whole");
            assert_eq!(read, note);
            assert_eq!(inside.type_names(), original.type_names());
            let bytes = |message: &AnyMessage| message.as_encoded().expect("it is").bytes().to_vec();
            assert_eq!(bytes(&inside), bytes(&original));
            unpacker.is_over(inside);
        }
    }

    #[test]
    fn a_large_message_is_not_copied_out_of_its_parcel() {
        let parcel = packed(&mut Packer::default(), &note_of(1, 1), &message("large", 100_000));
        let (_, inside) = Unpacker::default().unpack(&parcel).expect("it is one").expect("it is whole");
        let bytes = |message: &AnyMessage| message.as_encoded().expect("it is").bytes().as_ptr_range().end;
        assert_eq!(bytes(&inside), bytes(&parcel));
    }

    #[test]
    fn what_is_none_is_none_and_what_is_damaged_is_an_error() {
        let mut unpacker = Unpacker::default();
        assert!(unpacker.unpack(&message("a", 100)).is_none());
        assert!(unpacker.unpack(&AnyMessage::new(7_u8)).is_none());
        assert_eq!(ticket_of(&message("a", 100)), None);
        let whole = packed(&mut Packer::default(), &note_of(1, 1), &message("a", 0));
        let (names, bytes) = (whole.type_names(), whole.as_encoded().expect("it is").bytes());
        for length in 0..bytes.len() {
            let damaged = AnyMessage::encoded(names.clone(), &bytes[..length]);
            let Some(Err(failure)) = unpacker.unpack(&damaged) else { panic!("{length} bytes are no note") };
            assert!(failure.details().contains("incomplete"), "{}", failure.details());
            assert_eq!(ticket_of(&damaged), None);
        }
        let mut unknown = bytes.to_vec();
        unknown.truncate(NUMBERS + 1);
        unknown[NUMBERS] = 0;
        assert!(matches!(unpacker.unpack(&AnyMessage::encoded(names, unknown)), Some(Err(_))));
        let nameless = AnyMessage::encoded(vec![Parcel::type_name()], bytes);
        assert!(matches!(unpacker.unpack(&nameless), Some(Err(_))));
        assert!(unpacker.unpack(&whole).is_some_and(|inside| inside.is_ok()));
    }
}
