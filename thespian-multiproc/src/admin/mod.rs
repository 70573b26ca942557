//! The process of a system's admin: it drives the admin's engine, and starts, reaches and buries the other processes.
//!
//! It has one thread, so that it can fork.

mod clients;
mod processes;
mod servants;
mod slots;

use std::collections::BTreeMap;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::Pid;
use thespian_core::driver::panics;
use thespian_core::engine::link::Carrier;
use thespian_core::engine::{
    Admin, AdminConfig, AdminInput, CallId, Departure, Effect, Launch, LaunchError, Live, Log, Output,
    Outputs, ToAdmin,
};
use thespian_core::transport::{Identity, Interest, PeerId, Port, PortEvent, Role, Transport};
use thespian_core::{
    ActorAddress, ActorTypes, AddressKey, Capabilities, DeadReason, Error, Failure, StartError, SystemId,
    Time,
};

use self::clients::Client;
use self::servants::Logger;
use self::slots::{Slot, Slots, Stage, Who};
use crate::board::Board;
use crate::carried::Carried;
use crate::clock::Clock;
use crate::control::{Surroundings, ToAdminProcess, ToProcess};
use crate::inherited::Inherited;
use crate::launch::{Ready, Setup};
use crate::logging::LogHandlers;
use crate::memory::Killer;
use crate::signals::{Note, Signals};
use crate::start::{Fork, ForkServer, Method, Spawn, Starter};
use crate::{runtime_log, sys};

/// The key of the signals' descriptor; actors' channels are watched under their slots.
const SIGNALS: u64 = u64::MAX;

/// The key of the descriptor of whoever starts processes.
const STARTER: u64 = u64::MAX - 1;

/// The key of the descriptor of the process with which the system ends.
const OWNER: u64 = u64::MAX - 2;

/// How long an actor that somebody could not reach is expected to be found dead.
const SUSPICION: Duration = Duration::from_millis(100);

/// How long the last words of a system may take to be written.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The process.
pub(crate) struct AdminProcess {
    engine: Admin,
    out: Outputs,
    port: Box<dyn Port>,
    starter: Box<dyn Starter>,
    signals: Signals,
    clock: Clock,
    slots: Slots,
    pids: BTreeMap<Pid, ActorAddress>,
    clients: BTreeMap<PeerId, Client>,
    calls: BTreeMap<CallId, (PeerId, u64)>,
    call_count: u64,
    /// Actors that somebody could not reach: who, and until when the answer waits for their end.
    suspects: Vec<(Time, Who, ActorAddress)>,
    surroundings: Arc<Surroundings>,
    board: Arc<Board>,
    logger: Option<Logger>,
    /// Can be read when the process is gone with which the system ends.
    _owner: Option<OwnedFd>,
    killer: Killer,
    /// What came from clients with the last look: words, and ends of connections.
    by_clients: Vec<PortEvent>,
    down: bool,
}

/// Runs an admin, for as long as its system lives.
pub(crate) fn run(setup: Setup, types: ActorTypes, handlers: &LogHandlers, launcher: UnixStream) -> ! {
    let mut launcher = launcher;
    let base = setup.base.clone();
    // Actors inherit it.
    panics::install_hook();
    sys::set_title(&format!("thespian admin {base}"));
    match AdminProcess::start(setup, types, handlers) {
        Ok(mut admin) => {
            let ready = Ready { locator: admin.port.locator(), pid: std::process::id() };
            sys::set_title(&format!("thespian admin {base} {}", ready.locator));
            crate::launch::answer(&mut launcher, Ok(ready));
            drop(launcher);
            admin.live();
        }
        Err(error) => crate::launch::answer(&mut launcher, Err(error)),
    }
    sys::exit(0);
}

impl AdminProcess {
    fn start(setup: Setup, types: ActorTypes, handlers: &LogHandlers) -> Result<AdminProcess, Error> {
        let failed = |cause: String| Error::StartupFailure { base: setup.base.clone(), cause };
        let missing: Vec<&str> =
            setup.types.iter().map(String::as_str).filter(|name| types.find(name).is_none()).collect();
        if !missing.is_empty() {
            return Err(failed(format!(
                "the processes of the system do not know {}: what ActorSystem::builder().actors(..) is given reaches only \
                 this process; give it to thespian_multiproc::Init::new().actors(actors![..]).run() as well, at the \
                 beginning of main",
                missing.join(", ")
            )));
        }
        let transport: Arc<dyn Transport> = crate::launch::restore(&setup.base, &setup.transport)?.into();
        let random = |what: &str| {
            let mut bits = [0u8; 16];
            getrandom::fill(&mut bits).map(|()| bits).map_err(|error| {
                failed(format!("the operating system gives no random bits for {what}: {error}"))
            })
        };
        let system = SystemId::from_bits(u128::from_be_bytes(random("the system's id")?));
        let owner = setup.owner.map(|owner| sys::parent(Pid::from_raw(owner.cast_signed()))).transpose();
        let owner = owner.map_err(|error| {
            failed(format!(
                "the program that starts the system, with which it ends, cannot be watched: {error}"
            ))
        })?;
        let slots = Slots::new(system, AddressKey::new(random("the system's key")?));
        sys::adopt_orphans();
        let mut port = transport.open_admin(Identity { system, role: Role::Admin })?;
        let board = Board::create().map_err(|error| failed(format!("shared memory: {error}")))?;
        let board = Arc::new(board);
        let clock = Clock::start();
        let log_level = setup.logging.source_level();
        // The servants come first: they are to have nothing of what the admin has later.
        let logger = Logger::start(setup.logging, handlers, setup.ties, clock);
        let logger = logger.map_err(|error| failed(format!("no logger: {error}")))?;
        let inherited = Inherited::new(board.clone());
        let starter: Box<dyn Starter> = match setup.method {
            Method::Fork => Box::new(Fork::new(transport.clone(), inherited)),
            Method::Spawn => Box::new(Spawn::new(inherited)),
            Method::ForkServer => {
                let server = ForkServer::new(transport.clone(), types.clone(), inherited, setup.ties);
                Box::new(server.map_err(|error| failed(format!("no process that forks: {error}")))?)
            }
        };
        let signals = Signals::of_admin().map_err(|error| failed(format!("signals: {error}")))?;
        sys::unblock_signals();
        let mut capabilities = setup.capabilities;
        transport.opened(&*port, &mut capabilities);
        let limits = Arc::new(setup.limits);
        let surroundings = Surroundings {
            system,
            admin: slots.admin(),
            base: setup.base.clone(),
            limits: limits.clone(),
            capabilities: Arc::new(capabilities.clone()),
            origin: clock.origin(),
            transport: setup.transport,
            ties: setup.ties,
            log_level,
        };
        // It is open: it has just been made.
        let _ = port.watch(signals.descriptor(), SIGNALS, Interest::Readable);
        if let Some(owner) = &owner {
            let _ = port.watch(owner.as_raw_fd(), OWNER, Interest::Readable);
        }
        if let Some(descriptor) = starter.descriptor() {
            let _ = port.watch(descriptor, STARTER, Interest::Readable);
        }
        let engine = Admin::new(AdminConfig {
            address: slots.admin(),
            base: setup.base,
            capabilities,
            read_only: setup.read_only,
            types,
            limits,
            // Its frames go by the control channels, which lose nothing while their processes live.
            carrier: Some(Carrier::Reliable),
            accounting: false,
        });
        Ok(AdminProcess {
            engine,
            out: Outputs::new(),
            port,
            starter,
            signals,
            clock,
            slots,
            pids: BTreeMap::new(),
            clients: BTreeMap::new(),
            calls: BTreeMap::new(),
            call_count: 0,
            suspects: Vec::new(),
            surroundings: Arc::new(surroundings),
            board,
            logger,
            _owner: owner,
            killer: Killer::new(),
            by_clients: Vec::new(),
            down: false,
        })
    }

    fn live(&mut self) {
        while !self.down {
            self.perform();
            if self.down {
                break;
            }
            if self.engine.is_closing() {
                self.port.set_closing();
            }
            self.port.flush();
            let patience = self.patience();
            self.turn(patience);
        }
        self.end();
    }

    /// The system is down: everybody is told, and what was said is written.
    fn end(&mut self) {
        // Whoever hears that it is down may start another one in its place.
        self.port.stop_listening();
        let clients: Vec<PeerId> = self.clients.keys().copied().collect();
        for client in clients {
            self.say(Who::Client(client), &ToProcess::Down);
        }
        self.port.disconnect_all();
        let until = self.clock.now() + LAST_WORDS;
        self.port.flush();
        while self.port.has_unwritten() && self.clock.now() < until {
            self.port.wait(Some(Duration::from_millis(10)), &mut |_| {});
            self.port.flush();
        }
        self.starter.finish();
        if let Some(logger) = &mut self.logger {
            logger.finish(self.clock, &mut self.signals);
        }
    }

    /// The process is gone with which the system ends: so is everything else, at once and unasked.
    fn end_with_owner(&mut self) {
        runtime_log::say(log::Level::Info, "the program that started the system is gone: the system ends");
        // What the killed had asked for meanwhile is not begun any more.
        self.engine.handle(self.clock.now(), AdminInput::Shutdown, &mut self.out);
        self.perform();
        let pids: Vec<Pid> = self.pids.keys().copied().collect();
        for pid in pids {
            self.starter.kill(pid);
        }
        let until = self.clock.now() + LAST_WORDS;
        while !self.pids.is_empty() && self.clock.now() < until {
            self.signals.wait(until.since(self.clock.now()));
            self.signals.take();
            self.bury();
        }
        self.down = true;
    }

    /// How long nothing has to be done, at most.
    fn patience(&self) -> Option<Duration> {
        if self.starter.knows_of_ends() {
            return Some(Duration::ZERO);
        }
        let suspects = self.suspects.iter().map(|(until, ..)| *until);
        let due = self.engine.poll_timeout().into_iter().chain(suspects).min()?;
        Some(due.since(self.clock.now()) + Duration::from_nanos(1))
    }

    /// Waits until something happens, at most so long.
    ///
    /// What clients say is heard a look later than it came: a client may have an answer from an actor which had told the
    /// admin something before, and that is on another way. It has arrived by then, and goes first.
    fn turn(&mut self, timeout: Option<Duration>) {
        let by_clients = std::mem::take(&mut self.by_clients);
        let timeout = if by_clients.is_empty() { timeout } else { Some(Duration::ZERO) };
        let mut events = Vec::new();
        let later = &mut self.by_clients;
        self.port.wait(timeout, &mut |event| match event.to_event() {
            event @ (PortEvent::Control { .. } | PortEvent::Down { .. }) => later.push(event),
            event => events.push(event),
        });
        let mut children = false;
        for event in events.into_iter().chain(by_clients) {
            match event {
                PortEvent::Control { peer, bytes } => self.hear_client(peer, &bytes),
                PortEvent::Down { peer, .. } => self.client_gone(peer),
                PortEvent::Ready { key: SIGNALS } => {
                    for note in self.signals.take() {
                        match note {
                            Note::Child => children = true,
                            Note::Exit => {
                                self.engine.handle(self.clock.now(), AdminInput::Shutdown, &mut self.out)
                            }
                            Note::Status => self.write_status(),
                        }
                    }
                }
                PortEvent::Ready { key: STARTER } => children = true,
                PortEvent::Ready { key: OWNER } => self.end_with_owner(),
                PortEvent::Ready { key: slot } => self.hear_actor(slot),
                // No frames come here: those for the admin go by the control channels.
                PortEvent::Frame { peer, from, to, .. } => self.port.nobody(peer, to, from),
                PortEvent::Up { .. } | PortEvent::Nobody { .. } => {}
            }
            self.perform();
        }
        if children || self.starter.knows_of_ends() {
            self.bury();
        }
        let now = self.clock.now();
        if self.engine.poll_timeout().is_some_and(|due| due <= now) {
            self.engine.handle_timeout(now, &mut self.out);
        }
        self.settle_suspects(now);
    }

    fn write_status(&self) {
        let text = format!("admin of {}: {} actors", self.surroundings.base, self.pids.len());
        runtime_log::note(&text);
    }

    // -- performing --------------------------------------------------------------------------------------------

    fn perform(&mut self) {
        while let Some(output) = self.out.poll() {
            match output {
                // An admin sends itself nothing.
                Output::Transmit(_) => {}
                Output::Frame => {
                    if let Some(departure) = self.out.poll_frame() {
                        self.carry(&departure);
                    }
                }
                Output::Other(effect) => self.perform_effect(*effect),
            }
        }
    }

    /// Frames of the admin's own go by the control channels.
    fn carry(&mut self, departure: &Departure) {
        let (from, to) = (departure.from, departure.to);
        let Some(who) = self.process_of(&to) else {
            let (reason, _) = self.why_nobody(&to);
            return self.engine.handle(self.clock.now(), AdminInput::PeerGone(to, reason), &mut self.out);
        };
        let frames: Vec<_> = self.engine.departing(departure).map(|frame| frame.to_frame()).collect();
        for frame in frames {
            self.say(who, &ToProcess::Frame(Carried::new(from, to, frame)));
        }
    }

    fn perform_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Return(undelivered) => {
                let from = *undelivered.envelope.from();
                let input = AdminInput::FromHost(from, ToAdmin::DeadLetter(undelivered));
                self.engine.handle(self.clock.now(), input, &mut self.out);
            }
            Effect::ToHost { to, message } => self.say(Who::Actor(to), &ToProcess::Engine(message)),
            Effect::Launch(launch) => self.launch(*launch),
            Effect::Discard(address) => self.discard(address),
            Effect::Recheck(address) => self.recheck(address),
            Effect::Kill(address) => self.kill(&address, "by the system"),
            Effect::Answer { call, result } => {
                if let Some((peer, call)) = self.calls.remove(&call) {
                    if let Ok(address) = result {
                        // It would ask for this next.
                        self.locate(Who::Client(peer), address, false);
                    }
                    self.say(Who::Client(peer), &ToProcess::Created { call, result });
                }
            }
            Effect::Down => self.down = true,
            Effect::Log(Log { level, text, .. }) => runtime_log::say(level, &text),
            _ => {}
        }
    }

    /// The process in which somebody with this address is, or will be.
    fn process_of(&mut self, address: &ActorAddress) -> Option<Who> {
        match self.slots.at(address)? {
            Slot::Actor(actor) => {
                matches!(actor.stage, Stage::Running(_) | Stage::Starting).then_some(Who::Actor(*address))
            }
            Slot::Leased(lease) => match lease.holder {
                Who::Client(peer) => Some(Who::Client(peer)),
                Who::Actor(_) => None,
            },
            Slot::Free => None,
        }
    }

    /// Why there is nobody at an address.
    fn why_nobody(&self, address: &ActorAddress) -> (DeadReason, String) {
        if address.system() != self.surroundings.system {
            (DeadReason::HostLost, String::new())
        } else if !self.slots.is_ours(address) {
            (DeadReason::InvalidAddress, String::new())
        } else if let Some(details) = self.engine.failed_start(address) {
            (DeadReason::NeverStarted, details.into())
        } else {
            (DeadReason::Dead, String::new())
        }
    }

    /// Says something to a process, if it is still there.
    fn say(&mut self, who: Who, word: &ToProcess) {
        let bytes = match crate::control::encode(word) {
            Ok(bytes) => bytes,
            Err(error) => {
                runtime_log::say(
                    log::Level::Error,
                    &format!("word to {who:?} could not be encoded: {error}"),
                );
                return;
            }
        };
        match who {
            Who::Client(peer) => self.port.control(peer, bytes),
            Who::Actor(address) => {
                if let Some(channel) = self.slots.actor(&address).and_then(|actor| actor.channel.as_mut())
                    && channel.say(&bytes)
                {
                    let _ = self.port.watch(channel.descriptor(), address.slot(), channel.interest());
                }
            }
        }
    }

    // -- what both kinds of processes ask ----------------------------------------------------------------------

    /// Addresses for a process to give away.
    fn lease(&mut self, who: Who, count: u32) -> Vec<ActorAddress> {
        let addresses: Vec<ActorAddress> = (0..count).map(|_| self.slots.lease(who)).collect();
        match who {
            Who::Actor(actor) => {
                if let Some(actor) = self.slots.actor(&actor) {
                    actor.leases.extend(&addresses);
                }
            }
            Who::Client(peer) => {
                if let Some(client) = self.clients.get_mut(&peer) {
                    client.leases.extend(&addresses);
                }
            }
        }
        addresses
    }

    /// Ends a lease of a process. Whoever wanted to know where the address is learns that nobody will be there.
    fn release(&mut self, who: Who, address: ActorAddress) {
        if self.slots.lease_at(&address).is_none_or(|lease| lease.holder != who) {
            return;
        }
        self.forget_lease(who, &address);
        if let Some(lease) = self.slots.end_lease(&address) {
            self.say_gone(lease.waiting, address);
        }
    }

    fn forget_lease(&mut self, who: Who, address: &ActorAddress) {
        match who {
            Who::Actor(actor) => {
                if let Some(actor) = self.slots.actor(&actor) {
                    actor.leases.retain(|lease| lease != address);
                }
            }
            Who::Client(peer) => {
                if let Some(client) = self.clients.get_mut(&peer) {
                    client.leases.remove(address);
                }
            }
        }
    }

    fn say_gone(&mut self, waiting: Vec<Who>, address: ActorAddress) {
        let (reason, details) = self.why_nobody(&address);
        for who in waiting {
            self.say(who, &ToProcess::Gone { address, reason, details: details.clone() });
        }
    }

    /// A process wants to know where an address is.
    fn locate(&mut self, who: Who, address: ActorAddress, failed: bool) {
        let mut holder = None;
        if let Some(slot) = self.slots.at(&address) {
            match slot {
                Slot::Leased(lease) => match lease.holder {
                    Who::Client(peer) => holder = Some(peer),
                    Who::Actor(_) => return lease.waiting.push(who),
                },
                Slot::Actor(actor) => match &actor.stage {
                    Stage::Starting => return actor.waiting.push(who),
                    Stage::Running(_) if failed => {
                        let until = self.clock.now() + SUSPICION;
                        return self.suspects.push((until, who, address));
                    }
                    Stage::Running(locator) => {
                        let locator = locator.clone();
                        return self.say(who, &ToProcess::Located { address, locator });
                    }
                    // Its end is near; then everybody who waits is told.
                    Stage::Stopped(_) => return actor.waiting.push(who),
                    Stage::Failed => {}
                },
                Slot::Free => {}
            }
        }
        match holder.and_then(|peer| self.clients.get(&peer)) {
            Some(client) => {
                let locator = client.locator.clone();
                self.say(who, &ToProcess::Located { address, locator });
            }
            None => self.say_gone(vec![who], address),
        }
    }

    /// Those who could not reach an actor are told again where it is, if it is still there.
    fn settle_suspects(&mut self, now: Time) {
        if self.suspects.is_empty() {
            return;
        }
        let (due, waiting): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.suspects).into_iter().partition(|(until, ..)| *until <= now);
        self.suspects = waiting;
        for (_, who, address) in due {
            self.locate(who, address, false);
        }
    }

    fn find(&mut self, who: Who, call: u64, name: &str) {
        let address = self.engine.find_name(name);
        self.say(who, &ToProcess::Named { call, address });
    }

    /// A frame for the engine has come by a control channel.
    fn frame(&mut self, carried: Carried) {
        if carried.to != self.surroundings.admin {
            return;
        }
        let live = self.all_that_lives();
        let input = AdminInput::Frame(carried.from, carried.frame, live);
        self.engine.handle(self.clock.now(), input, &mut self.out);
    }

    /// What a status says of all that lives.
    fn all_that_lives(&mut self) -> Live {
        let mut sum = Live::default();
        for client in self.clients.values() {
            sum += client.live;
        }
        for actor in self.slots.actors() {
            if let Stage::Running(_) = actor.stage
                && let Some(record) = self.board.record(actor.address.slot())
            {
                sum += record.live();
            }
        }
        sum
    }

    /// The capabilities may have changed: everybody who keeps a copy gets the new ones.
    fn spread_capabilities(&mut self) {
        if *self.engine.capabilities() == *self.surroundings.capabilities {
            return;
        }
        let capabilities = Arc::new(self.engine.capabilities().clone());
        self.surroundings = Arc::new(Surroundings { capabilities, ..(*self.surroundings).clone() });
        let clients: Vec<PeerId> = self.clients.keys().copied().collect();
        for client in clients {
            let capabilities = (*self.surroundings.capabilities).clone();
            self.say(Who::Client(client), &ToProcess::Capabilities { capabilities, recheck: false });
        }
    }

    fn recheck(&mut self, address: ActorAddress) {
        let capabilities: Capabilities = self.engine.capabilities().clone();
        self.say(Who::Actor(address), &ToProcess::Capabilities { capabilities, recheck: true });
    }

    fn launched(&mut self, address: ActorAddress, result: Result<(), LaunchError>) {
        self.engine.handle(self.clock.now(), AdminInput::Launched(address, result), &mut self.out);
    }

    fn could_not_start(&mut self, address: ActorAddress, text: String) {
        let failure = LaunchError::Start(StartError::Failed(Failure::new(text)));
        self.launched(address, Err(failure));
    }

    fn launch(&mut self, launch: Launch) {
        let address = launch.address;
        if let Err(text) = self.begin_launch(launch) {
            self.could_not_start(address, text);
        }
    }
}

impl AdminProcess {
    fn word_from(&mut self, who: Who, word: ToAdminProcess) {
        match word {
            ToAdminProcess::Engine(from, message) => self.engine_of(who, from, message),
            ToAdminProcess::DeadLettersDropped(count) => {
                let input = AdminInput::DeadLettersDropped(count);
                self.engine.handle(self.clock.now(), input, &mut self.out);
            }
            ToAdminProcess::Frame(carried) => self.frame(carried),
            ToAdminProcess::Allocate(count) => {
                let addresses = self.lease(who, count.min(MOST_LEASED));
                self.say(who, &ToProcess::Allocated(addresses));
            }
            ToAdminProcess::Release(address) => self.release(who, address),
            ToAdminProcess::Locate { address, failed } => self.locate(who, address, failed),
            ToAdminProcess::Find { call, name } => self.find(who, call, &name),
            word => match who {
                Who::Actor(address) => self.word_from_actor(address, word),
                Who::Client(peer) => self.word_from_client(peer, word),
            },
        }
    }

    /// What an engine of a process says to the admin's.
    fn engine_of(&mut self, who: Who, from: ActorAddress, message: ToAdmin) {
        if let Who::Actor(actor) = who
            && from != actor
        {
            // A process speaks for its own actor only.
            return;
        }
        if let ToAdmin::Create(create) = &message {
            let named = create.spec.wanted_name().is_some();
            let leased = self.slots.lease_at(&create.address).is_some_and(|lease| lease.holder == who);
            if !leased && !named {
                return;
            }
            if let (Who::Actor(actor), Some(name)) = (who, create.spec.wanted_name())
                && let Some(actor) = self.slots.actor(&actor)
                && let Some(at) = actor
                    .claims
                    .iter()
                    .position(|(claimed, address)| claimed == name && *address == create.address)
            {
                actor.claims.remove(at);
            }
        }
        self.engine.handle(self.clock.now(), AdminInput::FromHost(from, message), &mut self.out);
        self.spread_capabilities();
    }
}

/// How many addresses a process gets at once, at most.
const MOST_LEASED: u32 = 1024;
