//! What an actor is.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::any::TypeId;
use core::fmt;

use crate::{
    ActorSpec, AnyMessage, Capabilities, Context, Error, Helpers, Message, SpecificationProblem, TypeName,
    Value,
};

/// An actor: state of its own, and a handler for messages (guide section 5).
///
/// Most actors are written with the [`#[actor]`](macro@crate::actor) attribute, which calls a method by the type of the
/// message and fills in the rest of this trait:
///
/// ```
/// use thespian_core::{Context, Handled, actor};
///
/// #[derive(Default)]
/// struct Greeter {
///     greeted: u32,
/// }
///
/// #[actor]
/// impl Greeter {
///     fn greet(&mut self, name: &String, ctx: &mut Context<'_>) -> Handled {
///         self.greeted += 1;
///         ctx.reply(format!("Hello, {name}"))
///     }
/// }
/// # fn main() {}
/// ```
///
/// Implement it by hand where a single entry point is wanted.
///
/// # Rules
///
/// - The handler runs alone: one message at a time, no other code touches the actor.
/// - What it asks for through the [`Context`] happens when it returns without error, and not at all otherwise
///   (decision D4).
/// - Returning an error or panicking fails the attempt. Every message gets two attempts, with the actor's state as
///   the first left it; then it goes back to its sender as a [`PoisonMessage`](crate::PoisonMessage) and the actor
///   lives on (decisions D1 and D2).
/// - The constructor has no context: it cannot send or create (guide section 5).
pub trait Actor: Sized + Send + 'static {
    /// What the constructor is given: `()` where it needs nothing.
    type Start: Message;

    /// The helpers that the type is wrapped in: for those who write helpers, so that one can refuse, at compile time, to be
    /// combined with another. A wrapper adds itself to those of the actor inside it.
    const HELPERS: Helpers = Helpers::NONE;

    /// The stable name of the type: what [`create`](crate::ActorSystem::create) finds it by, and what people see.
    fn type_name() -> TypeName;

    /// Makes an actor.
    ///
    /// # Errors
    ///
    /// An actor that cannot start is reported to whoever created it (decisions D10 and D13).
    fn start(start: Self::Start) -> Result<Self, Failure>;

    /// Handles a message. Who sent it, and what an actor can do, is in the context.
    ///
    /// # Errors
    ///
    /// An error fails the attempt.
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled;

    /// Whether a system with these capabilities can run the actor (guide section 5.12). Called before an actor is
    /// created, and again for every running one when the capabilities change.
    ///
    /// # Errors
    ///
    /// The error says which check failed, for the people who read why an actor could not be placed.
    fn capability_check(capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        let _ = (capabilities, requirements);
        Ok(())
    }

    /// What happens when an attempt fails.
    fn failure_policy() -> FailurePolicy {
        FailurePolicy::default()
    }

    /// Other actor types that this one creates and whoever uses it need not know of: wherever the type is made known, so are
    /// they. For those who write helpers, such as a pool whose workers have a wrapper; one around an actor passes on those of
    /// the actor inside it.
    fn companions() -> Vec<&'static ActorType> {
        Vec::new()
    }

    /// Specifies an actor of this type, to be created.
    fn spec() -> ActorSpec {
        ActorSpec::of::<Self>()
    }
}

/// What happens when an attempt at a message fails (decision D2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailurePolicy {
    attempts: u8,
    fresh_instance: bool,
}

impl FailurePolicy {
    /// Two attempts by the same instance: what every actor has that does not choose otherwise.
    pub const RETRY_ONCE: FailurePolicy = FailurePolicy { attempts: 2, fresh_instance: false };

    /// One attempt: the first failure poisons.
    pub const NO_RETRY: FailurePolicy = FailurePolicy { attempts: 1, fresh_instance: false };

    /// The same, with a fresh instance after every failed attempt, made by the constructor from the same start
    /// argument. If that fails too, the old instance stays.
    pub const fn with_fresh_instance(self) -> FailurePolicy {
        FailurePolicy { fresh_instance: true, ..self }
    }

    /// How many attempts a message gets.
    pub const fn attempts(self) -> u8 {
        self.attempts
    }

    /// Whether a failure replaces the instance.
    pub const fn fresh_instance(self) -> bool {
        self.fresh_instance
    }
}

impl Default for FailurePolicy {
    fn default() -> FailurePolicy {
        FailurePolicy::RETRY_ONCE
    }
}

/// What a handler returns.
pub type Handled = Result<Flow, Failure>;

/// How things go on after a handler has returned without error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum Flow {
    /// The message is handled.
    Done,
    /// The search goes on for a less specific handler (guide section 5.17.3). Without one the message counts as
    /// unrecognized.
    Super,
    /// The message is handled, and these descriptors are watched until the next message (guide section 5.2.1).
    /// Ignored where the base does not support it.
    Watch(Vec<i32>),
}

impl Flow {
    /// Watches descriptors until the next message: the guide's `ThespianWatch`.
    pub fn watch(descriptors: impl Into<Vec<i32>>) -> Flow {
        Flow::Watch(descriptors.into())
    }
}

impl From<()> for Flow {
    fn from(_: ()) -> Flow {
        Flow::Done
    }
}

/// What a handler may return: `()`, a [`Flow`], a [`Handled`], or a `Result` of `()` with any error.
#[diagnostic::on_unimplemented(
    message = "a handler returns nothing, a `Flow`, a `Handled` or a `Result<(), E>`, not `{Self}`",
    label = "this handler",
    note = "to answer, send a message: `ctx.reply(...)`"
)]
pub trait IntoHandled {
    /// As what the runtime wants to know.
    fn into_handled(self) -> Handled;
}

impl IntoHandled for () {
    #[inline]
    fn into_handled(self) -> Handled {
        Ok(Flow::Done)
    }
}

impl IntoHandled for Flow {
    #[inline]
    fn into_handled(self) -> Handled {
        Ok(self)
    }
}

impl<T: Into<Flow>, E: Into<Failure>> IntoHandled for Result<T, E> {
    #[inline]
    fn into_handled(self) -> Handled {
        match self {
            Ok(flow) => Ok(flow.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Why an attempt failed. Any error becomes one through `?`.
///
/// ```
/// use thespian_core::Failure;
///
/// fn parse(text: &str) -> Result<u32, Failure> {
///     let number: u32 = text.parse()?;
///     if number == 0 {
///         return Err(Failure::new("zero is not allowed"));
///     }
///     Ok(number)
/// }
/// assert!(parse("x").unwrap_err().details().contains("invalid digit"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Failure {
    details: Box<str>,
}

impl Failure {
    /// A failure with this text.
    pub fn new(details: impl fmt::Display) -> Failure {
        Failure { details: details.to_string().into_boxed_str() }
    }

    /// The text, which becomes the `details` of a [`PoisonMessage`](crate::PoisonMessage).
    pub fn details(&self) -> &str {
        &self.details
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Failure({})", self.details)
    }
}

impl<E: core::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        let mut details = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            details.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        Failure { details: details.into_boxed_str() }
    }
}

/// An actor whose type is forgotten: what drivers hold.
pub trait ErasedActor: Send {
    /// [`Actor::receive`].
    ///
    /// # Errors
    ///
    /// As there.
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled;
}

impl<A: Actor> ErasedActor for A {
    #[inline]
    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        Actor::receive(self, message, ctx)
    }
}

/// An actor type as a value: a row of the table of types, and all that drivers need to run it.
#[derive(Clone, Copy)]
pub struct ActorType {
    id: fn() -> TypeId,
    name: fn() -> TypeName,
    check: fn(&Capabilities, &Value) -> Result<(), String>,
    start: fn(AnyMessage) -> Result<Box<dyn ErasedActor>, StartError>,
    policy: fn() -> FailurePolicy,
    companions: fn() -> Vec<&'static ActorType>,
}

/// Why an actor could not be made.
#[derive(Debug)]
pub enum StartError {
    /// The start argument is not of the type the constructor takes.
    Argument(SpecificationProblem),
    /// The constructor failed.
    Failed(Failure),
}

impl ActorType {
    /// The value for a type.
    pub const fn of<A: Actor>() -> &'static ActorType {
        const {
            &ActorType {
                id: TypeId::of::<A>,
                name: A::type_name,
                check: A::capability_check,
                start: start_erased::<A>,
                policy: A::failure_policy,
                companions: A::companions,
            }
        }
    }

    /// Whether both are the same type, and not only two of one name.
    pub fn is_same(&self, other: &ActorType) -> bool {
        (self.id)() == (other.id)()
    }

    /// [`Actor::type_name`].
    pub fn name(&self) -> TypeName {
        (self.name)()
    }

    /// [`Actor::capability_check`]. Runs user code: only drivers call it, and catch its panics.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn check(&self, capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        (self.check)(capabilities, requirements)
    }

    /// [`Actor::start`]. Runs user code: only drivers call it, and catch its panics.
    ///
    /// # Errors
    ///
    /// When the argument is of the wrong type, or the constructor failed.
    pub fn start(&self, argument: AnyMessage) -> Result<Box<dyn ErasedActor>, StartError> {
        (self.start)(argument)
    }

    /// [`Actor::companions`].
    pub fn companions(&self) -> Vec<&'static ActorType> {
        (self.companions)()
    }

    /// [`Actor::failure_policy`].
    pub fn policy(&self) -> FailurePolicy {
        (self.policy)()
    }
}

impl fmt::Debug for ActorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorType({})", self.name())
    }
}

impl PartialEq for ActorType {
    fn eq(&self, other: &ActorType) -> bool {
        self.name() == other.name()
    }
}

fn start_erased<A: Actor>(argument: AnyMessage) -> Result<Box<dyn ErasedActor>, StartError> {
    let argument = argument.downcast::<A::Start>().map_err(|argument| {
        StartError::Argument(SpecificationProblem::StartArgument {
            expected: A::Start::type_name(),
            given: argument.type_name(),
        })
    })?;
    match A::start(argument) {
        Ok(actor) => Ok(Box::new(actor)),
        Err(failure) => Err(StartError::Failed(failure)),
    }
}

/// Compares a capability the way [`#[require_capability]`](macro@crate::require_capability) does (guide section 5.12.1);
/// `None` as the value asks for one that counts as true.
///
/// # Errors
///
/// A text that says what was required and what is there.
pub fn check_capability(capabilities: &Capabilities, name: &str, value: Option<Value>) -> Result<(), String> {
    let present = capabilities.get(name);
    match value {
        None if present.is_some_and(Value::is_truthy) => Ok(()),
        Some(wanted) if present == Some(&wanted) => Ok(()),
        wanted => {
            let wanted = wanted.map_or_else(|| "that counts as true".into(), |value| format!("= {value}"));
            let present = present.map_or_else(|| "it has none".into(), |value| format!("it has {value}"));
            Err(format!("capability {name:?} {wanted} is required, and {present}"))
        }
    }
}

impl From<StartError> for String {
    fn from(error: StartError) -> String {
        match error {
            StartError::Argument(problem) => problem.to_string(),
            StartError::Failed(failure) => failure.details().to_string(),
        }
    }
}

impl StartError {
    /// As the error of an outside call.
    pub fn into_error(self, actor: TypeName) -> Error {
        match self {
            StartError::Argument(problem) => {
                Error::InvalidActorSpecification { actor: actor.into(), problem }
            }
            StartError::Failed(failure) => {
                Error::ActorStartFailed { actor: actor.into(), details: failure.details().into() }
            }
        }
    }
}
