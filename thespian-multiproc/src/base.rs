//! The base: a value that a program gives to [`ActorSystem::builder`](thespian_core::ActorSystem::builder).

use std::sync::Arc;

use thespian_core::transport::Transport;
use thespian_core::{AttachProblem, Base, Error, RunningSystem, Settings};

use crate::client::ClientSystem;
use crate::control::Ties;
use crate::launch::{self, Setup};
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
pub struct Multiproc {
    transport: Box<dyn Transport>,
    ties: Ties,
}

/// How often a start looks again for a system that others may have started or ended meanwhile.
const TRIES: usize = 5;

impl Multiproc {
    /// The base over this transport.
    pub fn new(transport: impl Transport + 'static) -> Multiproc {
        let ties = Ties { parent_death_signal: true, lifeline: true };
        Multiproc { transport: Box::new(transport), ties }
    }

    /// Leaves out one of the two ways in which processes end with their admin, to show that the other suffices. For tests.
    #[doc(hidden)]
    pub fn ties(mut self, parent_death_signal: bool, lifeline: bool) -> Multiproc {
        self.ties = Ties { parent_death_signal, lifeline };
        self
    }

    fn launch(&self, settings: Settings) -> Result<Ready, Error> {
        let base = self.transport.base();
        let mut settings = settings;
        let method = Method::of(&mut settings.capabilities)?;
        let read_only = settings.complete(base, true)?;
        launch::launch(&Setup {
            base: base.into(),
            transport: self.transport.settings(),
            capabilities: settings.capabilities,
            read_only,
            limits: settings.limits,
            types: settings.types.names().map(String::from).collect(),
            method,
            ties: self.ties,
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
        let mut place = None;
        let mut taken = None;
        for _ in 0..TRIES {
            if let Some(attached) = self.transport.attach(place.as_ref())? {
                return Ok(Arc::new(ClientSystem::new(attached, base)?));
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

    /// Joins the system that runs where this one would be. It needs no [`init`](crate::init): no process is started.
    fn attach(mut self: Box<Self>, mut settings: Settings) -> Result<Arc<dyn RunningSystem>, Error> {
        let base = self.transport.base();
        self.transport.configure(&mut settings.capabilities, &settings.limits)?;
        match self.transport.attach(None)? {
            Some(attached) => Ok(Arc::new(ClientSystem::new(attached, base)?)),
            None => Err(Error::AttachFailure {
                base: base.into(),
                place: self.transport.place().to_string(),
                problem: AttachProblem::Nobody,
            }),
        }
    }
}
