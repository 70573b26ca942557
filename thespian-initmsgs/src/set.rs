//! The messages that an actor waits for.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thespian_core::{ActorAddress, AnyMessage, DecodeLimits, Failure, Message, TypeName, decode, encode};

/// The start argument of an [`InitActor`](crate::InitActor): the messages it waits for, as a tuple.
///
/// It is a message like other start arguments, so that the actor can be created without
/// [`Initialized`](crate::Initialized) too, by somebody who has everything, such as a test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "S: InitSet")]
pub struct Init<S: InitSet>(pub S);

impl<S: InitSet> Message for Init<S> {
    fn type_name() -> TypeName {
        format!("thespian_initmsgs::Init<{}>", S::types().join(", ")).into()
    }
}

/// A message that is waited for, and who sent it: the guide's third entry, `True` (section 8.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(bound = "M: Message")]
pub struct WithSender<M: Message> {
    /// The message.
    pub message: M,
    /// Its sender.
    pub sender: ActorAddress,
}

/// One element of an [`InitSet`]: a message, or a message [`WithSender`]. Not implemented by hand.
pub trait InitMessage: Serialize + DeserializeOwned + Send + 'static {
    /// What has to come.
    type Message: Message;

    /// What the actor is given.
    fn new(message: Self::Message, sender: ActorAddress) -> Self;
}

impl<M: Message> InitMessage for M {
    type Message = M;

    fn new(message: M, _: ActorAddress) -> M {
        message
    }
}

impl<M: Message> InitMessage for WithSender<M> {
    type Message = M;

    fn new(message: M, sender: ActorAddress) -> WithSender<M> {
        WithSender { message, sender }
    }
}

/// What an actor waits for: a tuple of one to eight [`InitMessage`]s. Not implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a set of messages to wait for",
    note = "an init set is a tuple of one to eight messages, or messages `WithSender`; of a single one: `Init<(String,)>`"
)]
pub trait InitSet: Serialize + DeserializeOwned + Send + 'static {
    /// Whether one of the messages is the runtime's own, which cannot be waited for.
    #[doc(hidden)]
    const SYSTEM: bool;

    /// What has come of it so far.
    #[doc(hidden)]
    type Arrived: Default + Send + 'static;

    /// The names of the types of the messages, in the order of the tuple.
    fn types() -> Vec<TypeName>;

    /// The parts of the set that a message is: none, where it is not waited for.
    #[doc(hidden)]
    fn arriving(message: &AnyMessage, sender: ActorAddress) -> Result<Option<Self::Arrived>, Failure>;

    /// The whole set, made of copies, if it is complete with what is arriving.
    #[doc(hidden)]
    fn complete(arrived: &Self::Arrived, arriving: &Self::Arrived) -> Result<Option<Self>, Failure>;

    /// What is arriving has arrived.
    #[doc(hidden)]
    fn merge(arrived: &mut Self::Arrived, arriving: Self::Arrived);

    /// The names of the types that have not arrived.
    #[doc(hidden)]
    fn missing(arrived: &Self::Arrived) -> Vec<TypeName>;
}

/// The start argument of an actor that can be [`Initialized`](crate::Initialized), which is an [`Init`]. Not implemented by
/// hand.
#[diagnostic::on_unimplemented(
    message = "an actor that waits for initialization messages takes them as its start argument, and this one takes `{Self}`",
    note = "write its constructor as `#[start] fn new(Init((a, b)): Init<(A, B)>) -> Self`",
    note = "an actor that waits already, and so takes nothing, cannot wait again"
)]
pub trait InitStart: Message {
    /// The tuple.
    type Set: InitSet;

    /// The argument.
    fn from_set(set: Self::Set) -> Self;
}

impl<S: InitSet> InitStart for Init<S> {
    type Set = S;

    fn from_set(set: S) -> Init<S> {
        Init(set)
    }
}

/// A message that has come. It stays here until the actor has taken a copy and not failed on it.
pub struct Part<P: InitMessage> {
    message: P::Message,
    sender: ActorAddress,
}

impl<P: InitMessage> Part<P> {
    /// The message as this part of the set: of its type, or of one that extends it.
    fn of(message: &AnyMessage, sender: ActorAddress) -> Result<Option<Part<P>>, Failure> {
        let mut level = Some(message.level());
        while let Some(at) = level {
            if let Some(found) = at.get::<P::Message>() {
                let name = P::Message::type_name();
                let found = found.map_err(|error| {
                    Failure::new(format_args!("the message's bytes are not a {name}: {error}"))
                })?;
                return Ok(Some(Part { message: copy(found)?, sender }));
            }
            level = at.parent();
        }
        Ok(None)
    }

    fn give(&self) -> Result<P, Failure> {
        Ok(P::new(copy(&self.message)?, self.sender))
    }
}

/// By `Clone` where the type has it, through the encoding otherwise.
fn copy<M: Message>(message: &M) -> Result<M, Failure> {
    match message.try_clone() {
        Some(copy) => Ok(copy),
        None => Ok(decode(&encode(message)?, DecodeLimits::default())?),
    }
}

macro_rules! init_sets {
    ($(($($element:ident $part:ident $at:tt),+))*) => {$(
        impl<$($element: InitMessage),+> InitSet for ($($element,)+) {
            const SYSTEM: bool = $($element::Message::SYSTEM)||+;

            type Arrived = ($(Option<Part<$element>>,)+);

            fn types() -> Vec<TypeName> {
                vec![$($element::Message::type_name()),+]
            }

            fn arriving(message: &AnyMessage, sender: ActorAddress) -> Result<Option<Self::Arrived>, Failure> {
                let parts: Self::Arrived = ($(Part::<$element>::of(message, sender)?,)+);
                let any = $(parts.$at.is_some())||+;
                Ok(any.then_some(parts))
            }

            fn complete(arrived: &Self::Arrived, arriving: &Self::Arrived) -> Result<Option<Self>, Failure> {
                match ($(arriving.$at.as_ref().or(arrived.$at.as_ref()),)+) {
                    ($(Some($part),)+) => Ok(Some(($($part.give()?,)+))),
                    _ => Ok(None),
                }
            }

            fn merge(arrived: &mut Self::Arrived, arriving: Self::Arrived) {
                $(if arriving.$at.is_some() {
                    arrived.$at = arriving.$at;
                })+
            }

            fn missing(arrived: &Self::Arrived) -> Vec<TypeName> {
                let all = Self::types().into_iter().zip([$(arrived.$at.is_some()),+]);
                all.filter(|(_, is_there)| !is_there).map(|(name, _)| name).collect()
            }
        }
    )*};
}

init_sets! {
    (A a 0)
    (A a 0, B b 1)
    (A a 0, B b 1, C c 2)
    (A a 0, B b 1, C c 2, D d 3)
    (A a 0, B b 1, C c 2, D d 3, E e 4)
    (A a 0, B b 1, C c 2, D d 3, E e 4, F f 5)
    (A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6)
    (A a 0, B b 1, C c 2, D d 3, E e 4, F f 5, G g 6, H h 7)
}
