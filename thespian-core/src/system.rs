//! The ActorSystem API: what programs outside the actors use (guide section 6).

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;
use core::time::Duration;

use parking_lot::Mutex;

use crate::base::default_base;
use crate::driver::panics;
use crate::{
    Actor, ActorAddress, ActorSpec, ActorTypes, AnyMessage, Base, Capabilities, Envelope, Error, IntoMessage,
    Limits, Message, PoisonMessage, RunningSystem, Settings, StatusReq, SystemStatus, Value,
};

/// A running actor system, as the program outside its actors sees it (guide section 6).
///
/// Cheap to clone; all clones are the same system with the same endpoint. Threads that ask at the same time use
/// [`private`](ActorSystem::private) or [`request`](ActorSystem::request).
#[derive(Clone)]
pub struct ActorSystem {
    running: Arc<dyn RunningSystem>,
    endpoint: ActorAddress,
}

/// The system of this process (guide section 2.1). The one documented global beside the table of types.
static CURRENT: Mutex<Option<ActorSystem>> = Mutex::new(None);

impl ActorSystem {
    /// Begins to start a system.
    pub fn builder() -> Builder {
        Builder {
            base: None,
            capabilities: Capabilities::new(),
            types: ActorTypes::linked(),
            limits: Limits::default(),
            registered: true,
        }
    }

    /// Starts a system on this base, as the system of this process. The short form of
    /// `ActorSystem::builder().base(base).start()`.
    ///
    /// # Errors
    ///
    /// As [`Builder::start`].
    pub fn start(base: impl Base + 'static) -> Result<ActorSystem, Error> {
        ActorSystem::builder().base(base).start()
    }

    /// The system of this process: the one that was started before, or else one on the default base, which is
    /// `simpleSystemBase` (guide section 6.2).
    ///
    /// # Errors
    ///
    /// When there is none and none can be started.
    pub fn current() -> Result<ActorSystem, Error> {
        ActorSystem::builder().start()
    }

    /// Creates a top-level actor whose constructor needs nothing, and waits until it runs (guide section 6.4).
    ///
    /// # Errors
    ///
    /// Every reason why it does not run (decision D13).
    pub fn create_actor<A: Actor<Start = ()>>(&self) -> Result<ActorAddress, Error> {
        self.create(A::spec())
    }

    /// The same for any [specification](ActorSpec): by type or by the type's registered name, with requirements, a
    /// global name, a start argument.
    ///
    /// # Errors
    ///
    /// Every reason why it does not run.
    pub fn create(&self, spec: impl Into<ActorSpec>) -> Result<ActorAddress, Error> {
        self.running.create(spec.into())
    }

    /// The running actor of this global name, if there is one; creates nothing (decision D15).
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    pub fn find_actor(&self, global_name: &str) -> Result<Option<ActorAddress>, Error> {
        self.running.find(global_name)
    }

    /// Sends a message and does not wait for an answer (guide section 6.5).
    ///
    /// # Errors
    ///
    /// When the message cannot be sent at all. One for a dead actor can: it becomes a dead letter.
    pub fn tell(&self, target: &ActorAddress, message: impl IntoMessage) -> Result<(), Error> {
        self.running.tell(self.endpoint, *target, message.into_message())
    }

    /// Sends a message and waits for the next message to this endpoint (guide section 6.6): usually the answer, but
    /// any message counts. [`request`](ActorSystem::request) waits for the answer only.
    ///
    /// The timeout is a [`Duration`], a number of seconds, or `None` for ever.
    ///
    /// # Errors
    ///
    /// When the message cannot be sent at all, or the system is down. That time runs out, or the target is dead, is
    /// an [`Answer`].
    pub fn ask(
        &self,
        target: &ActorAddress,
        message: impl IntoMessage,
        timeout: impl Into<Timeout>,
    ) -> Result<Answer, Error> {
        self.running.ask(self.endpoint, *target, message.into_message(), timeout.into())
    }

    /// Waits for the next message to this endpoint (guide section 6.7).
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    pub fn listen(&self, timeout: impl Into<Timeout>) -> Result<Answer, Error> {
        self.running.listen(self.endpoint, timeout.into(), None)
    }

    /// Sends a message and waits for its answer of type `R`, at an endpoint of its own, so that nobody else's message
    /// can be taken for it (decision D25).
    ///
    /// # Errors
    ///
    /// [`Error::RequestTimeout`], [`Error::TargetDead`], [`Error::RequestPoisoned`], [`Error::UnexpectedReply`], or
    /// as [`tell`](ActorSystem::tell).
    pub fn request<R: Message>(
        &self,
        target: &ActorAddress,
        message: impl IntoMessage,
        timeout: impl Into<Timeout>,
    ) -> Result<R, Error> {
        let timeout = timeout.into();
        let answer = self.running.request(*target, message.into_message(), timeout)?;
        answer.into_reply(*target, timeout)
    }

    /// An endpoint of its own for one thread, until it is dropped (guide section 6.8).
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    pub fn private(&self) -> Result<Private, Error> {
        let endpoint = self.running.open()?;
        Ok(Private(ActorSystem { running: self.running.clone(), endpoint }))
    }

    /// Sets a capability of the system, or removes it where the value is [`Value::Null`] or `None` (guide section
    /// 6.9). On a real change every actor's capability check runs again, and those that fail it exit.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] for a read-only or nameless one.
    pub fn update_capability(&self, name: &str, value: impl Into<Value>) -> Result<(), Error> {
        self.running.update_capability(name, value.into())
    }

    /// What the system can do.
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    pub fn capabilities(&self) -> Result<Capabilities, Error> {
        self.running.capabilities()
    }

    /// How the system is: asks its admin with a [`StatusReq`] (guide section 7.12).
    ///
    /// # Errors
    ///
    /// As [`request`](ActorSystem::request).
    pub fn status(&self) -> Result<SystemStatus, Error> {
        self.request(&self.system_address(), StatusReq, Duration::from_secs(10))
    }

    /// The address of the system's admin.
    pub fn system_address(&self) -> ActorAddress {
        self.running.admin()
    }

    /// The address of this handle's endpoint: what actors see as the sender of what it tells and asks.
    pub fn endpoint(&self) -> ActorAddress {
        self.endpoint
    }

    /// The name of the system's base, such as `simpleSystemBase`.
    pub fn base(&self) -> &str {
        self.running.base()
    }

    /// Loads actor source and returns its hash (guide section 6.10).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base that cannot.
    pub fn load_actor_source(&self, source: &[u8]) -> Result<crate::SourceHash, Error> {
        self.running.load_actor_source(source)
    }

    /// Unloads actor source (guide section 6.11).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`] on a base that cannot.
    pub fn unload_actor_source(&self, source_hash: &str) -> Result<(), Error> {
        self.running.unload_actor_source(source_hash)
    }

    /// Asks every actor to exit, waits until all have, and takes the system down (guide section 6.3). What other
    /// handles of it call afterwards fails with [`Error::SystemDown`]. Shutting down twice is no error.
    ///
    /// # Errors
    ///
    /// As the base says; the system is on its way down all the same.
    pub fn shutdown(&self) -> Result<(), Error> {
        let result = self.running.shutdown();
        // Refused: the system runs on, and its lock may be what whoever holds this one waits for.
        if let Err(Error::CalledFromActor { .. }) = result {
            return result;
        }
        let mut current = CURRENT.lock();
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(&current.running, &self.running)) {
            *current = None;
        }
        result
    }

    /// Whether the system is down.
    pub fn is_down(&self) -> bool {
        self.running.is_down()
    }
}

impl fmt::Debug for ActorSystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActorSystem({}, {})", self.base(), self.endpoint)
    }
}

/// How a base is asked for a system: [`Base::start`] or [`Base::attach`].
type Way = fn(Box<dyn Base>, Settings) -> Result<Arc<dyn RunningSystem>, Error>;

/// Starts a system.
///
/// ```ignore
/// let system = ActorSystem::builder().base(Simple).capability("Has Lightbulb", 5).start()?;
/// ```
#[must_use]
pub struct Builder {
    base: Option<Box<dyn Base>>,
    capabilities: Capabilities,
    types: ActorTypes,
    limits: Limits,
    registered: bool,
}

impl Builder {
    /// The base. Without one: the system of this process, or the default base.
    pub fn base(mut self, base: impl Base + 'static) -> Builder {
        self.base = Some(Box::new(base));
        self
    }

    /// A capability of the system.
    pub fn capability(mut self, name: impl Into<String>, value: impl Into<Value>) -> Builder {
        self.capabilities.set(name, value);
        self
    }

    /// Capabilities of the system.
    pub fn capabilities(mut self, capabilities: Capabilities) -> Builder {
        for (name, value) in capabilities.iter() {
            self.capabilities.set(name.to_string(), value.clone());
        }
        self
    }

    /// Actor types that can be created by name, beside those that registered themselves.
    pub fn actors(mut self, types: ActorTypes) -> Builder {
        self.types.extend(types);
        self
    }

    /// The bounds.
    pub fn limits(mut self, limits: Limits) -> Builder {
        self.limits = limits;
        self
    }

    /// A system that is not the system of this process: always a new one, found only through its handle (the guide's
    /// `transientUnique`).
    pub fn unregistered(mut self) -> Builder {
        self.registered = false;
        self
    }

    /// Starts the system. If this process has one already, that one is returned, and base, capabilities and the rest
    /// are ignored, as in the guide (sections 6.2 and 9); unless this is [`unregistered`](Builder::unregistered).
    ///
    /// # Errors
    ///
    /// [`Error::StartupFailure`] or [`Error::InvalidSetting`], with the cause and what to do;
    /// [`Error::CalledFromActor`] inside an actor, also where the process has a system already.
    pub fn start(self) -> Result<ActorSystem, Error> {
        self.enter("start", <dyn Base>::start)
    }

    /// Joins a system that another program has started, and never starts one (guide section 9.4). The place is named as
    /// for [`start`](Builder::start); the capabilities and bounds of the system are those it was started with.
    ///
    /// If this process has a system already, that one is returned, as by [`start`](Builder::start).
    ///
    /// ```ignore
    /// let system = ActorSystem::builder()
    ///     .base(Multiproc::new(Tcp::default()))
    ///     .capability("Admin Port", 1900)
    ///     .attach()?;
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::AttachFailure`] if something else is there, or nobody (see [`Error::is_nobody_there`]);
    /// [`Error::NotSupported`] on a base whose systems belong to one program; [`Error::InvalidSetting`];
    /// [`Error::CalledFromActor`].
    pub fn attach(self) -> Result<ActorSystem, Error> {
        self.enter("attach", <dyn Base>::attach)
    }

    /// The system of this process, or one that is entered this way.
    fn enter(self, call: &'static str, way: Way) -> Result<ActorSystem, Error> {
        // Another thread may hold the lock below and wait for the actor that calls here.
        if panics::in_actor() {
            return Err(Error::CalledFromActor { call: call.into() });
        }
        if !self.registered {
            return self.enter_new(way);
        }
        let mut current = CURRENT.lock();
        if let Some(system) = current.as_ref().filter(|system| !system.is_down()) {
            return Ok(system.clone());
        }
        let system = self.enter_new(way)?;
        *current = Some(system.clone());
        Ok(system)
    }

    fn enter_new(self, way: Way) -> Result<ActorSystem, Error> {
        self.limits.check()?;
        let base = match self.base {
            Some(base) => base,
            None => default_base()?,
        };
        let settings = Settings { capabilities: self.capabilities, types: self.types, limits: self.limits };
        let running = way(base, settings)?;
        let endpoint = running.open()?;
        Ok(ActorSystem { running, endpoint })
    }
}

/// A system with an endpoint of its own (guide section 6.8): everything an [`ActorSystem`] can do, with answers that come
/// only here. The endpoint goes when this is dropped.
pub struct Private(ActorSystem);

impl core::ops::Deref for Private {
    type Target = ActorSystem;

    fn deref(&self) -> &ActorSystem {
        &self.0
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        self.0.running.close(self.0.endpoint);
    }
}

impl fmt::Debug for Private {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Private({:?})", self.0)
    }
}

/// What an [`ask`](ActorSystem::ask) or [`listen`](ActorSystem::listen) ended with (decision D24).
#[derive(Debug)]
#[must_use]
pub enum Answer {
    /// A message came.
    Message(Reply),
    /// None came in time.
    TimedOut,
    /// The target that was asked is dead.
    Dead(ActorAddress),
}

/// A message that came to an endpoint.
#[derive(Debug)]
pub struct Reply {
    /// The message.
    pub message: AnyMessage,
    /// Who sent it.
    pub sender: ActorAddress,
}

impl Answer {
    /// The answer that an envelope brings.
    pub fn from_envelope(envelope: Envelope) -> Answer {
        let sender = *envelope.from();
        Answer::Message(Reply { message: envelope.into_message(), sender })
    }

    /// The message, if one came.
    pub fn message(&self) -> Option<&AnyMessage> {
        match self {
            Answer::Message(reply) => Some(&reply.message),
            _ => None,
        }
    }

    /// The message as an `M`, if one came and it is one.
    pub fn get<M: Message>(&self) -> Option<&M> {
        self.message()?.downcast_ref()
    }

    /// The message as an `M`, taken out.
    ///
    /// # Errors
    ///
    /// The answer, if it is something else.
    pub fn take<M: Message>(self) -> Result<M, Answer> {
        match self {
            Answer::Message(Reply { message, sender }) => {
                message.downcast().map_err(|message| Answer::Message(Reply { message, sender }))
            }
            other => Err(other),
        }
    }

    /// Who sent the message, if one came.
    pub fn sender(&self) -> Option<ActorAddress> {
        match self {
            Answer::Message(reply) => Some(reply.sender),
            _ => None,
        }
    }

    /// Whether time ran out.
    pub fn is_timed_out(&self) -> bool {
        matches!(self, Answer::TimedOut)
    }

    /// Whether the target is dead.
    pub fn is_dead(&self) -> bool {
        matches!(self, Answer::Dead(_))
    }

    /// As the result of a request for an `R`.
    fn into_reply<R: Message>(self, target: ActorAddress, timeout: Timeout) -> Result<R, Error> {
        match self {
            Answer::Message(Reply { message, .. }) => {
                message.downcast::<R>().map_err(|message| match message.downcast::<PoisonMessage>() {
                    Ok(poison) => Error::RequestPoisoned { target, details: poison.details },
                    Err(message) => {
                        Error::UnexpectedReply { expected: R::type_name(), received: message.type_name() }
                    }
                })
            }
            Answer::TimedOut => Err(Error::RequestTimeout {
                waited_for: R::type_name().to_string(),
                timeout: timeout.duration().unwrap_or(Duration::MAX),
            }),
            Answer::Dead(target) => Err(Error::TargetDead { target }),
        }
    }
}

/// How long to wait: a [`Duration`], a number of seconds, or `None` for ever (guide section 6.6). A negative number, or
/// one that is none, is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeout(Option<Duration>);

impl Timeout {
    /// No end.
    pub const FOREVER: Timeout = Timeout(None);

    /// The time, unless it is for ever.
    pub fn duration(self) -> Option<Duration> {
        self.0
    }
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Timeout {
        Timeout(Some(duration))
    }
}

impl From<Option<Duration>> for Timeout {
    fn from(duration: Option<Duration>) -> Timeout {
        Timeout(duration)
    }
}

impl From<u64> for Timeout {
    fn from(seconds: u64) -> Timeout {
        Timeout(Some(Duration::from_secs(seconds)))
    }
}

impl From<i32> for Timeout {
    fn from(seconds: i32) -> Timeout {
        Timeout(Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0))))
    }
}

impl From<f64> for Timeout {
    fn from(seconds: f64) -> Timeout {
        let longest = if seconds > 0.0 { Duration::MAX } else { Duration::ZERO };
        Timeout(Some(Duration::try_from_secs_f64(seconds).unwrap_or(longest)))
    }
}
