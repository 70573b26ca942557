//! Running what users write: constructors, checks, handlers and drops, so that whatever they do is a value.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::string::ToString;

use super::panics;
use crate::engine::LaunchError;
use crate::{
    Actions, ActorAddress, ActorType, AnyMessage, Capabilities, Context, Envelope, Environment, ErasedActor,
    Failure, FailurePolicy, Flow, StartError, Value,
};

/// An actor that has been constructed.
pub struct Started {
    /// The instance.
    pub actor: Box<dyn ErasedActor>,
    /// What happens when one of its attempts fails.
    pub policy: FailurePolicy,
    /// The start argument, for an actor that wants a fresh instance after a failure.
    pub start: Option<AnyMessage>,
}

/// Checks and constructs an actor.
///
/// # Errors
///
/// Why it is not to run here, or does not.
pub fn start(
    kind: &'static ActorType,
    capabilities: &Capabilities,
    requirements: &Value,
    start: AnyMessage,
) -> Result<Started, LaunchError> {
    check(kind, capabilities, requirements).map_err(LaunchError::Incompatible)?;
    let failed = |failure| LaunchError::Start(StartError::Failed(failure));
    let policy = panics::catch(|| kind.policy()).map_err(failed)?;
    let kept = match policy.fresh_instance() {
        true => panics::catch(|| start.duplicate().ok()).ok().flatten(),
        false => None,
    };
    match panics::catch(|| kind.start(start)) {
        Ok(Ok(actor)) => Ok(Started { actor, policy, start: kept }),
        Ok(Err(error)) => Err(LaunchError::Start(error)),
        Err(failure) => Err(failed(failure)),
    }
}

/// Runs an actor type's capability check.
///
/// # Errors
///
/// Why it says no; a check that panics says no.
pub fn check(
    kind: &'static ActorType,
    capabilities: &Capabilities,
    requirements: &Value,
) -> Result<(), String> {
    let checked = panics::catch(|| kind.check(capabilities, requirements));
    checked.unwrap_or_else(|failure| Err(format!("its check {}", failure.details())))
}

/// Runs the handler once. What it asks for is in `actions` then, whose [limit](Actions::set_limit) the driver has set; the
/// driver [discards](Actions::discard) them if it failed.
///
/// # Errors
///
/// Why the attempt failed: the handler's error, its panic, or that it asked for too much.
#[inline]
pub fn attempt(
    actor: &mut dyn ErasedActor,
    envelope: &Envelope,
    actions: &mut Actions,
    environment: &mut dyn Environment,
) -> Result<Flow, Failure> {
    let outcome = panics::catch(|| {
        let message = envelope.message();
        let context = Context::new(envelope.to(), envelope.from(), actions, environment);
        actor.receive(message, &mut context.handling(message))
    });
    match outcome {
        Ok(Ok(flow)) if !actions.is_overrun() => Ok(flow),
        Ok(Err(failure)) | Err(failure) => Err(failure),
        Ok(Ok(_)) => Err(Failure::new(format_args!(
            "the handler asked for more than {} actions in one attempt (Limits::actions_per_attempt); a long handler \
             calls flush() in between",
            actions.limit()
        ))),
    }
}

/// Another instance of an actor, from the same start argument.
///
/// # Errors
///
/// Why there is none.
pub fn fresh(kind: &'static ActorType, start: &AnyMessage) -> Result<Box<dyn ErasedActor>, String> {
    // The argument's `Clone` or `Serialize` is user code like the constructor.
    match panics::catch(|| start.duplicate().map(|start| kind.start(start))) {
        Ok(Ok(Ok(fresh))) => Ok(fresh),
        Ok(Ok(Err(error))) => Err(error.into()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(failure) => Err(failure.details().into()),
    }
}

/// Drops an instance: its drop is its own code too.
pub fn drop_instance(address: &ActorAddress, actor: Option<Box<dyn ErasedActor>>) {
    if let Err(failure) = panics::catch(|| drop(actor)) {
        log::warn!(target: "thespian", "{address} failed while it was dropped: {}", failure.details());
    }
}
