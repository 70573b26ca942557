//! A message of any type, and the envelope it travels in.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::{Any, TypeId};
use core::cell::OnceCell;
use core::{fmt, hint};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::message::SYSTEM_PREFIX;
use crate::{
    ActorAddress, DecodeError, DecodeLimits, EncodeError, ErasedMessage, Message, Payload, PayloadRef,
    TypeName, TypeNames,
};

/// A message whose type the holder need not know.
///
/// In the process where it was made this is the original value; sending it moves it. When it came from another
/// process it is a type name and bytes, which are decoded, once, when [`downcast_ref`](AnyMessage::downcast_ref)
/// asks for the type of that name. An actor can therefore store and forward messages of types it does not know.
///
/// It can be put inside other messages.
pub struct AnyMessage(Box<Parcel<dyn Carried>>);

/// A message with room for the postal data, so that a message costs one allocation on its whole way.
struct Parcel<C: ?Sized> {
    head: Head,
    content: C,
}

/// What the engines write on the outside of a message. Kept small: it is part of every message, and a message that fits
/// the allocator's small sizes costs half as much as one that does not.
#[derive(Clone, Copy)]
struct Head {
    to: ActorAddress,
    from: ActorAddress,
    /// The sender's number for the message, and above it the marks below.
    number_and_marks: u64,
}

/// A message of the runtime itself. Kept here, like the next, so that the engines need not ask the content.
const SYSTEM: u64 = 1 << 63;
/// It came from another process.
const ENCODED: u64 = 1 << 62;
/// The runtime sent it.
const BY_RUNTIME: u64 = 1 << 61;
/// Its sender does not count what is outstanding.
const UNCOUNTED: u64 = 1 << 60;
const MARKS: u64 = SYSTEM | ENCODED | BY_RUNTIME | UNCOUNTED;

impl Head {
    const fn blank(marks: u64) -> Head {
        Head { to: ActorAddress::NOBODY, from: ActorAddress::NOBODY, number_and_marks: marks }
    }

    #[inline]
    fn has(&self, mark: u64) -> bool {
        self.number_and_marks & mark != 0
    }
}

/// A parcel's content, its type forgotten.
///
/// Implemented by `Option<M>`, and always there: only what is in an option can be taken out of something whose type is
/// forgotten without unsafe code. The `None` that is left is dropped at once.
trait Carried: Any + Send {
    fn body(&self) -> &dyn ErasedMessage;
    fn value_type(&self) -> TypeId;
    fn as_encoded(&self) -> Option<&EncodedMessage>;
    fn as_encoded_mut(&mut self) -> Option<&mut EncodedMessage>;
    /// Drops the message.
    fn clear(&mut self);
}

impl<M: ErasedMessage> Carried for Option<M> {
    #[inline]
    fn body(&self) -> &dyn ErasedMessage {
        match self {
            Some(message) => message,
            None => &(),
        }
    }

    #[inline]
    fn value_type(&self) -> TypeId {
        TypeId::of::<M>()
    }

    #[inline]
    fn as_encoded(&self) -> Option<&EncodedMessage> {
        self.as_ref()?.as_encoded()
    }

    #[inline]
    fn as_encoded_mut(&mut self) -> Option<&mut EncodedMessage> {
        self.as_mut()?.as_encoded_mut()
    }

    #[inline]
    fn clear(&mut self) {
        *self = None;
    }
}

impl AnyMessage {
    /// Boxes a message.
    #[inline]
    pub fn new<M: Message>(message: M) -> AnyMessage {
        AnyMessage(Box::new(Parcel {
            head: Head::blank(if M::SYSTEM { SYSTEM } else { 0 }),
            content: Some(message),
        }))
    }

    /// A message as it came from elsewhere: the names of its type and of those it extends, and its bytes.
    ///
    /// Names and bytes that are shared already are kept as they are, and not copied.
    pub fn encoded(names: impl Into<TypeNames>, bytes: impl Into<Payload>) -> AnyMessage {
        EncodedMessage::new(names, bytes).into_message()
    }

    /// The same, in the memory of another message. Names that are that one's too, and bytes that fit where it had its own,
    /// cost next to nothing.
    #[inline]
    pub fn encoded_in(spare: SpareMessage, names: &TypeNames, bytes: PayloadRef<'_>) -> AnyMessage {
        let SpareMessage(mut message) = spare;
        let Some(content) = message.0.content.as_encoded_mut() else {
            return AnyMessage::encoded_anew(message, names, bytes);
        };
        content.bytes.set(bytes);
        if content.names.is_same(names) {
            return message;
        }
        content.names = names.clone();
        message.0.head = Head::blank(ENCODED | if content.is_system() { SYSTEM } else { 0 });
        message
    }

    /// The same in the memory of one that was [emptied](AnyMessage::emptied), if that had come encoded too.
    fn encoded_anew(mut emptied: AnyMessage, names: &TypeNames, bytes: PayloadRef<'_>) -> AnyMessage {
        let place: &mut dyn Any = &mut emptied.0.content;
        let Some(place) = place.downcast_mut::<Option<EncodedMessage>>() else {
            return AnyMessage::encoded(names.clone(), bytes);
        };
        let content = place.insert(EncodedMessage::new(names.clone(), bytes));
        emptied.0.head = Head::blank(ENCODED | if content.is_system() { SYSTEM } else { 0 });
        emptied
    }

    /// The stable name of the message's type.
    pub fn type_name(&self) -> TypeName {
        self.body().name()
    }

    /// The stable name of the type, and of those it extends, nearest first. Who asks often asks [`KnownNames`].
    ///
    /// [`KnownNames`]: crate::KnownNames
    pub fn type_names(&self) -> TypeNames {
        self.body().names()
    }

    /// Whether this is a message of the runtime itself.
    #[inline]
    pub fn is_system(&self) -> bool {
        self.0.head.has(SYSTEM)
    }

    /// Which Rust type the message is a value of; `None` for one that came encoded, whose type is known by its name alone. For
    /// an actor that looks at every message for several types, and mostly gets the same other one.
    ///
    /// ```
    /// use std::any::TypeId;
    /// use thespian_msgs::AnyMessage;
    ///
    /// assert_eq!(AnyMessage::new(7_u32).value_type(), Some(TypeId::of::<u32>()));
    /// assert_eq!(AnyMessage::encoded(vec!["u32".into()], vec![7]).value_type(), None);
    /// ```
    #[inline]
    pub fn value_type(&self) -> Option<TypeId> {
        (!self.0.head.has(ENCODED)).then(|| self.0.content.value_type())
    }

    /// Whether the message is of type `M` itself (not of a type that extends it).
    #[inline]
    pub fn is<M: Message>(&self) -> bool {
        let content: &dyn Any = &self.0.content;
        content.is::<Option<M>>()
            || self.as_encoded().is_some_and(|encoded| encoded.is_named(0, &M::type_name()))
    }

    /// The message as an `M`, if that is its type and, for one that came encoded, its bytes decode.
    #[inline]
    pub fn downcast_ref<M: Message>(&self) -> Option<&M> {
        self.level().get::<M>()?.ok()
    }

    /// The message as an `M`, taken out of its box.
    ///
    /// # Errors
    ///
    /// The message itself, unharmed, when it is of another type or does not decode.
    pub fn downcast<M: Message>(mut self) -> Result<M, AnyMessage> {
        let content: &mut dyn Any = &mut self.0.content;
        if let Some(message) = content.downcast_mut::<Option<M>>() {
            return message.take().ok_or(self);
        }
        match self.as_encoded() {
            Some(encoded) if encoded.is_named(0, &M::type_name()) => {
                crate::decode(&encoded.bytes, DecodeLimits::default()).map_err(|_| self)
            }
            _ => Err(self),
        }
    }

    /// The message seen as its own type, from which one can climb to the types it extends.
    #[inline]
    pub fn level(&self) -> Level<'_> {
        Level(At::Whole(self))
    }

    /// The bytes of a message that came from elsewhere; `None` for one that is a value of this process.
    #[inline]
    pub fn as_encoded(&self) -> Option<&EncodedMessage> {
        if self.0.head.has(ENCODED) { self.0.content.as_encoded() } else { None }
    }

    /// How many bytes it has, as it came from elsewhere; 0 for one that is a value of this process, which has none yet.
    #[inline]
    pub fn encoded_size(&self) -> usize {
        self.as_encoded().map_or(0, |encoded| encoded.bytes().len())
    }

    /// The message's bytes.
    ///
    /// # Errors
    ///
    /// What serde said when the value could not be serialised.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::new();
        self.encode_into(&mut bytes).map(|()| bytes)
    }

    /// Adds the message's bytes to a buffer, which keeps what it had if that fails.
    ///
    /// # Errors
    ///
    /// As [`AnyMessage::encode`].
    #[inline]
    pub fn encode_into(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.body().encode_into(buffer)
    }

    /// Ends the message, and gives its memory for [another](AnyMessage::encoded_in), if it came from elsewhere: senders of many
    /// messages keep their receivers from asking the allocator for each.
    #[inline]
    pub fn into_spare(mut self) -> Option<SpareMessage> {
        let content = self.0.content.as_encoded_mut()?;
        content.bytes.clear();
        content.place = 0;
        content.decoded.take();
        content.extended.take();
        let head = &mut self.0.head;
        *head = Head::blank(head.number_and_marks & (SYSTEM | ENCODED));
        Some(SpareMessage(self))
    }

    /// A copy: by `Clone` where the type has it, through the encoding otherwise.
    ///
    /// # Errors
    ///
    /// A message that is not `Clone` and cannot be encoded cannot be copied.
    pub fn duplicate(&self) -> Result<AnyMessage, EncodeError> {
        self.body().duplicate()
    }

    /// Ends the message, whatever it is, and gives its memory for a [copy](AnyMessage::duplicate_in) of another one: who keeps
    /// copies of many messages of one type keeps the allocator out of it.
    #[inline]
    pub fn emptied(mut self) -> SpareMessage {
        self.0.content.clear();
        SpareMessage(self)
    }

    /// A copy, as [`duplicate`](AnyMessage::duplicate) makes it; in the memory of another message, if that was a value of the
    /// same type, and this type is `Clone`.
    ///
    /// ```
    /// use thespian_msgs::AnyMessage;
    ///
    /// let over = AnyMessage::new(String::from("first"));
    /// let copy = AnyMessage::new(String::from("second")).duplicate_in(over.emptied()).unwrap();
    /// assert_eq!(copy.downcast_ref::<String>().unwrap(), "second");
    /// ```
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn duplicate_in(&self, spare: SpareMessage) -> Result<AnyMessage, EncodeError> {
        let SpareMessage(mut message) = spare;
        if !self.body().clone_to(&mut message.0.content) {
            return self.duplicate();
        }
        // The addresses are written anew when it is sent, and nobody sees them before.
        message.0.head.number_and_marks = self.0.head.number_and_marks & (SYSTEM | ENCODED);
        Ok(message)
    }

    /// Puts the message into an envelope. Only engines deliver envelopes, and they write the sender themselves.
    #[inline]
    pub fn seal(mut self, to: &ActorAddress, from: &ActorAddress) -> Envelope {
        let head = &mut self.0.head;
        head.to = *to;
        head.from = *from;
        head.number_and_marks &= SYSTEM | ENCODED;
        Envelope(self)
    }

    /// Has the processor fetch it from memory, without waiting for it.
    #[inline]
    fn fetch(&self) {
        hint::black_box(self.0.head.number_and_marks);
        if let Some(encoded) = self.as_encoded() {
            hint::black_box(encoded.bytes.first());
        }
    }

    fn body(&self) -> &dyn ErasedMessage {
        self.0.content.body()
    }

    /// Tells types of this process apart; all messages that came encoded have the same.
    #[inline]
    pub(crate) fn content_type(&self) -> TypeId {
        let content: &dyn Any = &self.0.content;
        content.type_id()
    }

    /// The message as a value of this process.
    #[inline]
    fn local<M: Message>(&self) -> Option<&M> {
        if self.0.head.has(ENCODED) {
            return None;
        }
        let content: &dyn Any = &self.0.content;
        content.downcast_ref::<Option<M>>()?.as_ref()
    }
}

impl fmt::Debug for AnyMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyMessage({})", self.type_name())
    }
}

/// Sent inside another message, it is its type names and its bytes.
impl Serialize for AnyMessage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.encode().map_err(serde::ser::Error::custom)?;
        (self.type_names(), crate::Bytes(bytes)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for AnyMessage {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<AnyMessage, D::Error> {
        let (names, bytes) = <(TypeNames, crate::Bytes)>::deserialize(deserializer)?;
        if names.is_empty() {
            return Err(serde::de::Error::custom("a message without a type name"));
        }
        Ok(AnyMessage::encoded(names, bytes.0))
    }
}

/// The memory of a message that is over, for another one.
pub struct SpareMessage(AnyMessage);

impl SpareMessage {
    /// Has the processor fetch it: it is used next.
    #[inline]
    pub fn fetch(&self) {
        self.0.fetch();
    }
}

/// A message as it came from another process: names and bytes, decoded when somebody asks for a type they know.
///
/// It can be sent as it is, without the box of an [`AnyMessage`]:
///
/// ```
/// use thespian_msgs::{EncodedMessage, IntoMessage, TypeName};
///
/// # fn main() -> Result<(), thespian_msgs::EncodeError> {
/// let message = EncodedMessage::new(vec![TypeName::from("u8")], vec![7]).into_message();
/// assert_eq!(message.downcast_ref::<u8>(), Some(&7));
/// # Ok(())
/// # }
/// ```
pub struct EncodedMessage {
    names: TypeNames,
    bytes: Payload,
    /// See [`Envelope::place`].
    place: u64,
    /// The value, once it has been asked for, so that a retry and every `downcast_ref` see one.
    decoded: OnceCell<Decoded>,
    /// The same for each type that is extended; few messages have any.
    extended: OnceCell<Box<[OnceCell<Decoded>]>>,
}

type Decoded = Result<Box<dyn Any + Send>, Box<DecodeError>>;

impl EncodedMessage {
    /// The names of a message's type and of those it extends, nearest first, and its bytes. Those that are shared already are not copied.
    #[inline]
    pub fn new(names: impl Into<TypeNames>, bytes: impl Into<Payload>) -> EncodedMessage {
        let (names, bytes) = (names.into(), bytes.into());
        EncodedMessage { names, bytes, place: 0, decoded: OnceCell::new(), extended: OnceCell::new() }
    }

    /// The encoded value.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, for who wants to keep it: many bytes are shared.
    pub fn payload(&self) -> &Payload {
        &self.bytes
    }

    /// The names of its type and of those it extends, nearest first.
    pub fn names(&self) -> &TypeNames {
        &self.names
    }

    fn is_named(&self, index: usize, name: &TypeName) -> bool {
        self.names.get(index) == Some(name)
    }

    /// The value at a level, if it has the name of an `M`.
    #[cold]
    fn named_value<M: Message>(&self, index: usize) -> Option<Result<&M, &DecodeError>> {
        if !self.is_named(index, &M::type_name()) {
            return None;
        }
        let decoded =
            self.cell(index)?.get_or_init(|| self.decode::<M>(index).map(kept_value).map_err(Box::new));
        match decoded {
            Ok(value) => value.downcast_ref::<M>().map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Uses the value at a level, if it has the name of an `M`; one that nobody has asked for before, and that is not to be
    /// kept, costs no memory.
    #[inline]
    fn with_value<M: Message, R>(
        &self,
        index: usize,
        user: impl FnOnce(&M) -> R,
        keep: impl FnOnce(&R) -> bool,
    ) -> Option<Result<R, &DecodeError>> {
        if !self.is_named(index, &M::type_name()) {
            return None;
        }
        if index > 0 || self.decoded.get().is_some() {
            return Some(self.named_value::<M>(index)?.map(user));
        }
        let value = match self.decode::<M>(0) {
            Ok(value) => value,
            Err(error) => {
                let kept = self.decoded.get_or_init(|| Err(Box::new(error)));
                return kept.as_ref().err().map(|error| Err(&**error));
            }
        };
        let outcome = user(&value);
        if keep(&outcome) {
            // It is as the user left it: nobody has asked meanwhile, or else that value stays.
            let _ = self.decoded.set(Ok(kept_value(value)));
        }
        Some(Ok(outcome))
    }

    /// Where the value at a level is kept.
    fn cell(&self, index: usize) -> Option<&OnceCell<Decoded>> {
        let Some(above) = index.checked_sub(1) else { return Some(&self.decoded) };
        let cells = || self.names[1..].iter().map(|_| OnceCell::new()).collect();
        self.extended.get_or_init(cells).get(above)
    }

    #[inline]
    fn decode<M: Message>(&self, index: usize) -> Result<M, DecodeError> {
        let limits = DecodeLimits::default();
        // A type that is extended stands first in the one that extends it, so it is a prefix of the bytes.
        match index {
            0 => crate::decode(&self.bytes, limits),
            _ => crate::decode_prefix(&self.bytes, limits).map(|(value, _)| value),
        }
    }
}

#[cold]
fn kept_value<M: Message>(value: M) -> Box<dyn Any + Send> {
    Box::new(value)
}

impl ErasedMessage for EncodedMessage {
    fn name(&self) -> TypeName {
        self.names.first().cloned().unwrap_or(TypeName::Borrowed("nameless"))
    }

    fn names(&self) -> TypeNames {
        self.names.clone()
    }

    fn is_system(&self) -> bool {
        self.names.first().is_some_and(|name| name.starts_with(SYSTEM_PREFIX))
    }

    fn parent(&self) -> Option<&dyn ErasedMessage> {
        None
    }

    fn encode_into(&self, buffer: &mut Vec<u8>) -> Result<(), EncodeError> {
        buffer.extend_from_slice(&self.bytes);
        Ok(())
    }

    fn duplicate(&self) -> Result<AnyMessage, EncodeError> {
        Ok(AnyMessage::encoded(self.names.clone(), self.bytes.clone()))
    }

    fn clone_to(&self, place: &mut dyn Any) -> bool {
        let Some(place) = place.downcast_mut::<Option<EncodedMessage>>() else { return false };
        *place = Some(EncodedMessage::new(self.names.clone(), self.bytes.clone()));
        true
    }

    #[inline]
    fn as_encoded(&self) -> Option<&EncodedMessage> {
        Some(self)
    }

    #[inline]
    fn as_encoded_mut(&mut self) -> Option<&mut EncodedMessage> {
        Some(self)
    }
}

impl fmt::Debug for EncodedMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EncodedMessage({:?}, {} bytes)", self.names, self.bytes.len())
    }
}

/// A message seen as one of the types it is: its own, or one that it extends (guide section 5.17).
#[derive(Clone, Copy)]
pub struct Level<'a>(At<'a>);

#[derive(Clone, Copy)]
enum At<'a> {
    /// The message itself.
    Whole(&'a AnyMessage),
    /// The part of a value of this process that is the extended type.
    Part(&'a dyn ErasedMessage),
    /// A message that came encoded, seen this many steps up from its own type.
    Encoded(&'a EncodedMessage, usize),
}

impl<'a> Level<'a> {
    /// The message at this level as an `M`: `None` if it is something else, an error if it says it is an `M` but
    /// its bytes are not.
    #[inline]
    pub fn get<M: Message>(&self) -> Option<Result<&'a M, &'a DecodeError>> {
        match self.0 {
            At::Whole(message) => match message.local::<M>() {
                Some(message) => Some(Ok(message)),
                None => message.as_encoded()?.named_value::<M>(0),
            },
            At::Part(message) => (message as &dyn Any).downcast_ref::<M>().map(Ok),
            At::Encoded(message, index) => message.named_value::<M>(index),
        }
    }

    /// Lets somebody use the message at this level as an `M`, as [`get`](Level::get) gives it. For messages that are mostly
    /// asked for once: a value that is decoded for this is not kept, unless `keep` says so of what came of its use.
    ///
    /// ```
    /// # use thespian_msgs::AnyMessage;
    /// let message = AnyMessage::encoded(vec!["u8".into()], vec![7]);
    /// let twice = message.level().with(|number: &u8| number * 2, |_| false);
    /// assert_eq!(twice, Some(Ok(14)));
    /// assert_eq!(message.level().with(|text: &String| text.len(), |_| false), None);
    /// ```
    #[inline]
    pub fn with<M: Message, R>(
        &self,
        user: impl FnOnce(&M) -> R,
        keep: impl FnOnce(&R) -> bool,
    ) -> Option<Result<R, &'a DecodeError>> {
        match self.0 {
            At::Whole(message) => match message.local::<M>() {
                Some(message) => Some(Ok(user(message))),
                None => message.as_encoded()?.with_value(0, user, keep),
            },
            At::Part(message) => (message as &dyn Any).downcast_ref::<M>().map(|message| Ok(user(message))),
            At::Encoded(message, index) => message.with_value(index, user, keep),
        }
    }

    /// One level up: the message as the type it extends.
    #[inline]
    pub fn parent(&self) -> Option<Level<'a>> {
        let (encoded, index) = match self.0 {
            At::Part(message) => return message.parent().map(|parent| Level(At::Part(parent))),
            At::Whole(message) => match message.as_encoded() {
                Some(encoded) => (encoded, 0),
                None => return message.body().parent().map(|parent| Level(At::Part(parent))),
            },
            At::Encoded(encoded, index) => (encoded, index),
        };
        (index + 1 < encoded.names.len()).then(|| Level(At::Encoded(encoded, index + 1)))
    }

    /// The stable name of the type at this level.
    pub fn name(&self) -> TypeName {
        match self.0 {
            At::Whole(message) => message.type_name(),
            At::Part(message) => message.name(),
            At::Encoded(message, index) => message.names[index].clone(),
        }
    }
}

/// What can be sent: a message, a `&str`, or an [`AnyMessage`] that is sent as what it is and not wrapped again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a message",
    note = "derive it: `#[derive(Serialize, Deserialize, Message)]`"
)]
pub trait IntoMessage {
    /// The boxed message.
    fn into_message(self) -> AnyMessage;

    /// The message as it is, if it is a user's and not boxed already, or is a few bytes in a box: who only wants its bytes needs no
    /// box.
    #[inline]
    fn as_unboxed(&self) -> Option<&dyn ErasedMessage> {
        None
    }
}

impl<M: Message> IntoMessage for M {
    #[inline]
    fn into_message(self) -> AnyMessage {
        AnyMessage::new(self)
    }

    #[inline]
    fn as_unboxed(&self) -> Option<&dyn ErasedMessage> {
        (!M::SYSTEM).then_some(self as &dyn ErasedMessage)
    }
}

impl IntoMessage for AnyMessage {
    fn into_message(self) -> AnyMessage {
        self
    }

    #[inline]
    fn as_unboxed(&self) -> Option<&dyn ErasedMessage> {
        self.as_encoded()?.as_unboxed()
    }
}

impl IntoMessage for EncodedMessage {
    fn into_message(self) -> AnyMessage {
        let head = Head::blank(ENCODED | if self.is_system() { SYSTEM } else { 0 });
        AnyMessage(Box::new(Parcel { head, content: Some(self) }))
    }

    /// If it is small: a large one is better shared.
    #[inline]
    fn as_unboxed(&self) -> Option<&dyn ErasedMessage> {
        (self.bytes.len() <= Payload::INLINE && !self.is_system()).then_some(self as &dyn ErasedMessage)
    }
}

impl IntoMessage for &str {
    fn into_message(self) -> AnyMessage {
        AnyMessage::new(alloc::string::String::from(self))
    }
}

/// A message on its way: who it is for and who sent it. Moves as one pointer.
pub struct Envelope(AnyMessage);

impl Envelope {
    /// Whom the message is for.
    #[inline]
    pub fn to(&self) -> &ActorAddress {
        &self.0.0.head.to
    }

    /// Who sent it.
    #[inline]
    pub fn from(&self) -> &ActorAddress {
        &self.0.0.head.from
    }

    /// The sender's number for the message: unique for one sender, 0 before it has one.
    #[inline]
    pub fn number(&self) -> u64 {
        self.0.0.head.number_and_marks & !MARKS
    }

    /// Gives the message its number.
    #[inline]
    pub fn set_number(&mut self, number: u64) {
        let head = &mut self.0.0.head;
        head.number_and_marks = head.number_and_marks & MARKS | number & !MARKS;
    }

    /// Has the processor fetch the message from memory, without waiting for it: it is wanted soon. Of many that came together
    /// none is near any more when its turn comes.
    #[inline]
    pub fn fetch(&self) {
        self.0.fetch();
    }

    /// The message's place in the order between its sender and its target, for those that came from another process.
    pub fn place(&self) -> u64 {
        self.0.as_encoded().map_or(0, |encoded| encoded.place)
    }

    /// Gives a message that came from another process its place.
    pub fn set_place(&mut self, place: u64) {
        if let Some(encoded) = self.0.0.content.as_encoded_mut() {
            encoded.place = place;
        }
    }

    /// Whether the runtime sent it, and not the actor or caller that it is from.
    #[inline]
    pub fn is_by_runtime(&self) -> bool {
        self.0.0.head.has(BY_RUNTIME)
    }

    /// Marks the message as sent by the runtime.
    #[must_use]
    pub fn by_runtime(mut self) -> Envelope {
        self.0.0.head.number_and_marks |= BY_RUNTIME;
        self
    }

    /// Whether the sender does not want to be told that the message has been dealt with.
    #[inline]
    pub fn is_uncounted(&self) -> bool {
        self.0.0.head.has(UNCOUNTED)
    }

    /// Marks the message as one that its sender does not count: that of a caller outside, who is never paused.
    #[must_use]
    pub fn uncounted(mut self) -> Envelope {
        self.0.0.head.number_and_marks |= UNCOUNTED;
        self
    }

    /// The message itself.
    #[inline]
    pub fn message(&self) -> &AnyMessage {
        &self.0
    }

    /// Ends the message: see [`AnyMessage::into_spare`].
    #[inline]
    pub fn into_spare(self) -> Option<SpareMessage> {
        self.0.into_spare()
    }

    /// Ends the message: see [`AnyMessage::emptied`].
    #[inline]
    pub fn emptied(self) -> SpareMessage {
        self.0.emptied()
    }

    /// The message in another envelope, for somebody else. Like [`seal`](AnyMessage::seal), this is for engines.
    #[inline]
    #[must_use]
    pub fn readdressed(self, to: &ActorAddress, from: &ActorAddress) -> Envelope {
        self.0.seal(to, from)
    }

    /// Takes the message out; the postal data goes.
    pub fn into_message(mut self) -> AnyMessage {
        let head = &mut self.0.0.head;
        *head = Head::blank(head.number_and_marks & (SYSTEM | ENCODED));
        self.0
    }
}

/// Between the processes of a system: the postal data, and the message as inside another one.
impl Serialize for Envelope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let marks = (self.is_by_runtime(), self.is_uncounted());
        (self.to(), self.from(), self.number(), marks, self.message()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Envelope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Envelope, D::Error> {
        type Parts = (ActorAddress, ActorAddress, u64, (bool, bool), AnyMessage);
        let (to, from, number, (by_runtime, uncounted), message) = Parts::deserialize(deserializer)?;
        let mut envelope = message.seal(&to, &from);
        envelope.set_number(number);
        if by_runtime {
            envelope = envelope.by_runtime();
        }
        Ok(if uncounted { envelope.uncounted() } else { envelope })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from(), self.to(), self.message().type_name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;
    use alloc::vec;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Base {
        id: u32,
    }

    impl Message for Base {
        fn type_name() -> TypeName {
            "test::Base".into()
        }
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Derived {
        base: Base,
        note: String,
    }

    impl Message for Derived {
        fn type_name() -> TypeName {
            "test::Derived".into()
        }

        fn parent(&self) -> Option<&dyn ErasedMessage> {
            Some(&self.base)
        }

        fn ancestors(names: &mut Vec<TypeName>) {
            names.push(Base::type_name());
            Base::ancestors(names);
        }
    }

    fn derived() -> Derived {
        Derived { base: Base { id: 7 }, note: "n".into() }
    }

    /// The message after a journey between processes.
    fn travelled(message: &AnyMessage) -> AnyMessage {
        let bytes = crate::encode(message).expect("encodes");
        crate::decode(&bytes, DecodeLimits::default()).expect("decodes")
    }

    #[test]
    fn a_message_is_its_own_type_and_no_other() {
        for message in [AnyMessage::new(derived()), travelled(&AnyMessage::new(derived()))] {
            assert!(message.is::<Derived>() && !message.is::<Base>());
            assert_eq!(message.downcast_ref::<Derived>(), Some(&derived()));
            assert_eq!(message.downcast_ref::<Base>(), None);
            assert_eq!(message.type_name(), "test::Derived");
            let message = message.downcast::<Base>().expect_err("not a Base");
            assert_eq!(message.downcast::<Derived>().ok(), Some(derived()));
        }
    }

    #[test]
    fn a_message_climbs_to_the_type_it_extends_even_after_a_journey() {
        for message in [AnyMessage::new(derived()), travelled(&AnyMessage::new(derived()))] {
            let up = message.level().parent().expect("extends Base");
            assert_eq!(up.name(), "test::Base");
            assert_eq!(up.get::<Base>(), Some(Ok(&Base { id: 7 })));
            assert!(up.get::<Derived>().is_none());
            assert!(up.parent().is_none());
        }
    }

    #[test]
    fn bytes_that_are_not_what_their_name_says_are_an_error_and_not_a_value() {
        let message = AnyMessage::encoded(vec!["str".into()], vec![200, 1, 2]);
        assert!(message.is::<String>());
        assert!(matches!(message.level().get::<String>(), Some(Err(DecodeError::Malformed { .. }))));
        assert_eq!(message.downcast_ref::<String>(), None);
        assert!(message.downcast::<String>().is_err());
    }

    #[test]
    fn asking_twice_gives_one_decoded_value() {
        let message = travelled(&AnyMessage::new(String::from("once")));
        let first = message.downcast_ref::<String>().expect("a string") as *const String;
        assert_eq!(first, message.downcast_ref::<String>().expect("a string") as *const String);
    }

    #[test]
    fn a_value_that_is_used_once_is_kept_if_it_is_to_be_and_only_then() {
        let message = travelled(&AnyMessage::new(derived()));
        let used = message.level().with(|message: &Derived| message.note.clone(), |_| false);
        assert_eq!(used, Some(Ok("n".into())));
        let place = message.level().with(|message: &Derived| message.base.id, |_| true);
        assert_eq!(place, Some(Ok(7)));
        let kept: *const Derived = message.downcast_ref().expect("it was kept");
        let used = message.level().with(|message: &Derived| kept == message, |_| false);
        assert_eq!(used, Some(Ok(true)));
        let up = message.level().parent().expect("extends Base");
        assert_eq!(up.with(|base: &Base| base.id, |_| false), Some(Ok(7)));
        assert!(message.level().with(|_: &Base| (), |_| false).is_none());
        let wrong = AnyMessage::encoded(vec!["str".into()], vec![200, 1, 2]);
        assert!(matches!(wrong.level().with(|_: &String| (), |_| false), Some(Err(_))));
        assert!(matches!(wrong.level().get::<String>(), Some(Err(_))));
    }

    #[test]
    fn a_message_in_the_memory_of_another_has_nothing_of_it() {
        let names = [TypeNames::from(vec!["str".into()]), TypeNames::from(vec!["thespian::own".into()])];
        let bytes = [&[1, b'a'][..], &[7; 1000]];
        for (before, after) in [(0, 0), (0, 1), (1, 0)] {
            for (first, second) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                let message = AnyMessage::encoded(names[before].clone(), bytes[first]);
                let _ = message.downcast_ref::<String>();
                let mut envelope = message.seal(&ActorAddress::NOBODY, &ActorAddress::NOBODY).by_runtime();
                envelope.set_number(5);
                envelope.set_place(6);
                let spare = envelope.into_spare().expect("it came from elsewhere");
                let message = AnyMessage::encoded_in(spare, &names[after], PayloadRef::Read(bytes[second]));
                assert_eq!(message.type_names(), names[after]);
                assert_eq!(message.is_system(), after == 1);
                assert_eq!(message.as_encoded().expect("it is").bytes(), bytes[second]);
                let string = message.level().get::<String>().and_then(Result::ok).map(String::as_str);
                assert_eq!(string, ((after, second) == (0, 0)).then_some("a"));
                let envelope = message.seal(&ActorAddress::NOBODY, &ActorAddress::NOBODY);
                assert_eq!((envelope.number(), envelope.place(), envelope.is_by_runtime()), (0, 0, false));
            }
        }
        assert!(AnyMessage::new(7u8).into_spare().is_none());
    }

    #[test]
    fn a_copy_in_the_memory_of_another_message_has_nothing_of_it() {
        let (to, from) = (ActorAddress::NOBODY, ActorAddress::NOBODY);
        let originals = [
            AnyMessage::new(7_u32),
            AnyMessage::new(8_u32),
            AnyMessage::new(derived()),
            travelled(&AnyMessage::new(9_u32)),
        ];
        for before in &originals {
            for original in &originals {
                let mut envelope = before.duplicate().expect("copies").seal(&to, &from).by_runtime();
                envelope.set_number(5);
                let AnyMessage(parcel) = envelope.0;
                let copy = original.duplicate_in(AnyMessage(parcel).emptied()).expect("copies");
                assert_eq!(copy.type_name(), original.type_name());
                assert_eq!(copy.downcast_ref::<u32>(), original.downcast_ref::<u32>());
                assert_eq!(copy.downcast_ref::<Derived>(), original.downcast_ref::<Derived>());
                assert_eq!(copy.0.head.number_and_marks & !(SYSTEM | ENCODED), 0);
            }
        }
    }

    #[test]
    fn what_is_over_is_dropped_at_once_and_its_memory_is_used_again() {
        #[derive(Clone, Serialize, Deserialize)]
        struct Counted {
            #[serde(skip)]
            _count: alloc::sync::Arc<()>,
        }

        impl Message for Counted {
            fn type_name() -> TypeName {
                "test::Counted".into()
            }

            fn try_clone(&self) -> Option<Counted> {
                Some(self.clone())
            }
        }

        let count = alloc::sync::Arc::new(());
        let (first, second) = (
            AnyMessage::new(Counted { _count: count.clone() }),
            AnyMessage::new(Counted { _count: count.clone() }),
        );
        let memory: *const u8 = (&raw const *first.0).cast();
        let spare = first.emptied();
        assert_eq!(alloc::sync::Arc::strong_count(&count), 2);
        let copy = second.duplicate_in(spare).expect("copies");
        assert_eq!((&raw const *copy.0).cast(), memory);
        assert_eq!(alloc::sync::Arc::strong_count(&count), 3);
    }

    #[test]
    fn a_message_inside_a_message_inside_a_message_comes_back_whole() {
        let inner = AnyMessage::new(derived());
        let middle = AnyMessage::encoded(vec!["outer".into()], crate::encode(&inner).expect("encodes"));
        let back = travelled(&middle);
        let bytes = back.as_encoded().expect("travelled").bytes();
        let inner: AnyMessage = crate::decode(bytes, DecodeLimits::default()).expect("decodes");
        assert_eq!(inner.downcast_ref::<Derived>(), Some(&derived()));
    }

    #[test]
    fn a_copy_equals_its_original() {
        let by_clone = AnyMessage::new(String::from("cloned")).duplicate().expect("copies");
        assert_eq!(by_clone.downcast_ref::<String>().map(String::as_str), Some("cloned"));
        assert!(by_clone.as_encoded().is_none());
        let by_encoding = AnyMessage::new(derived()).duplicate().expect("copies");
        assert_eq!(by_encoding.downcast_ref::<Derived>(), Some(&derived()));
    }

    #[test]
    fn a_message_without_a_name_is_refused() {
        let bytes = crate::encode(&(Vec::<TypeName>::new(), crate::Bytes(vec![1]))).expect("encodes");
        assert!(crate::decode::<AnyMessage>(&bytes, DecodeLimits::default()).is_err());
    }

    #[test]
    fn an_envelope_says_who_and_forgets_it_when_opened() {
        let key = crate::AddressKey::new([1; 16]);
        let system = crate::SystemId::from_bits(5);
        let (to, from) = (key.seal(system, 1, 1), key.seal(system, 2, 2));
        let envelope = AnyMessage::new(1u8).seal(&to, &from);
        assert_eq!((envelope.to(), envelope.from()), (&to, &from));
        assert!(envelope.message().is::<u8>());
        let again = envelope.into_message().seal(&ActorAddress::NOBODY, &to);
        assert_eq!(again.from(), &to);
    }
}
