//! What can go wrong with a call, as the guide's tree of exceptions (section 6.1) with the context as data.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{ActorAddress, EncodeError, TypeName};

/// Why a call on an actor system failed: the guide's `ActorSystemException`.
///
/// What an actor asks for inside a handler does not fail this way: it answers with messages
/// ([`PoisonMessage`](crate::PoisonMessage), [`ChildActorExited`](crate::ChildActorExited)), because it happens after
/// the handler has returned.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Error {
    /// The address cannot be used here: the guide's `InvalidActorAddress`.
    InvalidActorAddress {
        /// The address.
        address: ActorAddress,
        /// What is wrong with it.
        problem: String,
    },
    /// No system can run the actor: the guide's `NoCompatibleSystemForActor`.
    NoCompatibleSystemForActor {
        /// The actor's type.
        actor: String,
        /// Each system that was asked, and the check that failed there.
        failed_checks: Vec<String>,
    },
    /// No loaded source has this hash: the guide's `InvalidActorSourceHash`.
    InvalidActorSourceHash {
        /// The hash.
        hash: String,
    },
    /// The actor was not named in a way that can be used: the guide's `InvalidActorSpecification`.
    InvalidActorSpecification {
        /// The type's name as it was given.
        actor: String,
        /// What is wrong with it.
        problem: SpecificationProblem,
    },
    /// The actor's constructor failed.
    ActorStartFailed {
        /// The actor's type.
        actor: String,
        /// The error's or panic's text.
        details: String,
    },
    /// A bound of the system is reached.
    LimitReached {
        /// The bound, such as `Limits::actors`.
        limit: TypeName,
        /// Its value.
        value: u64,
    },
    /// The system could not be started: the guide's `ActorSystemStartupFailure`.
    StartupFailure {
        /// The base.
        base: String,
        /// What went wrong and what to do.
        cause: String,
    },
    /// The system does not come down.
    ShutdownFailure {
        /// The base.
        base: String,
        /// What is left, and what to do.
        cause: String,
    },
    /// There was no answer in time: the guide's `ActorSystemRequestTimeout`.
    RequestTimeout {
        /// What was waited for.
        waited_for: String,
        /// How long.
        timeout: Duration,
    },
    /// The target of a `request` is dead.
    TargetDead {
        /// The target.
        target: ActorAddress,
    },
    /// The target of a `request` failed on it twice.
    RequestPoisoned {
        /// The target.
        target: ActorAddress,
        /// The error's or panic's text.
        details: String,
    },
    /// The answer to a `request` was of another type than the one asked for.
    UnexpectedReply {
        /// The type that was asked for.
        expected: TypeName,
        /// The type that came.
        received: TypeName,
    },
    /// The message cannot be encoded.
    MessageNotEncodable(EncodeError),
    /// The message is over the limit of the base.
    MessageTooLarge {
        /// The message's type.
        type_name: TypeName,
        /// Its encoded size in bytes.
        size: usize,
        /// [`Limits::message_size`](crate::Limits::message_size), in bytes.
        limit: usize,
    },
    /// A setting has a value that cannot be used.
    InvalidSetting {
        /// The setting.
        setting: String,
        /// What is wrong with its value.
        problem: String,
    },
    /// The base does not have the feature, or the crate that brings it is not there.
    NotSupported {
        /// The feature.
        feature: Feature,
        /// The base.
        base: String,
    },
    /// The system is down, or on its way down.
    SystemDown {
        /// The base.
        base: String,
    },
    /// The actors went on sending each other messages: the call's step limit was reached before all was quiet.
    NeverSettles {
        /// [`Limits::steps_per_call`](crate::Limits::steps_per_call), in deliveries.
        steps: u64,
        /// The type of the actor that was to run next.
        actor: String,
    },
    /// An outside call was made from inside an actor, which it would block for ever.
    CalledFromActor {
        /// The call.
        call: TypeName,
    },
    /// Something is at the place of the system's admin that cannot be joined (decision D32).
    AttachFailure {
        /// The base.
        base: String,
        /// Where, in the words of the transport: for TCP an address and a port.
        place: String,
        /// What is there.
        problem: AttachProblem,
    },
    /// The place of the system's admin was taken when it was to be opened.
    PlaceTaken {
        /// The base.
        base: String,
        /// Where, in the words of the transport.
        place: String,
        /// Who has it, as far as can be found out.
        holder: String,
    },
}

/// What is wrong with how an actor was specified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SpecificationProblem {
    /// No registered type has that name.
    UnknownType {
        /// Registered names that look like it, nearest first.
        near_misses: Vec<String>,
    },
    /// Several actor types registered themselves under that name.
    AmbiguousName,
    /// The name is empty.
    EmptyName,
    /// The global name cannot be used: empty, or over [`Limits::name_length`](crate::Limits::name_length).
    GlobalName {
        /// Its length in bytes.
        length: usize,
        /// The longest allowed, in bytes.
        limit: usize,
    },
    /// The constructor takes another start argument than the one that was given.
    StartArgument {
        /// The type that the constructor takes.
        expected: TypeName,
        /// The type that was given.
        given: TypeName,
    },
}

/// Why what is at the place of a system's admin cannot be joined (decision D32).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum AttachProblem {
    /// Nobody: a system was to be joined, and none runs there.
    Nobody,
    /// A program that does not speak our protocol.
    Foreign {
        /// Who it is, as far as can be found out.
        holder: String,
    },
    /// Something that takes connections and says nothing.
    Silent {
        /// How long it was waited for.
        waited: Duration,
        /// Who it is, as far as can be found out.
        holder: String,
    },
    /// A system whose admin takes this program in and then does not greet it.
    Unwelcoming {
        /// How long it was waited for.
        waited: Duration,
    },
    /// A system on another base.
    OtherBase {
        /// That base's name.
        base: String,
    },
    /// A system whose protocol versions and ours do not overlap.
    OtherVersion {
        /// The oldest and the newest version that it speaks.
        theirs: (u16, u16),
        /// The same of ours.
        ours: (u16, u16),
    },
    /// A system with another secret: another user's, usually.
    WrongSecret {
        /// Who it is, as far as can be found out.
        holder: String,
    },
    /// A system that is shutting down.
    ShuttingDown,
    /// A system that refuses another client.
    Full {
        /// Which of its bounds is reached.
        limit: String,
    },
}

impl fmt::Display for AttachProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AttachProblem::Nobody => f.write_str(
                "nobody is there: start a system at that place, or name the place of one that runs",
            ),
            AttachProblem::Foreign { holder } => {
                write!(
                    f,
                    "{holder} has it, which is no actor system: choose another place, or end that program"
                )
            }
            AttachProblem::Silent { waited, holder } => write!(
                f,
                "{holder} takes connections there and said nothing within {waited:?}: it hangs, or is no actor system"
            ),
            AttachProblem::Unwelcoming { waited } => write!(
                f,
                "the admin of the system there took this program in and did not greet it within {waited:?}: it hangs, or its \
                 machine is very busy; end its process, \"thespian admin\", if it does not recover"
            ),
            AttachProblem::OtherBase { base } => {
                write!(f, "a {base} runs there: join it with that base, or choose another place")
            }
            AttachProblem::OtherVersion { theirs, ours } => write!(
                f,
                "a system runs there that speaks protocol versions {} to {}, and this program speaks {} to {}: bring both \
                 to the same release",
                theirs.0, theirs.1, ours.0, ours.1
            ),
            AttachProblem::WrongSecret { holder } => write!(
                f,
                "the system there, {holder}, has another secret: it is another user's, or one of the two was given a \
                 secret of its own"
            ),
            AttachProblem::ShuttingDown => {
                f.write_str("the system there is shutting down: try again in a moment")
            }
            AttachProblem::Full { limit } => write!(f, "the system there takes no more clients ({limit})"),
        }
    }
}

/// A feature that not every base has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Feature {
    /// Systems that work together (guide section 4.11).
    Conventions,
    /// Loading actor source at run time (guide section 4.14).
    SourceLoading,
    /// Watched descriptors (guide section 4.8).
    Watch,
    /// Systems that programs other than their starter join (guide section 9.4).
    Joining,
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Feature::Conventions => "conventions of several systems",
            Feature::SourceLoading => "loading actor source",
            Feature::Watch => "watching descriptors",
            Feature::Joining => "joining a system that another program started",
        })
    }
}

impl Error {
    /// Whether this is one of the guide's `ActorSystemFailure`s: the system failed, and the caller could not have
    /// known better.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Error::StartupFailure { .. }
                | Error::ShutdownFailure { .. }
                | Error::RequestTimeout { .. }
                | Error::SystemDown { .. }
                | Error::AttachFailure { .. }
                | Error::PlaceTaken { .. }
        )
    }

    /// Whether a system was to be joined and none runs at its place.
    pub fn is_nobody_there(&self) -> bool {
        matches!(self, Error::AttachFailure { problem: AttachProblem::Nobody, .. })
    }

    /// Whether time ran out.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Error::RequestTimeout { .. })
    }

    /// Whether the actor to create was not specified in a usable way.
    pub fn is_invalid_specification(&self) -> bool {
        matches!(self, Error::InvalidActorSpecification { .. })
    }

    /// Whether the base lacks the feature.
    pub fn is_not_supported(&self) -> bool {
        matches!(self, Error::NotSupported { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::InvalidActorAddress { address, problem } => {
                write!(f, "{address} cannot be used: {problem}")
            }
            Error::NoCompatibleSystemForActor { actor, failed_checks } => {
                write!(f, "no system can run {actor}: {}", failed_checks.join("; "))
            }
            Error::InvalidActorSourceHash { hash } => write!(f, "no loaded source has the hash {hash:?}"),
            Error::InvalidActorSpecification { actor, problem } => {
                write!(f, "{actor:?} cannot be created: {problem}")
            }
            Error::ActorStartFailed { actor, details } => write!(f, "{actor} could not start: {details}"),
            Error::LimitReached { limit, value } => {
                write!(f, "the system has reached {limit}, which is {value}")
            }
            Error::StartupFailure { base, cause } => write!(f, "{base} could not be started: {cause}"),
            Error::ShutdownFailure { base, cause } => write!(f, "{base} could not be shut down: {cause}"),
            Error::RequestTimeout { waited_for, timeout } => write!(f, "no {waited_for} within {timeout:?}"),
            Error::TargetDead { target } => write!(f, "{target} is dead"),
            Error::RequestPoisoned { target, details } => {
                write!(f, "{target} failed twice on the request: {details}")
            }
            Error::UnexpectedReply { expected, received } => {
                write!(f, "the reply is a {received}, and a {expected} was asked for")
            }
            Error::MessageNotEncodable(error) => error.fmt(f),
            Error::MessageTooLarge { type_name, size, limit } => write!(
                f,
                "a message of type {type_name} has {size} bytes, over the limit of {limit} (Limits::message_size)"
            ),
            Error::InvalidSetting { setting, problem } => write!(f, "setting {setting}: {problem}"),
            Error::NotSupported { feature, base } => write!(f, "{base} does not support {feature}"),
            Error::SystemDown { base } => write!(f, "the actor system ({base}) is shut down"),
            Error::NeverSettles { steps, actor } => write!(
                f,
                "the actors did not settle within {steps} deliveries (Limits::steps_per_call); {actor} was next; \
                 nothing is lost, and the next call goes on from here"
            ),
            Error::AttachFailure { base, place, problem } => {
                write!(f, "{base} cannot join what is at {place}: {problem}")
            }
            Error::PlaceTaken { base, place, holder } => {
                write!(f, "{base} cannot have {place}: {holder} has it")
            }
            Error::CalledFromActor { call } => write!(
                f,
                "ActorSystem::{call} was called from inside an actor, which would wait for itself; use the Context"
            ),
        }
    }
}

impl core::error::Error for Error {}

impl fmt::Display for SpecificationProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecificationProblem::UnknownType { near_misses } => {
                f.write_str("no actor type of that name is registered")?;
                if !near_misses.is_empty() {
                    write!(f, " (did you mean {}?)", near_misses.join(" or "))?;
                }
                f.write_str(
                    "; register it with ActorSystem::builder().actors(actors![Type]): types marked #[actor] \
                     register themselves only in crates that the program names",
                )
            }
            SpecificationProblem::AmbiguousName => f.write_str(
                "several actor types registered themselves under that name: give them names of their own with \
                 #[actor(name = \"...\")], or say which one is meant with ActorSystem::builder().actors(actors![Type])",
            ),
            SpecificationProblem::EmptyName => f.write_str("the name is empty"),
            SpecificationProblem::GlobalName { length: 0, .. } => f.write_str("the global name is empty"),
            SpecificationProblem::GlobalName { length, limit } => {
                write!(
                    f,
                    "the global name has {length} bytes, over the limit of {limit} (Limits::name_length)"
                )
            }
            SpecificationProblem::StartArgument { expected, given } => {
                write!(f, "its constructor takes a start argument of type {expected}, and was given {given}")
            }
        }
    }
}
