//! [`Transient`]: some time after the first message.

use std::marker::PhantomData;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorType, AnyMessage, Capabilities, Context, Error, Failure, FailurePolicy, Handled, Helpers,
    Message, TypeName, Value, Wrapper,
};

use crate::{ExitDelay, Seconds, check_combination, delay, exit, own_wakeup};

/// An actor that exits some time after its first message: the guide's `@transient()` (section 8.2).
///
/// The delay is that of `D`, 10 seconds by default. The [crate's documentation](crate) has the rules.
///
/// ```
/// use thespian_core::ActorSystem;
/// use thespian_sim::Sim;
/// use thespian_transient::{Seconds, Transient};
/// # #[derive(Default)]
/// # struct Guide;
/// # #[thespian_core::actor]
/// # impl Guide {
/// #     fn number(&mut self, number: &u64, ctx: &mut thespian_core::Context<'_>) -> thespian_core::Handled {
/// #         ctx.reply(number + 1)
/// #     }
/// # }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let sim = Sim::new(1);
/// # let system = ActorSystem::builder().base(sim.clone()).unregistered().start()?;
/// let guide = system.create_actor::<Transient<Guide, Seconds<60>>>()?;
/// assert_eq!(system.request::<u64>(&guide, 41_u64, 1)?, 42);
/// sim.run_for(std::time::Duration::from_secs(61))?;
/// assert!(system.ask(&guide, 1_u64, 1)?.is_dead());
/// # system.shutdown()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// An actor whose delay is zero or over [`LONGEST_EXIT_DELAY`](crate::LONGEST_EXIT_DELAY) cannot be created.
pub struct Transient<A, D = Seconds<10>> {
    actor: A,
    exit_delay: Duration,
    used: bool,
    delay: PhantomData<fn() -> D>,
}

/// In the wakeup for the end.
#[derive(Serialize, Deserialize, Message)]
struct TransientEnd;

impl<A: Actor, D: ExitDelay> Actor for Transient<A, D> {
    type Start = A::Start;

    const HELPERS: Helpers = A::HELPERS.and(Helpers::TRANSIENT);

    /// `thespian_transient::Transient<NAME, DELAY>`, such as `thespian_transient::Transient<shop::Till, 10s>`.
    fn type_name() -> TypeName {
        format!("thespian_transient::Transient<{}, {:?}>", A::type_name(), D::exit_delay()).into()
    }

    fn start(start: A::Start) -> Result<Self, Failure> {
        const { check_combination(A::HELPERS, A::HELPERS.include(Helpers::TRANSIENT)) };
        let exit_delay = delay::checked::<D>()?;
        Ok(Transient { actor: A::start(start)?, exit_delay, used: false, delay: PhantomData })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if own_wakeup::<TransientEnd>(message, ctx).is_some() {
            return exit(ctx);
        }
        if !self.used && !message.is_system() {
            self.used = true;
            ctx.wakeup_after_with(self.exit_delay, TransientEnd);
            // Released at once: a message that the actor fails on is a message too.
            ctx.flush();
        }
        self.actor.receive(message, ctx)
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

impl<A: Actor, D: ExitDelay> Wrapper for Transient<A, D> {
    type Inner = A;

    fn inner_mut(&mut self) -> &mut A {
        &mut self.actor
    }

    fn check_settings() -> Result<(), Error> {
        delay::checked::<D>().map(drop)
    }
}
