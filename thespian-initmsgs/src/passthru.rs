//! [`InitPassthru`]: an actor that works already while it waits.

use thespian_core::{
    Actor, ActorType, AnyMessage, Capabilities, Context, Failure, FailurePolicy, Flow, Handled, Helpers,
    TypeName, Value, Wrapper,
};

use crate::set::InitSet;
use crate::settings;

/// An actor that gets every message from the start, and the values of its initialization messages when all have come.
///
/// Such an actor has two states, and an enum says so: no handler has to unwrap what may not be there yet.
///
/// ```
/// use thespian_core::{ActorSystem, Context, Handled, actor};
/// use thespian_initmsgs::{InitPassthru, InitPassthruActor};
///
/// enum Frog {
///     Waiting { asked: u32 },
///     Ready { croak: String, times: u32, asked: u32 },
/// }
///
/// #[actor]
/// impl Frog {
///     #[start]
///     fn new() -> Frog {
///         Frog::Waiting { asked: 0 }
///     }
///
///     fn croak(&mut self, _: &(), ctx: &mut Context<'_>) -> Handled {
///         match self {
///             Frog::Waiting { asked } => {
///                 *asked += 1;
///                 ctx.reply("not yet")
///             }
///             Frog::Ready { croak, times, .. } => ctx.reply(croak.repeat(*times as usize)),
///         }
///     }
/// }
///
/// impl InitPassthruActor for Frog {
///     type InitSet = (String, u32);
///
///     fn init_done(&mut self, (croak, times): (String, u32), _: &mut Context<'_>) -> Handled {
///         if let Frog::Waiting { asked } = *self {
///             *self = Frog::Ready { croak, times, asked };
///         }
///         Ok(thespian_core::Flow::Done)
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let system = ActorSystem::builder().base(thespian_sim::Sim::new(1)).unregistered().start()?;
/// let frog = system.create_actor::<InitPassthru<Frog>>()?;
/// assert_eq!(system.request::<String>(&frog, (), 1)?, "not yet");
/// system.tell(&frog, 2_u32)?;
/// system.tell(&frog, "quak ")?;
/// // The system's own endpoint, so that this comes after those.
/// assert_eq!(system.ask(&frog, (), 1)?.take::<String>().ok(), Some("quak quak ".into()));
/// # system.shutdown()?;
/// # Ok(())
/// # }
/// ```
pub trait InitPassthruActor: Actor {
    /// The messages that are waited for.
    type InitSet: InitSet;

    /// Everything has come: the guide's `initdone`, with the values. Called once, after the message that came last has been
    /// handled, in the same attempt.
    ///
    /// # Errors
    ///
    /// An error fails the attempt at the message that came last: it is handled again, comes back to its sender as poison if
    /// that fails too, and is waited for as before.
    fn init_done(&mut self, values: Self::InitSet, ctx: &mut Context<'_>) -> Handled;
}

/// A helper is what the actor inside it is.
impl<W: Wrapper> InitPassthruActor for W
where
    W::Inner: InitPassthruActor,
{
    type InitSet = <W::Inner as InitPassthruActor>::InitSet;

    fn init_done(&mut self, values: Self::InitSet, ctx: &mut Context<'_>) -> Handled {
        self.inner_mut().init_done(values, ctx)
    }
}

/// An actor that is told when its initialization messages have come, and gets all messages meanwhile, these among them: the
/// guide's `init_passthru=True` (section 8.3). [`InitPassthruActor`] has an example.
///
/// It takes the start argument of the actor inside.
///
/// # Errors
///
/// It cannot be created with a [setting](crate#settings) that is not allowed.
pub struct InitPassthru<A: InitPassthruActor> {
    actor: A,
    /// What has come, until everything has.
    arrived: Option<<A::InitSet as InitSet>::Arrived>,
}

impl<A: InitPassthruActor> Actor for InitPassthru<A> {
    type Start = A::Start;

    const HELPERS: Helpers = A::HELPERS.and(Helpers::INITIALIZING);

    /// `thespian_initmsgs::InitPassthru<NAME>`.
    fn type_name() -> TypeName {
        format!("thespian_initmsgs::InitPassthru<{}>", A::type_name()).into()
    }

    fn start(start: A::Start) -> Result<Self, Failure> {
        const { settings::check_combination(A::HELPERS) };
        // Nothing is kept here.
        settings::check::<A, A::InitSet>(1)?;
        Ok(InitPassthru { actor: A::start(start)?, arrived: Some(Default::default()) })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let flow = self.actor.receive(message, ctx)?;
        let Some(arrived) = &mut self.arrived else { return Ok(flow) };
        if message.is_system() {
            return Ok(flow);
        }
        let Some(arriving) = A::InitSet::arriving(message, ctx.sender())? else { return Ok(flow) };
        let Some(values) = A::InitSet::complete(arrived, &arriving)? else {
            A::InitSet::merge(arrived, arriving);
            return Ok(flow);
        };
        let done = self.actor.init_done(values, ctx)?;
        self.arrived = None;
        Ok(if let Flow::Watch(_) = done { done } else { flow })
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
