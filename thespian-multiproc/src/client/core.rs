//! What the threads of a client share: its endpoints, its connections, its calls.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, MutexGuard};
use thespian_core::engine::link::{Carrier, FrameRef};
use thespian_core::engine::{Departure, Effect, Endpoint, EndpointInput, Live, Log, Output, Outputs};
use thespian_core::transport::{Attached, PortEvent};
use thespian_core::{
    ActorAddress, ActorSpec, Answer, AnyMessage, Capabilities, Counters, DeadReason, Error, Limits,
    StatusReq, Time, Value,
};

use crate::clock::Clock;
use crate::control::{self, ToAdminProcess, ToProcess, Welcome};
use crate::plane::{AdminLink, Engines, Plane};
use crate::runtime_log;

/// Fewer addresses for endpoints than this are topped up.
const FEW_ADDRESSES: usize = 8;

/// How many addresses are asked for at once.
const MORE_ADDRESSES: u32 = 64;

/// After how many endpoints that are gone the admin is told at once.
const CLOSED_AT_ONCE: usize = 32;

/// How many idle engines are kept for endpoints to come.
const SPARE_ENDPOINTS: usize = 64;

/// How long the last words of a client may take to be written and read.
pub(super) const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a thread waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiter {
    /// A message at an endpoint.
    Endpoint(ActorAddress),
    /// That fewer of its messages are outstanding.
    Room(ActorAddress),
    /// The answer to a call.
    Call(u64),
    /// Addresses for endpoints.
    Addresses,
    /// The end of the system.
    Down,
}

/// By which a thread is called that waits until somebody else has something for it.
///
/// From when it is called until it comes it counts among those that want the core: it may be long in coming on a busy machine,
/// and whoever has the core meanwhile must not wait with it for what is not to come before.
#[derive(Default)]
pub(super) struct Bell {
    condition: Condvar,
    is_rung: AtomicBool,
}

impl Bell {
    /// Calls the thread. Only whoever has the core does.
    pub(super) fn ring(&self, wanting: &AtomicU32) {
        if !self.is_rung.swap(true, Ordering::SeqCst) {
            wanting.fetch_add(1, Ordering::SeqCst);
        }
        self.condition.notify_one();
    }

    /// Waits to be called, at most so long.
    pub(super) fn wait_for(&self, core: &mut MutexGuard<'_, Core>, limit: Duration) {
        self.condition.wait_for(core, limit);
        self.answer(&core.wanting);
    }

    /// The thread is here.
    pub(super) fn answer(&self, wanting: &AtomicU32) {
        if self.is_rung.swap(false, Ordering::SeqCst) {
            wanting.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The state of a client.
pub(super) struct Core {
    plane: Plane,
    endpoints: Endpoints,
    out: Outputs,
    clock: Clock,
    base: &'static str,
    welcome: Welcome,
    limits: Arc<Limits>,
    carrier: Carrier,
    addresses: VecDeque<ActorAddress>,
    asked: bool,
    calls: u64,
    created: BTreeMap<u64, Result<ActorAddress, Error>>,
    updated: BTreeMap<u64, Result<(), Error>>,
    spare: Vec<Endpoint>,
    /// Endpoints that are gone, of which the admin does not know.
    closed: Vec<(ActorAddress, Counters)>,
    down: bool,
    /// Who waits with the port for all that wait.
    pub(super) leader: Option<Waiter>,
    /// The keeper sleeps until whoever leads is done.
    pub(super) keeper_sleeps: bool,
    pub(super) waiters: Vec<(Waiter, Arc<Bell>)>,
    /// Threads that want the core while another one waits with it.
    pub(super) wanting: Arc<AtomicU32>,
    /// How often callers have used this.
    pub(super) uses: u64,
}

/// The endpoints of this process, in the order of their addresses.
struct Endpoints(BTreeMap<ActorAddress, Endpoint>);

impl Engines for Endpoints {
    fn frame(
        &mut self,
        now: Time,
        from: &ActorAddress,
        to: &ActorAddress,
        frame: &FrameRef<'_>,
        out: &mut Outputs,
    ) -> bool {
        match self.0.get_mut(to) {
            Some(endpoint) => {
                endpoint.frame(now, *from, *frame, out);
                true
            }
            None => false,
        }
    }

    fn peer_gone(
        &mut self,
        now: Time,
        peer: ActorAddress,
        reason: DeadReason,
        details: &str,
        out: &mut Outputs,
    ) {
        for endpoint in self.0.values_mut().filter(|endpoint| endpoint.is_owed_by(peer)) {
            endpoint.handle(now, EndpointInput::PeerGone { peer, reason, details: details.into() }, out);
        }
    }

    fn peer_back(&mut self, now: Time, peer: ActorAddress, out: &mut Outputs) {
        for endpoint in self.0.values_mut() {
            endpoint.handle(now, EndpointInput::PeerBack(peer), out);
        }
    }

    fn is_owed_by(&self, peer: ActorAddress) -> bool {
        self.0.values().any(|endpoint| endpoint.is_owed_by(peer))
    }
}

/// What came of [greeting](Core::attach) an admin.
pub(super) enum Welcomed {
    /// The program is a client of its system.
    In(Box<Core>),
    /// The system ended meanwhile.
    Gone,
    /// It has not greeted back.
    Not,
}

impl Core {
    /// Greets the admin, and waits until it greets back, at most so long.
    pub(super) fn attach(attached: Attached, base: &'static str, patience: Duration) -> Welcomed {
        let Attached { mut port, admin, .. } = attached;
        let hello = ToAdminProcess::Attach { locator: port.locator(), pid: std::process::id() };
        let hello = control::encode(&hello).expect("it holds no message");
        port.control(admin, hello);
        let until = Instant::now() + patience;
        let mut welcome = None;
        let mut lost = false;
        while welcome.is_none() && !lost {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            port.flush();
            port.wait(Some(left), &mut |event| match event {
                PortEvent::Control { peer, bytes } if peer == admin => {
                    if let Ok(ToProcess::Welcome(word)) = control::decode(&bytes) {
                        welcome = Some(word);
                    }
                }
                PortEvent::Down { peer, .. } if peer == admin => lost = true,
                _ => {}
            });
        }
        let Some(welcome) = welcome else {
            return if lost { Welcomed::Gone } else { Welcomed::Not };
        };
        let mut welcome = *welcome;
        let carrier = port.carrier();
        Welcomed::In(Box::new(Core {
            plane: Plane::new(port, AdminLink::Peer(admin), welcome.admin, &welcome.limits),
            endpoints: Endpoints(BTreeMap::new()),
            out: Outputs::new(),
            clock: Clock::since(welcome.origin),
            base,
            limits: Arc::new(welcome.limits.clone()),
            carrier,
            addresses: std::mem::take(&mut welcome.addresses).into(),
            welcome,
            asked: false,
            calls: 0,
            created: BTreeMap::new(),
            updated: BTreeMap::new(),
            spare: Vec::new(),
            closed: Vec::new(),
            down: false,
            leader: None,
            keeper_sleeps: false,
            waiters: Vec::new(),
            wanting: Arc::default(),
            uses: 0,
        }))
    }

    pub(super) fn admin(&self) -> ActorAddress {
        self.welcome.admin
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn capabilities(&self) -> &Capabilities {
        &self.welcome.capabilities
    }

    pub(super) fn is_down(&self) -> bool {
        self.down
    }

    /// # Errors
    ///
    /// When the system is down.
    pub(super) fn check_up(&self) -> Result<(), Error> {
        if self.down { Err(Error::SystemDown { base: self.base.into() }) } else { Ok(()) }
    }

    // -- endpoints ---------------------------------------------------------------------------------------------

    /// Opens an endpoint, if there is an address for it.
    pub(super) fn open(&mut self) -> Option<ActorAddress> {
        self.uses += 1;
        if self.addresses.len() < FEW_ADDRESSES && !self.asked {
            self.asked = true;
            self.say(&ToAdminProcess::Allocate(MORE_ADDRESSES));
        }
        let address = self.addresses.pop_front()?;
        let endpoint = match self.spare.pop() {
            Some(mut endpoint) => {
                endpoint.reopen(address, Some(self.carrier), false);
                endpoint
            }
            None => Endpoint::new(address, self.limits.clone(), Some(self.carrier), false),
        };
        self.endpoints.0.insert(address, endpoint);
        Some(address)
    }

    /// Closes an endpoint. It goes when everything it sent has been dealt with.
    pub(super) fn close(&mut self, address: &ActorAddress) {
        if let Some(endpoint) = self.endpoints.0.get_mut(address) {
            endpoint.close(&mut self.out);
            self.perform();
            self.tidy(address);
        }
    }

    fn tidy(&mut self, address: &ActorAddress) {
        if self.endpoints.0.get(address).is_some_and(Endpoint::is_done)
            && let Some(endpoint) = self.endpoints.0.remove(address)
        {
            self.closed.push((*address, *endpoint.counters()));
            if self.closed.len() >= CLOSED_AT_ONCE {
                self.say_closed();
            }
            if self.spare.len() < SPARE_ENDPOINTS {
                self.spare.push(endpoint);
            }
        }
    }

    /// Tells the admin which endpoints are gone. Not at once for each: a caller that asks often would wake it every time.
    pub(super) fn say_closed(&mut self) {
        if !self.closed.is_empty() {
            let closed = std::mem::take(&mut self.closed);
            self.say(&ToAdminProcess::Closed(closed));
        }
    }

    /// Sends a message from an endpoint.
    ///
    /// # Errors
    ///
    /// When it cannot travel, the system is down, or there is no such endpoint or target.
    pub(super) fn send(
        &mut self,
        from: ActorAddress,
        to: ActorAddress,
        message: AnyMessage,
    ) -> Result<(), Error> {
        self.uses += 1;
        self.check_up()?;
        if to.is_nobody() {
            let problem = "it is nobody's address".into();
            return Err(Error::InvalidActorAddress { address: to, problem });
        }
        if to == self.welcome.admin && message.is::<StatusReq>() {
            self.say_closed();
            let live = self.live();
            self.say(&ToAdminProcess::Live(live));
        }
        let now = self.clock.now();
        let Some(endpoint) = self.endpoints.0.get_mut(&from) else { return Err(not_an_endpoint(from)) };
        endpoint.forget_dead();
        endpoint.send(now, to, message, &mut self.out)
    }

    fn live(&self) -> Live {
        let mut sum = Live::default();
        for endpoint in self.endpoints.0.values() {
            let (outgoing, bytes) = (endpoint.unacknowledged(), endpoint.unacknowledged_bytes());
            let counters = *endpoint.counters();
            sum += Live { counters, outgoing: outgoing as u64, outgoing_bytes: bytes as u64 };
        }
        sum
    }

    /// Whether too many messages of an endpoint are outstanding for another one.
    pub(super) fn is_full(&self, endpoint: &ActorAddress) -> bool {
        self.endpoints.0.get(endpoint).is_some_and(|endpoint| {
            endpoint.unacknowledged() >= self.limits.outgoing_high as usize
                || endpoint.unacknowledged_bytes() >= self.limits.outgoing_bytes
        })
    }

    /// Asks for word of them.
    pub(super) fn ask_how_far(&mut self, endpoint: &ActorAddress) {
        if let Some(endpoint) = self.endpoints.0.get_mut(endpoint) {
            endpoint.ask_how_far(&mut self.out);
        }
    }

    /// Whether there are few enough again.
    pub(super) fn has_room(&self, endpoint: &ActorAddress) -> bool {
        self.endpoints.0.get(endpoint).is_none_or(|endpoint| {
            endpoint.unacknowledged() <= self.limits.outgoing_low as usize
                && endpoint.unacknowledged_bytes() <= self.limits.outgoing_bytes / 2
        })
    }

    /// What an endpoint has for its caller.
    ///
    /// # Errors
    ///
    /// When nothing will ever come.
    pub(super) fn look(
        &mut self,
        address: ActorAddress,
        target: Option<ActorAddress>,
    ) -> Result<Option<Answer>, Error> {
        self.uses += 1;
        let down = self.check_up();
        let Some(endpoint) = self.endpoints.0.get_mut(&address) else {
            return Err(down.err().unwrap_or_else(|| not_an_endpoint(address)));
        };
        if let Some(envelope) = endpoint.receive(&mut self.out) {
            return Ok(Some(Answer::from_envelope(envelope)));
        }
        if let Some(target) = target
            && endpoint.found_dead(&target)
        {
            return Ok(Some(Answer::Dead(target)));
        }
        down.map(|()| None)
    }

    // -- calls -------------------------------------------------------------------------------------------------

    fn call(&mut self) -> u64 {
        self.uses += 1;
        self.calls += 1;
        self.calls
    }

    /// # Errors
    ///
    /// When the start argument cannot be encoded.
    pub(super) fn create(&mut self, spec: ActorSpec) -> Result<u64, Error> {
        let call = self.call();
        let actor = spec.type_name().into_owned();
        let said = self.plane.say(&ToAdminProcess::Create { call, spec });
        said.map(|()| call).map_err(|error| Error::ActorStartFailed {
            actor,
            details: format!("its start argument or its requirements cannot be encoded: {error}"),
        })
    }

    pub(super) fn find(&mut self, name: &str) -> u64 {
        let call = self.call();
        self.say(&ToAdminProcess::Find { call, name: name.into() });
        call
    }

    pub(super) fn update(&mut self, name: &str, value: Value) -> u64 {
        let call = self.call();
        self.say(&ToAdminProcess::Update { call, name: name.into(), value });
        call
    }

    pub(super) fn shut_down(&mut self) {
        self.uses += 1;
        self.say(&ToAdminProcess::Shutdown);
    }

    pub(super) fn take_created(&mut self, call: u64) -> Option<Result<ActorAddress, Error>> {
        self.created.remove(&call)
    }

    pub(super) fn take_named(&mut self, call: u64) -> Option<Option<ActorAddress>> {
        self.plane.take_named(call)
    }

    pub(super) fn take_updated(&mut self, call: u64) -> Option<Result<(), Error>> {
        self.updated.remove(&call)
    }

    fn say(&mut self, word: &ToAdminProcess) {
        if let Err(error) = self.plane.say(word) {
            runtime_log::say(log::Level::Error, &format!("word to the admin could not be encoded: {error}"));
        }
    }

    // -- running -----------------------------------------------------------------------------------------------

    /// Whether something is under way that nobody waits for.
    pub(super) fn has_pressing(&self) -> bool {
        self.plane.is_on_its_way()
    }

    pub(super) fn flush(&mut self) {
        self.plane.flush();
    }

    /// How long nothing has to be done, at most.
    pub(super) fn patience(&self, now: Time) -> Option<Duration> {
        let due = self.endpoints.0.values().filter_map(Endpoint::poll_timeout).min()?;
        Some(due.since(now) + Duration::from_nanos(1))
    }

    /// Performs what the engines ask for.
    pub(super) fn perform(&mut self) {
        while let Some(output) = self.out.poll() {
            match output {
                // From an endpoint to itself: everything else goes by frames.
                Output::Transmit(envelope) => {
                    if let Some(endpoint) = self.endpoints.0.get_mut(envelope.to()) {
                        endpoint.arrived(envelope, &mut self.out);
                    }
                }
                Output::Frame => {
                    if let Some(departure) = self.out.poll_frame() {
                        self.carry(&departure);
                    }
                }
                Output::Other(effect) => self.perform_effect(*effect),
            }
        }
        while self.out.poll_credit().is_some() {}
    }

    fn carry(&mut self, departure: &Departure) {
        let Some(endpoint) = self.endpoints.0.get(&departure.from) else { return };
        let frames = endpoint.departing(departure);
        let (from, to) = (departure.from, departure.to);
        if !self.endpoints.0.contains_key(&to) {
            return self.plane.carry(from, to, frames);
        }
        // Between endpoints of this program frames take no detour.
        let (now, frames) = (self.clock.now(), frames.map(|frame| frame.to_frame()));
        for frame in frames.collect::<Vec<_>>() {
            self.endpoints.frame(now, &from, &to, &frame.borrow(), &mut self.out);
        }
        self.wake(to);
    }

    fn perform_effect(&mut self, effect: Effect) {
        match effect {
            Effect::ToAdmin { from, message } => {
                if let Err((error, _)) = self.plane.say_of_engine(from, message) {
                    runtime_log::say(
                        log::Level::Warn,
                        &format!("a dead letter could not be encoded: {error}"),
                    );
                }
            }
            Effect::Log(Log { level, text, .. }) => runtime_log::say(level, &text),
            _ => {}
        }
    }

    /// Waits until something happens, at most so long, and tells everybody whom it concerns.
    pub(super) fn turn(&mut self, timeout: Option<Duration>) {
        let clock = self.clock;
        let brought = self.plane.wait(timeout, &|| clock.now(), &mut self.endpoints, &mut self.out);
        let something = brought.frames > 0 || !brought.words.is_empty() || brought.admin_lost;
        for word in brought.words {
            self.hear(word);
        }
        if brought.admin_lost {
            self.end();
        }
        let mut now = None;
        for endpoint in self.endpoints.0.values_mut() {
            if let Some(due) = endpoint.poll_timeout() {
                let now = *now.get_or_insert_with(|| clock.now());
                if due <= now {
                    endpoint.handle_timeout(now, &mut self.out);
                }
            }
        }
        self.perform();
        if something {
            let done = self.endpoints.0.iter().filter(|(_, endpoint)| endpoint.is_done());
            let done: Vec<ActorAddress> = done.map(|(address, _)| *address).collect();
            for address in done {
                self.tidy(&address);
            }
            self.wake_waiters();
        }
    }

    fn hear(&mut self, word: ToProcess) {
        let now = self.clock.now();
        let Some(word) = self.plane.hear(now, word, &mut self.endpoints, &mut self.out) else { return };
        match word {
            ToProcess::Allocated(addresses) => {
                self.asked = false;
                self.addresses.extend(addresses);
            }
            ToProcess::Capabilities { capabilities, .. } => self.welcome.capabilities = capabilities,
            ToProcess::Created { call, result } => drop(self.created.insert(call, result)),
            ToProcess::Updated { call, result } => drop(self.updated.insert(call, result)),
            ToProcess::Down => self.end(),
            // Said to others.
            _ => {}
        }
    }

    /// The system is down: the admin waits until this program has heard it.
    fn end(&mut self) {
        self.down = true;
        self.plane.disconnect_all();
        self.plane.flush();
    }

    /// Lets those look who may have something now.
    fn wake_waiters(&mut self) {
        for (waiter, bell) in &self.waiters {
            let may_have = match waiter {
                Waiter::Endpoint(address) => {
                    self.down || self.endpoints.0.get(address).is_none_or(Endpoint::has_news)
                }
                Waiter::Room(address) => self.down || self.has_room(address),
                Waiter::Call(call) => {
                    self.down
                        || self.created.contains_key(call)
                        || self.plane.has_named(*call)
                        || self.updated.contains_key(call)
                }
                Waiter::Addresses => self.down || !self.addresses.is_empty(),
                Waiter::Down => self.down,
            };
            if may_have {
                bell.ring(&self.wanting);
            }
        }
    }

    fn wake(&mut self, address: ActorAddress) {
        for (waiter, bell) in &self.waiters {
            if *waiter == Waiter::Endpoint(address) {
                bell.ring(&self.wanting);
            }
        }
    }

    /// The program lets the system go, or ends: what it has told is written, what it owes is acknowledged, and the others
    /// have read that. Until then at most.
    pub(super) fn last_words(&mut self, until: Instant) {
        self.perform();
        self.flush();
        self.say_closed();
        let waits = |core: &Core| core.endpoints.0.values().any(|endpoint| endpoint.unacknowledged() > 0);
        while (self.has_pressing() || waits(self)) && !self.down && Instant::now() < until {
            self.turn(Some(Duration::from_millis(10)));
            self.flush();
        }
        self.down = true;
        self.plane.disconnect_all();
        self.flush();
        while self.plane.has_unwritten() && Instant::now() < until {
            self.turn(Some(Duration::from_millis(10)));
            self.flush();
        }
    }
}

fn not_an_endpoint(address: ActorAddress) -> Error {
    Error::InvalidActorAddress { address, problem: "it is not that of an open endpoint".into() }
}
