//! What the engines and the encoding of messages cost on each side of a pair of processes, without any sockets.
//!
//! ```text
//! cargo run --release -p thespian-simple --example links_speed [messages]
//! ```
//!
//! One actor is told to send, another counts what comes; their engines are driven here as the process host drives them,
//! and frames are handed across by value. What a transport does with a frame, writing and reading it, is not in it, but
//! for the one allocation that keeps the bytes of a message at the receiver.

#![expect(clippy::print_stdout, reason = "a program that tells what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thespian_core::engine::link::{Carrier, Frame};
use thespian_core::engine::{Departure, Host, HostConfig, Output, Outputs};
use thespian_core::{
    Actions, Actor, ActorAddress, ActorType, AddressKey, AnyMessage, Capabilities, Context, Environment,
    FailurePolicy, Limits, Message, Payload, SystemId, Time, actor,
};

/// How many messages one attempt sends.
const PER_ATTEMPT: u64 = 100;

/// 64 bytes, encoded.
#[derive(Serialize, Deserialize, Message)]
struct Job {
    number: u64,
    text: String,
}

#[derive(Serialize, Deserialize, Message)]
struct Send(ActorAddress);

#[derive(Default)]
struct Counter {
    sum: u64,
    bytes: u64,
}

#[actor]
impl Counter {
    fn send(&mut self, Send(to): &Send, ctx: &mut Context<'_>) {
        for _ in 0..PER_ATTEMPT {
            self.sum += 1;
            ctx.send(to, Job { number: 1 << 32 | self.sum, text: TEXT.into() });
        }
    }

    fn count(&mut self, job: &Job, _: &mut Context<'_>) {
        self.sum += job.number & 0xffff_ffff;
        self.bytes += job.text.len() as u64;
    }
}

const TEXT: &str = "a message of the size that the budget for the flood is about";

/// One process: an actor, its engine, and what the driver has in hand.
struct Side {
    host: Host,
    actor: Counter,
    outputs: Outputs,
    actions: Actions,
    idle: Idle,
}

impl Side {
    fn new(address: ActorAddress) -> Side {
        let host = Host::new(HostConfig {
            pid: None,
            address,
            kind: ActorType::of::<Counter>(),
            policy: FailurePolicy::default(),
            limits: Arc::new(Limits::default()),
            carrier: Some(Carrier::Reliable),
            accounting: false,
        });
        let (outputs, actions) = (Outputs::new(), Actions::new(usize::MAX));
        Side { host, actor: Counter::default(), outputs, actions, idle: Idle }
    }

    /// Runs handlers until there is nothing left to do; what leaves is added to `out`.
    fn run(&mut self, now: Time, out: &mut Vec<Departure>) {
        loop {
            while let Some(output) = self.outputs.poll() {
                match output {
                    Output::Frame => out.extend(self.outputs.poll_frame()),
                    Output::Transmit(envelope) => self.host.arrived(now, envelope, &mut self.outputs),
                    Output::Other(effect) => drop(effect),
                }
            }
            let Some(envelope) = self.outputs.poll_delivery() else { return };
            let mut context = Context::new(envelope.to(), envelope.from(), &mut self.actions, &mut self.idle);
            let outcome = self.actor.receive(envelope.message(), &mut context);
            if let Some(next) =
                self.host.finished(now, envelope, outcome, &mut self.actions, &mut self.outputs)
            {
                self.outputs.deliver(next);
            }
        }
    }

    fn frames(&mut self, now: Time, frames: &mut Vec<Departure>, out: &mut Vec<Departure>) {
        for Departure { from, frame, .. } in frames.drain(..) {
            self.host.frame(now, from, frame, &mut self.outputs);
        }
        self.run(now, out);
    }
}

fn main() {
    let messages = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(2_000_000_u64);
    let (key, system) = (AddressKey::new([1; 16]), SystemId::from_bits(1));
    let (a, b) = (key.seal(system, 1, 1), key.seal(system, 2, 2));
    let (mut sender, mut receiver) = (Side::new(a), Side::new(b));
    let (mut there, mut back) = (Vec::new(), Vec::new());
    let (mut sending, mut crossing, mut receiving) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let (mut sent, mut frames, mut acks) = (0, 0, 0);
    let began = Instant::now();
    while sent < messages || !there.is_empty() || !back.is_empty() {
        let now = Time::after_start(began.elapsed());
        acks += back.len();
        let start = Instant::now();
        sender.frames(now, &mut back, &mut there);
        if sent < messages && !sender.host.is_paused() {
            let order = AnyMessage::new(Send(b)).seal(&a, &a);
            sender.host.arrived(now, order, &mut sender.outputs);
            sender.run(now, &mut there);
            sent += PER_ATTEMPT;
        }
        let written = Instant::now();
        frames += there.len();
        for departure in &mut there {
            if let Frame::Data { bytes, .. } = &mut departure.frame {
                *bytes = Payload::from(&bytes[..]);
            }
        }
        let read = Instant::now();
        receiver.frames(now, &mut there, &mut back);
        sending += written - start;
        crossing += read - written;
        receiving += read.elapsed();
    }
    let per = |time: Duration| time.as_nanos() as f64 / sent as f64;
    assert_eq!(receiver.actor.sum, sent * (sent + 1) / 2, "every message came once");
    println!(
        "{sent} messages of {} bytes, {frames} frames there, {acks} back",
        receiver.actor.bytes / sent + 6
    );
    println!("sender    {:6.1} ns a message", per(sending));
    println!("copy      {:6.1} ns a message (the bytes, as a transport would read them)", per(crossing));
    println!("receiver  {:6.1} ns a message", per(receiving));
    println!("together  {:6.1} ns a message", per(began.elapsed()));
}

/// Nothing that the handlers here ask for.
struct Idle;

impl Environment for Idle {
    fn now(&mut self) -> Time {
        Time::ZERO
    }

    fn allocate(&mut self) -> ActorAddress {
        ActorAddress::NOBODY
    }

    fn claim_name(&mut self, _: &str, proposed: ActorAddress) -> ActorAddress {
        proposed
    }

    fn find_name(&mut self, _: &str) -> Option<ActorAddress> {
        None
    }

    fn flush(&mut self, _: ActorAddress, _: &mut Actions) {}

    fn capabilities(&self) -> &Capabilities {
        static NONE: std::sync::LazyLock<Capabilities> = std::sync::LazyLock::new(Capabilities::new);
        &NONE
    }

    fn admin(&self) -> ActorAddress {
        ActorAddress::NOBODY
    }

    fn base_name(&self) -> &str {
        "none"
    }
}
