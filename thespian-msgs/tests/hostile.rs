//! Hostile bytes, given to every decoder of the crate.
//!
//! Whatever the bytes are: no panic, no more memory than their length allows, and what decodes is a value like any
//! other, which encodes and decodes again to the same.

#[path = "kit/hostile.rs"]
mod kit;

use core::time::Duration;
use std::collections::{BTreeMap, HashMap};
use std::fmt::{Debug, Display, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use kit::{Random, hostile, measured};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thespian_msgs::{
    ActorAddress, ActorExitRequest, ActorState, ActorStatus, ActorSystemConventionUpdate, AddressKey,
    AnyMessage, Bytes, Capabilities, ChildActorExited, Counters, DeadEnvelope, DeadReason, DecodeError,
    DecodeLimits, ExitCause, LoadedSource, PoisonMessage, QueueStatus, StatusReq, SystemId, SystemState,
    SystemStatus, UnloadedSource, ValidateSource, ValidatedSource, Value, WakeupMessage, WatchMessage,
    decode, decode_prefix, encode,
};

/// How many inputs each decoder gets.
const INPUTS: u64 = 10_000;

/// The seed of the whole run. Every input has one of its own, made of this, the decoder's number and its own number.
const SEED: u64 = 0x7468_6573_7069_616e;

/// How many bytes of memory a decoder may use for each byte of the input, and each spare item.
///
/// The greediest is a [`Value`] that is a list of maps of one entry: four bytes each, and each gets a node with room for
/// eleven names and values.
const MEMORY: usize = 256;

/// The stack on which the deepest values must decode.
const STACK: usize = 512 * 1024;

#[test]
fn hostile_bytes_never_panic_nor_cost_more_than_their_length_allows() {
    let decoders = decoders();
    let all: Vec<&[Vec<u8>]> = decoders.iter().map(|decoder| &*decoder.examples).collect();
    let mut inputs = 0;
    for (number, decoder) in (0u64..).zip(&decoders) {
        for input in 0..INPUTS {
            let seed = SEED ^ (number << 32) ^ input;
            let bytes = hostile(&mut Random(seed), &decoder.examples, &all);
            decoder.check(&bytes).unwrap_or_else(|failure| panic!("{failure}; seed {seed:#x}"));
            inputs += 1;
        }
    }
    assert!(inputs >= 100_000, "only {inputs} inputs");
}

#[test]
fn honest_bytes_decode() {
    for decoder in decoders() {
        for bytes in &decoder.examples {
            assert_eq!(decoder.check(bytes), Ok(true), "{}: {}", decoder.name, hex(bytes));
        }
    }
}

#[test]
fn bombs_are_found_out_before_they_cost_anything() {
    // 2^60 elements of no size; the same in a list, in a map, and one in the other for as long as it goes.
    let huge = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10];
    let inside = [&[1][..], &huge].concat();
    cheap_error::<Vec<()>>(&huge);
    cheap_error::<Vec<u64>>(&huge);
    cheap_error::<Vec<[u64; 32]>>(&huge);
    cheap_error::<HashMap<(), ()>>(&huge);
    cheap_error::<BTreeMap<u64, u64>>(&huge);
    cheap_error::<String>(&huge);
    cheap_error::<Bytes>(&huge);
    cheap_error::<Vec<Vec<()>>>(&inside);
    cheap_error::<Vec<Vec<Vec<u8>>>>(&inside);
    cheap_error::<BTreeMap<String, Vec<()>>>(&[&[1, 0][..], &huge].concat());
    cheap_error::<Nest>(&huge.repeat(128));
    cheap_error::<Value>(&[[5].as_slice(), &huge].concat().repeat(128));
    cheap_error::<AnyMessage>(&huge);
    // Every list promises as many elements as there are bytes left, and begins with such a list.
    let promises: Vec<u8> = (0..100).rev().collect();
    cheap_error::<Nest>(&promises);
}

#[test]
fn the_deepest_values_decode_on_a_small_stack() {
    on_a_small_stack(|| {
        let limits = DecodeLimits::default();
        let chain = |links| [vec![1; links], vec![0]].concat();
        assert!(decode::<Chain>(&chain(127), limits).is_ok());
        for links in [128, 129, 1_000_000] {
            assert_eq!(decode::<Chain>(&chain(links), limits), Err(DecodeError::TooDeep { limit: 128 }));
        }
        // A list in a newtype or an enum is two levels; the stack has room for 128 of both.
        let deeper = DecodeLimits { depth: 256, ..limits };
        for (lists, limits) in [(64, limits), (128, deeper)] {
            let too_deep = DecodeError::TooDeep { limit: limits.depth };
            assert!(decode::<Nest>(&nested(&[1], lists), limits).is_ok());
            assert_eq!(decode::<Nest>(&nested(&[1], lists + 1), limits), Err(too_deep.clone()));
            assert!(decode::<Value>(&nested(&[5, 1], lists), limits).is_ok());
            assert_eq!(decode::<Value>(&nested(&[5, 1], lists + 1), limits), Err(too_deep.clone()));
            assert!(decode::<Value>(&nested(&[6, 1, 0], lists), limits).is_ok());
            assert_eq!(decode::<Value>(&nested(&[6, 1, 0], lists + 1), limits), Err(too_deep));
        }
    });
}

/// So many lists or maps in each other, each of which begins with `open`; the last one is empty.
fn nested(open: &[u8], lists: usize) -> Vec<u8> {
    let mut bytes = open.repeat(lists - 1);
    bytes.extend(open.strip_suffix(&[1, 0]).or_else(|| open.strip_suffix(&[1])).expect("a list of one"));
    bytes.push(0);
    bytes
}

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(work).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// Does not decode, and finds that out with next to no memory.
fn cheap_error<T: DeserializeOwned>(bytes: &[u8]) {
    let (result, memory) = measured(|| decode::<T>(bytes, DecodeLimits::default()));
    assert!(result.is_err(), "{}", hex(bytes));
    assert!(memory <= 64 * bytes.len() + 1024, "{memory} bytes of memory: {}", hex(bytes));
}

// The decoders.

/// One type that is decoded.
struct Decoder {
    name: &'static str,
    /// Encodings of values of the type.
    examples: Vec<Vec<u8>>,
    /// Decodes, checks what came of it, and says whether that was a value.
    probe: Box<Probe>,
}

type Probe = dyn Fn(&[u8]) -> Result<bool, String>;

impl Decoder {
    /// The probe, with a panic as a failure like any other.
    fn check(&self, bytes: &[u8]) -> Result<bool, String> {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.probe)(bytes)));
        let outcome = outcome.unwrap_or_else(|_| Err("a panic, see above".to_owned()));
        outcome.map_err(|failure| format!("{}: {failure}; input {}", self.name, hex(bytes)))
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Chain {
    End,
    Link(Box<Chain>),
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

#[derive(Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Leaf(i32),
    Branch(Box<Tree>, Box<Tree>),
    Many(Vec<Tree>),
    Named { name: String, below: Option<Box<Tree>> },
    ByKey(BTreeMap<u8, Tree>),
}

type Tuples = ((u8, i64), (String, (bool, char, Option<f64>)), [u16; 3], Duration);

fn decoders() -> Vec<Decoder> {
    let system = SystemId::from_bits(0x0123_4567_89ab_cdef);
    let address = AddressKey::new([3; 16]).seal(system, 5, 300);
    let text = || String::from("text, ß");
    let value =
        || Value::map([("list", Value::from([1, -2])), ("inner", Value::map([("x", 0.5), ("y", 2.0)]))]);
    let capabilities: Capabilities =
        [("a", value()), ("Thespian", true.into()), ("z", "z".into())].into_iter().collect();
    let poison = || PoisonMessage { message: AnyMessage::new(text()), details: text() };
    let counters = Counters {
        sent: 1,
        handled: 300,
        poisoned: 70_000,
        dead_lettered: 0,
        refused: u64::MAX,
        failed_attempts: 1,
        lost: 0,
        late: 128,
    };
    let queues = QueueStatus {
        user: 1,
        system: 0,
        outgoing: 200,
        user_bytes: 70_000,
        system_bytes: 0,
        outgoing_bytes: u64::MAX,
    };
    let nest = || Nest(vec![Nest(vec![]), Nest(vec![Nest(vec![Nest(vec![])]), Nest(vec![])])]);
    let tree = || {
        let named = Tree::Named { name: text(), below: Some(Box::new(Tree::Leaf(-1))) };
        let by_key = Tree::ByKey(BTreeMap::from([(1, Tree::Leaf(70_000)), (9, named)]));
        Tree::Branch(Box::new(Tree::Many(vec![Tree::Leaf(1), by_key])), Box::new(Tree::Leaf(0)))
    };
    vec![
        equal("value", &[value(), Value::Null, Value::from(vec![value(), "x".into()])]),
        equal("capabilities", &[capabilities.clone(), Capabilities::new()]),
        equal("address", &[address, ActorAddress::NOBODY]),
        equal("system id", &[system]),
        like(
            "any message",
            &[AnyMessage::new(text()), AnyMessage::new(poison()), AnyMessage::new(7u64)],
            open,
        ),
        like("exit request", &[ActorExitRequest::new()], |_| ()),
        equal(
            "child exited",
            &[ExitCause::Requested, ExitCause::Killed(text())]
                .map(|cause| ChildActorExited { child_address: address, cause }),
        ),
        like("poison", &[poison()], |poison| open(&poison.message)),
        like(
            "wakeup",
            &[None, Some(AnyMessage::new(7u64))]
                .map(|payload| WakeupMessage { delay_period: Duration::from_millis(1500), payload }),
            |wakeup| wakeup.payload.iter().for_each(open),
        ),
        equal("watch", &[WatchMessage { ready: vec![3, 4, -1] }]),
        like(
            "dead envelope",
            &[DeadEnvelope {
                dead_address: address,
                dead_message: AnyMessage::new(value()),
                sender: ActorAddress::NOBODY,
                reason: DeadReason::Expired,
                maybe_handled: true,
            }],
            |dead| open(&dead.dead_message),
        ),
        equal(
            "convention update",
            &[ActorSystemConventionUpdate {
                remote_admin_address: address,
                remote_capabilities: capabilities.clone(),
                remote_added: true,
            }],
        ),
        equal("validate source", &[ValidateSource { source_hash: text(), source_data: Bytes(vec![0; 40]) }]),
        equal(
            "validated source",
            &[None, Some(Bytes(vec![1, 2, 3]))].map(|source_zip| ValidatedSource {
                source_hash: text(),
                source_zip,
                source_info: text(),
            }),
        ),
        equal("loaded source", &[LoadedSource { source_hash: text(), source_info: text() }]),
        equal("unloaded source", &[UnloadedSource { source_hash: text(), source_info: text() }]),
        equal("status request", &[StatusReq]),
        equal("exit cause", &[ExitCause::HostLost, ExitCause::NeverStarted(text())]),
        equal("counters", &[counters]),
        shown(
            "actor status",
            &[ActorStatus {
                address,
                pid: None,
                actor_type: text(),
                state: ActorState::Busy,
                busy_since: Some(Duration::from_nanos(1)),
                queues,
                counters,
                children: vec![address, ActorAddress::NOBODY],
                pending_wakeups: 3,
                uptime: Duration::from_secs(100_000),
            }],
        ),
        shown(
            "system status",
            &[SystemStatus {
                admin_address: address,
                base: text(),
                state: SystemState::Running,
                capabilities,
                actors: vec![address; 3],
                actor_count: 3,
                global_names: BTreeMap::from([(text(), address)]),
                dead_letter_handler: Some(address),
                dead_letters_dropped: 5,
                counters,
                outgoing: 3,
                outgoing_bytes: 70_000,
                uptime: Duration::from_secs(1),
            }],
        ),
        equal("text", &[text(), String::new()]),
        equal("bytes", &[Bytes(vec![7; 30])]),
        equal("list of numbers", &[vec![1u64, 300, u64::MAX]]),
        equal("list of nothing", &[vec![(); 20]]),
        equal("list of lists", &[vec![vec![text(); 2], vec![], vec![text()]]]),
        equal("map", &[BTreeMap::from([(text(), vec![1u8, 2]), (String::new(), vec![])])]),
        equal("hash map", &[HashMap::from([(1u32, (address, false)), (2, (ActorAddress::NOBODY, true))])]),
        like::<Tuples>(
            "tuples",
            &[((1, -1), (text(), (true, 'ß', Some(f64::NAN))), [1, 2, 3], Duration::ZERO)],
            |_| (),
        ),
        equal("large numbers", &[(u128::MAX, i128::MIN, i16::MIN)]),
        equal("chain", &[Chain::Link(Box::new(Chain::Link(Box::new(Chain::End))))]),
        equal("nest", &[nest()]),
        equal("tree", &[tree()]),
    ]
}

/// A decoder of a type whose values say whether they are equal.
fn equal<T>(name: &'static str, values: &[T]) -> Decoder
where
    T: Serialize + DeserializeOwned + Debug + PartialEq + 'static,
{
    decoder(name, values, T::eq, |_| ())
}

/// The same of a type whose values have a text form for people.
fn shown<T>(name: &'static str, values: &[T]) -> Decoder
where
    T: Serialize + DeserializeOwned + Debug + PartialEq + Display + 'static,
{
    decoder(name, values, T::eq, |value| assert!(!value.to_string().is_empty()))
}

/// A decoder of a type whose values are equal when their encodings are. `look` uses a value.
fn like<T>(name: &'static str, values: &[T], look: fn(&T)) -> Decoder
where
    T: Serialize + DeserializeOwned + Debug + 'static,
{
    decoder(name, values, |a, b| encode(a) == encode(b), look)
}

fn decoder<T>(name: &'static str, values: &[T], same: fn(&T, &T) -> bool, look: fn(&T)) -> Decoder
where
    T: Serialize + DeserializeOwned + Debug + 'static,
{
    let examples = values.iter().map(|value| encode(value).expect("an example encodes")).collect();
    Decoder { name, examples, probe: Box::new(move |bytes| probe(bytes, same, look)) }
}

/// Asks a message whether it is one of some types, at each of its levels, and then the message inside it.
fn open(message: &AnyMessage) {
    let mut level = Some(message.level());
    while let Some(at) = level {
        assert!(!(at.get::<String>().is_some() && at.get::<Value>().is_some()), "{}", at.name());
        if let Some(Ok(poison)) = at.get::<PoisonMessage>() {
            open(&poison.message);
        }
        level = at.parent();
    }
}

fn probe<T>(bytes: &[u8], same: fn(&T, &T) -> bool, look: fn(&T)) -> Result<bool, String>
where
    T: Serialize + DeserializeOwned + Debug,
{
    let limits = DecodeLimits::default();
    let (result, memory) = measured(|| decode_prefix::<T>(bytes, limits));
    let most = MEMORY * (bytes.len() + limits.spare_items);
    if memory > most {
        return Err(format!("{memory} bytes of memory, and {most} would be much"));
    }
    let whole = decode::<T>(bytes, limits);
    let (value, rest) = match result {
        Ok(decoded) => decoded,
        Err(error) => {
            return if whole.is_err() { Ok(false) } else { Err(format!("only as a whole: {error}")) };
        }
    };
    if whole.is_ok() != rest.is_empty() || !bytes.ends_with(rest) {
        return Err(format!("{} bytes left behind {value:?}, and as a whole {whole:?}", rest.len()));
    }
    look(&value);
    let again = encode(&value).map_err(|error| format!("{value:?}: {error}"))?;
    // The second encoding may be shorter, for numbers can be written in more bytes than they need.
    let limits = DecodeLimits { spare_items: limits.spare_items + bytes.len(), ..limits };
    match decode::<T>(&again, limits) {
        Ok(again) if same(&value, &again) => Ok(rest.is_empty()),
        other => Err(format!("{value:?} came back as {other:?}")),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
