//! The actors that scenarios are played with.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorSpec, AnyMessage, Bytes, ChildActorExited, Context,
    DeadEnvelope, DeadReason, ExitCause, Failure, Handled, IntoMessage, Message, PoisonMessage, Value,
    WakeupMessage, actor,
};

/// An actor that does what it is told, and keeps a journal of what it receives.
///
/// Texts that end in an exclamation mark are special: see [`Puppet::text`].
#[derive(Default)]
pub(crate) struct Puppet {
    journal: Vec<Entry>,
    children: Vec<ActorAddress>,
    found: Option<ActorAddress>,
    on_exit: Vec<Step>,
    fails_on: Vec<String>,
    attempts: u32,
}

/// Tells a puppet to take steps.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Order(pub(crate) Vec<Step>);

/// Asks a puppet for its journal.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Report;

/// Asks a puppet for the children it has created.
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Children;

/// Asks a puppet whom it found with [`Step::Find`].
#[derive(Serialize, Deserialize, Message)]
pub(crate) struct Found;

/// One thing that a puppet does.
#[derive(Serialize, Deserialize)]
pub(crate) enum Step {
    /// Sends a message.
    Send(ActorAddress, AnyMessage),
    /// Sends a message to the child it created last.
    SendToChild(AnyMessage),
    /// Answers whoever gave the order.
    Reply(AnyMessage),
    /// Creates a child.
    Create(Plan),
    /// Looks for a named actor.
    Find(String),
    /// Sets a timer.
    Wakeup(Duration, Option<AnyMessage>),
    /// Becomes the dead-letter handler, or stops being it.
    HandleDeadLetters(bool),
    /// Sets or removes a capability.
    UpdateCapability(String, Value),
    /// Releases what it asked for so far.
    Flush,
    /// Fails.
    Fail(String),
    /// Fails, but only at the first attempt.
    FailOnce,
    /// Panics.
    Panic(String),
    /// Shuts the system down.
    Shutdown,
    /// What it will do when it is asked to exit.
    OnExit(Vec<Step>),
    /// Lets its children live on when it exits.
    SpareChildren,
    /// Fails from now on whenever a message of this type comes.
    FailOn(String),
}

/// What a puppet creates.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// The registered name of the type.
    pub(crate) type_name: String,
    /// For the capability check.
    pub(crate) requirements: Value,
    /// For an actor with a global name.
    pub(crate) global_name: Option<String>,
    /// For the constructor.
    pub(crate) start: Option<String>,
}

impl Plan {
    /// A child of this type.
    pub(crate) fn of<A: Actor>() -> Plan {
        Plan::named(A::type_name())
    }

    /// A child of the type with this name.
    pub(crate) fn named(type_name: impl Into<String>) -> Plan {
        Plan { type_name: type_name.into(), ..Plan::default() }
    }

    fn spec(&self) -> ActorSpec {
        let mut spec = ActorSpec::named(&self.type_name).requirements(self.requirements.clone());
        if let Some(name) = &self.global_name {
            spec = spec.global_name(name.clone());
        }
        match &self.start {
            Some(start) => spec.start(start.clone()),
            None => spec,
        }
    }
}

impl Step {
    pub(crate) fn send(to: &ActorAddress, message: impl IntoMessage) -> Step {
        Step::Send(*to, message.into_message())
    }

    pub(crate) fn reply(message: impl IntoMessage) -> Step {
        Step::Reply(message.into_message())
    }

    pub(crate) fn create<A: Actor>() -> Step {
        Step::Create(Plan::of::<A>())
    }

    pub(crate) fn wakeup(milliseconds: u64) -> Step {
        Step::Wakeup(Duration::from_millis(milliseconds), None)
    }

    pub(crate) fn wakeup_with(milliseconds: u64, payload: impl IntoMessage) -> Step {
        Step::Wakeup(Duration::from_millis(milliseconds), Some(payload.into_message()))
    }
}

/// One line of a puppet's journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Message)]
pub(crate) struct Entry {
    /// Who sent it.
    pub(crate) from: ActorAddress,
    /// What it was.
    pub(crate) what: What,
}

/// What a puppet received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// This many bytes.
    Bytes(usize),
    /// A message that came back.
    Poison {
        /// The type of the message.
        type_name: String,
        /// The message, if it was a text.
        text: Option<String>,
        /// Why.
        details: String,
    },
    /// A child is gone.
    Exited {
        /// The child.
        child: ActorAddress,
        /// What ended it.
        cause: ExitCause,
    },
    /// A timer.
    Wakeup {
        /// What was asked for.
        delay: Duration,
        /// What was given along, if it was a text.
        payload: Option<String>,
        /// When it came, since the system started.
        at: Duration,
    },
    /// A dead letter.
    Dead {
        /// Whom it was for.
        to: ActorAddress,
        /// Who had sent it.
        sender: ActorAddress,
        /// The message, if it was a text, or else its type.
        message: String,
        /// Why.
        reason: DeadReason,
    },
    /// It has to go.
    ExitRequest {
        /// Whether its children have to go too.
        recursive: bool,
    },
    /// Anything else, by the name of its type.
    Other(String),
}

impl What {
    pub(crate) fn text(text: &str) -> What {
        What::Text(text.into())
    }
}

#[actor(name = "conformance.Puppet")]
impl Puppet {
    fn order(&mut self, order: &Order, ctx: &mut Context<'_>) -> Handled {
        for step in &order.0 {
            self.take(step, ctx)?;
        }
        Ok(().into())
    }

    fn report(&mut self, _: &Report, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.journal.clone())
    }

    fn list_children(&mut self, _: &Children, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.children.clone())
    }

    fn whom_it_found(&mut self, _: &Found, ctx: &mut Context<'_>) -> Handled {
        ctx.reply(self.found)
    }

    /// `fail!` and `panic!` fail at every attempt, `once!` only at the first of two, and all note each attempt;
    /// `echo!` is answered.
    fn text(&mut self, text: &String, ctx: &mut Context<'_>) -> Handled {
        self.note(What::Text(text.clone()), ctx);
        self.attempts += 1;
        match text.as_str() {
            "fail!" => Err(Failure::new("told to fail")),
            "panic!" => panic!("told to panic"),
            "once!" if self.attempts % 2 == 1 => Err(Failure::new("told to fail once")),
            "echo!" => ctx.reply("echo"),
            _ => Ok(().into()),
        }
    }

    fn number(&mut self, number: &u64, ctx: &mut Context<'_>) {
        self.note(What::Number(*number), ctx);
    }

    fn bytes(&mut self, bytes: &Bytes, ctx: &mut Context<'_>) {
        self.note(What::Bytes(bytes.0.len()), ctx);
    }

    fn poison(&mut self, poison: &PoisonMessage, ctx: &mut Context<'_>) -> Handled {
        let what = What::Poison {
            type_name: poison.message.type_name().into(),
            text: poison.message.downcast_ref::<String>().cloned(),
            details: poison.details.clone(),
        };
        self.note(what, ctx);
        self.fail_if_told("poison")
    }

    fn child_exited(&mut self, notice: &ChildActorExited, ctx: &mut Context<'_>) {
        self.note(What::Exited { child: notice.child_address, cause: notice.cause.clone() }, ctx);
    }

    fn wake(&mut self, wakeup: &WakeupMessage, ctx: &mut Context<'_>) -> Handled {
        let payload = wakeup.payload::<String>().cloned();
        self.note(What::Wakeup { delay: wakeup.delay_period, payload, at: ctx.uptime() }, ctx);
        self.fail_if_told("wakeup")
    }

    fn dead_letter(&mut self, letter: &DeadEnvelope, ctx: &mut Context<'_>) -> Handled {
        let message = match letter.dead_message.downcast_ref::<String>() {
            Some(text) => text.clone(),
            None => letter.dead_message.type_name().into(),
        };
        let (to, sender, reason) = (letter.dead_address, letter.sender, letter.reason);
        self.note(What::Dead { to, sender, message, reason }, ctx);
        self.fail_if_told("dead letter")
    }

    fn exit(&mut self, request: &ActorExitRequest, ctx: &mut Context<'_>) -> Handled {
        self.note(What::ExitRequest { recursive: request.is_recursive() }, ctx);
        for step in std::mem::take(&mut self.on_exit) {
            if let Step::SpareChildren = step {
                request.not_recursive();
            }
            self.take(&step, ctx)?;
        }
        Ok(().into())
    }

    #[unrecognized]
    fn anything_else(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) {
        self.note(What::Other(message.type_name().into()), ctx);
    }

    #[helper]
    fn note(&mut self, what: What, ctx: &Context<'_>) {
        self.journal.push(Entry { from: ctx.sender(), what });
    }

    #[helper]
    fn fail_if_told(&self, what: &str) -> Handled {
        match self.fails_on.iter().any(|told| told == what) {
            true => Err(Failure::new(format_args!("told to fail on a {what}"))),
            false => Ok(().into()),
        }
    }

    #[helper]
    fn take(&mut self, step: &Step, ctx: &mut Context<'_>) -> Result<(), Failure> {
        match step {
            Step::Send(to, message) => ctx.send(to, message.duplicate()?),
            Step::SendToChild(message) => {
                let child = *self.children.last().ok_or_else(|| Failure::new("there is no child"))?;
                ctx.send(&child, message.duplicate()?);
            }
            Step::Reply(message) => drop(ctx.reply(message.duplicate()?)?),
            Step::Create(plan) => self.children.push(ctx.create(plan.spec())),
            Step::Find(name) => self.found = ctx.find_actor(name),
            Step::Wakeup(delay, None) => ctx.wakeup_after(*delay),
            Step::Wakeup(delay, Some(payload)) => ctx.wakeup_after_with(*delay, payload.duplicate()?),
            Step::HandleDeadLetters(start) => ctx.handle_dead_letters(*start),
            Step::UpdateCapability(name, value) => ctx.update_capability(name.clone(), value.clone()),
            Step::Flush => ctx.flush(),
            Step::Fail(text) => return Err(Failure::new(text)),
            Step::FailOnce => {
                self.attempts += 1;
                if self.attempts % 2 == 1 {
                    return Err(Failure::new("told to fail once"));
                }
            }
            Step::Panic(text) => panic!("{text}"),
            Step::Shutdown => ctx.actor_system_shutdown(),
            Step::OnExit(steps) => self.on_exit = copies(steps)?,
            Step::SpareChildren => {}
            Step::FailOn(what) => self.fails_on.push(what.clone()),
        }
        Ok(())
    }
}

/// Steps carry messages, and messages are copied through their encoding where they are not `Clone`.
fn copies(steps: &[Step]) -> Result<Vec<Step>, Failure> {
    let bytes = thespian_core::encode(steps)?;
    Ok(thespian_core::decode(&bytes, Default::default())?)
}
