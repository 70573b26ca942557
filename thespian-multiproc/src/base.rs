//! The base: a value that a program gives to [`ActorSystem::builder`](thespian_core::ActorSystem::builder).

use std::sync::Arc;
use std::time::Duration;

use thespian_core::transport::{Attached, Lifetime, Locator, Transport};
use thespian_core::{AttachProblem, Base, Error, RunningSystem, Settings};

use crate::client::ClientSystem;
use crate::control::Ties;
use crate::launch::{self, Setup};
use crate::logging::Logging;
use crate::start::Method;
use crate::{init, launch::Ready};

/// A base with a process for every actor, over a transport.
///
/// ```no_run
/// # fn run(transport: impl thespian_core::transport::Transport + 'static) -> Result<(), thespian_core::Error> {
/// use thespian_core::ActorSystem;
/// use thespian_multiproc::Multiproc;
///
/// let system = ActorSystem::builder().base(Multiproc::new(transport)).start()?;
/// # system.shutdown()
/// # }
/// ```
///
/// A program that ends in order, by returning from `main` or by exiting, lets go of its systems as if it had dropped them: for
/// a second at most it waits until what it has told and what it has taken is accounted for. One that is killed or aborts does
/// not; the last answers that it had taken are then counted as dead letters that may have been handled.
pub struct Multiproc {
    transport: Box<dyn Transport>,
    ties: Ties,
    logging: Logging,
    detached: bool,
    greeting: Duration,
}

/// How long an admin that has taken a program in may take to greet it.
const GREETING: Duration = Duration::from_secs(10);

/// The capability that says where the system's log is, if it is a file.
const LOG_FILE: &str = "Thespian Log File";

/// How often a start looks again for a system that others may have started or ended meanwhile.
const TRIES: usize = 5;

impl Multiproc {
    /// The base over this transport.
    pub fn new(transport: impl Transport + 'static) -> Multiproc {
        let ties = Ties { parent_death_signal: true, lifeline: true };
        Multiproc {
            transport: Box::new(transport),
            ties,
            logging: Logging::new(),
            detached: false,
            greeting: GREETING,
        }
    }

    /// How the logs of the system's processes are collected: to the standard error output from INFO on, where this is not
    /// called. The logger of this program is its own affair.
    #[must_use]
    pub fn logging(mut self, logging: Logging) -> Multiproc {
        self.logging = logging;
        self
    }

    /// Sends what the system's processes print nowhere, instead of where this program prints: for a system that is to outlive
    /// it, which would otherwise keep a pipe open that somebody reads to its end. Logs need a
    /// [file](Logging::to_file) or a handler then.
    #[must_use]
    pub fn detached(mut self) -> Multiproc {
        self.detached = true;
        self
    }

    /// Leaves out one of the two ways in which processes end with their admin, to show that the other suffices. For tests.
    #[doc(hidden)]
    pub fn ties(mut self, parent_death_signal: bool, lifeline: bool) -> Multiproc {
        self.ties = Ties { parent_death_signal, lifeline };
        self
    }

    /// How long an admin that has taken this program in may take to greet it. For tests.
    #[doc(hidden)]
    pub fn greeting(mut self, limit: Duration) -> Multiproc {
        self.greeting = limit;
        self
    }

    /// Becomes a client of the system that was found there. `None` if it ended meanwhile.
    fn join(&self, attached: Attached, there: Option<&Locator>) -> Result<Option<ClientSystem>, Error> {
        let place = there.cloned().unwrap_or_else(|| self.transport.place());
        ClientSystem::new(attached, self.transport.base(), &place, self.greeting)
    }

    fn launch(&self, settings: Settings) -> Result<Ready, Error> {
        let base = self.transport.base();
        let mut settings = settings;
        self.logging.check(init::log_handlers())?;
        let method = Method::of(&mut settings.capabilities)?;
        if settings.capabilities.get(LOG_FILE).is_some() {
            let setting = format!("capability {LOG_FILE:?}");
            return Err(Error::InvalidSetting {
                setting,
                problem: "is read-only: Multiproc::logging sets it".into(),
            });
        }
        let mut read_only = settings.complete(base, true)?;
        if let Some(path) = self.logging.file_path() {
            settings.capabilities.set(LOG_FILE, path.display().to_string());
        }
        read_only.insert(LOG_FILE.into());
        read_only.extend(self.transport.read_only().iter().map(|name| String::from(*name)));
        let has_owner = self.transport.lifetime() == Lifetime::OfItsStarter;
        launch::launch(&Setup {
            base: base.into(),
            transport: self.transport.settings(),
            capabilities: settings.capabilities,
            read_only,
            limits: settings.limits,
            types: settings.types.names().map(String::from).collect(),
            method,
            ties: self.ties,
            logging: self.logging.clone(),
            detached: self.detached,
            owner: has_owner.then(std::process::id),
        })
    }
}

impl Base for Multiproc {
    fn name(&self) -> &'static str {
        self.transport.base()
    }

    /// Joins the system that runs where this one would, or starts it (guide section 9.4).
    fn start(mut self: Box<Self>, mut settings: Settings) -> Result<Arc<dyn RunningSystem>, Error> {
        let base = self.transport.base();
        if !init::is_initialized() {
            return Err(Error::StartupFailure {
                base: base.into(),
                cause: "thespian_multiproc::init() was not called: make it the first line of main, so that the processes \
                        of the system, which are this program started again, know what they are"
                    .into(),
            });
        }
        self.transport.configure(&mut settings.capabilities, &settings.limits)?;
        self.transport.narrow(&mut settings.limits);
        let mut place = None;
        let mut taken = None;
        for _ in 0..TRIES {
            if let Some(attached) = self.transport.attach(place.as_ref())? {
                match self.join(attached, place.as_ref())? {
                    Some(system) => return Ok(Arc::new(system)),
                    // It was on its way down, and whoever comes now finds its place free.
                    None => continue,
                }
            }
            match self.launch(settings.clone()) {
                Ok(ready) => place = Some(ready.locator),
                // Somebody else was quicker, and will be found now; or somebody who is no system of ours.
                Err(error @ Error::PlaceTaken { .. }) => taken = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(taken.unwrap_or_else(|| Error::StartupFailure {
            base: base.into(),
            cause: format!("the system ended as soon as it ran, {TRIES} times"),
        }))
    }

    /// Joins the system that runs where this one would be. It needs no [`init`](fn@crate::init): no process is started.
    fn attach(mut self: Box<Self>, mut settings: Settings) -> Result<Arc<dyn RunningSystem>, Error> {
        let base = self.transport.base();
        self.transport.configure(&mut settings.capabilities, &settings.limits)?;
        let found = self.transport.attach(None)?;
        // One that ends while it is joined is nobody too.
        match found.map(|attached| self.join(attached, None)).transpose()?.flatten() {
            Some(system) => Ok(Arc::new(system)),
            None => Err(Error::AttachFailure {
                base: base.into(),
                place: self.transport.place().to_string(),
                problem: AttachProblem::Nobody,
            }),
        }
    }
}
