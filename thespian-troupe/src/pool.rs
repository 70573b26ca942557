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
struct Member {
    address: ActorAddress,
    doing: Doing,
    /// Whether it has said something, and so has started.
    has_started: bool,
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

    /// What the worker at this place works on.
    pub(crate) fn ticket(&mut self, place: u32) -> Option<Ticket> {
        match &self.at(place)?.doing {
            Doing::Work(job) => Some(Ticket { work: job.number, place }),
            _ => None,
        }
    }

    /// A new worker. It has to [begin](Pool::begin) something.
    pub(crate) fn hire(&mut self, address: ActorAddress) -> u32 {
        let member = Some(Member { address, doing: Doing::Nothing(Duration::ZERO), has_started: false });
        if let Some(place) = self.vacant.pop() {
            self.places[place as usize] = member;
            return place;
        }
        self.places.push(member);
        u32::try_from(self.places.len() - 1).expect("there are at most as many as max_count allows")
    }

    /// The worker that has been idle for the shortest time: those who are not needed become those who can be dismissed. It
    /// has to [begin](Pool::begin) something.
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

    /// A worker gets a job. Returns its address, and how it names the job.
    pub(crate) fn begin(&mut self, place: u32, job: Job) -> (ActorAddress, Ticket) {
        let ticket = Ticket { work: job.number, place };
        self.busy += 1;
        let address = self.set(place, Doing::Work(job));
        (address, ticket)
    }

    /// A worker is done with its job. It has to begin something, to rest or to leave.
    pub(crate) fn end(&mut self, ticket: Ticket) -> Option<Job> {
        let member = self.at(ticket.place)?;
        if !matches!(&member.doing, Doing::Work(job) if job.number == ticket.work) {
            return None;
        }
        member.has_started = true;
        let Doing::Work(job) = mem::replace(&mut member.doing, Doing::Nothing(Duration::ZERO)) else {
            return None;
        };
        self.busy -= 1;
        Some(job)
    }

    /// A worker has nothing to do from now on.
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
        self.set(place, Doing::Leaving)
    }

    /// A worker is gone. Returns the job that it had.
    pub(crate) fn remove(&mut self, worker: ActorAddress) -> Option<Job> {
        let is_at = |member: &Option<Member>| member.as_ref().is_some_and(|member| member.address == worker);
        let at = self.places.iter().position(is_at)?;
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

    fn at(&mut self, place: u32) -> Option<&mut Member> {
        self.places.get_mut(place as usize)?.as_mut()
    }

    fn set(&mut self, place: u32, doing: Doing) -> ActorAddress {
        let member = self.at(place).expect("a place is vacant only after its worker was removed");
        member.doing = doing;
        member.address
    }
}
