//! What every measured program shares: the workloads, and how a program is called and answers.
//!
//! A workload is written here once, over the few operations of a [`Library`], so that every library does the same work
//! and is timed and checked by the same lines. A program implements those operations in its library's own quickest
//! idiom and hands over to [`main`].
//!
//! # Called as
//!
//! - `program WORKLOAD [--quick]` runs one workload and prints one [`Measurement`]: `flood 113.2 1000000`.
//! - `program --list` prints the names of the workloads it knows, one a line.
//!
//! Every measurement is thus a fresh process. A result that does not add up is an error and not a measurement.
//!
//! # How it is kept fair
//!
//! - One thread does everything: the program that sends from outside, and all actors.
//! - Messages carry one number, mailboxes are unbounded where there is a choice, and nothing logs.
//! - Whoever sends much gives way after [`BATCH`] messages, so that no queue outgrows the processor's caches.
//! - An eighth of the work is done before the clock starts, except where actors are created: that starts from none.

use std::fmt;
use std::hint::black_box;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::{Duration, Instant};

/// One thing that is measured.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// What it is called on command lines and in tables.
    pub name: &'static str,
    /// What it costs, for people.
    pub about: &'static str,
    /// How often the operation is done, unless it is to be quick.
    ops: u64,
}

impl Workload {
    /// A workload of a program that brings its own.
    pub const fn new(name: &'static str, about: &'static str, ops: u64) -> Workload {
        Workload { name, about, ops }
    }

    /// How often the operation is done: at least once.
    pub const fn ops(&self, quick: bool) -> u64 {
        let ops = if quick { self.ops / 100 } else { self.ops };
        if ops == 0 { 1 } else { ops }
    }
}

/// Every workload, in the order of the table. Nanoseconds an operation, except for [`IDLE_MEM`].
pub const WORKLOADS: &[Workload] = &[
    Workload { name: "flood", about: "a message sent from outside, and handled", ops: 1_000_000 },
    Workload { name: "flood_inside", about: "a message sent by an actor, and handled", ops: 1_000_000 },
    Workload { name: "fanout32", about: "the same, to 32 actors in turn", ops: 1_000_000 },
    Workload { name: "pingpong", about: "there and back between two actors", ops: 200_000 },
    Workload { name: "ask", about: "a question from outside, and its answer", ops: 200_000 },
    Workload { name: "request", about: "the same, with an answer nobody else can give", ops: 200_000 },
    Workload { name: "spawn", about: "an actor created, until it runs", ops: 100_000 },
    Workload { name: IDLE_MEM, about: "bytes an actor that waits, its address included", ops: 100_000 },
];

/// The workload that is measured in bytes.
pub const IDLE_MEM: &str = "idle_mem";

/// The one workload of the program `floors`.
pub const FLOOR: Workload =
    Workload { name: "queue", about: "a boxed closure pushed, popped and called", ops: 10_000_000 };

/// How many messages are sent before the receiver gets its turn.
pub const BATCH: u64 = 100;

/// What a library that is measured has to do. An actor of type `Counter` adds up the numbers that it is told.
#[expect(async_fn_in_trait, reason = "every library is called with its concrete type")]
pub trait Library {
    /// The address of an actor that counts.
    type Counter: Clone;

    /// Creates actors that count, and returns when they all run.
    async fn counters(&self, count: u64) -> Vec<Self::Counter>;

    /// Sends a number to a counter, from outside.
    fn tell(&self, counter: &Self::Counter, number: u64);

    /// Asks a counter for its sum plus this number, from outside, and waits for the answer.
    async fn ask(&self, counter: &Self::Counter, number: u64) -> u64;

    /// The same through the library's call that cannot take another message for the answer: for most the same call.
    async fn request(&self, counter: &Self::Counter, number: u64) -> u64 {
        self.ask(counter, number).await
    }

    /// Lets the actors handle what waits for them.
    async fn turn(&self);

    /// Lets a new actor send the numbers from 1 on to the counters, in as many `turns` as said: `each` numbers to each
    /// counter, and then a message that the last counter sends back when it comes to it, which is the next turn. So the
    /// sender is never more than a turn ahead of the receivers, and no handler sends more than a turn. (With a message
    /// to itself instead, some runtimes let the sender go on for thousands of turns before anybody else runs.) Returns
    /// when the last turn is over.
    async fn spread(&self, counters: &[Self::Counter], each: u64, turns: u64);

    /// Lets two new actors, each of which knows the other, play this many rounds, and returns how many they played.
    async fn pingpong(&self, rounds: u64) -> u64;
}

/// The main function of a program that measures a library.
pub async fn main<L: Library>(library: L) -> ExitCode {
    let job = match Job::from_command_line(WORKLOADS) {
        Ok(job) => job,
        Err(end) => return end,
    };
    let ops = job.workload.ops(job.quick);
    let warm_up = match job.workload.name {
        // These start from a system that has created next to nothing.
        "spawn" | IDLE_MEM => Ok((0.0, 0)),
        name => measure(&library, name, ops / 8).await,
    };
    let measured = match warm_up {
        Ok(_) => measure(&library, job.workload.name, ops).await,
        Err(error) => Err(error),
    };
    job.finish(measured)
}

/// A value for each operation, and how many there were.
type Measured = Result<(f64, u64), String>;

/// Nanoseconds for each of this many operations.
pub fn each_ns(took: Duration, ops: u64) -> (f64, u64) {
    (took.as_secs_f64() * 1e9 / ops as f64, ops)
}

/// Fails unless what came out is what had to.
pub fn check(what: &str, got: u64, expected: u64) -> Result<(), String> {
    if got == expected { Ok(()) } else { Err(format!("{what}: {got} instead of {expected}")) }
}

/// The sum of the numbers from 1 to `last`: any one of them lost or doubled makes another sum.
pub fn sum_to(last: u64) -> u64 {
    last * (last + 1) / 2
}

async fn measure<L: Library>(library: &L, workload: &str, ops: u64) -> Measured {
    match workload {
        "flood" => flood(library, ops).await,
        "flood_inside" => spread(library, 1, BATCH, ops).await,
        "fanout32" => spread(library, 32, BATCH / 32, ops).await,
        "pingpong" => pingpong(library, ops).await,
        "ask" => questions(library, Call::Ask, ops).await,
        "request" => questions(library, Call::Request, ops).await,
        "spawn" => spawn(library, ops).await,
        IDLE_MEM => idle_mem(library, ops).await,
        other => Err(format!("{other} is in the list and not in the program")),
    }
}

async fn flood<L: Library>(library: &L, ops: u64) -> Measured {
    let counter = one(library).await?;
    let begun = Instant::now();
    for number in 1..=ops {
        library.tell(&counter, black_box(number));
        if number % BATCH == 0 {
            library.turn().await;
        }
    }
    let sum = library.ask(&counter, 0).await;
    let took = begun.elapsed();
    check("sum of the flood", sum, sum_to(ops))?;
    Ok(each_ns(took, ops))
}

async fn spread<L: Library>(library: &L, width: u64, each: u64, ops: u64) -> Measured {
    let counters = library.counters(width).await;
    let turns = ops / (width * each);
    let ops = turns * width * each;
    let begun = Instant::now();
    library.spread(&counters, each, turns).await;
    // Asked after all that was sent, they answer when they have handled it.
    let mut sum = 0;
    for counter in &counters {
        sum += library.ask(counter, 0).await;
    }
    let took = begun.elapsed();
    check("sum of all that was sent", sum, sum_to(ops))?;
    Ok(each_ns(took, ops))
}

async fn pingpong<L: Library>(library: &L, rounds: u64) -> Measured {
    let begun = Instant::now();
    let played = library.pingpong(rounds).await;
    let took = begun.elapsed();
    check("rounds", played, rounds)?;
    Ok(each_ns(took, rounds))
}

#[derive(Clone, Copy)]
enum Call {
    Ask,
    Request,
}

async fn questions<L: Library>(library: &L, call: Call, ops: u64) -> Measured {
    let counter = one(library).await?;
    let mut sum = 0;
    let begun = Instant::now();
    for number in 1..=ops {
        let number = black_box(number);
        sum += match call {
            Call::Ask => library.ask(&counter, number).await,
            Call::Request => library.request(&counter, number).await,
        };
    }
    let took = begun.elapsed();
    check("sum of the answers", sum, sum_to(ops))?;
    Ok(each_ns(took, ops))
}

async fn spawn<L: Library>(library: &L, ops: u64) -> Measured {
    one(library).await?;
    let begun = Instant::now();
    let counters = library.counters(ops).await;
    let took = begun.elapsed();
    alive(library, &counters, ops).await?;
    Ok(each_ns(took, ops))
}

async fn idle_mem<L: Library>(library: &L, ops: u64) -> Measured {
    one(library).await?;
    let before = anonymous_memory()?;
    let counters = library.counters(ops).await;
    let after = anonymous_memory()?;
    alive(library, &counters, ops).await?;
    Ok((after.saturating_sub(before) as f64 / ops as f64, ops))
}

/// One counter that is known to answer.
async fn one<L: Library>(library: &L) -> Result<L::Counter, String> {
    let counter = library.counters(1).await.pop().ok_or("no actor was created")?;
    check("first answer", library.ask(&counter, 1).await, 1)?;
    Ok(counter)
}

/// Fails unless there are that many, and each answers.
async fn alive<L: Library>(library: &L, counters: &[L::Counter], count: u64) -> Result<(), String> {
    let mut answers = 0;
    for counter in counters {
        answers += library.ask(counter, 1).await;
    }
    check("actors that answer", answers, count)
}

/// Bytes that the process has written to and not given back, as the kernel counts them: what the allocator keeps for
/// itself is included, and the program's code is not.
fn anonymous_memory() -> Result<u64, String> {
    const FILE: &str = "/proc/self/smaps_rollup";
    let text = std::fs::read_to_string(FILE).map_err(|error| format!("{FILE} (Linux only): {error}"))?;
    let kib = text.lines().find_map(|line| line.strip_prefix("Anonymous:")?.split_whitespace().next());
    let kib: u64 =
        kib.and_then(|kib| kib.parse().ok()).ok_or_else(|| format!("{FILE} has no Anonymous line"))?;
    Ok(kib * 1024)
}

/// What a program is asked to do.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The workload to run.
    pub workload: Workload,
    /// Whether only to see if it runs.
    pub quick: bool,
}

impl Job {
    /// Reads the command line of a program that knows these workloads.
    ///
    /// # Errors
    ///
    /// How the program ends when there is nothing to measure.
    pub fn from_command_line(known: &[Workload]) -> Result<Job, ExitCode> {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (name, quick) = match words[..] {
            ["--list"] => {
                known.iter().for_each(|workload| println!("{}", workload.name));
                return Err(ExitCode::SUCCESS);
            }
            [name] => (name, false),
            [name, "--quick"] => (name, true),
            _ => ("", false),
        };
        let workload = known.iter().find(|workload| workload.name == name);
        workload.map(|&workload| Job { workload, quick }).ok_or_else(|| {
            eprintln!("wanted: WORKLOAD [--quick], or --list to see the workloads");
            ExitCode::from(2)
        })
    }

    /// Prints what was measured, or why it was not.
    pub fn finish(self, measured: Measured) -> ExitCode {
        match measured {
            Ok((value, ops)) => {
                println!("{}", Measurement { workload: self.workload.name.to_owned(), value, ops });
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{}: {error}", self.workload.name);
                ExitCode::FAILURE
            }
        }
    }
}

/// What a program prints: the workload, nanoseconds (or bytes) an operation, and how many operations there were.
#[derive(Clone, Debug, PartialEq)]
pub struct Measurement {
    /// The name of the workload.
    pub workload: String,
    /// Nanoseconds an operation, or bytes an actor.
    pub value: f64,
    /// Operations.
    pub ops: u64,
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:.3} {}", self.workload, self.value, self.ops)
    }
}

impl FromStr for Measurement {
    type Err = String;

    fn from_str(line: &str) -> Result<Measurement, String> {
        let unreadable = || format!("{line:?} is no measurement");
        let mut words = line.split_whitespace();
        let mut word = || words.next().ok_or_else(unreadable);
        let workload = word()?.to_owned();
        let value: f64 = word()?.parse().map_err(|_| unreadable())?;
        let ops = word()?.parse().map_err(|_| unreadable())?;
        if value.is_finite() && value >= 0.0 {
            Ok(Measurement { workload, value, ops })
        } else {
            Err(unreadable())
        }
    }
}
