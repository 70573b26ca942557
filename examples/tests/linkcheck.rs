//! The program `linkcheck` as people run it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::ffi::OsStr;
use std::process::Command;

use kit::Scratch;

fn run(arguments: &[impl AsRef<OsStr>]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_linkcheck")).args(arguments).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    (output.status.code(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn links_that_lead_somewhere_are_fine() {
    let scratch = Scratch::new();
    let one = scratch.write(
        "one.md",
        "[two](deep/two.md) and [itself](one.md#part)\n[far](https://a.example/x) [here](#x)",
    );
    let two = scratch.write("deep/two.md", "[one](../one.md \"back\")\n");
    assert_eq!(run(&[one, two]), (Some(0), "2 documents, 3 links, 0 problems\n".into()));
}

#[test]
fn what_is_not_there_is_reported_with_its_place() {
    let scratch = Scratch::new();
    let documents: Vec<_> = (0..30)
        .map(|number| scratch.write(&format!("{number:02}.md"), format!("\n[next]({:02}.md)", number + 1)))
        .chain([scratch.path().join("none.md")])
        .collect();
    let (code, text) = run(&documents);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!((code, lines.len()), (Some(1), 3), "{text}");
    assert!(lines[0].starts_with(&format!("{}: ", documents[30].display())), "{text}");
    assert_eq!(lines[1], format!("{}:2: 30.md is not there", documents[29].display()));
    assert_eq!(lines[2], "31 documents, 30 links, 2 problems");
}

#[test]
fn without_documents_it_says_how_it_is_used() {
    let output = Command::new(env!("CARGO_BIN_EXE_linkcheck")).output().unwrap();
    assert_eq!((output.status.code(), output.stdout), (Some(2), Vec::new()));
    assert!(String::from_utf8_lossy(&output.stderr).contains("<DOCUMENT>..."));
}
