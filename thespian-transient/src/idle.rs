//! [`TransientIdle`]: some time after the last message.

use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorType, AnyMessage, Capabilities, Context, Error, Failure, FailurePolicy, Flow, Handled,
    Helpers, Message, TypeName, Value, Wrapper,
};

use crate::attempts::Attempts;
use crate::{ExitDelay, Seconds, check_combination, delay, exit, own_wakeup};

/// An actor that exits some time after its last message: the guide's `@transient_idle()` (section 8.2).
///
/// The delay is that of `D`, 10 seconds by default. The [crate's documentation](crate) has the rules, and an example.
///
/// # Errors
///
/// An actor whose delay is zero or over [`LONGEST_EXIT_DELAY`](crate::LONGEST_EXIT_DELAY) cannot be created.
pub struct TransientIdle<A, D = Seconds<10>> {
    actor: A,
    exit_delay: Duration,
    /// When the actor is to exit, unless it is used before that; `None` if this instance has not been used. Since the
    /// system's start, as all times here.
    end: Option<Duration>,
    /// The wakeup that is waited for.
    waiting_for: Option<Duration>,
    attempts: Attempts,
    delay: PhantomData<fn() -> D>,
}

/// In the wakeup that looks whether the actor is idle: when it is due.
#[derive(Serialize, Deserialize, Message)]
struct IdleSince {
    due: Duration,
}

impl<A: Actor, D: ExitDelay> TransientIdle<A, D> {
    /// A message is given to the actor for the first time.
    fn used(&mut self, ctx: &mut Context<'_>) {
        let end = ctx.uptime() + self.exit_delay;
        self.end = Some(end);
        if self.waiting_for.is_none() {
            self.look_at(end, self.exit_delay, ctx);
            // Released at once: a message that the actor fails on is a message too.
            ctx.flush();
        }
    }

    /// One wakeup at a time, and not one for every message: it finds out whether there was another since.
    fn look_at(&mut self, due: Duration, delay: Duration, ctx: &mut Context<'_>) {
        self.waiting_for = Some(due);
        ctx.wakeup_after_with(delay, IdleSince { due });
    }

    fn look(&mut self, due: Duration, ctx: &mut Context<'_>) -> Handled {
        if self.waiting_for.is_some_and(|other| other != due) {
            // Of the instance that this one replaced after a failure, and this one has its own.
            return Ok(Flow::Done);
        }
        let now = ctx.uptime();
        // An instance that replaced another and was not used since cannot know when that was.
        let end = *self.end.get_or_insert(now + self.exit_delay);
        if end <= now {
            return exit(ctx);
        }
        self.look_at(end, end - now, ctx);
        Ok(Flow::Done)
    }
}

impl<A: Actor, D: ExitDelay> Actor for TransientIdle<A, D> {
    type Start = A::Start;

    const HELPERS: Helpers = A::HELPERS.and(Helpers::TRANSIENT_IDLE);

    /// `thespian_transient::TransientIdle<NAME, DELAY>`, such as `thespian_transient::TransientIdle<shop::Till, 3.25s>`.
    fn type_name() -> TypeName {
        format!("thespian_transient::TransientIdle<{}, {:?}>", A::type_name(), D::exit_delay()).into()
    }

    fn start(start: A::Start) -> Result<Self, Failure> {
        const { check_combination(A::HELPERS, A::HELPERS.include(Helpers::TRANSIENT_IDLE)) };
        let exit_delay = delay::checked::<D>()?;
        Ok(TransientIdle {
            actor: A::start(start)?,
            exit_delay,
            end: None,
            waiting_for: None,
            attempts: Attempts::of::<A>(),
            delay: PhantomData,
        })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if let Some(IdleSince { due }) = own_wakeup(message, ctx) {
            return self.look(*due, ctx);
        }
        let first = self.attempts.begin();
        if first && !message.is_system() {
            self.used(ctx);
        }
        let handled = self.actor.receive(message, ctx);
        if handled.is_ok() {
            self.attempts.succeeded();
        }
        handled
    }

    fn capability_check(capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        A::capability_check(capabilities, requirements)
    }

    fn failure_policy() -> FailurePolicy {
        A::failure_policy()
    }

    fn companions() -> Vec<&'static ActorType> {
        A::companions()
    }
}

impl<A: Actor, D: ExitDelay> Wrapper for TransientIdle<A, D> {
    type Inner = A;

    fn inner_mut(&mut self) -> &mut A {
        &mut self.actor
    }

    fn check_settings() -> Result<(), Error> {
        delay::checked::<D>().map(drop)
    }
}
