//! What a handler can do.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem;
use core::ptr;
use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::driver::panics;
use crate::letters::Letters;
use crate::{
    Actor, ActorAddress, ActorSpec, AnyMessage, Capabilities, EncodeError, Envelope, ErasedMessage, Error,
    Feature, Flow, Handled, IntoMessage, Time, Value,
};

/// An actor's hand on the world while it handles a message (guide section 5).
///
/// What is asked for through it happens when the handler returns without error, all of it, in the order asked;
/// when the handler fails, none of it happens (decision D4). [`flush`](Context::flush) is the exception.
pub struct Context<'a> {
    pub(crate) me: &'a ActorAddress,
    pub(crate) sender: &'a ActorAddress,
    /// The message that is being handled, which can go on to somebody else.
    pub(crate) in_hand: Option<&'a AnyMessage>,
    pub(crate) actions: &'a mut Actions,
    pub(crate) environment: &'a mut dyn Environment,
}

impl<'a> Context<'a> {
    /// A context for one attempt: what drivers make.
    #[inline]
    pub fn new(
        me: &'a ActorAddress,
        sender: &'a ActorAddress,
        actions: &'a mut Actions,
        environment: &'a mut dyn Environment,
    ) -> Context<'a> {
        Context { me, sender, in_hand: None, actions, environment }
    }

    /// The same, for an attempt at this message.
    #[inline]
    #[must_use]
    pub fn handling(self, message: &'a AnyMessage) -> Context<'a> {
        Context { in_hand: Some(message), ..self }
    }

    /// The same context, in which somebody else is the sender: for actors that wrap another and unpack what was sent on to
    /// it, such as the workers of a troupe.
    ///
    /// It changes what [`sender`](Context::sender) says and where [`reply`](Context::reply) goes, and nothing else: what
    /// is sent comes from this actor, and poison goes to whoever sent the message that is being handled.
    ///
    /// ```
    /// # use thespian_core::{ActorAddress, Context, Handled, actor};
    /// /// A text, and who wants the answer.
    /// type Errand = (String, ActorAddress);
    ///
    /// #[derive(Default)]
    /// struct Clerk;
    ///
    /// #[actor]
    /// impl Clerk {
    ///     fn errand(&mut self, (text, customer): &Errand, ctx: &mut Context<'_>) -> Handled {
    ///         self.text(text, &mut ctx.on_behalf_of(customer))
    ///     }
    ///
    ///     fn text(&mut self, text: &String, ctx: &mut Context<'_>) -> Handled {
    ///         ctx.reply(text.to_uppercase())
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    pub fn on_behalf_of<'b>(&'b mut self, sender: &'b ActorAddress) -> Context<'b> {
        let in_hand = self.in_hand;
        Context { me: self.me, sender, in_hand, actions: self.actions, environment: self.environment }
    }

    /// The actor's own address (guide section 5.1).
    #[inline]
    pub fn my_address(&self) -> ActorAddress {
        *self.me
    }

    /// Who sent the message that is being handled. For a wakeup that is the actor itself.
    #[inline]
    pub fn sender(&self) -> ActorAddress {
        *self.sender
    }

    /// Sends a message (guide section 5.4). It arrives after those sent to the same target before.
    ///
    /// There is no result: a message whose target is dead becomes a dead letter; one that the target fails on, or
    /// that cannot be encoded, comes back as a [`PoisonMessage`](crate::PoisonMessage).
    #[inline]
    pub fn send(&mut self, target: &ActorAddress, message: impl IntoMessage) {
        match message.as_unboxed() {
            Some(unboxed) if self.actions.write(self.me, target, unboxed) => written(message),
            _ => self.actions.send(message.into_message().seal(target, self.me)),
        }
    }

    /// Sends a message to the sender of the one that is being handled. Returns what a handler returns, so that it
    /// can be the handler's last line.
    ///
    /// # Errors
    ///
    /// Never; the type is that of handlers.
    #[inline]
    pub fn reply(&mut self, message: impl IntoMessage) -> Handled {
        self.send(self.sender, message);
        Ok(Flow::Done)
    }

    /// Sends on a message that was only borrowed: what [`send`](Context::send) would do with a copy of it.
    ///
    /// The message that is being handled is not copied but goes on itself, when the handler has returned, so that this costs
    /// the same for messages of any size and type, and works for those that cannot be copied. Any other message is copied, and
    /// so is one that goes on twice, is a system message, or goes on before a [`flush`](Context::flush).
    ///
    /// Its next receiver sees this actor as the sender.
    ///
    /// ```
    /// use thespian_core::{ActorAddress, AnyMessage, Context, Handled, Flow, actor};
    ///
    /// /// Has others do everything, in turn.
    /// struct Dealer {
    ///     others: Vec<ActorAddress>,
    ///     count: usize,
    /// }
    ///
    /// #[actor]
    /// impl Dealer {
    ///     #[start]
    ///     fn new(others: Vec<ActorAddress>) -> Dealer {
    ///         Dealer { others, count: 0 }
    ///     }
    ///
    ///     fn receive(&mut self, message: &AnyMessage, ctx: &mut Context<'_>) -> Handled {
    ///         if !message.is_system() {
    ///             self.count += 1;
    ///             ctx.forward(&self.others[self.count % self.others.len()], message)?;
    ///         }
    ///         Ok(Flow::Done)
    ///     }
    /// }
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// As [`AnyMessage::duplicate`], for a message that has to be copied.
    #[inline]
    pub fn forward(&mut self, target: &ActorAddress, message: &AnyMessage) -> Result<(), EncodeError> {
        let is_in_hand = self.in_hand.is_some_and(|in_hand| ptr::eq(in_hand, message));
        if is_in_hand && !message.is_system() && self.actions.forward.is_none() {
            self.actions.forward(target);
        } else {
            self.send(target, message.duplicate()?);
        }
        Ok(())
    }

    /// Creates a child whose constructor needs nothing (guide section 5.3). See [`create`](Context::create).
    pub fn create_actor<A: Actor<Start = ()>>(&mut self) -> ActorAddress {
        self.create(A::spec())
    }

    /// Creates a child, by type or by the type's registered name, and returns its address at once.
    ///
    /// The address can be used and given away before the child runs: messages for it wait. A child that cannot be
    /// created is reported with one [`ChildActorExited`](crate::ChildActorExited), and what was sent to it comes
    /// back as poison that says why (decision D10).
    ///
    /// One too many for [`Limits::actions_per_attempt`](crate::Limits::actions_per_attempt) is nobody's address, in an
    /// attempt that fails.
    ///
    /// With a [global name](ActorSpec::global_name) that is in use, this is the address of the running actor. A named
    /// actor is the system's child, and its creator is not told when it exits (guide section 5.3.1).
    pub fn create(&mut self, spec: impl Into<ActorSpec>) -> ActorAddress {
        let spec = spec.into();
        if !self.actions.has_room() {
            // The attempt fails, so there will be no actor, and no address or name may be taken for it.
            return ActorAddress::NOBODY;
        }
        let proposed = self.environment.allocate();
        let address = match &spec.global_name {
            Some(name) => self.environment.claim_name(name, proposed),
            None => proposed,
        };
        self.actions.push(Action::Create(Box::new(Create { address, spec })));
        address
    }

    /// The running actor of this global name, if there is one; creates nothing (decision D15).
    pub fn find_actor(&mut self, global_name: &str) -> Option<ActorAddress> {
        self.environment.find_name(global_name)
    }

    /// Asks for a [`WakeupMessage`](crate::WakeupMessage) after a delay (guide section 5.5): once, never early,
    /// never while another message is being handled. It cannot be cancelled; wakeups end with the actor.
    pub fn wakeup_after(&mut self, delay: Duration) {
        self.set_wakeup(delay, None);
    }

    /// The same, with a message of any type that is given back in the wakeup.
    pub fn wakeup_after_with(&mut self, delay: Duration, payload: impl IntoMessage) {
        self.set_wakeup(delay, Some(payload.into_message()));
    }

    fn set_wakeup(&mut self, delay: Duration, payload: Option<AnyMessage>) {
        let due = self.environment.now() + delay;
        self.actions.push(Action::Wakeup(Box::new(Wakeup { due, delay, payload })));
    }

    /// Releases what has been asked for so far, for long handlers. What was flushed is not taken back if the handler
    /// fails later. Blocks while the actor has more than
    /// [`Limits::outgoing_high`](crate::Limits::outgoing_high) messages outstanding (decision D20).
    pub fn flush(&mut self) {
        if self.actions.forward.is_some() {
            self.forward_copy();
        }
        self.environment.flush(*self.me, self.actions);
    }

    /// What is to go on would be released while its handler has not done with it, so a copy of it goes. One that cannot be copied
    /// stays behind, and goes on at the end.
    #[cold]
    fn forward_copy(&mut self) {
        let (Some(forward), Some(message)) = (&mut self.actions.forward, self.in_hand) else { return };
        match message.duplicate() {
            Ok(copy) => {
                let copy = copy.seal(&forward.target, self.me);
                self.actions.forward_in_turn(copy);
            }
            Err(_) => (forward.sends, forward.others) = (0, 0),
        }
    }

    /// Whether the attempt has asked for more than [`Limits::actions_per_attempt`](crate::Limits::actions_per_attempt), and so
    /// fails whatever the handler returns: for actors that wrap another, and take note of what it has done.
    #[inline]
    pub fn is_overrun(&self) -> bool {
        self.actions.is_overrun()
    }

    /// Makes this actor the one that handles dead letters, or stops it being that (guide section 5.6, decision D21).
    pub fn handle_dead_letters(&mut self, start_handling: bool) {
        self.request(Request::HandleDeadLetters(start_handling));
    }

    /// Sets a capability of the system, or removes it where the value is [`Value::Null`] or `None` (guide section
    /// 5.13). On a real change every actor's capability check runs again, and those that fail it exit: this one
    /// perhaps among them.
    pub fn update_capability(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        self.request(Request::UpdateCapability(name.into(), value.into()));
    }

    /// Shuts the whole system down (guide section 5.16).
    pub fn actor_system_shutdown(&mut self) {
        self.request(Request::Shutdown);
    }

    fn request(&mut self, request: Request) {
        self.actions.push(Action::Request(Box::new(request)));
    }

    /// What the system can do.
    pub fn capabilities(&self) -> &Capabilities {
        self.environment.capabilities()
    }

    /// The address of the system's admin: it answers a [`StatusReq`](crate::StatusReq) (guide section 7.12).
    pub fn system_address(&self) -> ActorAddress {
        self.environment.admin()
    }

    /// How large a message to another actor may be, in bytes when it is encoded ([`encode`](crate::encode)): the system's
    /// [`Limits::message_size`](crate::Limits::message_size), which a transport may have lowered. A larger one comes back as
    /// poison. `None` where messages travel as they are, so that none is too large.
    pub fn largest_message(&self) -> Option<usize> {
        self.environment.largest_message()
    }

    /// Time since the system started.
    pub fn uptime(&mut self) -> Duration {
        self.environment.now().since_start()
    }

    /// Registers this actor as the source authority (guide section 5.8).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base that cannot load sources.
    pub fn register_source_authority(&mut self) -> Result<(), Error> {
        self.unsupported(Feature::SourceLoading)
    }

    /// Loads actor source and returns its hash (guide section 5.9).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base that cannot load sources.
    pub fn load_actor_source(&mut self, source: &[u8]) -> Result<crate::SourceHash, Error> {
        let _ = source;
        self.unsupported(Feature::SourceLoading).map(|()| String::new())
    }

    /// Unloads actor source (guide section 5.10).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base that cannot load sources.
    pub fn unload_actor_source(&mut self, source_hash: &str) -> Result<(), Error> {
        let _ = source_hash;
        self.unsupported(Feature::SourceLoading)
    }

    /// Asks to be told of loaded and unloaded sources (guide section 5.11).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base that cannot load sources.
    pub fn notify_on_source_availability(&mut self, enable: bool) -> Result<(), Error> {
        let _ = enable;
        self.unsupported(Feature::SourceLoading)
    }

    /// Asks to be told when systems join and leave the convention (guide section 5.7).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base without conventions.
    pub fn notify_on_system_registration_changes(&mut self, enable: bool) -> Result<(), Error> {
        let _ = enable;
        self.unsupported(Feature::Conventions)
    }

    /// Tells the system of a remote one (guide section 5.14).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base without conventions.
    pub fn pre_register_remote_system(
        &mut self,
        address: &str,
        capabilities: Capabilities,
    ) -> Result<(), Error> {
        let _ = (address, capabilities);
        self.unsupported(Feature::Conventions)
    }

    /// Forgets a remote system (guide section 5.15).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base without conventions.
    pub fn de_register_remote_system(&mut self, address: &str) -> Result<(), Error> {
        let _ = address;
        self.unsupported(Feature::Conventions)
    }

    fn unsupported(&self, feature: Feature) -> Result<(), Error> {
        Err(Error::NotSupported { feature, base: self.environment.base_name().into() })
    }
}

/// What a driver provides while a handler runs.
pub trait Environment {
    /// The time now, for wakeups.
    fn now(&mut self) -> Time;
    /// A new address in this system.
    fn allocate(&mut self) -> ActorAddress;
    /// The address behind a global name: that of the running actor, that of one whose creation is under way, or else
    /// the proposed one, which from now on holds the name.
    fn claim_name(&mut self, name: &str, proposed: ActorAddress) -> ActorAddress;
    /// The address of the running actor of this name.
    fn find_name(&mut self, name: &str) -> Option<ActorAddress>;
    /// Releases what an actor has asked for so far, and blocks it while it has too much outstanding.
    fn flush(&mut self, actor: ActorAddress, actions: &mut Actions);
    /// What the system can do.
    fn capabilities(&self) -> &Capabilities;
    /// The largest message that is taken, in bytes when it is encoded. `None` if they are not encoded.
    fn largest_message(&self) -> Option<usize>;
    /// The address of the system's admin.
    fn admin(&self) -> ActorAddress;
    /// The name of the base.
    fn base_name(&self) -> &str;
}

/// Drops a message of which there are the bytes. Its drop is user code, and no reason for the attempt to fail.
#[inline]
fn written<M>(message: M) {
    if mem::needs_drop::<M>()
        && let Err(failure) = panics::catch(|| drop(message))
    {
        log::error!(target: "thespian", "a message panicked when it was dropped: {}", failure.details());
    }
}

/// What an attempt has asked for, in order.
#[derive(Debug, Default)]
pub struct Actions {
    pub(crate) sends: Vec<Envelope>,
    /// Those of the sends that were written at once, between the others.
    pub(crate) letters: Letters,
    /// All else, each with how many sends came before it.
    pub(crate) others: Vec<(usize, Action)>,
    limit: usize,
    overrun: bool,
    /// Where the message in hand is to go on to.
    pub(crate) forward: Option<Forward>,
}

/// The message in hand goes on, after so many of the rest.
#[derive(Debug)]
pub(crate) struct Forward {
    pub(crate) target: ActorAddress,
    sends: usize,
    others: usize,
}

impl Actions {
    /// None yet, and at most `limit`.
    pub fn new(limit: usize) -> Actions {
        Actions { limit, ..Actions::default() }
    }

    /// Sets how many there can be.
    #[inline]
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit;
    }

    /// How many there can be.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Sets whether messages to others are turned into their bytes at once, because they will travel between processes: they
    /// need no memory of their own then.
    #[inline]
    pub fn set_writing(&mut self, writing: bool) {
        self.letters.is_on = writing;
    }

    /// Forgets what was asked for, so that nothing of it happens. Returns the actors that are not created now: their
    /// addresses and names are free again.
    pub fn discard(&mut self) -> Vec<Create> {
        let creates = self.others.drain(..).filter_map(|(_, action)| match action {
            Action::Create(create) => Some(*create),
            _ => None,
        });
        let creates = creates.collect();
        self.clear();
        creates
    }

    /// Whether more than the limit was asked for, which fails the attempt.
    #[inline]
    pub fn is_overrun(&self) -> bool {
        self.overrun
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.sends() + self.others.len() + usize::from(self.forward.is_some())
    }

    /// Whether there are none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.sends() == 0 && self.others.is_empty() && self.forward.is_none()
    }

    /// How many sends there are.
    #[inline]
    fn sends(&self) -> usize {
        self.sends.len() + self.letters.len()
    }

    /// Forgets what was asked for, so that nothing of it happens.
    pub(crate) fn clear(&mut self) {
        self.sends.clear();
        self.letters.clear();
        self.others.clear();
        self.overrun = false;
        self.forward = None;
    }

    /// Whether there can be another. If not, one was asked for that is too many.
    #[inline]
    fn has_room(&mut self) -> bool {
        let room = self.len() < self.limit;
        self.overrun |= !room;
        room
    }

    #[inline]
    fn send(&mut self, envelope: Envelope) {
        if self.has_room() {
            self.sends.push(envelope);
        }
    }

    /// Writes a message, if that is wanted and can be done. Otherwise it has to be [sent](Actions::send).
    #[inline]
    fn write(&mut self, me: &ActorAddress, to: &ActorAddress, message: &dyn ErasedMessage) -> bool {
        if !self.letters.is_on || me == to {
            return false;
        }
        let place = self.sends();
        !self.has_room() || self.letters.write(place, to, message)
    }

    /// The message in hand is to go on.
    #[inline]
    fn forward(&mut self, target: &ActorAddress) {
        if self.has_room() {
            let (sends, others) = (self.sends(), self.others.len());
            self.forward = Some(Forward { target: *target, sends, others });
        }
    }

    /// What goes on is this, and takes its turn among the rest.
    pub(crate) fn forward_in_turn(&mut self, envelope: Envelope) {
        if let Some(Forward { sends, others, .. }) = self.forward.take() {
            self.others.insert(others, (sends, Action::Send(envelope)));
        }
    }

    fn push(&mut self, action: Action) {
        if self.has_room() {
            self.others.push((self.sends(), action));
        }
    }
}

/// Something a handler asked for that is no send.
#[derive(Debug)]
pub(crate) enum Action {
    Create(Box<Create>),
    /// A send that was asked for otherwise.
    Send(Envelope),
    Wakeup(Box<Wakeup>),
    Request(Box<Request>),
}

/// A child to create.
#[derive(Debug, Serialize, Deserialize)]
pub struct Create {
    /// The address it gets.
    pub address: ActorAddress,
    /// What it is.
    pub spec: ActorSpec,
}

/// A wakeup to set.
#[derive(Debug)]
pub(crate) struct Wakeup {
    pub(crate) due: Time,
    pub(crate) delay: Duration,
    pub(crate) payload: Option<AnyMessage>,
}

/// Something an actor wants of its system.
#[derive(Debug, Serialize, Deserialize)]
pub enum Request {
    /// To handle dead letters, or to stop doing that.
    HandleDeadLetters(bool),
    /// To set a capability, or to remove it where the value is null.
    UpdateCapability(String, Value),
    /// To shut the system down.
    Shutdown,
}
