//! A base for one actor, that watches descriptors: what the bases with processes do, in the thread of the test.

use std::collections::VecDeque;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use thespian_core::engine::{Effect, Host, HostConfig, HostInput, Output, Outputs};
use thespian_core::{
    Actions, Actor, ActorAddress, ActorType, AddressKey, AnyMessage, Capabilities, Context, Environment,
    ErasedActor, Failure, IntoMessage, Limits, SystemId, Time, WatchMessage,
};

/// An actor, and what is outside of it.
pub(crate) struct Stage {
    host: Host,
    /// `None` when it has exited.
    pub(crate) actor: Option<Box<dyn ErasedActor>>,
    environment: World,
    out: Outputs,
    actions: Actions,
    watched: Vec<i32>,
    /// What has been sent to addresses outside.
    sent: VecDeque<(ActorAddress, AnyMessage)>,
    /// How many times the actor was told that it can read.
    pub(crate) watch_messages: u32,
}

/// The actor's.
pub(crate) const ME: u64 = 1;

pub(crate) fn address(slot: u64) -> ActorAddress {
    AddressKey::new([7; 16]).seal(SystemId::from_bits(7), slot, 1)
}

impl Stage {
    pub(crate) fn new<A: Actor>(start: A::Start) -> Stage {
        let limits = Arc::new(Limits::default());
        let mut capabilities = Capabilities::new();
        capabilities.set("Thespian Watch Supported", true);
        let config = HostConfig {
            address: address(ME),
            kind: ActorType::of::<A>(),
            policy: A::failure_policy(),
            limits: limits.clone(),
            carrier: None,
            accounting: false,
            pid: None,
        };
        Stage {
            host: Host::new(config),
            actor: Some(Box::new(A::start(start).expect("it starts"))),
            environment: World { begun: Instant::now(), capabilities, largest_message: None },
            out: Outputs::new(),
            actions: Actions::new(limits.actions_per_attempt),
            watched: Vec::new(),
            sent: VecDeque::new(),
            watch_messages: 0,
        }
    }

    /// The same, where no message may be larger than so many bytes.
    #[allow(dead_code, reason = "not every program has commands whose results are large")]
    pub(crate) fn with_messages_of(mut self, largest_message: usize) -> Stage {
        self.environment.largest_message = Some(largest_message);
        self
    }

    pub(crate) fn tell(&mut self, from: ActorAddress, message: impl IntoMessage) {
        let envelope = message.into_message().seal(&address(ME), &from).uncounted();
        let now = self.environment.now();
        self.host.arrived(now, envelope, &mut self.out);
        self.settle();
    }

    /// The next message to somebody outside, if one comes in time.
    pub(crate) fn next(&mut self, time: Duration) -> Option<(ActorAddress, AnyMessage)> {
        let until = Instant::now() + time;
        while self.sent.is_empty() && Instant::now() < until {
            self.turn(until);
        }
        self.sent.pop_front()
    }

    /// Waits until something can be read, and tells the actor.
    fn turn(&mut self, until: Instant) {
        let left = until.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
        let ready = readable(&self.watched, left);
        if ready.is_empty() {
            return;
        }
        self.watch_messages += 1;
        self.watched.clear();
        let me = address(ME);
        let envelope = AnyMessage::new(WatchMessage { ready }).seal(&me, &me).by_runtime();
        let now = self.environment.now();
        self.host.arrived(now, envelope, &mut self.out);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            while let Some(credit) = self.out.poll_credit() {
                let now = self.environment.now();
                if credit.to == address(ME) {
                    self.host.credited(now, credit.count, &mut self.out);
                }
            }
            if let Some(output) = self.out.poll() {
                self.perform(output);
            } else if let Some(envelope) = self.out.poll_delivery() {
                self.deliver(envelope);
            } else {
                return;
            }
        }
    }

    fn perform(&mut self, output: Output) {
        let now = self.environment.now();
        match output {
            Output::Transmit(envelope) if *envelope.to() == address(ME) => {
                self.host.arrived(now, envelope, &mut self.out);
            }
            Output::Transmit(envelope) => {
                if let Some(most) = self.environment.largest_message {
                    let mut bytes = Vec::new();
                    envelope.message().encode_into(&mut bytes).expect("it can be encoded");
                    assert!(bytes.len() <= most, "{} bytes of {:?}", bytes.len(), envelope.message());
                }
                self.sent.push_back((*envelope.to(), envelope.into_message()));
                self.host.credited(now, 1, &mut self.out);
            }
            Output::Frame => panic!("nobody here is in another process"),
            Output::Other(effect) => match *effect {
                Effect::Watch { descriptors, .. } => self.watched = descriptors,
                Effect::Stopped(_) => self.actor = None,
                Effect::Paused(_) => self.host.handle(now, HostInput::Relief, &mut self.out),
                other => panic!("nobody here can do {other:?}"),
            },
        }
    }

    fn deliver(&mut self, envelope: thespian_core::Envelope) {
        let Some(actor) = &mut self.actor else { return };
        self.watched.clear();
        let (me, from) = (*envelope.to(), *envelope.from());
        let mut ctx = Context::new(&me, &from, &mut self.actions, &mut self.environment);
        let outcome = actor.receive(envelope.message(), &mut ctx);
        if let Err(failure) = &outcome {
            panic!("this actor does not fail: {}", Failure::details(failure));
        }
        let now = self.environment.now();
        let next = self.host.finished(now, envelope, outcome, &mut self.actions, &mut self.out);
        next.into_iter().for_each(|next| self.out.deliver(next));
    }
}

/// Those of the descriptors that can be read within that time.
fn readable(descriptors: &[i32], time: Duration) -> Vec<i32> {
    let borrowed: Vec<_> = descriptors.iter().map(|fd| borrow(*fd)).collect();
    let mut fds: Vec<PollFd<'_>> = borrowed.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::MAX);
    if poll(&mut fds, timeout).is_err() {
        return Vec::new();
    }
    let ready = descriptors.iter().zip(&fds).filter(|(_, fd)| fd.any().unwrap_or(false));
    ready.map(|(fd, _)| *fd).collect()
}

#[expect(unsafe_code, reason = "a watched descriptor is a number, and polling takes one that is open")]
fn borrow(fd: i32) -> BorrowedFd<'static> {
    // SAFETY: the actor watches it, and closes it only when it handles a message, after which it is not watched.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// What the actor sees of the world while its handler runs.
struct World {
    begun: Instant,
    capabilities: Capabilities,
    largest_message: Option<usize>,
}

impl Environment for World {
    fn now(&mut self) -> Time {
        Time::after_start(self.begun.elapsed())
    }

    fn allocate(&mut self) -> ActorAddress {
        panic!("this actor creates none")
    }

    fn claim_name(&mut self, _: &str, proposed: ActorAddress) -> ActorAddress {
        proposed
    }

    fn find_name(&mut self, _: &str) -> Option<ActorAddress> {
        None
    }

    fn flush(&mut self, _: ActorAddress, _: &mut Actions) {}

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn largest_message(&self) -> Option<usize> {
        self.largest_message
    }

    fn admin(&self) -> ActorAddress {
        address(0)
    }

    fn base_name(&self) -> &str {
        "stage"
    }
}
