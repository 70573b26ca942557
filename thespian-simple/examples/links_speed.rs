//! What the engines and the encoding of messages cost on each side of a pair of processes, without any sockets.
//!
//! ```text
//! cargo run --release -p thespian-simple --example links_speed [messages]
//! ```
//!
//! One actor is told to send, another counts what comes; their engines are driven here as the process host drives them,
//! and frames are written to and read from a buffer as a transport would.

#![expect(clippy::print_stdout, reason = "a program that tells what it measured")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use thespian_core::engine::link::Carrier;
use thespian_core::engine::{Host, HostConfig, Output, Outputs};
use thespian_core::transport::wire::{Decoder, Encoder};
use thespian_core::{
    Actions, Actor, ActorAddress, ActorType, AddressKey, AnyMessage, Capabilities, Context, Environment,
    FailurePolicy, Limits, Message, SystemId, Time, actor,
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
    encoder: Encoder,
    decoder: Decoder,
}

/// What has been written to the other side: how many frames, and their bytes, each behind its length.
#[derive(Default)]
struct Written {
    frames: u64,
    bytes: Vec<u8>,
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
        let (outputs, mut actions) = (Outputs::new(), Actions::new(usize::MAX));
        actions.set_writing(true);
        let (encoder, decoder) = (Encoder::with_tables(), Decoder::with_tables());
        Side { host, actor: Counter::default(), outputs, actions, idle: Idle, encoder, decoder }
    }

    /// Runs handlers until there is nothing left to do; what leaves is added to `out`.
    fn run(&mut self, now: Time, out: &mut Written) {
        loop {
            while let Some(output) = self.outputs.poll() {
                match output {
                    Output::Frame => {
                        let Some(departure) = self.outputs.poll_frame() else { continue };
                        for frame in self.host.departing(&departure) {
                            out.frames += 1;
                            let begin = out.bytes.len();
                            out.bytes.extend([0; 4]);
                            self.encoder.frame(&mut out.bytes, &departure.from, &departure.to, &frame);
                            let length = (out.bytes.len() - begin - 4) as u32;
                            out.bytes[begin..begin + 4].copy_from_slice(&length.to_le_bytes());
                        }
                    }
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

    fn frames(&mut self, now: Time, written: &mut Written, out: &mut Written) {
        let mut rest = &written.bytes[..];
        while let Some((length, behind)) = rest.split_first_chunk() {
            let (frame, behind) = behind.split_at(u32::from_le_bytes(*length) as usize);
            rest = behind;
            let (from, _, frame) = self.decoder.frame(frame).expect("the other side's");
            self.host.frame(now, from, frame, &mut self.outputs);
        }
        written.bytes.clear();
        self.run(now, out);
    }
}

fn main() {
    let messages = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(2_000_000_u64);
    let (key, system) = (AddressKey::new([1; 16]), SystemId::from_bits(1));
    let (a, b) = (key.seal(system, 1, 1), key.seal(system, 2, 2));
    let (mut sender, mut receiver) = (Side::new(a), Side::new(b));
    let (mut there, mut back) = (Written::default(), Written::default());
    let (mut sending, mut receiving) = (Duration::ZERO, Duration::ZERO);
    let mut sent = 0;
    let began = Instant::now();
    while sent < messages || !there.bytes.is_empty() || !back.bytes.is_empty() {
        let now = Time::after_start(began.elapsed());
        let start = Instant::now();
        sender.frames(now, &mut back, &mut there);
        if sent < messages && !sender.host.is_paused() {
            let order = AnyMessage::new(Send(b)).seal(&a, &a);
            sender.host.arrived(now, order, &mut sender.outputs);
            sender.run(now, &mut there);
            sent += PER_ATTEMPT;
        }
        let written = Instant::now();
        receiver.frames(now, &mut there, &mut back);
        sending += written - start;
        receiving += written.elapsed();
    }
    let per = |time: Duration| time.as_nanos() as f64 / sent as f64;
    assert_eq!(receiver.actor.sum, sent * (sent + 1) / 2, "every message came once");
    println!(
        "{sent} messages of {} bytes, {} frames there, {} back",
        receiver.actor.bytes / sent + 6,
        there.frames,
        back.frames
    );
    println!("sender    {:6.1} ns a message", per(sending));
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

    fn largest_message(&self) -> Option<usize> {
        None
    }

    fn admin(&self) -> ActorAddress {
        ActorAddress::NOBODY
    }

    fn base_name(&self) -> &str {
        "none"
    }
}
