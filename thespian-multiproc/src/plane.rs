//! How the frames of a process find the processes of their targets.
//!
//! The admin knows where every address is and is asked once; then processes talk directly. Frames for the admin itself go
//! by the control channel. A frame with a message is never kept here: the engine that sent it keeps it until it is
//! acknowledged, and sends it again when it is told that there is a connection.

use std::collections::BTreeMap;
use std::time::Duration;

use rustc_hash::FxHashMap;
use thespian_core::engine::link::{Frame, FrameRef};
use thespian_core::engine::{Departing, Outputs, ToAdmin};
use thespian_core::transport::{Locator, PeerId, Port, PortEvent};
use thespian_core::{ActorAddress, DeadReason, Limits, Time};

use crate::carried::Carried;
use crate::control::{self, Channel, ToAdminProcess, ToProcess};

/// The engines of a process, as far as frames concern them.
pub(crate) trait Engines {
    /// A frame has come. Says whether its target is here.
    fn frame(
        &mut self,
        now: Time,
        from: &ActorAddress,
        to: &ActorAddress,
        frame: &FrameRef<'_>,
        out: &mut Outputs,
    ) -> bool;

    /// There is nobody at this address any more.
    fn peer_gone(
        &mut self,
        now: Time,
        peer: ActorAddress,
        reason: DeadReason,
        details: &str,
        out: &mut Outputs,
    );

    /// There is a connection to this address; what was sent by an earlier one, or before there was one, may be lost.
    fn peer_back(&mut self, now: Time, peer: ActorAddress, out: &mut Outputs);

    /// Whether something that was sent to this address is not acknowledged.
    fn is_owed_by(&self, peer: ActorAddress) -> bool;
}

/// The way to the admin.
pub(crate) enum AdminLink {
    /// Of a process that the admin has started.
    Channel(Channel),
    /// Of a client.
    Peer(PeerId),
}

/// The key under which the control channel is watched.
pub(crate) const CONTROL: u64 = u64::MAX;

/// Routes beyond this many are looked through for those that nobody needs.
const SWEEP: usize = 1024;

/// The connections of a process.
pub(crate) struct Plane {
    pub(crate) port: Box<dyn Port>,
    admin: AdminLink,
    admin_address: ActorAddress,
    routes: Routes,
    /// Actors that this process has created: it is about to talk to them, so there is to be a connection by then. It is made
    /// when the process waits, since that is when it has time.
    announced: Vec<ActorAddress>,
    /// How many addresses the admin has been asked about and has not answered yet.
    locating: usize,
    sweep_at: usize,
    /// What is to be done when the port can be used again.
    deferred: Vec<Later>,
    letters: Letters,
    /// The admin's answers to questions about names, until they are taken.
    named: BTreeMap<u64, Option<ActorAddress>>,
}

/// Dead letters on their way to the admin.
struct Letters {
    /// How many bytes of them may be on their way.
    limit: usize,
    /// How many have been, since everything for the admin was last seen to be written.
    said: usize,
    /// How many messages are dead letters beyond that, of which the admin is told the number.
    untold: u64,
}

/// Something that has to wait until the port is free.
enum Later {
    Send { peer: PeerId, from: ActorAddress, to: ActorAddress, frame: Frame },
    NotHere { peer: PeerId, address: ActorAddress, sender: ActorAddress },
    Back(ActorAddress),
    Nobody(PeerId, ActorAddress),
    Down(PeerId),
}

/// The way to an address.
enum Route {
    /// The admin has said where it is without being asked. A connection is made [soon](Plane::announced), unless there are many.
    At(Locator),
    /// The admin has been asked. These wait: acknowledgements, which no engine keeps.
    Locating(Vec<(ActorAddress, Frame)>),
    /// By a connection. What comes from the address may come by another, which is as good when this one is lost.
    By { peer: PeerId, seen: PeerId },
}

/// The ways to addresses. Mostly it is the same again, so the last ones are remembered until any way changes.
#[derive(Default)]
struct Routes {
    all: FxHashMap<ActorAddress, Route>,
    taken: Option<(ActorAddress, PeerId)>,
    heard: Option<(ActorAddress, PeerId)>,
}

impl Routes {
    /// The connection that leads there, if there is one.
    #[inline]
    fn to(&mut self, address: &ActorAddress) -> Option<PeerId> {
        match self.taken {
            Some((taken, peer)) if taken == *address => Some(peer),
            _ => {
                let Some(Route::By { peer, .. }) = self.all.get(address) else { return None };
                self.taken = Some((*address, *peer));
                Some(*peer)
            }
        }
    }

    /// Whether the address was heard by this connection last, and nothing has changed since.
    #[inline]
    fn is_heard(&self, address: &ActorAddress, peer: PeerId) -> bool {
        self.heard.is_some_and(|heard| heard == (*address, peer))
    }

    /// Notes by which connection an address was heard, if there is a way to it.
    fn hear(&mut self, address: ActorAddress, peer: PeerId) -> bool {
        let Some(Route::By { seen, .. }) = self.all.get_mut(&address) else { return false };
        *seen = peer;
        self.heard = Some((address, peer));
        true
    }

    /// All of them, to be changed.
    fn change(&mut self) -> &mut FxHashMap<ActorAddress, Route> {
        (self.taken, self.heard) = (None, None);
        &mut self.all
    }
}

/// What a wait has brought.
#[derive(Default)]
pub(crate) struct Brought {
    /// Descriptors of the process's own that are ready, by their keys.
    pub(crate) ready: Vec<u64>,
    /// What the admin said, in order.
    pub(crate) words: Vec<ToProcess>,
    /// The admin is gone.
    pub(crate) admin_lost: bool,
    /// Frames that came.
    pub(crate) frames: u64,
}

impl Plane {
    /// The connections of a process that has none yet.
    pub(crate) fn new(
        mut port: Box<dyn Port>,
        admin: AdminLink,
        admin_address: ActorAddress,
        limits: &Limits,
    ) -> Plane {
        if let AdminLink::Channel(channel) = &admin {
            // It is open: the process was born with it.
            let _ = port.watch(channel.descriptor(), CONTROL, channel.interest());
        }
        Plane {
            port,
            admin,
            admin_address,
            routes: Routes::default(),
            announced: Vec::new(),
            locating: 0,
            sweep_at: SWEEP,
            deferred: Vec::new(),
            letters: Letters { limit: limits.dead_letter_bytes, said: 0, untold: 0 },
            named: BTreeMap::new(),
        }
    }

    /// Says something to the admin.
    ///
    /// # Errors
    ///
    /// When a message inside cannot be encoded.
    pub(crate) fn say(&mut self, word: &ToAdminProcess) -> Result<(), String> {
        self.say_encoded(control::encode(word)?);
        Ok(())
    }

    /// Says what an engine wants the admin to know. Dead letters are counted and not told, while as many as may be are on their
    /// way: an admin that is slow, or stopped, must not cost this process its memory.
    ///
    /// # Errors
    ///
    /// When a message inside cannot be encoded, with what was to be said.
    pub(crate) fn say_of_engine(
        &mut self,
        from: ActorAddress,
        message: ToAdmin,
    ) -> Result<(), (String, ToAdmin)> {
        let is_letter = match &message {
            ToAdmin::DeadLetter(undelivered) if !self.may_tell_of_letters() => {
                self.letters.untold += u64::from(!undelivered.envelope.is_by_runtime());
                return Ok(());
            }
            message => matches!(message, ToAdmin::DeadLetter(_)),
        };
        let word = ToAdminProcess::Engine(from, message);
        match control::encode(&word) {
            Ok(bytes) => {
                self.letters.said += if is_letter { bytes.len() } else { 0 };
                self.say_encoded(bytes);
                Ok(())
            }
            Err(error) => {
                let ToAdminProcess::Engine(_, message) = word else { return Ok(()) };
                Err((error, message))
            }
        }
    }

    fn may_tell_of_letters(&mut self) -> bool {
        if self.letters.said >= self.letters.limit && !self.owes_admin() {
            self.letters.said = 0;
        }
        self.letters.said < self.letters.limit
    }

    /// Whether something that was said to the admin has not been written.
    fn owes_admin(&self) -> bool {
        match &self.admin {
            AdminLink::Channel(channel) => channel.has_unwritten(),
            AdminLink::Peer(peer) => self.port.has_unwritten_to(*peer),
        }
    }

    /// Tells the admin how many dead letters there were of which it was not told.
    fn say_untold(&mut self) {
        if self.letters.untold > 0 {
            let untold = std::mem::take(&mut self.letters.untold);
            let _ = self.say(&ToAdminProcess::DeadLettersDropped(untold));
        }
    }

    fn say_encoded(&mut self, bytes: Vec<u8>) {
        match &mut self.admin {
            AdminLink::Channel(channel) => {
                if channel.say(&bytes) {
                    let _ = self.port.watch(channel.descriptor(), CONTROL, channel.interest());
                }
            }
            AdminLink::Peer(peer) => self.port.control(*peer, bytes),
        }
    }

    /// Sends frames on their way.
    #[inline]
    pub(crate) fn carry(&mut self, from: ActorAddress, to: ActorAddress, frames: Departing<'_>) {
        for frame in frames {
            match self.routes.to(&to) {
                Some(peer) => self.port.send(peer, from, to, frame),
                None => self.carry_on_no_route(from, to, frame),
            }
        }
    }

    #[cold]
    fn carry_on_no_route(&mut self, from: ActorAddress, to: ActorAddress, frame: FrameRef<'_>) {
        if to == self.admin_address {
            // What a frame brings has been encoded already.
            let _ = self.say(&ToAdminProcess::Frame(Carried::new(from, to, frame.to_frame())));
            return;
        }
        match self.routes.change().get_mut(&to) {
            Some(Route::Locating(waiting)) => wait_for_route(waiting, from, frame),
            Some(Route::At(_)) => {
                if let Some(peer) = self.connect(to) {
                    self.port.send(peer, from, to, frame);
                }
            }
            _ => {
                let mut waiting = Vec::new();
                wait_for_route(&mut waiting, from, frame);
                self.locate(to, waiting, false);
            }
        }
    }

    /// Connects to where an address was announced to be.
    fn connect(&mut self, address: ActorAddress) -> Option<PeerId> {
        let route = self.routes.change().get_mut(&address)?;
        let Route::At(locator) = route else { return None };
        let peer = self.port.connect(locator);
        *route = Route::By { peer, seen: peer };
        Some(peer)
    }

    fn locate(&mut self, address: ActorAddress, waiting: Vec<(ActorAddress, Frame)>, failed: bool) {
        if !matches!(self.routes.change().insert(address, Route::Locating(waiting)), Some(Route::Locating(_)))
        {
            self.locating += 1;
        }
        let _ = self.say(&ToAdminProcess::Locate { address, failed });
    }

    /// Writes what can be written.
    pub(crate) fn flush(&mut self) {
        if self.letters.untold > 0 && self.may_tell_of_letters() {
            self.say_untold();
        }
        self.port.flush();
        if let AdminLink::Channel(channel) = &mut self.admin {
            channel.flush();
        }
    }

    /// The process is about to end: its connections go when what was sent has been written.
    pub(crate) fn disconnect_all(&mut self) {
        self.say_untold();
        self.port.disconnect_all();
    }

    /// Whether something waits for a connection, or to be written.
    pub(crate) fn is_on_its_way(&self) -> bool {
        self.locating > 0 || self.has_unwritten()
    }

    /// Whether something that was said or sent has not been written.
    pub(crate) fn has_unwritten(&self) -> bool {
        let control = match &self.admin {
            AdminLink::Channel(channel) => channel.has_unwritten(),
            AdminLink::Peer(_) => false,
        };
        control || self.port.has_unwritten()
    }

    /// Waits for something to happen, and lets the engines know of what concerns them.
    pub(crate) fn wait(
        &mut self,
        timeout: Option<Duration>,
        now: &dyn Fn() -> Time,
        engines: &mut dyn Engines,
        out: &mut Outputs,
    ) -> Brought {
        for address in std::mem::take(&mut self.announced) {
            self.connect(address);
        }
        let mut brought = Brought::default();
        let mut control_ready = false;
        let Plane { port, routes, deferred, admin, locating, .. } = self;
        let mut time = None;
        port.wait(timeout, &mut |event| match event {
            // Looked at where it is: to copy what has just been written in parts waits for each of the parts.
            PortEvent::Frame { peer, ref from, ref to, ref frame } => {
                brought.frames += 1;
                let now = *time.get_or_insert_with(now);
                if !routes.is_heard(from, peer) && !routes.hear(*from, peer) {
                    if let Some(Route::Locating(waiting)) = routes.change().get_mut(from) {
                        *locating -= 1;
                        // Whoever it is found us first.
                        let waiting = waiting.drain(..);
                        deferred.extend(waiting.map(|(sender, frame)| Later::Send {
                            peer,
                            from: sender,
                            to: *from,
                            frame,
                        }));
                    }
                    // Acknowledgements may have been lost with an earlier connection.
                    deferred.push(Later::Back(*from));
                    routes.change().insert(*from, Route::By { peer, seen: peer });
                }
                if !engines.frame(now, from, to, frame, out) {
                    deferred.push(Later::NotHere { peer, address: *to, sender: *from });
                }
            }
            PortEvent::Ready { key: CONTROL } => control_ready = true,
            PortEvent::Ready { key } => brought.ready.push(key),
            PortEvent::Control { peer, bytes } => {
                if matches!(admin, AdminLink::Peer(admin) if *admin == peer) {
                    hear(&bytes, &mut brought);
                }
            }
            PortEvent::Up { .. } => {}
            PortEvent::Nobody { peer, address, .. } => deferred.push(Later::Nobody(peer, address)),
            PortEvent::Down { peer, .. } => deferred.push(Later::Down(peer)),
        });
        if control_ready && let AdminLink::Channel(channel) = &mut self.admin {
            channel.flush();
            channel.read();
            while let Some(bytes) = channel.next() {
                hear(&bytes, &mut brought);
            }
            brought.admin_lost |= channel.is_closed();
        }
        if !self.deferred.is_empty() {
            self.happen_later(now(), engines, out, &mut brought);
        }
        self.sweep(engines);
        brought
    }

    /// What could not be done while the port was in use.
    fn happen_later(
        &mut self,
        now: Time,
        engines: &mut dyn Engines,
        out: &mut Outputs,
        brought: &mut Brought,
    ) {
        for later in std::mem::take(&mut self.deferred) {
            match later {
                Later::Send { peer, from, to, frame } => self.port.send(peer, from, to, frame.borrow()),
                Later::NotHere { peer, address, sender } => self.port.nobody(peer, address, sender),
                Later::Back(address) => engines.peer_back(now, address, out),
                Later::Nobody(peer, address) => {
                    if matches!(self.routes.all.get(&address), Some(Route::By { peer: by, .. }) if *by == peer)
                    {
                        self.lost_route(address, engines);
                    }
                }
                Later::Down(peer) => {
                    brought.admin_lost |= matches!(self.admin, AdminLink::Peer(admin) if admin == peer);
                    self.lost_peer(now, peer, engines, out);
                }
            }
        }
    }

    fn lost_peer(&mut self, now: Time, peer: PeerId, engines: &mut dyn Engines, out: &mut Outputs) {
        let mut lost = Vec::new();
        for (address, route) in self.routes.change() {
            let Route::By { peer: by, seen } = route else { continue };
            if *by != peer {
                // Heard by the one that is lost, and still reached by the other.
                if *seen == peer {
                    *seen = *by;
                }
                continue;
            }
            // It was heard by another connection, which is there as far as is known: otherwise word of its end follows.
            let other = (*seen != peer).then_some(*seen);
            if let Some(other) = other {
                *by = other;
            }
            lost.push((*address, other.is_some()));
        }
        lost.sort_unstable();
        for (address, is_reached) in lost {
            match is_reached {
                true => engines.peer_back(now, address, out),
                false => self.lost_route(address, engines),
            }
        }
    }

    /// The address is not, or not any more, where it was. Whoever waits for it looks for it again.
    fn lost_route(&mut self, address: ActorAddress, engines: &mut dyn Engines) {
        self.routes.change().remove(&address);
        if engines.is_owed_by(address) {
            self.locate(address, Vec::new(), true);
        }
    }

    /// Does what the admin's word asks for, where that is the same in every process; gives back any other.
    pub(crate) fn hear(
        &mut self,
        now: Time,
        word: ToProcess,
        engines: &mut dyn Engines,
        out: &mut Outputs,
    ) -> Option<ToProcess> {
        match word {
            ToProcess::Named { call, address } => drop(self.named.insert(call, address)),
            ToProcess::Located { address, locator } => self.located(now, address, &locator, engines, out),
            ToProcess::Gone { address, reason, details } => {
                self.gone(now, address, reason, &details, engines, out);
            }
            ToProcess::Frame(Carried { from, to, frame }) => {
                // One for an endpoint that is gone meanwhile needs no word: the admin has heard of its end, or will.
                engines.frame(now, &from, &to, &frame.borrow(), out);
            }
            word => return Some(word),
        }
        None
    }

    /// Whether the answer to this question about a name is there.
    pub(crate) fn has_named(&self, call: u64) -> bool {
        self.named.contains_key(&call)
    }

    /// That answer, if it is there.
    pub(crate) fn take_named(&mut self, call: u64) -> Option<Option<ActorAddress>> {
        self.named.remove(&call)
    }

    /// The admin says where an address is.
    fn located(
        &mut self,
        now: Time,
        address: ActorAddress,
        locator: &Locator,
        engines: &mut dyn Engines,
        out: &mut Outputs,
    ) {
        let routes = self.routes.change();
        let waiting = match routes.get_mut(&address) {
            Some(Route::Locating(waiting)) => waiting,
            Some(_) => return,
            None => {
                routes.insert(address, Route::At(locator.clone()));
                // Whoever has many ways does not use them all.
                if routes.len() <= SWEEP {
                    self.announced.push(address);
                }
                return;
            }
        };
        let waiting = std::mem::take(waiting);
        self.routes.change().remove(&address);
        self.locating -= 1;
        if waiting.is_empty() && !engines.is_owed_by(address) {
            return;
        }
        let peer = self.port.connect(locator);
        self.routes.change().insert(address, Route::By { peer, seen: peer });
        for (from, frame) in waiting {
            self.port.send(peer, from, address, frame.borrow());
        }
        engines.peer_back(now, address, out);
    }

    /// The admin says that nobody is at an address.
    fn gone(
        &mut self,
        now: Time,
        address: ActorAddress,
        reason: DeadReason,
        details: &str,
        engines: &mut dyn Engines,
        out: &mut Outputs,
    ) {
        if let Some(Route::Locating(_)) = self.routes.change().remove(&address) {
            self.locating -= 1;
        }
        engines.peer_gone(now, address, reason, details, out);
    }

    /// Forgets the way to addresses that nobody here waits for, when there are many: it can be asked for again.
    fn sweep(&mut self, engines: &dyn Engines) {
        if self.routes.all.len() < self.sweep_at {
            return;
        }
        self.routes
            .change()
            .retain(|address, route| matches!(route, Route::Locating(_)) || engines.is_owed_by(*address));
        self.sweep_at = SWEEP.max(2 * self.routes.all.len());
    }
}

/// Messages, and probes for them, are the work of the engine that sent them; what is not has to wait here.
fn wait_for_route(waiting: &mut Vec<(ActorAddress, Frame)>, from: ActorAddress, frame: FrameRef<'_>) {
    if !matches!(frame, Frame::Data { .. } | Frame::Past { .. }) {
        waiting.push((from, frame.to_frame()));
    }
}

fn hear(bytes: &[u8], brought: &mut Brought) {
    match control::decode(bytes) {
        Ok(word) => brought.words.push(word),
        Err(error) => log::error!(target: "thespian", "the admin said what cannot be understood: {error}"),
    }
}
