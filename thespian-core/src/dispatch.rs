//! The type dispatcher: which handler a message goes to (guide section 5.17).

use crate::{AnyMessage, Context, Failure, Flow, Handled, Level, Message};

/// The handlers of an actor by message type; [`#[actor]`](macro@crate::actor) writes it.
///
/// # The search
///
/// For the message's own type, then for the type it [extends](Message#extending), and so on: the actor's own
/// handler, then that of the actor it extends (`#[actor(extends = field)]`), and so on. A handler that returns
/// [`Flow::Super`] passes; the first that does not ends the search. A message that nobody took goes to the
/// `#[unrecognized]` handler, if there is one, and is dropped otherwise.
pub trait Dispatch {
    /// Offers the message, seen as one of its types, to the handlers of this actor and of those it extends.
    /// `None` if there is none for that type or all of them passed.
    fn dispatch_level(&mut self, level: Level<'_>, ctx: &mut Context<'_>) -> Option<Handled>;

    /// Offers a message that no handler took to the fallback. `None` if there is none.
    fn dispatch_unrecognized(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Option<Handled>;
}

/// Finds and runs the handler for a message.
///
/// # Errors
///
/// What the handler returned, or that the message's bytes are not what its type's name says.
#[inline]
pub fn dispatch<D: Dispatch>(actor: &mut D, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
    let mut level = Some(message.level());
    while let Some(at) = level {
        if let Some(handled) = actor.dispatch_level(at, ctx) {
            return handled;
        }
        level = at.parent();
    }
    actor.dispatch_unrecognized(message, ctx).unwrap_or(Ok(Flow::Done))
}

/// One step of [`Dispatch::dispatch_level`]: calls the handler if the message at this level is an `M`. `None` if it
/// is not, or if the handler passed.
#[inline]
pub fn try_handler<M: Message>(level: Level<'_>, handler: impl FnOnce(&M) -> Handled) -> Option<Handled> {
    // Others may want the value of a message that is not done with: the next handler, or another attempt.
    match level.with(handler, |handled| matches!(handled, Ok(Flow::Super) | Err(_)))? {
        Ok(Ok(Flow::Super)) => None,
        Ok(handled) => Some(handled),
        Err(error) => {
            Some(Err(Failure::new(format_args!("the message's bytes are not a {}: {error}", M::type_name()))))
        }
    }
}
