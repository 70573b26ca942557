//! What the two threads of an actor's process share: the engine, the connections, and what is under way.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use thespian_core::engine::link::FrameRef;
use thespian_core::engine::{Effect, Host, HostInput, Live, Log, Output, Outputs, ToAdmin, ToHost};
use thespian_core::transport::Interest;
use thespian_core::{ActorAddress, ActorExitRequest, AnyMessage, Capabilities, DeadReason, Envelope, Time};

use crate::board::Board;
use crate::clock::{Clock, Teller};
use crate::control::{ToAdminProcess, ToProcess};
use crate::logging::LogSource;
use crate::plane::{Brought, CONTROL, Engines, Plane};
use crate::runtime_log;
use crate::signals::{Note, Signals};
use crate::sys;

/// The key of the signals' descriptor.
const SIGNALS: u64 = CONTROL - 1;

/// How many rounds of reading come before word of a child's end: more than its last messages can take.
const DRAIN_ROUNDS: usize = 10_000;

/// How soon logs are tried again for which there was no room.
const LOG_RETRY: Duration = Duration::from_millis(20);

/// How many addresses an actor asks for at once, at most.
const MOST_ADDRESSES: u32 = 64;

/// The engine of an actor and all it needs.
pub(super) struct Core {
    pub(super) host: Host,
    pub(super) out: Outputs,
    pub(super) plane: Plane,
    me: ActorAddress,
    admin: ActorAddress,
    pub(super) clock: Teller,
    pub(super) capabilities: Arc<Capabilities>,
    /// Addresses for children.
    addresses: VecDeque<ActorAddress>,
    asked_for: u32,
    more_addresses: u32,
    calls: u64,
    watched: Vec<i32>,
    /// Those of them that are ready, of which the actor has no word yet.
    ready: Vec<i32>,
    /// The actor has been given word of ready descriptors, and has not taken it yet.
    offered: bool,
    signals: Signals,
    lifeline: bool,
    board: Arc<Board>,
    /// The capability check is to be run again.
    pub(super) recheck: bool,
    /// The instance is to be replaced.
    pub(super) restart: bool,
    /// The actor is done.
    pub(super) stopped: bool,
}

impl Engines for Host {
    fn frame(
        &mut self,
        now: Time,
        from: &ActorAddress,
        to: &ActorAddress,
        frame: &FrameRef<'_>,
        out: &mut Outputs,
    ) -> bool {
        let here = to == self.address();
        if here {
            Host::frame(self, now, *from, *frame, out);
        }
        here
    }

    fn peer_gone(
        &mut self,
        now: Time,
        peer: ActorAddress,
        reason: DeadReason,
        details: &str,
        out: &mut Outputs,
    ) {
        self.handle(now, HostInput::PeerGone { peer, reason, details: details.into() }, out);
    }

    fn peer_back(&mut self, now: Time, peer: ActorAddress, out: &mut Outputs) {
        self.handle(now, HostInput::PeerBack(peer), out);
    }

    fn is_owed_by(&self, peer: ActorAddress) -> bool {
        Host::is_owed_by(self, peer)
    }
}

impl Core {
    #[allow(clippy::too_many_arguments, reason = "the parts of one process")]
    pub(super) fn new(
        host: Host,
        mut plane: Plane,
        admin: ActorAddress,
        clock: Clock,
        capabilities: Arc<Capabilities>,
        addresses: Vec<ActorAddress>,
        signals: Signals,
        lifeline: bool,
        board: Arc<Board>,
    ) -> Core {
        // It is open: it has just been made.
        let _ = plane.port.watch(signals.descriptor(), SIGNALS, Interest::Readable);
        Core {
            me: *host.address(),
            host,
            out: Outputs::new(),
            plane,
            admin,
            clock: Teller::new(clock),
            capabilities,
            addresses: addresses.into(),
            asked_for: 0,
            more_addresses: 4,
            calls: 0,
            watched: Vec::new(),
            ready: Vec::new(),
            offered: false,
            signals,
            lifeline,
            board,
            recheck: false,
            restart: false,
            stopped: false,
        }
    }

    // -- performing --------------------------------------------------------------------------------------------

    /// Performs what the engine asks for, until there is nothing but deliveries.
    pub(super) fn perform(&mut self) {
        while let Some(output) = self.out.poll() {
            match output {
                // Only to itself: everything else goes by frames.
                Output::Transmit(envelope) => self.host.arrived(self.clock.now(), envelope, &mut self.out),
                Output::Frame => {
                    if let Some(departure) = self.out.poll_frame() {
                        let frames = self.host.departing(&departure);
                        self.plane.carry(departure.from, departure.to, frames);
                    }
                }
                Output::Other(effect) => self.perform_effect(*effect),
            }
        }
        while let Some(credit) = self.out.poll_credit() {
            if credit.to == self.me {
                self.host.credited(self.clock.now(), credit.count, &mut self.out);
            }
        }
    }

    fn perform_effect(&mut self, effect: Effect) {
        match effect {
            Effect::Overdue(_) => {
                // Nobody can end a handler but from outside.
                self.say(&ToAdminProcess::Overdue);
                self.plane.flush();
            }
            Effect::Return(undelivered) => {
                self.host.handle(self.clock.now(), HostInput::Undelivered(undelivered), &mut self.out);
            }
            Effect::ToAdmin { from, message } => self.tell_admin(from, message),
            Effect::Restart(_) => self.restart = true,
            // A child that an exiting actor asked for: who has a message for it, this actor first of all, must not wait.
            Effect::Discard(address) => self.release(address),
            Effect::Stopped(_) => {
                self.stopped = true;
                // Said last: the admin takes it for the end of all that this actor has to say.
                self.plane.flush();
                self.say(&ToAdminProcess::Stopped(self.host.counters()));
            }
            Effect::Watch { descriptors, .. } => self.watch(descriptors),
            Effect::Log(Log { level, text, .. }) => runtime_log::say(level, &text),
            // Time relieves a paused actor; the rest is an admin's.
            _ => {}
        }
    }

    fn say(&mut self, word: &ToAdminProcess) {
        if let Err(error) = self.plane.say(word) {
            let text = format!("word to the admin could not be encoded: {error}");
            runtime_log::say(log::Level::Error, &text);
        }
    }

    fn tell_admin(&mut self, from: ActorAddress, message: ToAdmin) {
        if let Err((error, mut message)) = self.plane.say_of_engine(from, message) {
            // A message that never had to be encoded, such as one to itself, or a start argument.
            without_values(&mut message, &error);
            self.say(&ToAdminProcess::Engine(from, message));
        }
    }

    // -- waiting -----------------------------------------------------------------------------------------------

    /// How long nothing has to be done, at most.
    pub(super) fn patience(&self) -> Option<Duration> {
        let due = self.host.poll_timeout().map(|(due, _)| due);
        // A nanosecond more, so that one is never early by rounding.
        let due = due.map(|due| due.since(self.clock.now()) + Duration::from_nanos(1));
        // Logs that wait for room are tried again soon; nobody else would.
        let logs = LogSource::installed().filter(|source| source.sender().has_pending()).map(|_| LOG_RETRY);
        due.into_iter().chain(logs).min()
    }

    /// Waits until something happens, at most so long, and tells the engine.
    pub(super) fn turn(&mut self, timeout: Option<Duration>) {
        self.show();
        if let Some(source) = LogSource::installed()
            && source.sender().has_pending()
        {
            source.sender().flush();
        }
        let mut words = VecDeque::new();
        let clock = &self.clock;
        let brought = self.plane.wait(timeout, &|| clock.now(), &mut self.host, &mut self.out);
        self.take_in(brought, &mut words);
        while let Some(word) = words.pop_front() {
            self.hear(word, &mut words);
        }
        if self.host.poll_timeout().is_some_and(|(due, _)| due <= self.clock.now()) {
            self.host.handle_timeout(self.clock.now(), &mut self.out);
        }
    }

    /// Does what can be done without the actor: performs, writes, and waits for something, at most so long and no longer than
    /// nothing is due.
    pub(super) fn look_around(&mut self, longest: Duration) {
        self.perform();
        self.plane.flush();
        let patience = self.patience().map_or(longest, |patience| patience.min(longest));
        self.turn(Some(patience));
    }

    /// Shows how this actor is.
    fn show(&self) {
        if let Some(record) = self.board.record(self.me.slot()) {
            record.show(&Live {
                counters: self.host.counters(),
                outgoing: self.host.outgoing(),
                outgoing_bytes: self.host.outgoing_bytes(),
            });
        }
    }

    fn take_in(&mut self, brought: Brought, words: &mut VecDeque<ToProcess>) {
        words.extend(brought.words);
        for key in brought.ready {
            match key {
                SIGNALS => self.take_signals(),
                key => self.ready.extend(self.watched.get(key as usize)),
            }
        }
        if brought.admin_lost && self.lifeline {
            // Nothing of a system outlives its admin, and there is nobody left to tell anything.
            sys::exit(1);
        }
    }

    fn hear(&mut self, word: ToProcess, words: &mut VecDeque<ToProcess>) {
        let now = self.clock.now();
        let Some(word) = self.plane.hear(now, word, &mut self.host, &mut self.out) else { return };
        match word {
            ToProcess::Allocated(addresses) => {
                self.asked_for = 0;
                self.addresses.extend(addresses);
            }
            ToProcess::Engine(message) => {
                self.drain_before(&message, words);
                self.host.handle(self.clock.now(), HostInput::FromAdmin(message), &mut self.out);
            }
            ToProcess::Capabilities { capabilities, recheck } => {
                self.capabilities = Arc::new(capabilities);
                self.recheck |= recheck;
            }
            // Said to others.
            _ => {}
        }
    }

    /// What a child had sent before its end comes first (guide section 7.5). It is here already, because the kernel has
    /// taken it from the child; it only has to be read.
    fn drain_before(&mut self, message: &ToHost, words: &mut VecDeque<ToProcess>) {
        let ToHost::ChildExited { .. } = message;
        for _ in 0..DRAIN_ROUNDS {
            let clock = &self.clock;
            let brought =
                self.plane.wait(Some(Duration::ZERO), &|| clock.now(), &mut self.host, &mut self.out);
            let frames = brought.frames;
            self.take_in(brought, words);
            if frames == 0 {
                return;
            }
        }
    }

    fn take_signals(&mut self) {
        for note in self.signals.take() {
            match note {
                Note::Exit => {
                    let request = AnyMessage::new(ActorExitRequest::new());
                    let request = request.seal(&self.me, &self.admin).by_runtime();
                    self.host.arrived(self.clock.now(), request, &mut self.out);
                }
                Note::Status => {
                    let status = self.host.status(self.clock.now());
                    runtime_log::note(&format!("status on signal: {status}"));
                }
                Note::Child => {}
            }
        }
    }

    // -- watched descriptors -----------------------------------------------------------------------------------

    fn watch(&mut self, descriptors: Vec<i32>) {
        self.unwatch();
        for (key, descriptor) in descriptors.iter().enumerate() {
            // One that is not open is ignored (decision D23).
            let _ = self.plane.port.watch(*descriptor, key as u64, Interest::Readable);
        }
        self.watched = descriptors;
    }

    /// A watch holds until the next handler call (guide section 4.8).
    #[inline]
    pub(super) fn unwatch(&mut self) {
        if !self.watched.is_empty() || !self.ready.is_empty() || self.offered {
            self.unwatch_all();
        }
    }

    #[cold]
    fn unwatch_all(&mut self) {
        for key in 0..self.watched.len() {
            self.plane.port.unwatch(key as u64);
        }
        self.watched.clear();
        self.ready.clear();
        self.offered = false;
    }

    /// Whether the actor is to have word of ready descriptors.
    #[inline]
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Lets the actor have word of ready descriptors, before any other message.
    pub(super) fn offer_ready(&mut self) {
        if self.ready.is_empty() || self.offered {
            return;
        }
        // Until the actor takes it, further word would be about the same watch.
        self.offered = true;
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_unstable();
        ready.dedup();
        let outstanding = self.out.poll_delivery();
        self.host.descriptors_ready(self.clock.now(), ready, outstanding, &mut self.out);
    }

    // -- what a handler asks the admin -------------------------------------------------------------------------

    /// An address for a child, if one is here; asks for more when there are few.
    pub(super) fn take_address(&mut self) -> Option<ActorAddress> {
        let address = self.addresses.pop_front();
        if self.addresses.is_empty() && self.asked_for == 0 {
            self.asked_for = self.more_addresses;
            self.more_addresses = (2 * self.more_addresses).min(MOST_ADDRESSES);
            self.say(&ToAdminProcess::Allocate(self.asked_for));
        }
        address
    }

    /// Nobody will be at this address: it was for an attempt that failed.
    pub(super) fn release(&mut self, address: ActorAddress) {
        self.say(&ToAdminProcess::Release(address));
    }

    /// Begins to ask about a name. The answer is [there](Core::take_named) later.
    pub(super) fn ask(&mut self, question: impl FnOnce(u64) -> ToAdminProcess) -> u64 {
        self.calls += 1;
        let word = question(self.calls);
        self.say(&word);
        self.calls
    }

    pub(super) fn take_named(&mut self, call: u64) -> Option<Option<ActorAddress>> {
        self.plane.take_named(call)
    }

    pub(super) fn tell(&mut self, word: &ToAdminProcess) {
        self.say(word);
    }
}

/// Puts something that can be encoded in the place of a message that cannot.
fn without_values(message: &mut ToAdmin, error: &str) {
    match message {
        ToAdmin::DeadLetter(undelivered) => {
            let stand_in = stand_in(&undelivered.envelope);
            undelivered.envelope = stand_in;
        }
        ToAdmin::Create(create) => {
            create.spec.take_start();
            let spec = std::mem::replace(&mut create.spec, thespian_core::ActorSpec::named(""));
            create.spec = spec.start(crate::control::not_encodable(error));
        }
        _ => {}
    }
}

/// The envelope with the names of its message and nothing in it.
fn stand_in(envelope: &Envelope) -> Envelope {
    let names = envelope.message().type_names();
    let mut empty = AnyMessage::encoded(names, Vec::new()).seal(envelope.to(), envelope.from());
    empty.set_number(envelope.number());
    if envelope.is_by_runtime() { empty.by_runtime() } else { empty }
}
