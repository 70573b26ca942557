//! The workers of a troupe, and what each of them does.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use thespian_core::{ActorAddress, AnyMessage, EncodeError, Envelope, SpareMessage};

use crate::keys::{Key, Keys};
use crate::worker::Ticket;

/// The table of workers. It sends nothing: it is only what the troupe knows.
#[derive(Default)]
pub(crate) struct Pool {
    /// A worker keeps its place for life.
    places: Vec<Option<Member>>,
    vacant: Vec<u32>,
    /// The places of those without work, the one that has been so for longest first.
    idle: VecDeque<u32>,
    busy: usize,
    leaving: usize,
    /// How many messages wait for one worker each, that of their key.
    queued: usize,
    /// Which keys belong to which worker; none in a troupe without keys.
    keys: Keys,
    /// The memory of copies that nobody needs any more, for others: no more of them than workers.
    spares: Vec<SpareMessage>,
}

/// A worker.
pub(crate) struct Member {
    pub(crate) address: ActorAddress,
    doing: Doing,
    /// Since when it has had nothing to do, as a time of the system.
    idle_since: Duration,
    /// What it is at work on. In parts that are written one by one: a value that is put together elsewhere and moved here costs
    /// as much as the rest of what is done for most messages.
    envelope: Option<Envelope>,
    key: Option<Key>,
    deaths: u32,
    /// What waits for it, because it has its keys; in the order in which it came.
    queue: VecDeque<Job>,
    /// Whether it has said something, and so has started.
    pub(crate) has_started: bool,
    /// Whether it has said that it looks at the troupe's tray.
    pub(crate) has_tray: bool,
    /// The asker that the tray names at its place.
    pub(crate) last_asker: ActorAddress,
    /// What it was at work on when the troupe last looked.
    seen_at: Option<Ticket>,
    /// Why its job came back while nobody knows whether it ever started.
    failure: Option<Box<str>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Doing {
    Nothing,
    Work,
    /// It was asked to exit.
    Leaving,
}

/// A message on its way through the troupe. Small, because a hundred thousand may wait: who sent it and its number are written
/// in the message, where there is room for them.
pub(crate) struct Job {
    envelope: Envelope,
    /// Jobs with the same one are for the same worker.
    pub(crate) key: Option<Key>,
    /// How many workers have died of it.
    pub(crate) deaths: u32,
}

/// How a worker is done.
pub(crate) enum End {
    /// The job is done.
    Done,
    /// It came back before, for this reason, and whether its worker lives was not known then.
    Failed(Job, Box<str>),
}

impl Job {
    /// Numbers are in the order in which messages came.
    #[inline(always)]
    pub(crate) fn new(number: u64, asker: &ActorAddress, message: AnyMessage, key: Option<Key>) -> Job {
        let mut envelope = message.seal(&ActorAddress::NOBODY, asker);
        envelope.set_number(number);
        Job { envelope, key, deaths: 0 }
    }

    pub(crate) fn number(&self) -> u64 {
        self.envelope.number()
    }

    pub(crate) fn asker(&self) -> &ActorAddress {
        self.envelope.from()
    }

    pub(crate) fn message(&self) -> &AnyMessage {
        self.envelope.message()
    }

    pub(crate) fn into_message(self) -> AnyMessage {
        self.envelope.into_message()
    }

    /// How a worker at this place names it.
    pub(crate) fn ticket(&self, place: u32) -> Ticket {
        Ticket { work: self.number(), place, attempt: self.deaths }
    }
}

impl Member {
    /// What it is at work on, at this place.
    fn ticket(&self, place: u32) -> Option<Ticket> {
        let envelope = self.envelope.as_ref()?;
        Some(Ticket { work: envelope.number(), place, attempt: self.deaths })
    }

    /// Its job is not its own any more.
    fn take_job(&mut self) -> Option<Job> {
        self.failure = None;
        self.envelope.take().map(|envelope| Job { envelope, key: self.key, deaths: self.deaths })
    }
}

impl Pool {
    /// How many there are, those that are about to leave among them.
    pub(crate) fn count(&self) -> usize {
        self.places.len() - self.vacant.len()
    }

    /// How many there are that stay.
    pub(crate) fn staff(&self) -> usize {
        self.count() - self.leaving
    }

    pub(crate) fn busy(&self) -> usize {
        self.busy
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(crate) fn leaving(&self) -> usize {
        self.leaving
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = ActorAddress> {
        self.places.iter().flatten().map(|member| member.address)
    }

    /// What the worker at this address is at work on, if it is the work with this ticket.
    pub(crate) fn current(&mut self, worker: ActorAddress, ticket: Ticket) -> Option<Ticket> {
        let member = self.at(ticket.place).filter(|member| member.address == worker)?;
        member.ticket(ticket.place).filter(|current| current.work == ticket.work)
    }

    /// What the worker at this address has been sent bare.
    pub(crate) fn bare_work(&self, worker: ActorAddress) -> Option<Ticket> {
        let place = self.place_of(worker)?;
        self.places[place].as_ref().filter(|member| member.has_tray)?.ticket(place as u32)
    }

    /// Those that are still at work on what they were the last time that this was asked, and could be cut off.
    pub(crate) fn slow(&mut self) -> Vec<(ActorAddress, Ticket)> {
        let mut slow = Vec::new();
        for (place, member) in self.places.iter_mut().enumerate() {
            let Some(member) = member.as_mut().filter(|member| !member.has_tray) else { continue };
            let ticket = member.ticket(place as u32);
            if let Some(ticket) = ticket.filter(|_| member.seen_at == ticket) {
                slow.push((member.address, ticket));
            }
            member.seen_at = ticket;
        }
        slow
    }

    /// Whether somebody is at work of whom [`slow`](Pool::slow) could tell.
    pub(crate) fn has_far_work(&self) -> bool {
        let is_far = |member: &Member| !member.has_tray && member.doing == Doing::Work;
        self.places.iter().flatten().any(is_far)
    }

    /// Whether this is a worker's address.
    pub(crate) fn has(&self, address: ActorAddress) -> bool {
        self.place_of(address).is_some()
    }

    /// A new worker. It has to [begin](Pool::begin) something.
    pub(crate) fn hire(&mut self, address: ActorAddress) -> u32 {
        let member = Some(Member {
            address,
            doing: Doing::Nothing,
            idle_since: Duration::ZERO,
            envelope: None,
            key: None,
            deaths: 0,
            queue: VecDeque::new(),
            has_started: false,
            has_tray: false,
            last_asker: ActorAddress::NOBODY,
            seen_at: None,
            failure: None,
        });
        if let Some(place) = self.vacant.pop() {
            self.places[place as usize] = member;
            return place;
        }
        self.places.push(member);
        u32::try_from(self.places.len() - 1).expect("there are at most as many as max_count allows")
    }

    /// The worker that has been idle for the shortest time: those who are not needed become those who can be dismissed. It
    /// has to [begin](Pool::begin) something.
    #[inline(always)]
    pub(crate) fn take_idle(&mut self) -> Option<u32> {
        self.idle.pop_back()
    }

    /// The worker that has been idle for the longest time. It has to [leave](Pool::leave).
    pub(crate) fn take_longest_idle(&mut self) -> Option<u32> {
        self.idle.pop_front()
    }

    /// Since when the worker that has been idle for the longest time is.
    pub(crate) fn longest_idle(&mut self) -> Option<Duration> {
        let place = *self.idle.front()?;
        Some(self.at(place)?.idle_since)
    }

    /// A copy of a message.
    ///
    /// # Errors
    ///
    /// As [`AnyMessage::duplicate`].
    #[inline(always)]
    pub(crate) fn copy(&mut self, message: &AnyMessage) -> Result<AnyMessage, EncodeError> {
        match self.spares.pop() {
            Some(spare) => message.duplicate_in(spare),
            None => message.duplicate(),
        }
    }

    /// A worker gets a job.
    #[inline(always)]
    pub(crate) fn begin(&mut self, place: u32, job: Job) {
        self.busy += 1;
        let member = self.member(place);
        member.doing = Doing::Work;
        member.envelope = Some(job.envelope);
        member.key = job.key;
        member.deaths = job.deaths;
    }

    /// The worker at this place is done with its job, if it has one. It has to begin something, to rest or to leave.
    #[inline(always)]
    pub(crate) fn end(&mut self, place: u32) -> Option<End> {
        let member = self.at(place).filter(|member| member.doing == Doing::Work)?;
        if let Some(details) = member.failure.take() {
            return self.take_back(place).map(|job| End::Failed(job, details));
        }
        member.has_started = true;
        member.doing = Doing::Nothing;
        let copy = member.envelope.take();
        self.busy -= 1;
        if let Some(copy) = copy
            && self.spares.len() < self.places.len()
        {
            self.spares.push(copy.emptied());
        }
        Some(End::Done)
    }

    /// The job of the worker at this place came back, and whether the worker lives is not known.
    pub(crate) fn note_failure(&mut self, place: u32, details: &str) {
        if let Some(member) = self.at(place) {
            member.failure = Some(details.into());
        }
    }

    /// The same, for a worker that has failed on it: the job is not done.
    pub(crate) fn take_back(&mut self, place: u32) -> Option<Job> {
        let member = self.at(place)?;
        let job = member.take_job()?;
        member.has_started = true;
        member.doing = Doing::Nothing;
        self.busy -= 1;
        Some(job)
    }

    /// The worker at this place looks at the troupe's tray.
    #[inline(always)]
    pub(crate) fn looks_at_tray(&mut self, place: u32) {
        if let Some(member) = self.at(place) {
            member.has_tray = true;
        }
    }

    /// A worker has nothing to do from now on.
    #[inline(always)]
    pub(crate) fn rest(&mut self, place: u32, now: Duration) {
        let member = self.member(place);
        member.doing = Doing::Nothing;
        member.idle_since = now;
        self.idle.push_back(place);
    }

    /// All that have nothing to do have had nothing since this time.
    pub(crate) fn restamp(&mut self, now: Duration) {
        for place in &self.idle {
            if let Some(Some(member)) = self.places.get_mut(*place as usize) {
                member.idle_since = now;
            }
        }
    }

    /// A worker is asked to exit. What waits for it is [left behind](Pool::take_queue).
    pub(crate) fn leave(&mut self, place: u32) -> ActorAddress {
        self.leaving += 1;
        self.keys.vacate(place);
        let member = self.member(place);
        member.doing = Doing::Leaving;
        member.address
    }

    /// A worker is gone. Returns the job that it had. What waits for it is to be [taken](Pool::take_queue) before.
    pub(crate) fn remove(&mut self, worker: ActorAddress) -> Option<Job> {
        let at = self.place_of(worker)?;
        self.keys.vacate(at as u32);
        let mut member = self.places[at].take()?;
        let place = at as u32;
        self.vacant.push(place);
        match member.doing {
            Doing::Nothing => self.idle.retain(|idle| *idle != place),
            Doing::Leaving => self.leaving -= 1,
            Doing::Work => self.busy -= 1,
        }
        member.take_job()
    }

    // -- keys --------------------------------------------------------------------------------------------------

    /// How many messages wait for the worker of their key.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// How many keys have a worker.
    pub(crate) fn keys(&self) -> usize {
        self.keys.count()
    }

    /// The place of a key's worker.
    pub(crate) fn home(&self, key: Key) -> Option<u32> {
        self.keys.home(key)
    }

    /// This key's worker is the one at this place, as long as it lives and the key is remembered.
    pub(crate) fn settle(&mut self, key: Key, place: u32, limit: u32) {
        let members = self.places.iter().flatten();
        let pending = || {
            members.flat_map(|member| {
                let at_work = member.key.filter(|_| member.envelope.is_some());
                at_work.into_iter().chain(member.queue.iter().filter_map(|job| job.key))
            })
        };
        self.keys.settle(key, place, limit, pending);
    }

    /// An idle worker that has no keys, the one that has been so for the shortest time. It has to [begin](Pool::begin) something.
    pub(crate) fn take_idle_without_keys(&mut self) -> Option<u32> {
        let place = *self.idle.iter().rev().find(|place| self.keys.count_at(**place) == 0)?;
        self.take_this(place).then_some(place)
    }

    /// The worker that has least to do, and among equals the one with the fewest keys.
    pub(crate) fn least_loaded(&self) -> Option<u32> {
        let members = self.places.iter().zip(0_u32..);
        let staying = members.filter_map(|(member, place)| match member {
            Some(member) if member.doing != Doing::Leaving => Some((member, place)),
            _ => None,
        });
        let load = |member: &Member| usize::from(member.doing == Doing::Work) + member.queue.len();
        staying
            .min_by_key(|(member, place)| (load(member), self.keys.count_at(*place)))
            .map(|(_, place)| place)
    }

    /// Whether the worker at this place is idle; if it is, it has to [begin](Pool::begin) something.
    pub(crate) fn take_this(&mut self, place: u32) -> bool {
        let at = self.idle.iter().rposition(|idle| *idle == place);
        at.is_some_and(|at| self.idle.remove(at).is_some())
    }

    /// A job waits for the worker at this place, in its turn.
    pub(crate) fn enqueue(&mut self, place: u32, job: Job) {
        self.queued += 1;
        insert_in_turn(&mut self.member(place).queue, job);
    }

    /// The next job that waits for the worker at this place, if it came before this number.
    #[inline(always)]
    pub(crate) fn next_before(&mut self, place: u32, number: Option<u64>) -> Option<Job> {
        if self.queued == 0 {
            return None;
        }
        let queue = &mut self.member(place).queue;
        let first = queue.front()?.number();
        if number.is_some_and(|number| number < first) {
            return None;
        }
        let job = queue.pop_front();
        self.queued -= 1;
        job
    }

    /// What waits for the worker at this address, which does not come to it any more.
    pub(crate) fn take_queue(&mut self, worker: ActorAddress) -> VecDeque<Job> {
        let Some(place) = self.place_of(worker) else { return VecDeque::new() };
        let queue = mem::take(&mut self.member(place as u32).queue);
        self.queued -= queue.len();
        queue
    }

    /// Whether the worker at this place has started, as far as the troupe knows.
    pub(crate) fn has_started(&mut self, place: u32) -> bool {
        self.at(place).is_some_and(|member| member.has_started)
    }

    /// The worker at a place that has one.
    #[inline(always)]
    pub(crate) fn member(&mut self, place: u32) -> &mut Member {
        self.at(place).expect("a place is vacant only after its worker was removed")
    }

    fn place_of(&self, worker: ActorAddress) -> Option<usize> {
        let is_at = |member: &Option<Member>| member.as_ref().is_some_and(|member| member.address == worker);
        self.places.iter().position(is_at)
    }

    #[inline(always)]
    fn at(&mut self, place: u32) -> Option<&mut Member> {
        self.places.get_mut(place as usize)?.as_mut()
    }
}

/// Puts a job where those that came before it and those that came later part.
pub(crate) fn insert_in_turn(queue: &mut VecDeque<Job>, job: Job) {
    let at = queue.partition_point(|waiting| waiting.number() < job.number());
    queue.insert(at, job);
}
