//! An actor of a troupe, and what it and the troupe say to each other.

use std::cell::Cell;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, AnyMessage, Capabilities, Context, Failure, FailurePolicy,
    Handled, Message, PoisonMessage, TypeName, Value,
};

use crate::progress::{Progress, Running};
use crate::tray::Tray;

/// Troupe to worker: a message to handle for the one who sent it.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Work")]
pub(crate) struct Work {
    pub(crate) ticket: Ticket,
    pub(crate) asker: ActorAddress,
    pub(crate) message: AnyMessage,
    /// For a worker in the troupe's process, with its first work.
    #[serde(skip)]
    pub(crate) tray: Option<Tray>,
    /// Whether it is in the tray that this is done.
    #[serde(skip)]
    pub(crate) in_tray: Cell<bool>,
}

/// Worker to troupe: the work with this ticket is done, and the worker takes the next.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Done")]
pub(crate) struct Done(pub(crate) Ticket);

/// Troupe to worker: answer with [`Done`]. Only a worker that has started can.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Probe")]
pub(crate) struct Probe(pub(crate) Ticket);

/// Which work, of which worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) work: u64,
    /// The worker's place in the troupe's table.
    pub(crate) place: u32,
}

/// An actor that works in a troupe, with what it need not know round it.
pub(crate) struct Worker<W> {
    actor: W,
    progress: Progress,
    tray: Option<Tray>,
    /// What is in progress.
    unfinished: Option<Unfinished>,
}

struct Unfinished {
    ticket: Ticket,
    troupe: ActorAddress,
    asker: ActorAddress,
    message: AnyMessage,
}

impl<W: Actor> Worker<W> {
    /// Runs the actor's own handler.
    fn run(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let running = Running::begin(ctx, &mut self.progress);
        let handled = self.actor.receive(message, ctx);
        running.end(handled.is_err());
        handled
    }

    fn work(&mut self, work: &Work, ctx: &mut Context<'_>) -> Handled {
        let Work { ticket, asker, message, .. } = work;
        let flow = self.run(message, &mut ctx.on_behalf_of(asker))?;
        let (ticket, asker, troupe) = (*ticket, *asker, ctx.sender());
        if let Some(tray) = &work.tray {
            self.tray = Some(tray.clone());
        }
        if self.progress.is_in_progress() {
            self.unfinished = Some(Unfinished { ticket, troupe, asker, message: message.duplicate()? });
        } else if !work.in_tray.get() {
            // Otherwise this is a second attempt, because the first asked for more than it may, and the troupe knows already.
            let tray = self.tray.as_ref();
            work.in_tray.set(tray.is_some_and(|tray| tray.put(ticket.place, || ctx.uptime())));
            if !work.in_tray.get() {
                ctx.send(&troupe, Done(ticket));
            }
        }
        Ok(flow)
    }

    /// Something that is no work, but may be what finishes it.
    fn other(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let flow = self.run(message, ctx)?;
        if let Some(unfinished) = self.unfinished.take_if(|_| !self.progress.is_in_progress()) {
            ctx.send(&unfinished.troupe, Done(unfinished.ticket));
        } else if message.is::<ActorExitRequest>() {
            self.abandon(ctx)?;
        }
        Ok(flow)
    }

    /// A troupe dismisses no worker that has something in progress: it is itself at its end, and nobody else will do it.
    fn abandon(&mut self, ctx: &mut Context<'_>) -> Result<(), Failure> {
        if let Some(Unfinished { troupe, asker, message, .. }) = &self.unfinished
            && *troupe == ctx.sender()
        {
            let details = "the troupe exited before the work was done".into();
            ctx.send(asker, PoisonMessage { message: message.duplicate()?, details });
        }
        Ok(())
    }
}

impl<W: Actor> Actor for Worker<W> {
    type Start = W::Start;

    fn type_name() -> TypeName {
        TypeName::Owned(format!("thespian-troupe.Worker<{}>", W::type_name()))
    }

    fn start(start: W::Start) -> Result<Worker<W>, Failure> {
        Ok(Worker { actor: W::start(start)?, progress: Progress::default(), tray: None, unfinished: None })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if let Some(work) = message.downcast_ref::<Work>() {
            return self.work(work, ctx);
        }
        if let Some(Probe(ticket)) = message.downcast_ref() {
            return ctx.reply(Done(*ticket));
        }
        self.other(message, ctx)
    }

    fn capability_check(capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        W::capability_check(capabilities, requirements)
    }

    fn failure_policy() -> FailurePolicy {
        W::failure_policy()
    }
}
