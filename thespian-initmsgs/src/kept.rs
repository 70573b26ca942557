//! Messages that wait until there is an actor to handle them.

use std::collections::VecDeque;
use std::mem;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, AnyMessage, Context, Failure, Flow, Handled, Message, PoisonMessage,
};

/// Messages in the order they came, each with its sender and a number.
///
/// When there is an actor, each is handled in an attempt at a [`Next`] that the actor sends itself, so that it fails, and is
/// tried again, alone. A message leaves the queue only with the next [`Next`], because an attempt can fail after its handler
/// has returned.
#[derive(Default)]
pub(crate) struct Kept {
    queue: VecDeque<(AnyMessage, ActorAddress)>,
    /// The number of the first.
    first: u64,
    /// Whether the handler of the first has returned without error.
    returned: bool,
    /// How many have come since there is an actor, and are not made up for yet.
    late: usize,
}

/// Asks the actor to handle the kept message with this number; all before it have been dealt with.
#[derive(Debug, Serialize, Deserialize, Message)]
struct Next(u64);

/// What a message says about those that are kept.
pub(crate) enum Word {
    Next(u64),
    /// The actor has failed on the first one as often as it may.
    Failed(String),
}

impl Kept {
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Keeps a message.
    pub(crate) fn keep(&mut self, message: &AnyMessage, sender: ActorAddress, limit: usize) -> Handled {
        if self.queue.len() >= limit {
            return Err(Failure::new(format_args!(
                "the actor keeps {limit} messages already until it is initialized and caught up (InitActor::KEPT_LIMIT)"
            )));
        }
        self.queue.push_back((message.duplicate()?, sender));
        Ok(Flow::Done)
    }

    /// The same, once there is an actor.
    pub(crate) fn keep_late(&mut self, message: &AnyMessage, sender: ActorAddress, limit: usize) -> Handled {
        let kept = self.keep(message, sender, limit)?;
        self.late += 1;
        Ok(kept)
    }

    /// Begins to hand over, if there is anything.
    pub(crate) fn begin(&self, ctx: &mut Context<'_>) {
        if !self.is_empty() {
            // Released at once, and apart from what the actor has asked for: if that was too much, the attempt fails, and
            // nothing would ask again.
            ctx.flush();
            self.ask_for_next(ctx);
            ctx.flush();
        }
    }

    fn ask_for_next(&self, ctx: &mut Context<'_>) {
        ctx.send(&ctx.my_address(), Next(self.first));
    }

    /// What the message says, if the actor has sent it itself for this.
    pub(crate) fn word(message: &AnyMessage, ctx: &Context<'_>) -> Option<Word> {
        if ctx.sender() != ctx.my_address() {
            return None;
        }
        if let Some(Next(number)) = message.downcast_ref() {
            return Some(Word::Next(*number));
        }
        let poison: &PoisonMessage = message.downcast_ref()?;
        poison.message.is::<Next>().then(|| Word::Failed(poison.details.clone()))
    }

    /// Gives the actor the message of this number, and as many after it as have come meanwhile: there would otherwise be no
    /// end to it while somebody sends as quickly as the actor works.
    pub(crate) fn hand_over<A: Actor>(
        &mut self,
        number: u64,
        actor: &mut A,
        ctx: &mut Context<'_>,
    ) -> Handled {
        while self.first < number {
            self.forget_first();
        }
        self.returned = false;
        let mut flow = Flow::Done;
        while let Some((message, sender)) = self.queue.front() {
            flow = actor.receive(message, &mut ctx.on_behalf_of(sender))?;
            if self.late == 0 {
                self.returned = true;
                ctx.send(&ctx.my_address(), Next(self.first + 1));
                break;
            }
            self.late -= 1;
            // It is done, whatever becomes of the next.
            ctx.flush();
            self.forget_first();
        }
        Ok(flow)
    }

    fn forget_first(&mut self) -> Option<(AnyMessage, ActorAddress)> {
        self.first += 1;
        self.returned = false;
        self.queue.pop_front()
    }

    /// Gives the first message back to its sender, as the runtime would have, and goes on with the next.
    pub(crate) fn poison_first(&mut self, details: String, ctx: &mut Context<'_>) {
        if let Some((message, sender)) = self.forget_first() {
            ctx.send(&sender, PoisonMessage { message, details });
        }
        if !self.is_empty() {
            self.ask_for_next(ctx);
        }
    }

    /// Gives everything back that was not handled, because the actor exits.
    pub(crate) fn give_back(&mut self, why: &str, ctx: &mut Context<'_>) {
        if self.returned {
            // The request has overtaken the next `Next`.
            self.forget_first();
        }
        if self.is_empty() {
            return;
        }
        for (message, sender) in mem::take(&mut self.queue) {
            ctx.send(&sender, PoisonMessage { message, details: why.into() });
        }
        // Released at once: the queue is empty now, and the handler of the exit request may fail.
        ctx.flush();
    }
}
