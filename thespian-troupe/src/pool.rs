//! The workers of a troupe, and what each of them does.

use std::collections::VecDeque;
use std::mem;
use std::time::Duration;

use thespian_core::{ActorAddress, AnyMessage};

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
}

/// A worker.
pub(crate) struct Member {
    pub(crate) address: ActorAddress,
    doing: Doing,
    /// Whether it has said something, and so has started.
    pub(crate) has_started: bool,
    /// Whether it has said that it looks at the troupe's tray.
    pub(crate) has_tray: bool,
    /// The asker that the tray names at its place.
    pub(crate) last_asker: ActorAddress,
    /// What it was at work on when the troupe last looked.
    seen_at: Option<Ticket>,
}

enum Doing {
    /// Nothing, since that time of the system.
    Nothing(Duration),
    Work(Job),
    /// It was asked to exit.
    Leaving,
}

/// A message on its way through the troupe.
pub(crate) struct Job {
    /// In the order in which they came.
    pub(crate) number: u64,
    pub(crate) asker: ActorAddress,
    pub(crate) message: AnyMessage,
    /// How many workers have died of it.
    pub(crate) deaths: u32,
    /// Why it came back from a worker of which nobody knows whether it ever started.
    pub(crate) failure: Option<Box<str>>,
}

/// How a worker is done.
pub(crate) enum End {
    /// The job is done.
    Done,
    /// It came back before, for this reason, and whether its worker lives was not known then.
    Failed(Job, Box<str>),
}

impl Job {
    /// How a worker at this place names it.
    pub(crate) fn ticket(&self, place: u32) -> Ticket {
        Ticket { work: self.number, place, attempt: self.deaths }
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

    /// The job with this ticket, if the worker at this address has it.
    pub(crate) fn job(&mut self, worker: ActorAddress, ticket: Ticket) -> Option<&mut Job> {
        match self.at(ticket.place)? {
            Member { address, doing: Doing::Work(job), .. }
                if *address == worker && job.number == ticket.work =>
            {
                Some(job)
            }
            _ => None,
        }
    }

    /// What the worker at this address has been sent bare.
    pub(crate) fn bare_work(&self, worker: ActorAddress) -> Option<Ticket> {
        let place = self.place_of(worker)?;
        match self.places[place].as_ref()? {
            Member { doing: Doing::Work(job), has_tray: true, .. } => Some(job.ticket(place as u32)),
            _ => None,
        }
    }

    /// Those that are still at work on what they were the last time that this was asked, and could be cut off.
    pub(crate) fn slow(&mut self) -> Vec<(ActorAddress, Ticket)> {
        let mut slow = Vec::new();
        for (place, member) in self.places.iter_mut().enumerate() {
            let Some(member) = member.as_mut().filter(|member| !member.has_tray) else { continue };
            let ticket = match &member.doing {
                Doing::Work(job) => Some(job.ticket(place as u32)),
                _ => None,
            };
            if let Some(ticket) = ticket.filter(|_| member.seen_at == ticket) {
                slow.push((member.address, ticket));
            }
            member.seen_at = ticket;
        }
        slow
    }

    /// Whether somebody is at work of whom [`slow`](Pool::slow) could tell.
    pub(crate) fn has_far_work(&self) -> bool {
        let is_far = |member: &Member| !member.has_tray && matches!(member.doing, Doing::Work(_));
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
            doing: Doing::Nothing(Duration::ZERO),
            has_started: false,
            has_tray: false,
            last_asker: ActorAddress::NOBODY,
            seen_at: None,
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
        match self.at(place)?.doing {
            Doing::Nothing(since) => Some(since),
            _ => None,
        }
    }

    /// A worker gets a job.
    #[inline(always)]
    pub(crate) fn begin(&mut self, place: u32, job: Job) {
        self.busy += 1;
        self.set(place, Doing::Work(job));
    }

    /// The worker at this place is done with its job, if it has one. It has to begin something, to rest or to leave.
    #[inline(always)]
    pub(crate) fn end(&mut self, place: u32) -> Option<End> {
        let member = self.at(place)?;
        let Doing::Work(job) = &mut member.doing else { return None };
        if let Some(details) = job.failure.take() {
            return self.take_back(place).map(|job| End::Failed(job, details));
        }
        member.has_started = true;
        member.doing = Doing::Nothing(Duration::ZERO);
        self.busy -= 1;
        Some(End::Done)
    }

    /// The same, for a worker that has failed on it: the job is not done.
    pub(crate) fn take_back(&mut self, place: u32) -> Option<Job> {
        let member = self.at(place)?;
        match mem::replace(&mut member.doing, Doing::Nothing(Duration::ZERO)) {
            Doing::Work(job) => {
                member.has_started = true;
                self.busy -= 1;
                Some(job)
            }
            other => {
                member.doing = other;
                None
            }
        }
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
        self.set(place, Doing::Nothing(now));
        self.idle.push_back(place);
    }

    /// All that have nothing to do have had nothing since this time.
    pub(crate) fn restamp(&mut self, now: Duration) {
        for place in &self.idle {
            if let Some(Some(member)) = self.places.get_mut(*place as usize) {
                member.doing = Doing::Nothing(now);
            }
        }
    }

    /// A worker is asked to exit.
    pub(crate) fn leave(&mut self, place: u32) -> ActorAddress {
        self.leaving += 1;
        self.set(place, Doing::Leaving).address
    }

    /// A worker is gone. Returns the job that it had.
    pub(crate) fn remove(&mut self, worker: ActorAddress) -> Option<Job> {
        let at = self.place_of(worker)?;
        let member = self.places[at].take()?;
        let place = at as u32;
        self.vacant.push(place);
        match member.doing {
            Doing::Nothing(_) => self.idle.retain(|idle| *idle != place),
            Doing::Leaving => self.leaving -= 1,
            Doing::Work(job) => {
                self.busy -= 1;
                return Some(job);
            }
        }
        None
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

    #[inline(always)]
    fn set(&mut self, place: u32, doing: Doing) -> &mut Member {
        let member = self.member(place);
        member.doing = doing;
        member
    }
}
