//! Explores random worlds: many seeds, each a few systems, actors that fail, faults of all kinds, and every promise
//! checked. `cargo xtask explore` runs it.
//!
//! ```text
//! explore [--seeds N] [--from S] [--plant BUG] [--trace]
//! explore --list-planted
//! ```
//!
//! A seed that breaks a promise is printed as `found: seed S: invariant: what happened`, with the end of its trace; it
//! replays exactly with `--from S --seeds 1 --trace`. Of every hundred seeds one is run twice and has to do the same.
//! Rare states are counted, and an exploration of enough seeds that misses one is red too: it would prove less than it
//! seems to.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it found")]

mod journal;
mod run;
mod walker;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Mutex;
use std::time::Instant;

use thespian_core::engine::planted::{self, Bug};

/// The states that have to be reached in every exploration of at least [`ENOUGH`] seeds.
const RARE: &[&str] = &[
    "a child that never started is reported",
    "a command succeeds at the second attempt",
    "a connection is lost",
    "a dead letter may have been handled",
    "a frame is lost",
    "a frame is repeated",
    "a handler fails on an exit request",
    "a handler fails on poison",
    "a handler flushes",
    "a killed child is reported",
    "a living actor is killed",
    "a message ends unsure",
    "a message is a dead letter for certain",
    "a ping becomes a dead letter",
    "a ping comes back as poison",
    "a ping comes back from an actor that never started",
    "a ping from another system is handled",
    "a ping is handled at the second attempt",
    "a sender is killed with messages under way",
    "a system closes",
    "a system is closed at the end",
    "an exiting actor is asked to exit again",
    "an outside create fails to start",
    "an outside create finds no system",
    "best effort loses many messages",
    "children are spared",
    "two actors are cut off",
    "two systems are cut off",
    "two timers are due at one moment",
];

/// From this many seeds on, every rare state has to be reached this often.
const ENOUGH: u64 = 1000;
const OFTEN: u64 = 10;

struct Options {
    seeds: u64,
    from: u64,
    plant: Option<Bug>,
    trace: bool,
}

/// What the threads have found together.
#[derive(Default)]
struct Found {
    next: u64,
    done: u64,
    /// The lowest seed that broke a promise.
    first: Option<(u64, String, Vec<String>)>,
    probes: BTreeMap<&'static str, u64>,
}

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            for bug in Bug::ALL.iter().filter(|_| planted::BUILT_IN) {
                println!("{}", bug.name());
            }
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprintln!("explore: {problem}");
            return ExitCode::from(2);
        }
    };
    planted::set(options.plant);
    let began = Instant::now();
    let found = Mutex::new(Found { next: options.from, ..Found::default() });
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(&options, &found));
        }
    });
    let found = found.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
    report(&options, &found, began)
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options { seeds: 2000, from: 1, plant: None, trace: false };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a number"))?;
            value.parse().map_err(|_| format!("`{argument}` needs a number, and got {value:?}"))
        };
        match argument.as_str() {
            "--seeds" => options.seeds = number()?,
            "--from" => options.from = number()?,
            "--trace" => options.trace = true,
            "--list-planted" => return Ok(None),
            "--plant" => {
                let name = arguments.next().ok_or("`--plant` needs the name of a bug")?;
                options.plant = Some(bug(&name)?);
            }
            other => {
                return Err(format!(
                    "unknown argument {other:?}; known are --seeds, --from, --plant, --trace \
                                         and --list-planted"
                ));
            }
        }
    }
    Ok(Some(options))
}

fn bug(name: &str) -> Result<Bug, String> {
    if !planted::BUILT_IN {
        return Err("this build has no planted bugs; build with RUSTFLAGS='--cfg planted=\"all\"'".into());
    }
    let known = Bug::ALL.iter().find(|bug| bug.name() == name).copied();
    known.ok_or_else(|| {
        let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
        format!("no planted bug is called {name:?}; known are {}", names.join(", "))
    })
}

/// Takes seeds until there are none left, or a lower one has failed.
fn work(options: &Options, found: &Mutex<Found>) {
    let end = options.from.saturating_add(options.seeds);
    loop {
        let seed = {
            let mut found = lock(found);
            let failed = found.first.as_ref().is_some_and(|(first, ..)| *first < found.next);
            if found.next >= end || failed {
                return;
            }
            found.next += 1;
            found.next - 1
        };
        let lines = if options.trace { usize::MAX } else { 400 };
        let outcome = run::run(seed, lines);
        let mut violation = outcome.violation;
        if violation.is_none() && seed.is_multiple_of(100) && run::run(seed, 0).hash != outcome.hash {
            violation = Some("replay: the same seed did something else the second time".into());
        }
        let probes = journal::journal(|journal| std::mem::take(&mut journal.probes));
        let mut found = lock(found);
        for (name, count) in probes {
            *found.probes.entry(name).or_default() += count;
        }
        found.done += 1;
        if let Some(violation) = violation
            && found.first.as_ref().is_none_or(|(first, ..)| seed < *first)
        {
            found.first = Some((seed, violation, outcome.trace));
        } else if options.trace {
            println!("{}", outcome.trace.join("\n"));
        }
        if std::io::stderr().is_terminal() && found.done.is_multiple_of(50) {
            eprint!("\r{} of {} seeds", found.done, options.seeds);
            // Nothing depends on the progress being seen.
            let _ = std::io::stderr().flush();
        }
    }
}

fn lock(found: &Mutex<Found>) -> std::sync::MutexGuard<'_, Found> {
    found.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn report(options: &Options, found: &Found, began: Instant) -> ExitCode {
    if std::io::stderr().is_terminal() {
        eprintln!();
    }
    if let Some((seed, violation, trace)) = &found.first {
        println!("{}", trace.join("\n"));
        println!("found: seed {seed}: {}", violation.trim_end());
        println!("replay: cargo xtask explore --seeds 1 --from {seed}");
        return ExitCode::from(1);
    }
    let width = RARE.iter().map(|name| name.len()).max().unwrap_or(0);
    for name in RARE {
        println!("{name:width$}  {:>8}", found.probes.get(name).unwrap_or(&0));
    }
    let enough = options.seeds >= ENOUGH && options.plant.is_none();
    let missed = RARE.iter().find(|name| found.probes.get(*name).is_none_or(|count| *count < OFTEN));
    if let Some(missed) = missed.filter(|_| enough) {
        println!("found: seed {}: coverage: less than {OFTEN} times {missed}", options.from);
        return ExitCode::from(1);
    }
    println!("{} seeds from {}, nothing wrong, {:.1?}", found.done, options.from, began.elapsed());
    ExitCode::SUCCESS
}
