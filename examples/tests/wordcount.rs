//! The counts of `wordcount` are those of a plain count, and what cannot be counted is reported.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::{fs, io};

use kit::Scratch;
use serde::{Deserialize, Serialize};
use thespian_core::{
    Actor, ActorAddress, ActorExitRequest, ActorStatus, ActorSystem, Bytes, Context, Error, Message,
    StatusReq, actor,
};
use thespian_examples::wordcount::actors::{Acceptor, Chunk, Done, LONGEST_CHUNK, Summary, Top};
use thespian_examples::wordcount::files::{Found, Problem};
use thespian_examples::wordcount::text::LONGEST_WORD;
use thespian_examples::wordcount::{Event, Options, Totals, count};
use thespian_simple::Simple;

fn system() -> ActorSystem {
    ActorSystem::builder().base(Simple).unregistered().start().unwrap()
}

/// The totals of all words of these files and folders, and the problems.
fn counted(paths: &[PathBuf], options: Options) -> (Totals, Vec<Problem>) {
    let Found { inputs, mut problems } = Found::new(paths);
    let mut progress = 0;
    let totals = count(&system(), &inputs, &options, &mut |event| match event {
        Event::Progress(bytes) => progress += bytes,
        Event::Problem(problem) => problems.push(problem.clone()),
    });
    let totals = totals.unwrap();
    assert!(progress >= totals.bytes);
    (totals, problems)
}

fn all_words() -> Options {
    Options { workers: 3, top: u32::MAX, ..Options::default() }
}

/// The same by other means: the whole text at once, in one thread, without a look at the program's own parts.
#[derive(Default)]
struct Plain {
    counts: HashMap<String, u64>,
    files: u64,
    bytes: u64,
}

impl Plain {
    fn add(&mut self, content: &[u8]) {
        self.files += 1;
        self.bytes += content.len() as u64;
        let text = String::from_utf8_lossy(content).replace('’', "'");
        let runs = text.split(|c: char| !c.is_alphanumeric() && c != '\'').flat_map(|run| run.split("''"));
        for run in runs {
            let mut rest = run.trim_matches('\'');
            while !rest.is_empty() {
                let end = rest.char_indices().nth(LONGEST_WORD).map_or(rest.len(), |(at, _)| at);
                let word = rest[..end].trim_end_matches('\'').to_lowercase();
                *self.counts.entry(word).or_default() += 1;
                rest = rest[end..].trim_start_matches('\'');
            }
        }
    }

    fn totals(self) -> Totals {
        let words = self.counts.values().sum();
        let distinct = self.counts.len() as u64;
        let mut top: Vec<_> = self.counts.into_iter().collect();
        top.sort_by(|a, b| (b.1, &a.0).cmp(&(a.1, &b.0)));
        Totals { summary: Summary { top, words, distinct }, files: self.files, bytes: self.bytes }
    }
}

/// Compares in a way that does not print a million words.
fn assert_same(found: &Totals, expected: &Totals) {
    let differs =
        found.summary.top.iter().zip(&expected.summary.top).find(|(found, expected)| found != expected);
    assert_eq!(differs, None);
    assert!(found == expected, "the same words, but not the same totals:\n{found}{expected}");
}

/// All Rust and Markdown files below a folder that are not the output of a build.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            if entry.file_name() != "target" && entry.file_name() != ".git" {
                sources(&path, found)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

#[test]
fn the_words_of_this_repository() {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut paths).unwrap();
    assert!(paths.len() > 20);
    let (scratch, mut plain) = (Scratch::new(), Plain::default());
    for (index, path) in paths.iter().enumerate() {
        // A copy, so that both counts see the same text while somebody edits it.
        let content = fs::read(path).unwrap();
        scratch.write(&format!("{}/{index}", index % 7), &content);
        plain.add(&content);
    }
    let (totals, problems) = counted(&[scratch.path().to_owned()], all_words());
    assert_eq!(problems, []);
    assert_same(&totals, &plain.totals());
}

/// A random number (splitmix64).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A text of about this many bytes: words whose frequency falls with their rank, letters of one to four bytes, bytes
/// that are not UTF-8, and runs that are too long for a word.
fn generated(bytes: usize, seed: u64) -> Vec<u8> {
    let letters: Vec<char> = "abcdefghijklmnopqrstuvwxyzEXAMPLE019éßøжщΣ漢字𝔘'’".chars().collect();
    let separators: [&[u8]; 8] = [b" ", b" ", b" ", b"\n", b", ", "—".as_bytes(), b" '", b"''"];
    let garbage: [&[u8]; 4] = [b"\xFF", b"\xC3", b"\xE2\x80", b"\x80\x80\x80\x80"];
    let mut state = seed;
    let mut vocabulary: Vec<String> = Vec::new();
    for _ in 0..30_000 {
        let length = 1 + random(&mut state) % 12;
        let letter = |_| letters[random(&mut state) as usize % letters.len()];
        vocabulary.push((0..length).map(letter).collect());
    }
    let mut text = Vec::with_capacity(bytes + 10_000);
    while text.len() < bytes {
        let uniform = random(&mut state) as f64 / u64::MAX as f64;
        let rank = (vocabulary.len() as f64).powf(uniform) as usize - 1;
        let choice = random(&mut state);
        match choice % 50_000 {
            0 => text.extend_from_slice(vocabulary[rank].repeat((choice >> 40) as usize % 3_000).as_bytes()),
            1..100 => text.extend_from_slice(garbage[choice as usize % 4]),
            _ => text.extend_from_slice(vocabulary[rank].as_bytes()),
        }
        text.extend_from_slice(separators[(choice >> 32) as usize % 8]);
    }
    text
}

#[test]
fn fifty_megabytes_of_words() {
    let text = generated(50_000_000, 1);
    let scratch = Scratch::new();
    let path = scratch.write("words", &text);
    let mut plain = Plain::default();
    plain.add(&text);
    drop(text);
    let (totals, problems) = counted(&[path], all_words());
    assert_eq!(problems, []);
    assert_same(&totals, &plain.totals());
    let Summary { words, distinct, .. } = totals.summary;
    assert!(words > 4_000_000 && distinct > 20_000, "{words} words, {distinct} distinct");
}

#[test]
fn chunks_of_every_size_give_the_same() {
    let scratch = Scratch::new();
    let text = [b"Don't cut: l\xE2\x80\x99\xC3\xA9t\xC3\xA9\xFF x '' a", &generated(500, 2)[..]].concat();
    let path = scratch.write("text", &text);
    let mut plain = Plain::default();
    plain.add(&text);
    let expected = plain.totals();
    assert!(expected.summary.distinct > 20);
    for chunk_size in 1..=64 {
        let (totals, problems) = counted(std::slice::from_ref(&path), Options { chunk_size, ..all_words() });
        assert_eq!(problems, []);
        assert_same(&totals, &expected);
    }
}

#[test]
fn one_word_of_many_megabytes_is_cut_into_words() {
    let scratch = Scratch::new();
    let path = scratch.write("run", "é".repeat(2_000 * LONGEST_WORD + 1));
    let (totals, _) = counted(&[path], all_words());
    assert_eq!(totals.summary.top, [("é".repeat(LONGEST_WORD), 2_000), ("é".into(), 1)]);
}

#[test]
fn words_of_equal_count_come_in_alphabetical_order_and_only_as_many_as_asked_for() {
    let scratch = Scratch::new();
    let path = scratch.write("text", "b a c b d");
    let (totals, _) = counted(&[path], Options { top: 3, ..all_words() });
    assert_eq!(totals.summary.top, [("b".into(), 2), ("a".into(), 1), ("c".into(), 1)]);
    assert_eq!((totals.summary.words, totals.summary.distinct), (5, 4));
}

#[test]
fn what_a_counter_fails_on_is_reported_with_its_place() {
    let scratch = Scratch::new();
    let (good, bad) = (scratch.write("a", "one two"), scratch.write("b", "x ".repeat(LONGEST_CHUNK)));
    let options = Options { chunk_size: LONGEST_CHUNK + 2, ..all_words() };
    let (totals, problems) = counted(&[good, bad.clone()], options);
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].path, bad);
    let expected = format!("bytes 0 to {} are not counted", LONGEST_CHUNK + 2);
    assert!(problems[0].cause.starts_with(&expected), "{}", problems[0].cause);
    assert!(problems[0].cause.contains("over the limit"), "{}", problems[0].cause);
    assert_eq!((totals.summary.words, totals.files), (1 + LONGEST_CHUNK as u64 / 2, 2));
}

/// An acceptor with its counters, in a system of its own.
struct Stage {
    system: ActorSystem,
    acceptor: ActorAddress,
}

impl Stage {
    fn new(counters: u32) -> Stage {
        let system = system();
        let acceptor = system.create(Acceptor::spec().start(counters)).unwrap();
        Stage { system, acceptor }
    }

    fn count(&self, number: u64, text: &str) -> Result<Done, Error> {
        self.system.request(&self.acceptor, Chunk { number, text: Bytes(text.into()) }, 1)
    }

    fn top(&self) -> Result<Summary, Error> {
        self.system.request(&self.acceptor, Top { words: 9 }, 1)
    }

    fn status(&self, actor: &ActorAddress) -> ActorStatus {
        self.system.request(actor, StatusReq, 1).unwrap()
    }

    /// The acceptor's children of this type.
    fn children(&self, kind: &str) -> Vec<ActorStatus> {
        let children = self.status(&self.acceptor).children;
        let mut children: Vec<_> = children.iter().map(|child| self.status(child)).collect();
        children.retain(|child| child.actor_type.ends_with(kind));
        children
    }
}

fn done(chunk: u64) -> Done {
    Done { chunk, result: Ok(()) }
}

#[test]
fn every_counter_gets_its_share() {
    let stage = Stage::new(2);
    for number in 0..6 {
        assert_eq!(stage.count(number, "x"), Ok(done(number)));
    }
    let handled: Vec<u64> = stage.children("Counter").iter().map(|child| child.counters.handled).collect();
    assert_eq!(handled, [3, 3]);
    assert_eq!(stage.top().unwrap().top, [("x".into(), 6)]);
}

#[test]
fn a_counter_that_is_gone_is_replaced_and_nothing_is_forgotten() {
    let stage = Stage::new(2);
    for number in 0..4 {
        assert_eq!(stage.count(number, "x"), Ok(done(number)));
    }
    let (gone, stays) = match &stage.children("Counter")[..] {
        [a, b] => (a.address, b.address),
        others => panic!("{} counters", others.len()),
    };
    stage.system.tell(&gone, ActorExitRequest::new()).unwrap();
    for number in 4..8 {
        assert_eq!(stage.count(number, "x"), Ok(done(number)));
    }
    let mut new = stage.children("Counter");
    new.retain(|counter| counter.address != stays);
    let handled: Vec<u64> = new.iter().map(|counter| counter.counters.handled).collect();
    assert_eq!(handled, [2]);
    assert_eq!(stage.top().unwrap().top, [("x".into(), 8)]);
}

#[test]
fn without_its_merger_the_acceptor_takes_no_work_and_gives_no_counts() {
    let stage = Stage::new(1);
    assert_eq!(stage.count(1, "x"), Ok(done(1)));
    let merger = stage.children("Merger")[0].address;
    stage.system.tell(&merger, ActorExitRequest::new()).unwrap();
    for error in [stage.count(2, "x").unwrap_err(), stage.top().unwrap_err()] {
        assert!(error.to_string().contains("the merger is gone: exited on request"), "{error}");
    }
}

/// Ends an actor and at the same time gives the acceptor a chunk, so that the chunk meets the dead.
#[derive(Default)]
struct Saboteur {
    employer: Option<ActorAddress>,
}

#[derive(Serialize, Deserialize, Message)]
struct Sabotage {
    victim: ActorAddress,
    acceptor: ActorAddress,
}

#[actor]
impl Saboteur {
    fn sabotage(&mut self, sabotage: &Sabotage, ctx: &mut Context<'_>) {
        self.employer = Some(ctx.sender());
        ctx.send(&sabotage.victim, ActorExitRequest::new());
        ctx.send(&sabotage.acceptor, Chunk { number: 7, text: Bytes(b"x".into()) });
    }

    fn done(&mut self, done: &Done, ctx: &mut Context<'_>) {
        if let Some(employer) = self.employer.take() {
            ctx.send(&employer, done.clone());
        }
    }
}

/// What becomes of a chunk that meets the death of an actor of this type.
fn sabotaged(kind: &str) -> (Stage, Done) {
    let stage = Stage::new(1);
    assert_eq!(stage.count(1, "x"), Ok(done(1)));
    let saboteur = stage.system.create_actor::<Saboteur>().unwrap();
    let victim = stage.children(kind)[0].address;
    let sabotage = Sabotage { victim, acceptor: stage.acceptor };
    let done = stage.system.request(&saboteur, sabotage, 1).unwrap();
    (stage, done)
}

#[test]
fn a_chunk_whose_counter_is_gone_is_counted_by_another_one_and_once() {
    let (stage, done) = sabotaged("Counter");
    assert_eq!(done, Done { chunk: 7, result: Ok(()) });
    assert_eq!(stage.top().unwrap().top, [("x".into(), 2)]);
    // As if a counter had been lost after it had counted.
    assert_eq!(stage.count(7, "x"), Ok(done));
    assert_eq!(stage.top().unwrap().top, [("x".into(), 2)]);
}

#[test]
fn a_chunk_is_reported_lost_when_the_merger_is_gone() {
    let (_stage, done) = sabotaged("Merger");
    let cause = "the merger is gone: exited on request".to_string();
    assert_eq!(done, Done { chunk: 7, result: Err(cause) });
}
