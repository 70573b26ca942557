//! The process of an actor.
//!
//! The main thread runs the loop: it performs what the engine asks for, runs the handler on a delivery, and waits for what
//! comes. A second thread, the [keeper], runs the same loop while a handler takes long.

mod barrier;
mod biased;
mod core;
mod inside;
pub(crate) mod keeper;

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use thespian_core::driver::{panics, run};
use thespian_core::engine::{Host, HostConfig, LaunchError};
use thespian_core::transport::{Identity, Role, Transport};
use thespian_core::{
    Actions, ActorAddress, ActorType, AnyMessage, Capabilities, Envelope, ErasedActor, Limits, StartError,
    Time,
};

use self::barrier::Barrier;
use self::biased::{Biased, Owner};
use self::core::Core;
use self::inside::Inside;
use self::keeper::Pulse;
use crate::clock::Clock;
use crate::control::{Begin, Channel, StartFailure, Surroundings, ToAdminProcess};
use crate::inherited::Inherited;
use crate::logging::LogSource;
use crate::plane::{AdminLink, Plane};
use crate::signals::Signals;
use crate::{runtime_log, sys};

/// After how many deliveries in a row the process looks around, at the latest.
const DELIVERIES_PER_LOOK: u32 = 400;

/// After how long of deliveries in a row the process looks around, if handlers have sent anything: it waits until then. Who
/// only takes in looks around by the kernel's ticks, every few milliseconds, for the sake of acknowledgements.
const LOOK_EVERY: Duration = Duration::from_micros(200);

/// How long the last words of an actor may take to be written.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// How long the last logs of an actor may take to be sent.
const LAST_LOGS: Duration = Duration::from_millis(200);

/// The stack of the keeper: it runs engines and no code of users but the encoding of messages.
const KEEPER_STACK: usize = 256 * 1024;

/// What the threads of the process share.
pub(crate) struct Shared {
    core: &'static Biased<Core>,
    pulse: Pulse,
    /// The keeper could not have the core because a handler was using it.
    overdue: AtomicBool,
    clock: Clock,
    limits: Arc<Limits>,
    world: Arc<Surroundings>,
}

/// Runs an actor, for as long as this process lives.
pub(crate) fn run(
    begin: Begin,
    kind: &'static ActorType,
    control: UnixStream,
    transport: &dyn Transport,
    inherited: Inherited,
) -> ! {
    let address = begin.address;
    sys::set_title(&format!("thespian actor {} {address}", kind.name()));
    if let Some(source) = LogSource::installed() {
        source.identify(address, &kind.name());
    }
    let outcome = start(begin, kind, control, transport, inherited);
    match outcome {
        Ok((actor, core)) => actor.live(core),
        Err(error) => {
            runtime_log::say(log::Level::Error, &format!("{address} could not begin: {error}"));
            sys::exit(1);
        }
    }
}

/// Constructs the actor and says so, or why not.
fn start(
    begin: Begin,
    kind: &'static ActorType,
    control: UnixStream,
    transport: &dyn Transport,
    inherited: Inherited,
) -> io::Result<(Running, Owner<Core>)> {
    let Begin { address, requirements, start, addresses, world, .. } = begin;
    panics::install_hook();
    sys::make_room_for_descriptors();
    // Before the actor's code can start threads.
    let barrier = Barrier::of_process();
    let signals = Signals::of_actor()?;
    sys::unblock_signals();
    let mut channel = Channel::new(control)?;
    let opened = transport.open(Identity { system: world.system, role: Role::Host });
    let port = match opened {
        Ok(port) => port,
        Err(error) => {
            let failure = StartFailure::Failed(format!("its process could not be reached: {error}"));
            refuse(&mut channel, failure)
        }
    };
    let started = match run::start(kind, &world.capabilities, &requirements, start) {
        Ok(started) => started,
        Err(error) => {
            let failure = match error {
                LaunchError::Incompatible(check) => StartFailure::Incompatible(check),
                LaunchError::Start(StartError::Argument(problem)) => StartFailure::Argument(problem),
                LaunchError::Start(StartError::Failed(failure)) => {
                    StartFailure::Failed(failure.details().into())
                }
            };
            refuse(&mut channel, failure)
        }
    };
    // Whoever creates it waits for this; all else can be made ready after it.
    let locator = port.locator();
    channel.say(&encoded(&ToAdminProcess::Started(Ok(locator))));
    let clock = Clock::since(world.origin);
    let limits = world.limits.clone();
    let carrier = port.carrier();
    let host = Host::new(HostConfig {
        address,
        kind,
        policy: started.policy,
        limits: limits.clone(),
        carrier: Some(carrier),
        accounting: false,
        pid: Some(std::process::id()),
    });
    let waker = port.waker();
    let plane = Plane::new(port, AdminLink::Channel(channel), world.admin, &limits);
    let lifeline = world.ties.lifeline;
    let core = Core::new(
        host,
        plane,
        world.admin,
        clock,
        world.capabilities.clone(),
        addresses,
        signals,
        lifeline,
        inherited.board,
    );
    let capabilities = core.capabilities.clone();
    let core = Biased::leak(core, barrier, waker);
    let shared = Shared {
        core: core.lock(),
        pulse: Pulse::new(),
        overdue: AtomicBool::new(false),
        clock,
        limits,
        world,
    };
    let actor = Running {
        // As long as the process.
        shared: Box::leak(Box::new(shared)),
        address,
        kind,
        instance: Some(started.actor),
        start: started.start,
        requirements,
        actions: Actions::default(),
        capabilities,
        has_keeper: false,
    };
    Ok((actor, core))
}

/// Tells the admin why there is no actor, and ends.
pub(crate) fn refuse(channel: &mut Channel, failure: StartFailure) -> ! {
    channel.say_all(&encoded(&ToAdminProcess::Started(Err(failure))));
    last_words();
    sys::exit(0);
}

fn encoded(started: &ToAdminProcess) -> Vec<u8> {
    crate::control::encode(started).expect("it holds no message of a user")
}

/// Writes what waits in the buffers of this process.
fn last_words() {
    let _ = io::stdout().flush();
    if let Some(source) = LogSource::installed() {
        source.sender().flush_within(LAST_LOGS);
    }
}

/// An actor that runs, seen from the main thread.
struct Running {
    shared: &'static Shared,
    address: ActorAddress,
    kind: &'static ActorType,
    instance: Option<Box<dyn ErasedActor>>,
    /// For a fresh instance after a failure.
    start: Option<AnyMessage>,
    requirements: thespian_core::Value,
    actions: Actions,
    /// As they were when the last attempt began.
    capabilities: Arc<Capabilities>,
    has_keeper: bool,
}

impl Running {
    fn live(mut self, mut core: Owner<Core>) -> ! {
        // Not with the first message, which somebody waits for.
        self.rouse();
        // Not by way of the outputs: it would be put together there and copied at once, which is slow.
        let mut next = None;
        let mut in_a_row = 0;
        let mut look_at = core.clock.now() + LOOK_EVERY;
        loop {
            core.perform();
            if core.stopped {
                self.finish(&mut core);
            }
            if core.restart || core.recheck {
                self.user_code(&mut core);
            }
            if core.has_ready() {
                if let Some(next) = next.take() {
                    core.out.deliver(next);
                }
                core.offer_ready();
            }
            if let Some(envelope) = next.take().or_else(|| core.out.poll_delivery()) {
                core.unwatch();
                let now;
                (now, next) = self.deliver(&mut core, envelope);
                in_a_row += 1;
                let has_more = next.is_some() || !core.out.is_empty();
                if in_a_row < DELIVERIES_PER_LOOK && now < look_at && has_more {
                    continue;
                }
            }
            if let Some(next) = next.take() {
                core.out.deliver(next);
            }
            in_a_row = 0;
            core.perform();
            core.plane.flush();
            if core.stopped || core.restart {
                // It waits for nothing any more, or not before that is done.
                continue;
            }
            let patience = if core.out.is_empty() { core.patience() } else { Some(Duration::ZERO) };
            core.turn(patience);
            look_at = core.clock.last() + LOOK_EVERY;
        }
    }

    /// Runs the handler, with the core free for the keeper. Returns the time when it is done, and what the actor is to have next.
    fn deliver(&mut self, core: &mut Owner<Core>, envelope: Envelope) -> (Time, Option<Envelope>) {
        let Some(mut actor) = self.instance.take() else { return (core.clock.now(), None) };
        let shared = self.shared;
        self.actions.set_limit(shared.limits.actions_per_attempt);
        self.actions.set_writing(true);
        // They change seldom, and counting who has them would cost every message.
        if !Arc::ptr_eq(&self.capabilities, &core.capabilities) {
            self.capabilities = core.capabilities.clone();
        }
        let outcome = core.away(|away| {
            if shared.pulse.is_asleep(shared.core) {
                self.rouse();
            }
            let mut inside = Inside { shared, away, capabilities: &self.capabilities };
            run::attempt(&mut *actor, &envelope, &mut self.actions, &mut inside)
        });
        self.instance = Some(actor);
        if outcome.is_err() {
            self.abandon(core);
        }
        // Exactly where something was asked for; who only takes in has nobody to be late for.
        let now = match self.actions.is_empty() && outcome.is_ok() {
            true => core.clock.about(),
            false => core.clock.now(),
        };
        let Core { host, out, .. } = &mut **core;
        (now, host.finished(now, envelope, outcome, &mut self.actions, out))
    }

    /// Wakes the keeper, which is started if there is none.
    #[cold]
    fn rouse(&mut self) {
        if self.has_keeper {
            return self.shared.pulse.rouse();
        }
        match sys::start_thread(KEEPER_STACK, self.shared, keep) {
            Ok(()) => {
                self.has_keeper = true;
                self.shared.pulse.rouse();
            }
            Err(error) => {
                // The actor works without, only less responsive while a handler runs long.
                let text = format!("{} has no keeper thread: {error}", self.address);
                runtime_log::say(log::Level::Warn, &text);
            }
        }
    }

    /// A failed attempt releases nothing: addresses and names that it was given are free again.
    fn abandon(&mut self, core: &mut Core) {
        for create in self.actions.discard() {
            match create.spec.wanted_name() {
                Some(name) => {
                    core.tell(&ToAdminProcess::AbandonClaim { name: name.into(), address: create.address })
                }
                None => core.release(create.address),
            }
        }
    }

    /// Runs what the engine, or the admin, wants of the actor's type.
    #[cold]
    fn user_code(&mut self, core: &mut Owner<Core>) {
        if std::mem::take(&mut core.recheck) {
            let capabilities = core.capabilities.clone();
            let verdict = core.away(|_| run::check(self.kind, &capabilities, &self.requirements));
            core.tell(&ToAdminProcess::Rechecked(verdict));
        }
        if std::mem::take(&mut core.restart)
            && let Some(start) = &self.start
        {
            match run::fresh(self.kind, start) {
                Ok(fresh) => run::drop_instance(&self.address, self.instance.replace(fresh)),
                Err(error) => {
                    let text = format!("{} keeps its instance: {error}", self.address);
                    runtime_log::say(log::Level::Warn, &text);
                }
            }
        }
    }

    /// The actor is done: its state goes, its last words are written, and the process ends.
    fn finish(&mut self, core: &mut Core) -> ! {
        run::drop_instance(&self.address, self.instance.take());
        let until = core.clock.now() + LAST_WORDS;
        core.plane.disconnect_all();
        core.plane.flush();
        while core.plane.has_unwritten() && core.clock.now() < until {
            core.turn(Some(Duration::from_millis(10)));
            core.plane.flush();
        }
        last_words();
        // Not by way of what libraries of the first process have registered for their end.
        sys::exit(0);
    }
}

/// The keeper's work.
fn keep(shared: &'static Shared) {
    let _ = nix::sys::prctl::set_name(c"keeper");
    loop {
        let absence = shared.pulse.watch(shared.core);
        let Some(mut core) = shared.core.borrow() else {
            shared.overdue.store(true, Ordering::Relaxed);
            continue;
        };
        loop {
            // Once in any case: a handler that wants the core all the time would otherwise never let it.
            let longest = if core.is_wanted() { Duration::ZERO } else { keeper::TICK * 40 };
            core.look_around(longest);
            if core.is_wanted() || shared.core.absence() != Some(absence) {
                break;
            }
        }
    }
}
