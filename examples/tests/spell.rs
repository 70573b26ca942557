//! `spell`: the program as people run it, and its actors in virtual time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use kit::Scratch;
use thespian_core::{ActorAddress, ActorSpec, ActorSystem};
use thespian_examples::spell::{Check, Checked, Desk, Unknown};
use thespian_sim::{Faults, Sim};

/// Exit code, standard output and standard error.
fn run(arguments: &[String], text: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_spell"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not like its arguments does not read.
    child.stdin.take().unwrap().write_all(text.as_bytes()).ok();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn words(scratch: &Scratch, language: &str, words: &str) -> String {
    format!("--words={language}={}", scratch.write(language, words).display())
}

#[test]
fn unknown_words_are_printed_with_what_may_be_meant() {
    let scratch = Scratch::new();
    let lists =
        [words(&scratch, "en", "a\ngreen\nfrog\nIt's\n"), words(&scratch, "de", "ein\ngrüner\nFrosch\n")];
    let text = "en: A gren frog, it's xylophone\n\nde: Ein grünr Frosch\nen: frog\n";
    let expected = "en:1: gren -> green\nen:1: xylophone\nde:3: grünr -> grüner\n";
    assert_eq!(run(&lists, text), (Some(1), expected.into(), String::new()));
    assert_eq!(run(&lists, "en: A green frog\n"), (Some(0), String::new(), String::new()));
}

#[test]
fn what_cannot_be_checked_is_said() {
    let scratch = Scratch::new();
    let missing = scratch.path().join("missing").display().to_string();
    let lists = [words(&scratch, "en", "frog"), format!("--words=fr={missing}")];
    let (code, stdout, stderr) = run(&lists, "en: frog\nfr: grenouille\nla: rana\nwithout\nfr: encore\n");
    assert_eq!((code, stdout), (Some(2), String::new()));
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{stderr}");
    assert_eq!(lines[0], "spell: line 4 does not begin with its language and a colon");
    assert!(lines[1].starts_with(&format!("spell: line 2, language fr: {missing}: ")), "{stderr}");
    assert_eq!(lines[2], "spell: line 3, language la: there is no list of words for it");
    assert!(lines[3].starts_with(&format!("spell: line 5, language fr: {missing}: ")), "{stderr}");

    let (code, _, stderr) = run(&["--words=en".into()], "");
    assert_eq!(code, Some(2));
    assert!(stderr.contains("en=words.txt"), "{stderr}");
}

fn checked(system: &ActorSystem, desk: &ActorAddress, text: &str) -> Vec<Unknown> {
    let check = Check { line: 1, language: "en".into(), text: text.into() };
    let checked: Checked = system.request(desk, check, Duration::from_secs(60)).expect("an answer");
    checked.unknown.expect("a list")
}

#[test]
fn a_speller_goes_when_nobody_asks_and_another_comes_when_somebody_does() {
    let scratch = Scratch::new();
    let list = scratch.write("en", "green\nfrog").display().to_string();
    for seed in 1..=50 {
        let faults =
            Faults { loss: 0.1, duplication: 0.1, handling: Duration::from_millis(3), ..Faults::default() };
        let sim = Sim::new(seed).with_faults(faults);
        let system = ActorSystem::builder().base(sim.clone()).unregistered().start().expect("starts");
        let files = BTreeMap::from([("en".to_string(), list.clone())]);
        let desk = system.create(ActorSpec::with::<Desk>(files)).expect("created");
        for _ in 0..3 {
            let expected = Unknown { word: "gren".into(), nearest: Some("green".into()) };
            assert_eq!(checked(&system, &desk, "gren frog"), [expected], "seed {seed}");
            // The desk, the librarian, the speller.
            assert_eq!(sim.actors().len(), 3, "seed {seed}");
            sim.run_for(Duration::from_secs(11)).expect("settles");
            assert_eq!(sim.actors().len(), 2, "seed {seed}");
        }
        // At the moment that it goes: whatever comes first, there is an answer.
        checked(&system, &desk, "frog");
        sim.run_for(Duration::from_millis(9_980 + seed)).expect("settles");
        for _ in 0..20 {
            assert_eq!(checked(&system, &desk, "frog"), [], "seed {seed}");
            sim.run_for(Duration::from_millis(9_985)).expect("settles");
        }
        system.shutdown().expect("shuts down");
        sim.finish().expect("all is accounted for");
    }
}
