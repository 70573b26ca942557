//! What a base is, and what it is given.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::{
    ActorAddress, ActorSpec, ActorTypes, Answer, AnyMessage, Capabilities, Error, Feature, Limits, Timeout,
    Value,
};

/// A kind of actor system: what [`ActorSystem::builder`](crate::ActorSystem::builder) is given as a value
/// (guide section 9).
pub trait Base {
    /// The base's name, such as `simpleSystemBase`.
    fn name(&self) -> &'static str;

    /// Starts a system.
    ///
    /// # Errors
    ///
    /// [`Error::StartupFailure`] says why it could not, and what to do.
    fn start(self: Box<Self>, settings: Settings) -> Result<Arc<dyn RunningSystem>, Error>;

    /// Joins the system that runs where this one would be started, and starts none.
    ///
    /// # Errors
    ///
    /// [`Error::AttachFailure`] says what is there instead, or that nobody is; [`Error::NotSupported`], unless a base
    /// overrides it, because its systems belong to the program that starts them.
    fn attach(self: Box<Self>, _settings: Settings) -> Result<Arc<dyn RunningSystem>, Error> {
        Err(Error::NotSupported { feature: Feature::Joining, base: self.name().into() })
    }
}

/// What a system is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The capabilities that its user gave it.
    pub capabilities: Capabilities,
    /// The actor types that can be created by name.
    pub types: ActorTypes,
    /// The bounds.
    pub limits: Limits,
}

impl Settings {
    /// Adds the capabilities that every system has of its own accord (guide section 9.1, decision D31), and returns the
    /// names of those that cannot be changed.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidSetting`] when the user set one of them, gave one no name, or gave a known one a value of the
    /// wrong kind.
    pub fn complete(&mut self, base: &'static str, watch: bool) -> Result<BTreeSet<String>, Error> {
        if self.capabilities.get("").is_some() {
            return Err(invalid("", "a capability needs a name"));
        }
        let version = Version::of_this_release();
        let own: [(&str, Value); 6] = [
            ("Rust Version", Value::from(env!("CARGO_PKG_RUST_VERSION"))),
            ("Thespian Generation", Value::from(GENERATION)),
            ("Thespian Version", Value::from(version.number())),
            ("Thespian ActorSystem Name", Value::from(base)),
            ("Thespian ActorSystem Version", Value::from(version.number())),
            ("Thespian Watch Supported", Value::from(watch)),
        ];
        let mut read_only = BTreeSet::new();
        for (name, value) in own {
            if self.capabilities.get(name).is_some() {
                return Err(invalid(name, "is read-only: the system sets it itself"));
            }
            self.capabilities.set(name, value);
            read_only.insert(name.to_string());
        }
        if let Some(value) = self.capabilities.get("AllowRemoteActorSources")
            && value.as_str().is_none()
        {
            let problem = alloc::format!("is a {}, and must be text: Yes, No or LeaderOnly", value.kind());
            return Err(invalid("AllowRemoteActorSources", &problem));
        }
        if self.capabilities.get("AllowRemoteActorSources").is_none() {
            self.capabilities.set("AllowRemoteActorSources", "Yes");
        }
        Ok(read_only)
    }
}

fn invalid(name: &str, problem: &str) -> Error {
    Error::InvalidSetting { setting: alloc::format!("capability {name:?}"), problem: problem.to_string() }
}

/// The generation and enhancement of the Actor API, as in the guide's `Thespian Generation` (section 9.1): the
/// generation the guide describes, and this implementation's first enhancement.
pub const GENERATION: [i64; 2] = [3, 10];

/// The release, as numbers that grow.
struct Version(Vec<i64>);

impl Version {
    fn of_this_release() -> Version {
        Version(env!("CARGO_PKG_VERSION").split('.').map(|part| part.parse().unwrap_or(0)).collect())
    }

    /// `1.2.3` as 1002003.
    fn number(&self) -> i64 {
        self.0.iter().fold(0, |number, part| number * 1000 + part)
    }
}

/// A system that runs, seen from outside: what a base implements, and [`ActorSystem`](crate::ActorSystem) calls.
///
/// Called from any thread.
pub trait RunningSystem: Send + Sync {
    /// The base's name.
    fn base(&self) -> &str;

    /// Opens an endpoint: an address at which a caller gets its answers.
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    fn open(&self) -> Result<ActorAddress, Error>;

    /// Closes an endpoint. What waits there becomes dead letters.
    fn close(&self, endpoint: ActorAddress);

    /// Sends a message from an endpoint.
    ///
    /// # Errors
    ///
    /// When it cannot be sent at all (decision D7), or the system is down.
    fn tell(&self, endpoint: ActorAddress, target: ActorAddress, message: AnyMessage) -> Result<(), Error>;

    /// Waits for the next message at an endpoint, or, if a target is given, until that is known to be dead.
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    fn listen(
        &self,
        endpoint: ActorAddress,
        timeout: Timeout,
        target: Option<ActorAddress>,
    ) -> Result<Answer, Error>;

    /// Sends a message and waits at the endpoint.
    ///
    /// # Errors
    ///
    /// As [`tell`](RunningSystem::tell) and [`listen`](RunningSystem::listen).
    fn ask(
        &self,
        endpoint: ActorAddress,
        target: ActorAddress,
        message: AnyMessage,
        timeout: Timeout,
    ) -> Result<Answer, Error> {
        self.tell(endpoint, target, message)?;
        self.listen(endpoint, timeout, Some(target))
    }

    /// The same at an endpoint that is there for this one question.
    ///
    /// # Errors
    ///
    /// As [`ask`](RunningSystem::ask).
    fn request(&self, target: ActorAddress, message: AnyMessage, timeout: Timeout) -> Result<Answer, Error> {
        let endpoint = self.open()?;
        let answer = self.ask(endpoint, target, message, timeout);
        self.close(endpoint);
        answer
    }

    /// Creates a top-level actor and waits until it runs.
    ///
    /// # Errors
    ///
    /// Every reason why it does not (decision D13).
    fn create(&self, spec: ActorSpec) -> Result<ActorAddress, Error>;

    /// The running actor of a global name.
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    fn find(&self, global_name: &str) -> Result<Option<ActorAddress>, Error>;

    /// Sets a capability, or removes it where the value is null.
    ///
    /// # Errors
    ///
    /// For a read-only or nameless one.
    fn update_capability(&self, name: &str, value: Value) -> Result<(), Error>;

    /// What the system can do.
    ///
    /// # Errors
    ///
    /// [`Error::SystemDown`].
    fn capabilities(&self) -> Result<Capabilities, Error>;

    /// The address of the admin.
    fn admin(&self) -> ActorAddress;

    /// Shuts the system down and waits until it is.
    ///
    /// # Errors
    ///
    /// When actors do not exit in time and cannot be killed either.
    fn shutdown(&self) -> Result<(), Error>;

    /// Whether the system is down.
    fn is_down(&self) -> bool;

    /// Loads actor source (guide section 6.10).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`], unless a base overrides it.
    fn load_actor_source(&self, _source: &[u8]) -> Result<crate::SourceHash, Error> {
        Err(Error::NotSupported { feature: Feature::SourceLoading, base: self.base().into() })
    }

    /// Unloads actor source (guide section 6.11).
    ///
    /// # Errors
    ///
    /// [`Error::NotSupported`], unless a base overrides it.
    fn unload_actor_source(&self, _source_hash: &str) -> Result<(), Error> {
        Err(Error::NotSupported { feature: Feature::SourceLoading, base: self.base().into() })
    }
}

/// A base that a crate offers for systems that choose none, registered at link time.
pub struct DefaultBase(pub fn() -> Box<dyn Base>);

inventory::collect!(DefaultBase);

/// The base for a system that chooses none.
///
/// # Errors
///
/// [`Error::StartupFailure`] names the crates to choose from.
pub(crate) fn default_base() -> Result<Box<dyn Base>, Error> {
    let mut offered = inventory::iter::<DefaultBase>.into_iter();
    match offered.next() {
        Some(DefaultBase(base)) => Ok(base()),
        None => Err(Error::StartupFailure {
            base: "the default base".into(),
            cause: "no base was chosen, and thespian-simple, which brings the default, is not linked into this program; \
                    add the crate thespian-simple and name it (`use thespian_simple as _;`), or choose a base with \
                    ActorSystem::builder().base(...): Simple from thespian-simple, Sim from thespian-sim"
                .into(),
        }),
    }
}
