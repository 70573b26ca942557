//! An actor of a troupe, and what it and the troupe say to each other.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorType, AnyMessage, Capabilities, Context, Failure,
    FailurePolicy, Flow, Handled, Message, PoisonMessage, TypeName, Value,
};

use crate::ledger::{Ledger, Report};
use crate::parcel::{Note, Unpacker};
use crate::progress::{Progress, Running};
use crate::tray::{LastAsker, Tray};

/// Troupe to worker.
///
/// A worker that is known to look at the troupe's tray is sent bare messages as work, and finds there what else there is to
/// know of them. So nothing but work comes bare.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Order")]
pub(crate) enum Order {
    /// A message to handle for the one who sent it, which is a value of the troupe's process: one that came from another goes in a
    /// [parcel](crate::parcel).
    Work(Work),
    /// Answer as if this were done. Only a worker that has started can.
    Probe(Ticket),
    /// Say what became of this work, unless it is in progress: that it is done, or with [`Word::Missed`].
    Inquiry(Ticket),
    /// Worker to itself: tell the troupe at this address what there is to tell.
    Call(ActorAddress),
    /// The answer to something that the worker has asked the troupe itself.
    Aside(AnyMessage),
}

/// A message to handle for the one who sent it.
#[derive(Serialize, Deserialize)]
pub(crate) struct Work {
    pub(crate) note: Note,
    pub(crate) message: AnyMessage,
    /// For a worker in the troupe's process, with its first work.
    #[serde(skip)]
    pub(crate) tray: Option<Tray>,
}

/// Worker to troupe.
#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian-troupe.Word")]
pub(crate) enum Word {
    /// The work with this ticket is done, and the worker takes the next. Said by those that look at the troupe's tray.
    Done(Ticket),
    /// Said by all others.
    Report(Report),
    /// The worker has been asked for work that has never come. What comes at all comes in the order sent, so it will not.
    Missed(Ticket),
}

/// Which work, of which worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ticket {
    pub(crate) work: u64,
    /// The worker's place in the troupe's table.
    pub(crate) place: u32,
    /// Which time it is that the troupe gives work to somebody, for work that does not come bare: the same work can come to the
    /// same worker twice.
    pub(crate) turn: u64,
}

/// An actor that works in a troupe, with what it need not know round it.
pub(crate) struct Worker<W> {
    actor: W,
    progress: Progress,
    seat: Option<Seat>,
    ledger: Ledger,
    unpacker: Unpacker,
    /// What is in progress.
    unfinished: Option<Unfinished>,
}

/// Where a worker sits that is in its troupe's process.
struct Seat {
    tray: Tray,
    place: u32,
    troupe: ActorAddress,
    last_asker: LastAsker,
}

struct Unfinished {
    ticket: Ticket,
    troupe: ActorAddress,
    asker: ActorAddress,
    message: AnyMessage,
}

impl<W: Actor> Worker<W> {
    /// Runs the actor's own handler.
    #[inline(always)]
    fn run(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let running = Running::begin(ctx, &mut self.progress);
        let handled = self.actor.receive(message, ctx);
        running.end(handled.is_err());
        handled
    }

    /// Work that came from another process.
    fn unpacked(&mut self, note: &Note, message: AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let handled = self.noted(note, &message, ctx);
        self.unpacker.is_over(message);
        handled
    }

    /// Work that came in an order.
    fn ordered(&mut self, work: &Work, ctx: &mut Context<'_>) -> Handled {
        if let Some(tray) = &work.tray {
            let (tray, place, troupe) = (tray.clone(), work.note.ticket.place, ctx.sender());
            self.seat = Some(Seat { tray, place, troupe, last_asker: LastAsker::NOBODY });
        }
        self.noted(&work.note, &work.message, ctx)
    }

    /// Work that came with all that there is to know of it.
    fn noted(&mut self, note: &Note, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let Note { ticket, oldest, asker } = note;
        self.ledger.forget_before(*oldest);
        let is_only = ticket.turn == *oldest;
        if self.seat.is_none() && !self.ledger.take(*ticket, is_only, || ctx.uptime()) {
            self.call(&ctx.sender(), ctx);
            return Ok(Flow::Done);
        }
        let handled = self.work(*ticket, asker, message, ctx);
        if handled.is_ok() && self.seat.is_some() {
            // In case that the troupe asks before it looks at its tray.
            self.ledger.put(*ticket, Duration::ZERO);
        }
        handled
    }

    /// What became of work for which there is no word.
    fn inquiry(&self, ticket: Ticket, ctx: &mut Context<'_>) {
        let is_unfinished = self.unfinished.as_ref().is_some_and(|unfinished| unfinished.ticket == ticket);
        if is_unfinished || self.ledger.has_returned(ticket) {
            return;
        }
        let troupe = ctx.sender();
        if self.ledger.has(ticket) {
            ctx.send(&troupe, self.done(ticket));
        } else {
            ctx.send(&troupe, Word::Missed(ticket));
        }
    }

    /// Work that came bare, if it is that: what else there is to know is in the tray.
    #[inline(always)]
    fn bare(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Option<Handled> {
        let seat = self.seat.as_mut().filter(|seat| seat.troupe == ctx.sender() && !message.is_system())?;
        let work = seat.tray.assigned(seat.place, &mut seat.last_asker);
        let ticket = Ticket { work, place: seat.place, turn: 0 };
        let asker = seat.last_asker.address;
        Some(self.work(ticket, &asker, message, ctx))
    }

    #[inline(always)]
    fn work(
        &mut self,
        ticket: Ticket,
        asker: &ActorAddress,
        message: &AnyMessage,
        ctx: &mut Context<'_>,
    ) -> Handled {
        let flow = self.run(message, &mut ctx.on_behalf_of(asker))?;
        if self.progress.is_in_progress() {
            let (troupe, message) = (ctx.sender(), message.duplicate()?);
            self.unfinished = Some(Unfinished { ticket, troupe, asker: *asker, message });
            self.ledger.wait();
        } else if !ctx.is_overrun() {
            // Otherwise the attempt fails, and the troupe has to keep everything as it is for the next one.
            self.finish(ticket, ctx);
        }
        Ok(flow)
    }

    /// The work is done.
    #[inline(always)]
    fn finish(&mut self, ticket: Ticket, ctx: &mut Context<'_>) {
        let Some(Seat { tray, place, .. }) = &self.seat else {
            let troupe = ctx.sender();
            return self.finish_far(ticket, &troupe, ctx);
        };
        if tray.ring() {
            ctx.send(&ctx.sender(), Word::Done(ticket));
            if ctx.is_overrun() {
                return tray.unring();
            }
        }
        tray.put(*place, || ctx.uptime());
        // Perhaps it has come to be awaited meanwhile. Word that comes twice does no harm.
        if tray.ring() {
            ctx.send(&ctx.sender(), Word::Done(ticket));
        }
    }

    /// The same without a tray to put it in.
    fn finish_far(&mut self, ticket: Ticket, troupe: &ActorAddress, ctx: &mut Context<'_>) {
        let now = ctx.uptime();
        match self.ledger.put(ticket, now) {
            true => self.tell(troupe, now, ctx),
            false => self.call(troupe, ctx),
        }
        if ctx.is_overrun() {
            self.ledger.undo();
        }
    }

    fn tell(&mut self, troupe: &ActorAddress, now: Duration, ctx: &mut Context<'_>) {
        ctx.send(troupe, Word::Report(self.ledger.news(now)));
        if !ctx.is_overrun() {
            self.ledger.told();
        }
    }

    /// Sees to it that the troupe is told when the worker has no more work for now.
    fn call(&mut self, troupe: &ActorAddress, ctx: &mut Context<'_>) {
        if !self.ledger.is_called {
            ctx.send(&ctx.my_address(), Order::Call(*troupe));
            self.ledger.is_called = !ctx.is_overrun();
        }
    }

    fn called(&mut self, troupe: &ActorAddress, ctx: &mut Context<'_>) {
        self.ledger.is_called = false;
        if self.ledger.has_news() {
            let now = ctx.uptime();
            self.tell(troupe, now, ctx);
        }
    }

    /// Says that this is done, to a troupe that has asked.
    fn done(&self, ticket: Ticket) -> Word {
        match self.seat {
            Some(_) => Word::Done(ticket),
            None => Word::Report(Report { done: vec![ticket], returned: Vec::new(), room: 1 }),
        }
    }

    /// Something that is no work, but may be what finishes it.
    fn other(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        let flow = self.run(message, ctx)?;
        if let Some(unfinished) = self.unfinished.take_if(|_| !self.progress.is_in_progress()) {
            self.finish_later(&unfinished, ctx);
            if ctx.is_overrun() {
                self.unfinished = Some(unfinished);
            }
        } else if message.is::<ActorExitRequest>() {
            self.abandon(ctx)?;
        }
        Ok(flow)
    }

    fn finish_later(&mut self, Unfinished { ticket, troupe, .. }: &Unfinished, ctx: &mut Context<'_>) {
        if self.seat.is_some() {
            ctx.send(troupe, Word::Done(*ticket));
        } else {
            self.finish_far(*ticket, troupe, ctx);
        }
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
        Ok(Worker {
            actor: W::start(start)?,
            progress: Progress::default(),
            seat: None,
            ledger: Ledger::default(),
            unpacker: Unpacker::default(),
            unfinished: None,
        })
    }

    fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
        if let Some(unpacked) = self.unpacker.unpack(message) {
            let (note, message) = unpacked?;
            return self.unpacked(&note, message, ctx);
        }
        match message.downcast_ref::<Order>() {
            Some(Order::Work(work)) => self.ordered(work, ctx),
            Some(Order::Probe(ticket)) => ctx.reply(self.done(*ticket)),
            Some(Order::Inquiry(ticket)) => {
                self.inquiry(*ticket, ctx);
                Ok(Flow::Done)
            }
            Some(Order::Call(troupe)) => {
                if ctx.sender() == ctx.my_address() {
                    self.called(troupe, ctx);
                }
                Ok(Flow::Done)
            }
            Some(Order::Aside(answer)) => self.other(answer, ctx),
            None => match self.bare(message, ctx) {
                Some(handled) => handled,
                None => self.other(message, ctx),
            },
        }
    }

    fn capability_check(capabilities: &Capabilities, requirements: &Value) -> Result<(), String> {
        W::capability_check(capabilities, requirements)
    }

    fn failure_policy() -> FailurePolicy {
        W::failure_policy()
    }

    fn companions() -> Vec<&'static ActorType> {
        W::companions()
    }
}
