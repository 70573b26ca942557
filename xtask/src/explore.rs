//! `cargo xtask explore`: runs the simulator over many seeds, and measures whether it would have found something.
//!
//! A simulator that finds nothing proves nothing. The power check switches known bugs on, one at a time, and expects
//! the same exploration that passes without them to find each. All bugs are compiled into one build, in a target
//! folder of its own, and chosen at run time: a build per bug would cost more than all the exploring.

use std::path::Path;
use std::process::Output;

use crate::Command;
use crate::args::{Args, Opt, Takes};
use crate::failure::{Failure, Outcome};
use crate::process::{self, Cmd};

pub(crate) const COMMAND: Command = Command {
    name: "explore",
    operands: None,
    about: "run the simulator over many seeds",
    options: &[
        Opt { name: "--seeds", takes: Takes::One("N"), about: "how many seeds (2000)" },
        Opt { name: "--from", takes: Takes::One("S"), about: "the first seed (1)" },
        Opt {
            name: "--power",
            takes: Takes::Nothing,
            about: "plant each known bug and expect it to be found",
        },
        Opt {
            name: "--rotate",
            takes: Takes::One("K"),
            about: "with --power: only K bugs, others after each commit",
        },
    ],
    run,
};

const DEFAULT_SEEDS: u64 = 2000;

/// Within how many seeds a planted bug has to be found, where nothing else is said: the hunt for it ends with the first.
const HUNTED_SEEDS: u64 = 5000;
const DEFAULT_FROM: u64 = 1;

/// Which seeds are explored.
#[derive(Clone, Copy)]
struct Seeds {
    count: u64,
    from: u64,
}

impl Seeds {
    fn args(self) -> [String; 4] {
        ["--seeds".into(), self.count.to_string(), "--from".into(), self.from.to_string()]
    }
}

fn run(root: &Path, args: &Args) -> Outcome {
    let seeds = Seeds {
        count: args.number("--seeds")?.unwrap_or(DEFAULT_SEEDS),
        from: args.number("--from")?.unwrap_or(DEFAULT_FROM),
    };
    let rotate = args.number("--rotate")?;
    if seeds.count == 0 || rotate == Some(0) {
        return Err(Failure::Usage("`--seeds` and `--rotate` need at least 1".into()));
    }
    if args.flag("--power") {
        return power(root, seeds, rotate);
    }
    if rotate.is_some() {
        return Err(Failure::Usage("`--rotate` chooses among the planted bugs: it needs `--power`".into()));
    }
    explorer(&["run", "--release", "--locked"]).args(seeds.args()).run(root)
}

fn explorer(cargo: &[&str]) -> Cmd {
    // The explorer panics on purpose all the time, and a backtrace of each would take longer than the exploring.
    Cmd::cargo(cargo).args(["-p", "thespian-sim", "--example", "explore", "--"]).env("RUST_BACKTRACE", "0")
}

/// The explorer with every known bug compiled in and none switched on.
fn planted() -> Cmd {
    explorer(&["run", "--quiet", "--release", "--locked", "--target-dir", "target/planted"])
        .env("RUSTFLAGS", "--cfg planted=\"all\"")
}

/// Explores without a bug and then with each, and prints bug, seed and invariant.
fn power(root: &Path, seeds: Seeds, rotate: Option<u64>) -> Outcome {
    let listing = planted().args(["--list-planted"]).read(root)?;
    let mut bugs: Vec<&str> = listing.lines().map(str::trim).filter(|name| !name.is_empty()).collect();
    if bugs.is_empty() {
        return Err(Failure::Check(
            "the explorer knows no planted bug, so its silence proves nothing".into(),
        ));
    }
    let known = bugs.len();
    if let Some(count) = rotate {
        bugs = rotated(&bugs, count, hash(Cmd::git(&["rev-parse", "HEAD"]).read(root)?.trim()));
    }
    println!(
        "exploring {} seeds from {}, and up to {HUNTED_SEEDS} with each of {} of {known} planted bugs",
        seeds.count,
        seeds.from,
        bugs.len()
    );
    control(root, seeds)?;
    hunt(root, Seeds { count: seeds.count.max(HUNTED_SEEDS), ..seeds }, &bugs)
}

/// Plants each bug in turn and prints what was found.
fn hunt(root: &Path, seeds: Seeds, bugs: &[&str]) -> Outcome {
    let width = bugs.iter().map(|bug| bug.len()).max().unwrap_or(0).max("planted bug".len());
    println!("{:width$}  {:>8}  invariant", "planted bug", "seed");
    let mut missed = Vec::new();
    for bug in bugs {
        let hunt = planted().args(["--plant", bug]).args(seeds.args());
        match judge(&hunt.output(root)?) {
            Verdict::Found { seed, invariant } => println!("{bug:width$}  {seed:>8}  {invariant}"),
            Verdict::Missed(why) => {
                println!("{bug:width$}  {:>8}  {why}", "MISSED");
                missed.push(format!("  {bug}: {why}\n    repeat with: {hunt}"));
            }
        }
    }
    if missed.is_empty() {
        println!("all {} planted bugs found, and nothing without one", bugs.len());
        return Ok(());
    }
    Err(Failure::Check(format!("planted bugs that the exploration did not find:\n{}", missed.join("\n"))))
}

/// Without this run, an explorer that cries wolf over everything would pass the power check with honours.
fn control(root: &Path, seeds: Seeds) -> Outcome {
    let cmd = planted().args(seeds.args());
    let output = cmd.output(root)?;
    if output.status.success() {
        return Ok(());
    }
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let text = format!("the exploration fails with no bug planted; {}: `{cmd}`\n{out}{err}", output.status);
    Err(Failure::Check(text.trim_end().to_owned()))
}

/// What an exploration with a planted bug showed.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Found { seed: String, invariant: String },
    Missed(String),
}

fn judge(output: &Output) -> Verdict {
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    verdict(output.status.code(), &out, &err)
}

/// A bug counts as found when the explorer says so itself: exit code 1 and a line `found: ...`. A crash or an
/// explorer that does not build has an exit code of its own, and is not a finding.
fn verdict(code: Option<i32>, out: &str, err: &str) -> Verdict {
    let line = out.lines().chain(err.lines()).find_map(|line| line.strip_prefix("found:"));
    match (code, line) {
        (Some(1), Some(line)) => found(line.trim()),
        (Some(0), _) => Verdict::Missed("no seed found it".into()),
        (Some(1), None) => {
            Verdict::Missed(format!("exit code 1 without a line `found: ...`; {}", process::gist(err)))
        }
        (Some(code), _) => Verdict::Missed(format!("exit code {code}; {}", process::gist(err))),
        (None, _) => Verdict::Missed(format!("killed by a signal; {}", process::gist(err))),
    }
}

/// Takes `seed 17: accounting: ...` apart: the first number after the word `seed`, and what follows it.
fn found(line: &str) -> Verdict {
    let split = line.find("seed").and_then(|at| {
        let rest = &line[at..];
        let start = rest.find(|c: char| c.is_ascii_digit())?;
        let digits = &rest[start..];
        let end = digits.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(digits.len());
        Some((&digits[..end], digits[end..].trim_start_matches([':', ',', ';', ' ', '-'])))
    });
    let (seed, invariant) = split.unwrap_or(("?", line));
    Verdict::Found { seed: seed.to_owned(), invariant: invariant.to_owned() }
}

/// `count` neighbours of the list, beginning where `hash` says: the same for a commit on every machine and day, and
/// over many commits every bug has its turn.
fn rotated<'a>(bugs: &[&'a str], count: u64, hash: u64) -> Vec<&'a str> {
    let length = bugs.len();
    // Both fit: the remainder is below `length`, and the count is cut to it.
    let start = (hash % length as u64) as usize;
    let count = count.min(length as u64) as usize;
    (0..count).map(|offset| bugs[(start + offset) % length]).collect()
}

/// FNV-1a, 64 bits.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bug_that_was_found_shows_its_seed_and_invariant() {
        let found =
            |seed: &str, invariant: &str| Verdict::Found { seed: seed.into(), invariant: invariant.into() };
        let line = |line: &str| verdict(Some(1), &format!("exploring\n{line}\nreplay with x\n"), "");
        assert_eq!(line("found: seed 17: accounting: 5 sent"), found("17", "accounting: 5 sent"));
        assert_eq!(line("found: seed=0x1f, one delivery"), found("0x1f", "one delivery"));
        assert_eq!(line("found: something"), found("?", "something"));
        assert_eq!(verdict(Some(1), "", "found: seed 3 x"), found("3", "x"));
    }

    #[test]
    fn silence_a_crash_and_a_failed_build_are_all_missed() {
        assert_eq!(verdict(Some(0), "2000 seeds, nothing", ""), Verdict::Missed("no seed found it".into()));
        for (code, out, err, why) in [
            (Some(1), "", "error: unknown option", "unknown option"),
            (Some(101), "found: seed 1: x", "thread 'main' panicked", "panicked"),
            (Some(101), "", "error: could not compile", "could not compile"),
            (None, "found: seed 1: x", "", "signal"),
        ] {
            let Verdict::Missed(text) = verdict(code, out, err) else {
                panic!("{code:?} {err} was a finding")
            };
            assert!(text.contains(why), "{text}");
        }
    }

    #[test]
    fn rotation_is_the_same_for_a_commit_and_reaches_every_bug_over_many() {
        let bugs = ["a", "b", "c", "d", "e"];
        assert_eq!(rotated(&bugs, 3, 4), ["e", "a", "b"]);
        assert_eq!(rotated(&bugs, 9, 0), bugs);
        let commits = (0..64).map(|commit| hash(&format!("{commit:040x}")));
        let mut seen: Vec<&str> = commits.flat_map(|hash| rotated(&bugs, 1, hash)).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen, bugs);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash("a"), 0xaf63_dc4c_8601_ec8c);
    }

    #[test]
    fn one_build_holds_every_bug_and_the_line_can_be_repeated() {
        let line = planted().args(["--plant", "lost-ack"]).to_string();
        assert!(line.contains("RUSTFLAGS='--cfg planted=\"all\"' cargo run"), "{line}");
        assert!(line.ends_with("--example explore -- --plant lost-ack"), "{line}");
    }

    #[test]
    fn rotating_without_the_power_check_and_no_seeds_at_all_are_refused() {
        for line in ["--rotate 3", "--power --rotate 0", "--seeds 0"] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let args = Args::parse("explore", COMMAND.options, None, &words).unwrap();
            assert!(matches!(run(Path::new("no-such-folder"), &args), Err(Failure::Usage(_))), "{line}");
        }
    }
}
