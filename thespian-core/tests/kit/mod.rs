//! What the engines' tests share: addresses with one-letter names, actor types, and outputs as short lines of text.
//!
//! A test is a table: inputs at virtual times, and the lines that the engine gives for them. How the lines read:
//!
//! | line | means |
//! | --- | --- |
//! | `transmit a->b hi` | [`Output::Transmit`] of the message `hi` that `a` sent to `b` |
//! | `deliver a=>b exit` | a [delivery](Outputs::poll_delivery); the double arrow marks what the runtime sent |
//! | `frame a->b user#1 3 (base 2) hi` | a data frame: lane, link, place, the lowest place the sender keeps, message |
//! | `frame b->a ack user#1 4` | all below place 4 of that link have been dealt with |
//! | `frame b->a closed user#1 4` | the same, and there will be no more |
//! | `admin<-a ...` | what `a` tells the admin |
//! | `host a<- ...` | what the admin tells the host of `a` |
//! | `credit a 2` | two of `a`'s messages were dealt with |
//!
//! In a build with `--cfg planted="all"` the environment variable `PLANTED` names the bug to switch on, so that one can
//! see which tests it turns red.

#![allow(dead_code, reason = "each test binary uses its part of the kit")]

use std::sync::{Arc, Once};

use thespian_core::engine::link::{Frame, Lane, Links};
use thespian_core::engine::planted::{self, Bug};
use thespian_core::engine::{
    Admin, Departing, Departure, Effect, Endpoint, Host, Output, Outputs, Request, ToAdmin, ToHost,
    Undelivered,
};
use thespian_core::{
    Actions, Actor, ActorAddress, ActorExitRequest, ActorSpec, ActorStatus, AddressKey, AnyMessage,
    Capabilities, ChildActorExited, Context, DeadEnvelope, Envelope, Environment, Failure, FailurePolicy,
    Flow, Handled, Limits, Message, PoisonMessage, StatusReq, SystemId, SystemStatus, Time, TypeName, Value,
    WakeupMessage, WatchMessage,
};

/// The system of all addresses that [`actor`] makes.
pub(crate) const SYSTEM: SystemId = SystemId::from_bits(1 << 96);

/// The key of that system.
pub(crate) fn key() -> AddressKey {
    AddressKey::new([7; 16])
}

/// The address of an actor by its letter: `a` has slot 1.
pub(crate) fn actor(letter: char) -> ActorAddress {
    incarnation(letter, 1)
}

/// The address of a later actor in the same slot.
pub(crate) fn incarnation(letter: char, generation: u64) -> ActorAddress {
    assert!(letter.is_ascii_lowercase(), "actors are a to z");
    key().seal(SYSTEM, u64::from(letter) - u64::from('a') + 1, generation)
}

/// The admin's address.
pub(crate) fn admin() -> ActorAddress {
    key().seal(SYSTEM, 0, 1)
}

/// The letter of an address.
pub(crate) fn name(address: &ActorAddress) -> String {
    match address.slot() {
        _ if address.is_nobody() => "nobody".into(),
        0 => "admin".into(),
        slot @ 1..=26 => {
            let letter = char::from(b'a' + (slot - 1) as u8);
            match address.generation() {
                1 => letter.to_string(),
                generation => format!("{letter}.{generation}"),
            }
        }
        _ => address.to_string(),
    }
}

fn names(addresses: &[ActorAddress]) -> String {
    addresses.iter().map(name).collect::<Vec<_>>().join(" ")
}

/// A point in time.
pub(crate) fn ms(milliseconds: u64) -> Time {
    Time::after_start(core::time::Duration::from_millis(milliseconds))
}

/// The bounds that a test gives its engines: small ones, so that they are reached.
pub(crate) fn limits(change: impl FnOnce(&mut Limits)) -> Arc<Limits> {
    plant();
    let mut limits =
        Limits { outgoing_high: 4, outgoing_low: 2, window: 3, window_max: 3, ..Limits::default() };
    change(&mut limits);
    limits.check().expect("the test's bounds make sense");
    Arc::new(limits)
}

/// Switches on the bug that the environment names.
pub(crate) fn plant() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if planted::BUILT_IN
            && let Ok(wanted) = std::env::var("PLANTED")
        {
            let bug = Bug::ALL.iter().find(|bug| bug.name() == wanted);
            planted::set(Some(*bug.expect("PLANTED names a planted bug")));
        }
    });
}

// -- actors and messages ---------------------------------------------------------------------------------------

/// An actor that the engines only know by its type.
pub(crate) struct Worker;
/// One whose messages get one attempt.
pub(crate) struct Hasty;
/// One that is replaced after every failure.
pub(crate) struct Fresh;

macro_rules! idle_actors {
    ($($type:ident: $policy:expr),*) => {$(
        impl Actor for $type {
            type Start = ();

            fn type_name() -> TypeName {
                stringify!($type).into()
            }

            fn start((): ()) -> Result<$type, Failure> {
                Ok($type)
            }

            fn receive(&mut self, _: &AnyMessage, _: &mut Context<'_>) -> Handled {
                Ok(Flow::Done)
            }

            fn failure_policy() -> FailurePolicy {
                $policy
            }
        }
    )*};
}

idle_actors! {
    Worker: FailurePolicy::RETRY_ONCE,
    Hasty: FailurePolicy::NO_RETRY,
    Fresh: FailurePolicy::RETRY_ONCE.with_fresh_instance()
}

/// A message that cannot be encoded.
#[derive(Debug)]
pub(crate) struct Stubborn;

impl serde::Serialize for Stubborn {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("stubborn"))
    }
}

impl<'de> serde::Deserialize<'de> for Stubborn {
    fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Stubborn, D::Error> {
        Ok(Stubborn)
    }
}

impl Message for Stubborn {
    fn type_name() -> TypeName {
        "Stubborn".into()
    }
}

/// A message in its envelope.
pub(crate) fn letter(from: char, to: char, message: impl thespian_core::IntoMessage) -> Envelope {
    message.into_message().seal(&actor(to), &actor(from))
}

/// A data frame of the sender's first link.
pub(crate) fn data(lane: Lane, sequence: u64, base: u64, message: impl thespian_core::IntoMessage) -> Frame {
    data_on(1, lane, sequence, base, message)
}

/// A data frame of a later link. Its number is the link and the place, so that numbers of one lane grow.
pub(crate) fn data_on(
    link: u64,
    lane: Lane,
    sequence: u64,
    base: u64,
    message: impl thespian_core::IntoMessage,
) -> Frame {
    let message = message.into_message();
    Frame::Data {
        lane,
        link,
        sequence,
        base,
        number: (link - 1) << 40 | sequence.wrapping_add(1) & ((1 << 40) - 1),
        by_runtime: false,
        asks: false,
        names: message.type_names(),
        bytes: message.encode().expect("the test's messages encode").into(),
    }
}

/// What a handler asks for, through the same [`Context`] that real ones have.
pub(crate) fn asked(
    surroundings: &mut Surroundings,
    me: ActorAddress,
    sender: ActorAddress,
    code: impl FnOnce(&mut Context<'_>),
) -> Actions {
    let mut actions = Actions::new(1000);
    code(&mut Context::new(&me, &sender, &mut actions, surroundings));
    actions
}

/// What a driver provides while a handler runs, here for handlers that are closures in a test.
pub(crate) struct Surroundings {
    pub(crate) now: Time,
    next_address: char,
    capabilities: Capabilities,
}

impl Default for Surroundings {
    fn default() -> Surroundings {
        Surroundings { now: Time::ZERO, next_address: 'p', capabilities: Capabilities::new() }
    }
}

/// Created actors are `p`, `q`, `r` and so on.
impl Environment for Surroundings {
    fn now(&mut self) -> Time {
        self.now
    }

    fn allocate(&mut self) -> ActorAddress {
        let letter = self.next_address;
        self.next_address = char::from(letter as u8 + 1);
        actor(letter)
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
        None
    }

    fn admin(&self) -> ActorAddress {
        admin()
    }

    fn base_name(&self) -> &str {
        "test"
    }
}

// -- outputs as text -------------------------------------------------------------------------------------------

/// Fails unless the lines are the expected ones, and shows both.
#[track_caller]
pub(crate) fn compare(actual: &[String], expected: &[&str]) {
    let list = |lines: Vec<&str>| lines.iter().map(|line| format!("    {line}\n")).collect::<String>();
    assert!(
        actual == expected,
        "the engine gives\n{}where the table says\n{}",
        list(actual.iter().map(String::as_str).collect()),
        list(expected.to_vec())
    );
}

/// An engine, as far as its frames are concerned.
pub(crate) trait Sends {
    fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a>;
}

macro_rules! sends {
    ($($engine:ty),*) => {
        $(impl Sends for $engine {
            fn departing<'a>(&'a self, departure: &'a Departure) -> Departing<'a> {
                self.departing(departure)
            }
        })*
    };
}

sends!(Links, Host, Endpoint, Admin);

/// Takes all outputs of an engine, as lines; deliveries and then credits come last. Deliveries are kept as well.
pub(crate) fn drain(engine: &impl Sends, out: &mut Outputs, lines: &mut Vec<String>) -> Vec<Envelope> {
    let mut delivered = Vec::new();
    while let Some(output) = out.poll() {
        lines.push(match output {
            Output::Transmit(envelope) => format!("transmit {}", post(&envelope)),
            Output::Frame => {
                let departure = out.poll_frame().expect("a frame to carry");
                let frames = engine.departing(&departure);
                lines.extend(frames.map(|frame| departure_line(&departure, &frame.to_frame())));
                continue;
            }
            Output::Other(effect) => effect_line(&effect),
        });
    }
    assert!(out.poll_frame().is_none(), "every frame has its turn among the outputs");
    while let Some(envelope) = out.poll_delivery() {
        lines.push(format!("deliver {}", post(&envelope)));
        delivered.push(envelope);
    }
    let mut credits = Vec::new();
    while let Some(credit) = out.poll_credit() {
        credits.push(format!("credit {} {}", name(&credit.to), credit.count));
    }
    credits.sort();
    lines.extend(credits);
    delivered
}

fn departure_line(Departure { from, to, .. }: &Departure, frame: &Frame) -> String {
    format!("frame {}->{} {}", name(from), name(to), frame_text(frame))
}

fn effect_line(effect: &Effect) -> String {
    match effect {
        Effect::Return(undelivered) => format!("return {}", undelivered_text(undelivered)),
        Effect::ToAdmin { from, message } => format!("admin<-{} {}", name(from), to_admin_text(message)),
        Effect::ToHost { to, message: ToHost::ChildExited { child, cause } } => {
            format!("host {}<- gone {}: {cause}", name(to), name(child))
        }
        Effect::Restart(address) => format!("restart {}", name(address)),
        Effect::Stopped(address) => format!("stopped {}", name(address)),
        Effect::Paused(address) => format!("paused {}", name(address)),
        Effect::Launch(launch) => format!("launch {} {}", name(&launch.address), launch.kind.name()),
        Effect::Discard(address) => format!("discard {}", name(address)),
        Effect::Recheck(address) => format!("recheck {}", name(address)),
        Effect::Overdue(address) => format!("overdue {}", name(address)),
        Effect::Kill(address) => format!("kill {}", name(address)),
        Effect::Answer { call, result: Ok(address) } => format!("answer {} {}", call.0, name(address)),
        Effect::Answer { call, result: Err(error) } => format!("answer {} error: {error}", call.0),
        Effect::Down => "down".into(),
        Effect::Watch { actor, descriptors } => format!("watch {} {descriptors:?}", name(actor)),
        Effect::Account { from, number, what } => format!("account {}#{number} {what:?}", name(from)),
        Effect::Log(log) => format!("log {} {}", log.level.as_str().to_lowercase(), name(&log.actor)),
    }
}

fn to_admin_text(message: &ToAdmin) -> String {
    match message {
        ToAdmin::Create(create) => format!("create {} {}", name(&create.address), create.spec.type_name()),
        ToAdmin::Request(request) => match &**request {
            Request::HandleDeadLetters(on) => format!("handle dead letters: {on}"),
            Request::UpdateCapability(capability, value) => format!("capability {capability} = {value}"),
            Request::Shutdown => "shutdown".into(),
        },
        ToAdmin::DeadLetter(undelivered) => format!("dead letter {}", undelivered_text(undelivered)),
        ToAdmin::Adopt(children) => format!("adopt [{}]", names(children)),
        ToAdmin::KillChild(child) => format!("kill child {}", name(child)),
        ToAdmin::KnowsOfFailedStart(child) => format!("knows that {} never started", name(child)),
    }
}

pub(crate) fn undelivered_text(undelivered: &Undelivered) -> String {
    let unsure = if undelivered.maybe_handled { ", maybe handled" } else { "" };
    format!("{} ({:?}{unsure})", post(&undelivered.envelope), undelivered.reason)
}

fn lane_text(lane: Lane) -> &'static str {
    match lane {
        Lane::Urgent => "urgent",
        Lane::User => "user",
    }
}

pub(crate) fn frame_text(frame: &Frame) -> String {
    match frame {
        Frame::Data { lane, link, sequence, base, asks, names, bytes, .. } => {
            let message = AnyMessage::encoded(names.clone(), bytes.clone());
            let asks = if *asks { ", asks" } else { "" };
            format!("{}#{link} {sequence} (base {base}{asks}) {}", lane_text(*lane), text(&message))
        }
        Frame::Ack { lane, link, handled } => format!("ack {}#{link} {handled}", lane_text(*lane)),
        Frame::Closed { lane, link, handled, .. } => format!("closed {}#{link} {handled}", lane_text(*lane)),
        Frame::AckButGaps { lane, link, handled, gaps, closed } => {
            let what = if closed.is_some() { "closed" } else { "ack" };
            let gaps: Vec<String> = gaps.ranges.iter().map(|(from, to)| format!("{from}..{to}")).collect();
            format!("{what} {}#{link} {handled} but {}", lane_text(*lane), gaps.join(" "))
        }
        Frame::Past { lane, link, base } => format!("past {}#{link} {base}", lane_text(*lane)),
    }
}

/// An envelope as `from->to message`, with a double arrow for what the runtime sent.
pub(crate) fn post(envelope: &Envelope) -> String {
    let arrow = if envelope.is_by_runtime() { "=>" } else { "->" };
    format!("{}{arrow}{} {}", name(envelope.from()), name(envelope.to()), text(envelope.message()))
}

/// A message in a few words.
pub(crate) fn text(message: &AnyMessage) -> String {
    if let Some(text) = message.downcast_ref::<String>() {
        return text.clone();
    }
    if let Some(request) = message.downcast_ref::<ActorExitRequest>() {
        return if request.is_recursive() { "exit".into() } else { "exit alone".into() };
    }
    if let Some(notice) = message.downcast_ref::<ChildActorExited>() {
        return format!("gone({}: {})", name(&notice.child_address), notice.cause);
    }
    if let Some(poison) = message.downcast_ref::<PoisonMessage>() {
        return format!("poison({}: {})", text(&poison.message), poison.details);
    }
    if let Some(wakeup) = message.downcast_ref::<WakeupMessage>() {
        let payload = wakeup.payload.as_ref().map(|payload| format!(" {}", text(payload)));
        return format!("wakeup({:?}{})", wakeup.delay_period, payload.unwrap_or_default());
    }
    if let Some(watch) = message.downcast_ref::<WatchMessage>() {
        return format!("watch{:?}", watch.ready);
    }
    if let Some(dead) = message.downcast_ref::<DeadEnvelope>() {
        let (from, to) = (name(&dead.sender), name(&dead.dead_address));
        let unsure = if dead.maybe_handled { ", maybe handled" } else { "" };
        return format!("dead({from}->{to} {} {:?}{unsure})", text(&dead.dead_message), dead.reason);
    }
    if let Some(status) = message.downcast_ref::<ActorStatus>() {
        return status_text(status);
    }
    if let Some(status) = message.downcast_ref::<SystemStatus>() {
        return system_text(status);
    }
    if message.is::<StatusReq>() {
        return "status?".into();
    }
    format!("<{}>", message.type_name())
}

/// An actor's status in a few words: its state, and how many messages wait here and out there.
pub(crate) fn status_text(status: &ActorStatus) -> String {
    let queues = &status.queues;
    let mut text = format!(
        "{}, user {} system {} outgoing {}",
        status.state, queues.user, queues.system, queues.outgoing
    );
    if !status.children.is_empty() {
        text.push_str(&format!(", children {}", names(&status.children)));
    }
    if status.pending_wakeups > 0 {
        text.push_str(&format!(", wakeups {}", status.pending_wakeups));
    }
    text
}

fn system_text(status: &SystemStatus) -> String {
    let mut text = format!("{}, {} actors [{}]", status.state, status.actor_count, names(&status.actors));
    for (global, address) in &status.global_names {
        text.push_str(&format!(", {global}={}", name(address)));
    }
    if let Some(handler) = &status.dead_letter_handler {
        text.push_str(&format!(", dead letters to {}", name(handler)));
    }
    text
}

// -- values that tests use often -------------------------------------------------------------------------------

/// A worker with a global name.
pub(crate) fn named(global: &str) -> ActorSpec {
    ActorSpec::of::<Worker>().global_name(global)
}

/// Capabilities with one entry.
pub(crate) fn capabilities(entry: &str, value: impl Into<Value>) -> Capabilities {
    let mut capabilities = Capabilities::new();
    capabilities.set(entry, value.into());
    capabilities
}

/// A small seeded generator (SplitMix64): the same seed, the same test.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// One of them.
    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}
