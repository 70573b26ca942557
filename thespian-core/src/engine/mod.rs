//! The engines: everything a Thespian system decides, without doing any of it.
//!
//! An engine is told what happened and what time it is, and says what is to be done. There is one for each role, and
//! they share nothing; what one wants of another it puts in writing:
//!
//! | engine | role |
//! | --- | --- |
//! | [`Host`] | one actor: its mailbox, attempts, children, wakeups, outgoing messages |
//! | [`Admin`] | one system: which actors there are, names, capabilities, dead letters, shutdown |
//! | [`Endpoint`] | one outside caller: what came for it |
//! | [`Links`] | inside hosts and endpoints: delivery between processes, once and in order |
//!
//! # The calls
//!
//! - `handle(now, input, outputs)`: something happened. Never fails, never blocks. Afterwards the driver performs the
//!   outputs, in order, until there are none. What happens to every message has a call of its own: `arrived`, `frame`,
//!   `finished`, `credited`.
//! - `handle_timeout(now, outputs)`: a deadline has come. Too early a call is harmless.
//! - `poll_timeout()`: the next deadline, with the reason for it.
//!
//! The outputs of all engines of one driver go through one [`Outputs`] queue that is handed in, so that a hundred
//! thousand idle engines do not hold a queue each.
//!
//! # Invariants
//!
//! - Every effect that can fail comes back as an input: a launch, a transmission, a delivery.
//! - `now` does not go back. The same inputs at the same times give the same outputs: no hash maps are iterated, ids
//!   are counted, randomness is handed in.
//! - Every retry and every queue has a bound with a name in [`Limits`](crate::Limits); a mailbox has it at its senders.
//! - One delivery per actor is outstanding at any time.
//! - Actors are never called here: the driver runs them, and reports. The code of a message's or an actor's type that is,
//!   is that for its name, its encoding and its drop.

mod admin;
mod bare;
mod endpoint;
mod host;
pub mod link;
pub mod planted;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use serde::{Deserialize, Serialize};

pub use admin::{Admin, AdminConfig, AdminInput, CallId, Launch, LaunchError, Live};
pub use endpoint::{Endpoint, EndpointInput};
pub use host::{Host, HostConfig, HostInput, Reason};

pub use crate::context::{Create, Request};
use crate::{ActorAddress, DeadReason, Envelope, Error, ExitCause};
use link::{Frame, FrameRef, Lane, Links, Outgoing, Route};

/// Effects that engines ask for.
///
/// Performed in order, in three lines: [deliveries](Outputs::poll_delivery) follow when nothing else is left to
/// perform, and [credits](Outputs::poll_credit) only count and may go ahead.
#[derive(Default)]
pub struct Outputs {
    queue: VecDeque<Output>,
    /// For each [`Output::Frame`] in the queue: they are larger than the rest.
    frames: VecDeque<Departure>,
    deliveries: VecDeque<Envelope>,
    credits: Vec<Credit>,
}

impl Outputs {
    /// None.
    pub fn new() -> Outputs {
        Outputs::default()
    }

    /// Asks for one of the effects that are not on every message's way.
    #[cold]
    pub(crate) fn effect(&mut self, effect: Effect) {
        self.queue.push_back(Output::Other(Box::new(effect)));
    }

    /// Asks to carry a frame to an engine in another process.
    #[inline]
    pub(crate) fn frame(&mut self, from: ActorAddress, to: ActorAddress, frame: Frame) {
        self.frames.push_back(Departure { from, to, what: What::Frame(Box::new(frame)) });
        self.queue.push_back(Output::Frame);
    }

    /// Asks to carry a message that a link keeps at this place.
    #[inline]
    fn message(&mut self, route: &Route, link: u64, sequence: u64) {
        // With what was asked for last, if that is the one before.
        if let Some(Output::Frame) = self.queue.back()
            && let Some(Departure { to, what: What::Messages { lane, link: of, end, .. }, from }) =
                self.frames.back_mut()
            && (*end, *of, *lane) == (sequence, link, route.lane)
            && (*to, *from) == (route.peer, route.me)
        {
            *end += 1;
            return;
        }
        let what = What::Messages { lane: route.lane, link, begin: sequence, end: sequence + 1 };
        self.frames.push_back(Departure { from: route.me, to: route.peer, what });
        self.queue.push_back(Output::Frame);
    }

    /// Asks to tell a sender that this many of its messages were dealt with.
    #[inline]
    pub(crate) fn credit(&mut self, to: &ActorAddress, count: u32) {
        self.credits.push(Credit { to: *to, count });
    }

    /// Asks to hand a message to its target's engine.
    #[inline]
    pub(crate) fn transmit(&mut self, envelope: Envelope) {
        self.queue.push_back(Output::Transmit(envelope));
    }

    /// Asks to run the handler of the actor that the message is for.
    #[inline]
    pub fn deliver(&mut self, envelope: Envelope) {
        self.deliveries.push_back(envelope);
    }

    /// The next effect to perform.
    #[inline]
    pub fn poll(&mut self) -> Option<Output> {
        self.queue.pop_front()
    }

    /// What an [`Output::Frame`] is about. To be called once for each of them, at once. The engine that it is from [gives
    /// the frames](Host::departing).
    #[inline]
    pub fn poll_frame(&mut self) -> Option<Departure> {
        self.frames.pop_front()
    }

    /// The next message whose target's handler is to run, when there is no [other effect](Outputs::poll). Report with
    /// [`Host::finished`].
    #[inline]
    pub fn poll_delivery(&mut self) -> Option<Envelope> {
        self.deliveries.pop_front()
    }

    /// The next sender in this process to tell that its messages were dealt with.
    #[inline]
    pub fn poll_credit(&mut self) -> Option<Credit> {
        self.credits.pop()
    }

    /// Whether there is nothing to perform.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty() && self.deliveries.is_empty() && self.credits.is_empty()
    }

    /// How many effects wait.
    pub fn len(&self) -> usize {
        self.queue.len() + self.deliveries.len() + self.credits.len()
    }
}

/// Word for a sender in this process that this many of its messages were dealt with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// The sender.
    pub to: ActorAddress,
    /// How many.
    pub count: u32,
}

/// A frame on its way out, or messages in a row to the same target.
///
/// Messages are not in here: they stay where their engine keeps them until they are acknowledged, and are
/// [written](Host::departing) from there.
#[derive(Debug)]
pub struct Departure {
    /// From this address, which is that of an engine in this process.
    pub from: ActorAddress,
    /// To this one.
    pub to: ActorAddress,
    what: What,
}

/// What departs.
#[derive(Debug)]
enum What {
    /// The messages of a link from one place to before another.
    Messages { lane: Lane, link: u64, begin: u64, end: u64 },
    /// Any other frame.
    Frame(Box<Frame>),
}

impl Departure {
    /// The frames, with the links of the engine that it is from, if those are still there.
    #[inline]
    fn frames<'a>(&'a self, links: Option<&'a Links>) -> Departing<'a> {
        match &self.what {
            What::Frame(frame) => Departing { frame: Some(frame.borrow()), link: None, places: 0..0 },
            What::Messages { lane, link, begin, end } => {
                let link = links.and_then(|links| links.link_to(&self.to, *lane, *link));
                let places = if link.is_some() { *begin..*end } else { 0..0 };
                Departing { frame: None, link: link.map(|link| (link, *lane)), places }
            }
        }
    }
}

/// The frames of a [`Departure`].
#[derive(Default)]
pub struct Departing<'a> {
    frame: Option<FrameRef<'a>>,
    link: Option<(&'a Outgoing, Lane)>,
    places: Range<u64>,
}

impl<'a> Iterator for Departing<'a> {
    type Item = FrameRef<'a>;

    #[inline]
    fn next(&mut self) -> Option<FrameRef<'a>> {
        if let Some((link, lane)) = self.link {
            // One that is not there any more was the first of those that are.
            for place in self.places.by_ref() {
                if let Some(frame) = link.on_its_way(lane, place) {
                    return Some(frame);
                }
            }
        }
        self.frame.take()
    }
}

/// One effect. Small, because every message is one on its way.
#[derive(Debug)]
pub enum Output {
    /// Hand a message to its target's engine, which is in this process.
    Transmit(Envelope),
    /// Carry frames to the engine of an actor in another process: those that [`Outputs::poll_frame`] gives now.
    Frame,
    /// Anything else.
    Other(Box<Effect>),
}

/// An effect that is not on every message's way.
#[derive(Debug)]
pub enum Effect {
    /// Give a message back to its sender's engine.
    Return(Box<Undelivered>),
    /// Tell the admin of the actor's system something.
    ToAdmin {
        /// The actor that tells it.
        from: ActorAddress,
        /// What.
        message: ToAdmin,
    },
    /// Tell an actor's host something.
    ToHost {
        /// The actor.
        to: ActorAddress,
        /// What.
        message: ToHost,
    },
    /// Replace the instance of an actor by a fresh one.
    Restart(ActorAddress),
    /// The actor is done: drop it and its engine, and report [`AdminInput::Exited`].
    Stopped(ActorAddress),
    /// The actor is paused: when nothing else in this process can go on, give it [`HostInput::Relief`].
    Paused(ActorAddress),
    /// Check and construct an actor, and report with [`AdminInput::Launched`].
    Launch(Box<Launch>),
    /// The actor's handler has been running for longer than [`Limits::exit_grace`](crate::Limits::exit_grace) while a
    /// request to exit waits for it: end it without asking it, and report [`AdminInput::Exited`]. Said once.
    Overdue(ActorAddress),
    /// There will be no actor at this address: give what waits for it back to its senders.
    Discard(ActorAddress),
    /// Run the capability check of a running actor, and report with [`AdminInput::Rechecked`].
    Recheck(ActorAddress),
    /// End an actor without asking it, and report [`AdminInput::Exited`].
    Kill(ActorAddress),
    /// Answer an outside call.
    Answer {
        /// The call.
        call: CallId,
        /// The answer.
        result: Result<ActorAddress, Error>,
    },
    /// The system is down.
    Down,
    /// Watch these descriptors until the actor's next delivery.
    Watch {
        /// The actor.
        actor: ActorAddress,
        /// The descriptors.
        descriptors: Vec<i32>,
    },
    /// Account for a message; only engines that were asked to say this.
    Account {
        /// Its sender.
        from: ActorAddress,
        /// Its number.
        number: u64,
        /// What became of it.
        what: Disposition,
    },
    /// Tell people something.
    Log(Log),
}

/// What became of a message (decision D19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Disposition {
    /// It was accepted for sending.
    Accepted,
    /// A handler handled it.
    Handled,
    /// It went back as poison.
    Poisoned,
    /// It became a dead letter.
    DeadLettered,
    /// It became a dead letter, and may have been handled before: its target died, or did not answer, with it.
    DeadLetteredUnsure,
    /// It was not accepted.
    Refused,
    /// Its sender was killed before it was acknowledged. It may have been handled, and accounted for, all the same.
    SenderKilled,
}

/// A message that could not be delivered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Undelivered {
    /// The message.
    pub envelope: Envelope,
    /// Why.
    pub reason: DeadReason,
    /// More about why, for people.
    pub details: String,
    /// Whether the target may have handled it.
    pub maybe_handled: bool,
}

impl Undelivered {
    /// A message that the target certainly did not handle.
    pub fn new(envelope: Envelope, reason: DeadReason) -> Undelivered {
        Undelivered { envelope, reason, details: String::new(), maybe_handled: false }
    }
}

/// What an actor's host tells its system's admin.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToAdmin {
    /// Create a child.
    Create(Box<Create>),
    /// The actor wants something of the system.
    Request(Box<Request>),
    /// A message of the actor could not be delivered.
    DeadLetter(Box<Undelivered>),
    /// The actor leaves these children to the system.
    Adopt(Vec<ActorAddress>),
    /// This child of the actor has to exit and cannot be asked to: end it.
    KillChild(ActorAddress),
    /// The actor has taken note that this child of its never started.
    KnowsOfFailedStart(ActorAddress),
}

/// What the admin tells an actor's host.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToHost {
    /// A child is gone.
    ChildExited {
        /// The child.
        child: ActorAddress,
        /// What ended it.
        cause: ExitCause,
    },
}

/// Something for people, from an engine.
#[derive(Debug)]
pub struct Log {
    /// How much it matters.
    pub level: log::Level,
    /// Which actor it is about.
    pub actor: ActorAddress,
    /// The text.
    pub text: String,
}
