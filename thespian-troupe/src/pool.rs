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
    /// How many messages workers have beside the one that each is at work on.
    ahead: usize,
    leaving: usize,
    /// How many messages wait for one worker each, that of their key.
    queued: usize,
    /// Which keys belong to which worker; none in a troupe without keys.
    keys: Keys,
    /// The memory of copies that nobody needs any more, for others: no more of them than workers, or [`SPARES`].
    spares: Vec<SpareMessage>,
    /// The places of those that can have more than they have, each once, and perhaps of others.
    open: VecDeque<u32>,
    turns: u64,
    /// The last turn before the troupe last looked for what takes long.
    asked_at: u64,
}

/// So many spares are kept at least: workers in other processes are given several messages at the same time.
const SPARES: usize = 256;

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
    turn: u64,
    /// What it was sent together with that, with the turns. The troupe has not heard of any of it.
    ahead: VecDeque<(u64, Job)>,
    /// How much it likes to have at the same time.
    room: u32,
    /// Whether it is listed as one that can have more.
    is_open: bool,
    /// Whether it is to have nothing else before this is over.
    is_alone: bool,
    /// Whether it has begun, or was heard of, since the troupe last looked for those that are stuck; and whether it had not been
    /// when that was.
    is_fresh: bool,
    is_stuck: bool,
    /// What waits for it, because it has its keys; in the order in which it came.
    queue: VecDeque<Job>,
    /// Whether it has said something, and so has started.
    pub(crate) has_started: bool,
    /// Whether it has said that it looks at the troupe's tray.
    pub(crate) has_tray: bool,
    /// The asker that the tray names at its place.
    pub(crate) last_asker: ActorAddress,
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
    /// Whether a worker has died that had it together with others, one of which it may have died of.
    pub(crate) is_suspect: bool,
}

/// Where in a worker's batch something is.
enum Found {
    First,
    Ahead(usize),
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
        Job { envelope, key, deaths: 0, is_suspect: false }
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

    /// How a worker at this place names it, when this is its turn.
    pub(crate) fn ticket(&self, place: u32, turn: u64) -> Ticket {
        Ticket { work: self.number(), place, turn }
    }

    /// Whether nobody else's job is to suffer if a worker dies of it.
    pub(crate) fn goes_alone(&self) -> bool {
        self.is_suspect || self.deaths > 0
    }
}

impl Member {
    /// What it is at work on, at this place.
    fn ticket(&self, place: u32) -> Option<Ticket> {
        let envelope = self.envelope.as_ref()?;
        Some(Ticket { work: envelope.number(), place, turn: self.turn })
    }

    /// Its job is not its own any more.
    fn take_job(&mut self) -> Option<Job> {
        self.failure = None;
        let (key, deaths) = (self.key, self.deaths);
        self.envelope.take().map(|envelope| Job { envelope, key, deaths, is_suspect: false })
    }

    /// Whether it can have another one with what it has.
    fn has_room(&self) -> bool {
        self.doing == Doing::Work && !self.is_alone && (self.ahead.len() as u32) + 1 < self.room
    }

    fn set_job(&mut self, job: Job, turn: u64) {
        self.is_alone = job.goes_alone();
        self.envelope = Some(job.envelope);
        self.key = job.key;
        self.deaths = job.deaths;
        self.turn = turn;
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

    /// Whether the worker at this address has the work with this ticket.
    pub(crate) fn holds(&mut self, worker: ActorAddress, ticket: Ticket) -> bool {
        self.find(worker, ticket).is_some()
    }

    fn find(&mut self, worker: ActorAddress, ticket: Ticket) -> Option<Found> {
        let member = self.at(ticket.place).filter(|member| member.address == worker)?;
        let first = member.ticket(ticket.place)?;
        if first == ticket {
            return Some(Found::First);
        }
        member.ahead.iter().position(|(turn, _)| *turn == ticket.turn).map(Found::Ahead)
    }

    /// What the worker at this address has been sent bare.
    pub(crate) fn bare_work(&self, worker: ActorAddress) -> Option<Ticket> {
        let place = self.place_of(worker)?;
        self.places[place].as_ref().filter(|member| member.has_tray)?.ticket(place as u32)
    }

    /// Those that could be cut off, with what they have had since before the last time that this was asked.
    pub(crate) fn slow(&mut self) -> Vec<(ActorAddress, Ticket)> {
        let before = mem::replace(&mut self.asked_at, self.turns);
        let mut slow = Vec::new();
        for (member, place) in self.places.iter().zip(0_u32..) {
            let Some(member) = member.as_ref().filter(|member| !member.has_tray) else { continue };
            let others = member.ahead.iter().map(|(turn, job)| job.ticket(place, *turn));
            let tickets = member.ticket(place).into_iter().chain(others);
            let old = tickets.filter(|ticket| ticket.turn <= before);
            slow.extend(old.map(|ticket| (member.address, ticket)));
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
            turn: 0,
            ahead: VecDeque::new(),
            room: 1,
            is_open: false,
            is_alone: false,
            is_fresh: false,
            is_stuck: false,
            queue: VecDeque::new(),
            has_started: false,
            has_tray: false,
            last_asker: ActorAddress::NOBODY,
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

    /// The memory of a copy that nobody needs any more.
    pub(crate) fn spare(&mut self) -> Option<SpareMessage> {
        self.spares.pop()
    }

    /// The turn of the next work that does not go bare.
    pub(crate) fn next_turn(&mut self) -> u64 {
        self.turns += 1;
        self.turns
    }

    /// A worker gets a job, with the turn that its ticket says.
    #[inline(always)]
    pub(crate) fn begin(&mut self, place: u32, job: Job, turn: u64) {
        self.busy += 1;
        let member = self.member(place);
        member.doing = Doing::Work;
        member.is_fresh = true;
        member.set_job(job, turn);
    }

    /// The same for one that may have a job already.
    pub(crate) fn begin_with(&mut self, place: u32, job: Job, turn: u64) {
        let member = self.member(place);
        if member.doing == Doing::Work {
            member.ahead.push_back((turn, job));
            self.ahead += 1;
        } else {
            self.begin(place, job, turn);
        }
        self.reopen(place);
    }

    /// The first turn of what the worker at this place has.
    pub(crate) fn oldest(&mut self, place: u32) -> Option<u64> {
        self.at(place).filter(|member| member.doing == Doing::Work).map(|member| member.turn)
    }

    /// The worker at this place was heard of, and likes to have so much at the same time.
    pub(crate) fn heard_of(&mut self, place: u32, room: u32) {
        let member = self.member(place);
        member.room = room;
        member.is_fresh = true;
        member.is_stuck = false;
        self.reopen(place);
    }

    /// How many messages workers have.
    pub(crate) fn out(&self) -> usize {
        self.busy + self.ahead
    }

    /// Whether the worker at this place likes to have several at the same time.
    pub(crate) fn is_quick(&mut self, place: u32) -> bool {
        self.at(place).is_some_and(|member| member.room > 1)
    }

    /// How much the quick ones that are at work like to have together, but for those that are stuck.
    pub(crate) fn liked(&self) -> usize {
        let quick = self.places.iter().flatten().filter(|member| member.room > 1 && !member.is_alone);
        let at_work = quick.filter(|member| member.doing == Doing::Work && !member.is_stuck);
        at_work.map(|member| member.room as usize).sum()
    }

    /// Those that are at work and have not been heard of since this was last done are stuck.
    pub(crate) fn look_for_stuck(&mut self) {
        for member in self.places.iter_mut().flatten() {
            member.is_stuck = !mem::take(&mut member.is_fresh) && member.doing == Doing::Work;
        }
    }

    /// Whether the worker at this place can have a job with what it has.
    pub(crate) fn has_room(&mut self, place: u32) -> bool {
        self.at(place).is_some_and(|member| member.has_room())
    }

    /// Whether the worker at this place has so little left of what it likes to have that it is worth a message to it: each wakes it.
    pub(crate) fn runs_dry(&mut self, place: u32) -> bool {
        self.at(place).is_some_and(|member| 4 * (member.ahead.len() as u32 + 1) <= member.room)
    }

    fn reopen(&mut self, place: u32) {
        let member = self.member(place);
        if member.has_room() && !mem::replace(&mut member.is_open, true) {
            self.open.push_back(place);
        }
    }

    /// A worker that can have a job with what it has: of the next two in turn the one that has less, so that one that is stuck gets next
    /// to nothing (Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing", 2001).
    pub(crate) fn take_open(&mut self) -> Option<u32> {
        let first = self.next_open()?;
        let Some(second) = self.next_open() else { return Some(first) };
        let (chosen, other) = match self.load(first) <= self.load(second) {
            true => (first, second),
            false => (second, first),
        };
        // The other one stays the next, if it had not the turn already: else one that always has more would stand in front for ever.
        self.member(other).is_open = true;
        if other == second {
            self.open.push_front(other);
        } else {
            self.open.push_back(other);
        }
        Some(chosen)
    }

    /// How much the worker at this place has beside what it is at work on.
    fn load(&mut self, place: u32) -> usize {
        self.at(place).map_or(0, |member| member.ahead.len())
    }

    fn next_open(&mut self) -> Option<u32> {
        while let Some(place) = self.open.pop_front() {
            if let Some(member) = self.at(place) {
                member.is_open = false;
                if member.has_room() {
                    return Some(place);
                }
            }
        }
        None
    }

    /// The worker at this place is done with its job, if it has one. Unless it [has another](Pool::is_at_work), it has to begin
    /// something, to rest or to leave.
    #[inline(always)]
    pub(crate) fn end(&mut self, place: u32) -> Option<End> {
        let member = self.at(place).filter(|member| member.doing == Doing::Work)?;
        if let Some(details) = member.failure.take() {
            return self.take_back(place).map(|job| End::Failed(job, details));
        }
        member.has_started = true;
        let copy = member.envelope.take();
        self.proceed(place);
        if let Some(copy) = copy {
            self.keep_spare(copy);
        }
        Some(End::Done)
    }

    /// The worker at this address says that it is done with this. The same as [`end`](Pool::end), also for what is not its first.
    pub(crate) fn end_of(&mut self, worker: ActorAddress, ticket: Ticket) -> Option<End> {
        match self.find(worker, ticket)? {
            Found::First => self.end(ticket.place),
            Found::Ahead(at) => {
                let job = self.take_ahead(ticket.place, at)?;
                self.keep_spare(job.envelope);
                Some(End::Done)
            }
        }
    }

    fn keep_spare(&mut self, copy: Envelope) {
        if self.spares.len() < self.places.len().max(SPARES) {
            self.spares.push(copy.emptied());
        }
    }

    /// The first of the batch is over.
    #[inline(always)]
    fn proceed(&mut self, place: u32) {
        let member = self.member(place);
        match member.ahead.pop_front() {
            Some((turn, job)) => {
                member.set_job(job, turn);
                self.ahead -= 1;
            }
            None => {
                member.doing = Doing::Nothing;
                self.busy -= 1;
            }
        }
    }

    /// Whether the worker at this place has something to do.
    pub(crate) fn is_at_work(&mut self, place: u32) -> bool {
        self.at(place).is_some_and(|member| member.doing == Doing::Work)
    }

    /// The job of the worker at this place came back, and whether the worker lives is not known.
    pub(crate) fn note_failure(&mut self, place: u32, details: &str) {
        if let Some(member) = self.at(place) {
            member.failure = Some(details.into());
        }
    }

    /// The same, for a worker that has failed on it: the job is not done.
    fn take_back(&mut self, place: u32) -> Option<Job> {
        let member = self.at(place)?;
        let job = member.take_job()?;
        member.has_started = true;
        self.proceed(place);
        Some(job)
    }

    /// The worker at this address has this no more, and it is not done. Unless it [has something else](Pool::is_at_work), it has to
    /// begin something, to rest or to leave.
    pub(crate) fn take_out(&mut self, worker: ActorAddress, ticket: Ticket) -> Option<Job> {
        match self.find(worker, ticket)? {
            Found::First => self.take_back(ticket.place),
            Found::Ahead(at) => self.take_ahead(ticket.place, at),
        }
    }

    fn take_ahead(&mut self, place: u32, at: usize) -> Option<Job> {
        let (_, job) = self.member(place).ahead.remove(at)?;
        self.ahead -= 1;
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

    /// A worker is gone. Returns the jobs that it had. What waits for it is to be [taken](Pool::take_queue) before.
    pub(crate) fn remove(&mut self, worker: ActorAddress) -> Vec<Job> {
        let Some(at) = self.place_of(worker) else { return Vec::new() };
        self.keys.vacate(at as u32);
        let Some(mut member) = self.places[at].take() else { return Vec::new() };
        let place = at as u32;
        self.vacant.push(place);
        match member.doing {
            Doing::Nothing => self.idle.retain(|idle| *idle != place),
            Doing::Leaving => self.leaving -= 1,
            Doing::Work => self.busy -= 1,
        }
        self.ahead -= member.ahead.len();
        let first = member.take_job();
        first.into_iter().chain(member.ahead.into_iter().map(|(_, job)| job)).collect()
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
                let first = member.key.filter(|_| member.envelope.is_some());
                let others = member.ahead.iter().map(|(_, job)| job).chain(&member.queue);
                first.into_iter().chain(others.filter_map(|job| job.key))
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
        let load = |member: &Member| {
            usize::from(member.doing == Doing::Work) + member.ahead.len() + member.queue.len()
        };
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

    /// How many jobs wait for the worker at this place.
    pub(crate) fn queue_len(&mut self, place: u32) -> usize {
        self.at(place).map_or(0, |member| member.queue.len())
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
fn insert_in_turn(queue: &mut VecDeque<Job>, job: Job) {
    let at = queue.partition_point(|waiting| waiting.number() < job.number());
    queue.insert(at, job);
}

#[cfg(test)]
mod tests {
    use thespian_core::{AddressKey, SystemId};

    use super::*;

    fn address(slot: u64) -> ActorAddress {
        AddressKey::new([1; 16]).seal(SystemId::from_bits(1), slot, 1)
    }

    fn job(number: u64) -> Job {
        Job::new(number, &address(99), AnyMessage::new(number), None)
    }

    /// Workers that are at work, and so quick that each can have a hundred messages.
    fn quick(count: u64) -> Pool {
        let mut pool = Pool::default();
        for slot in 0..count {
            let place = pool.hire(address(slot));
            let turn = pool.next_turn();
            pool.begin(place, job(slot), turn);
            pool.heard_of(place, 100);
        }
        pool
    }

    fn give_ahead(pool: &mut Pool) -> Option<u32> {
        let place = pool.take_open()?;
        let turn = pool.next_turn();
        pool.begin_with(place, job(turn), turn);
        Some(place)
    }

    #[test]
    fn what_is_given_ahead_is_shared_out_evenly_until_all_have_enough() {
        let mut pool = quick(8);
        for share in 1..100 {
            (0..8).for_each(|_| assert!(give_ahead(&mut pool).is_some()));
            for place in 0..8 {
                assert!((share - 1..=share + 1).contains(&pool.load(place)), "{share}: {}", pool.load(place));
            }
        }
        assert_eq!((give_ahead(&mut pool), pool.out()), (None, 800));
    }

    #[test]
    fn who_does_nothing_gets_next_to_nothing_more() {
        for stuck in 0..8 {
            let mut pool = quick(8);
            for _ in 0..1000 {
                let place = give_ahead(&mut pool).expect("somebody has room");
                if place != stuck {
                    pool.end(place);
                    pool.heard_of(place, 100);
                }
            }
            assert!(pool.load(stuck) <= 2, "{}", pool.load(stuck));
        }
    }
}
