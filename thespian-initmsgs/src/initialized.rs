//! [`Initialized`]: an actor that is made when everything it needs has come.

use thespian_core::{
    Actor, ActorExitRequest, ActorType, AnyMessage, Capabilities, Context, Error, Failure, FailurePolicy,
    Flow, Handled, Helpers, TypeName, Value, Wrapper,
};

use crate::kept::{Kept, Word};
use crate::set::{InitSet, InitStart};
use crate::settings;

/// An actor that can wait for initialization messages: those in its start argument, an [`Init`](crate::Init).
///
/// Without anything to do at the end of the waiting, `impl InitActor for Foo {}` is enough.
pub trait InitActor: Actor {
    /// How many messages are kept until the actor is there and has caught up, at most. Messages; from 1 to
    /// [`LARGEST_KEPT_LIMIT`](crate::LARGEST_KEPT_LIMIT). What comes when there is no room goes back to its sender as poison.
    const KEPT_LIMIT: usize = 10_000;

    /// Everything has come and the actor has just been made: the guide's `initdone`. Called once, before any message is
    /// handled. The sender in the context is that of the message that came last.
    ///
    /// # Errors
    ///
    /// An error fails the attempt at the message that came last. It is tried again with a new instance, comes back to its
    /// sender as poison if that fails too, and is waited for as before.
    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        let _ = ctx;
        Ok(Flow::Done)
    }

    /// Handles a message of the runtime that comes before there is an actor: a request to exit, above all. Does nothing by
    /// default; the actor exits all the same.
    ///
    /// # Errors
    ///
    /// An error fails the attempt.
    fn before_init(message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let _ = (message, ctx);
        Ok(Flow::Done)
    }

    /// Whether the actor can be made at all, as far as that can be known before the messages have come.
    ///
    /// # Errors
    ///
    /// An error refuses the creation, and says why.
    fn check_settings() -> Result<(), Error> {
        Ok(())
    }
}

/// A helper is what the actor inside it is.
impl<W: Wrapper> InitActor for W
where
    W::Inner: InitActor,
{
    const KEPT_LIMIT: usize = <W::Inner as InitActor>::KEPT_LIMIT;

    fn init_done(&mut self, ctx: &mut Context<'_>) -> Handled {
        self.inner_mut().init_done(ctx)
    }

    fn before_init(message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        <W::Inner as InitActor>::before_init(message, ctx)
    }

    fn check_settings() -> Result<(), Error> {
        <W as Wrapper>::check_settings()?;
        <W::Inner as InitActor>::check_settings()
    }
}

/// An actor that begins when its initialization messages have come: the guide's `@initializing_messages` (section 8.3).
///
/// It is created without an argument: `create_actor::<Initialized<Foo>>()`. The [crate's documentation](crate) has the rules,
/// and an example.
///
/// # Errors
///
/// It cannot be created with a [setting](crate#settings) that is not allowed.
pub struct Initialized<A: Actor<Start: InitStart>> {
    arrived: <Set<A> as InitSet>::Arrived,
    kept: Kept,
    actor: Option<A>,
}

type Set<A> = <<A as Actor>::Start as InitStart>::Set;

impl<A: InitActor<Start: InitStart>> Initialized<A> {
    /// There is no actor yet.
    fn receive_waiting(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if message.is_system() {
            if message.is::<ActorExitRequest>() {
                let missing = Set::<A>::missing(&self.arrived).join(", ");
                let why = format!("the actor exited before it was initialized; missing: {missing}");
                self.kept.give_back(&why, ctx);
            }
            return A::before_init(message, ctx);
        }
        let Some(arriving) = Set::<A>::arriving(message, ctx.sender())? else {
            return self.kept.keep(message, ctx.sender(), A::KEPT_LIMIT);
        };
        let Some(values) = Set::<A>::complete(&self.arrived, &arriving)? else {
            Set::<A>::merge(&mut self.arrived, arriving);
            return Ok(Flow::Done);
        };
        let mut actor = A::start(A::Start::from_set(values))?;
        let flow = actor.init_done(ctx)?;
        self.actor = Some(actor);
        self.arrived = Default::default();
        self.kept.begin(ctx);
        Ok(flow)
    }
}

impl<A: InitActor<Start: InitStart>> Actor for Initialized<A> {
    type Start = ();

    const HELPERS: Helpers = A::HELPERS.and(Helpers::INITIALIZING);

    /// `thespian_initmsgs::Initialized<NAME>`.
    fn type_name() -> TypeName {
        format!("thespian_initmsgs::Initialized<{}>", A::type_name()).into()
    }

    fn start((): ()) -> Result<Self, Failure> {
        const { settings::check_combination(A::HELPERS) };
        settings::check::<A, Set<A>>(A::KEPT_LIMIT)?;
        A::check_settings()?;
        Ok(Initialized { arrived: Default::default(), kept: Kept::default(), actor: None })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let Some(actor) = &mut self.actor else { return self.receive_waiting(message, ctx) };
        if self.kept.is_empty() {
            return actor.receive(message, ctx);
        }
        match Kept::word(message, ctx) {
            Some(Word::Next(number)) => return self.kept.hand_over(number, actor, ctx),
            Some(Word::Failed(details)) => {
                self.kept.poison_first(details, ctx);
                return Ok(Flow::Done);
            }
            None => {}
        }
        if !message.is_system() {
            return self.kept.keep_late(message, ctx.sender(), A::KEPT_LIMIT);
        }
        if message.is::<ActorExitRequest>() {
            self.kept.give_back("the actor exited before it could handle the message", ctx);
        }
        actor.receive(message, ctx)
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
