//! The program `wordcount` as people run it: what it prints, where, and its exit code.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use kit::Scratch;

fn start<A: AsRef<OsStr>>(arguments: &[A]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_wordcount"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Exit code, standard output and standard error.
fn ended(child: Child) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn run<A: AsRef<OsStr>>(arguments: &[A]) -> (Option<i32>, String, String) {
    ended(start(arguments))
}

fn ok(text: &str) -> (Option<i32>, String, String) {
    (Some(0), text.into(), String::new())
}

#[test]
fn the_table_of_a_tiny_text() {
    let scratch = Scratch::new();
    let path = scratch.write("text", "The cat, the DOG; don’t don't THE\n");
    let expected = "\
rank  word   count   share
   1  the        3  42.86%
   2  don't      2  28.57%
   3  cat        1  14.29%
7 words, 4 distinct, 1 file, 36 bytes
";
    assert_eq!(run(&["--top".as_ref(), "3".as_ref(), path.as_os_str()]), ok(expected));
}

#[test]
fn the_standard_input_among_files() {
    let scratch = Scratch::new();
    let path = scratch.write("text", "b");
    let mut child = start(&[path.as_os_str(), "-".as_ref()]);
    child.stdin.take().unwrap().write_all(b"a b").unwrap();
    let expected = "\
rank  word  count   share
   1  b         2  66.67%
   2  a         1  33.33%
3 words, 2 distinct, 2 files, 4 bytes
";
    assert_eq!(ended(child), ok(expected));
}

#[test]
fn empty_input_is_fine() {
    let scratch = Scratch::new();
    let path = scratch.write("empty", "");
    assert_eq!(run(&[&path]), ok("0 words, 0 distinct, 1 file, 0 bytes\n"));
    scratch.write("folder/none", "");
    assert_eq!(run(&[scratch.path()]), ok("0 words, 0 distinct, 2 files, 0 bytes\n"));
    assert_eq!(run(&["-"]), ok("0 words, 0 distinct, 1 file, 0 bytes\n"));
}

#[test]
fn bytes_that_are_not_utf_8_are_counted_around() {
    let scratch = Scratch::new();
    let path = scratch.write("bytes", b"\xFFa\xFEa\xC3");
    let expected =
        "rank  word  count   share\n   1  a         2  100.00%\n2 words, 1 distinct, 1 file, 5 bytes\n";
    assert_eq!(run(&[path]), ok(expected));
}

#[test]
fn a_missing_file_is_reported_and_the_others_are_counted() {
    let scratch = Scratch::new();
    let (first, last) = (scratch.write("a", "x"), scratch.write("c", "x"));
    let missing = scratch.path().join("b");
    let (code, stdout, stderr) = run(&[&first, &missing, &last]);
    assert_eq!(code, Some(1));
    assert!(stdout.ends_with("2 words, 1 distinct, 2 files, 2 bytes\n"), "{stdout}");
    assert!(stderr.starts_with(&format!("wordcount: {}: ", missing.display())), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_opens_and_cannot_be_read_is_reported() {
    let scratch = Scratch::new();
    let path = scratch.write("text", "x");
    // The memory of a process: there is none at address 0.
    let (code, stdout, stderr) = run(&["/proc/self/mem".as_ref(), path.as_os_str()]);
    assert_eq!(code, Some(1));
    assert!(stdout.ends_with("1 word, 1 distinct, 1 file, 1 byte\n"), "{stdout}");
    assert!(stderr.starts_with("wordcount: /proc/self/mem: "), "{stderr}");
}

#[cfg(unix)]
#[test]
fn links_are_followed_to_files_only_and_a_broken_one_is_reported() {
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new();
    scratch.write("a/text", "x");
    scratch.write("text", "y");
    symlink(scratch.path(), scratch.path().join("a/up")).unwrap();
    symlink("itself", scratch.path().join("b")).unwrap();
    symlink("itself", scratch.path().join("itself")).unwrap();
    symlink("nowhere", scratch.path().join("broken")).unwrap();
    symlink("text", scratch.path().join("z")).unwrap();
    let (code, stdout, stderr) = run(&[scratch.path()]);
    assert_eq!(code, Some(1));
    let reported: Vec<&str> = stderr
        .lines()
        .map(|line| {
            let line = line.strip_prefix("wordcount: ").unwrap();
            let path = line.split(": ").next().unwrap();
            path.rsplit('/').next().unwrap()
        })
        .collect();
    assert_eq!(reported, ["b", "broken", "itself"], "{stderr}");
    assert!(stdout.ends_with("3 words, 2 distinct, 3 files, 3 bytes\n"), "{stdout}");
}

#[test]
fn wrong_command_lines_are_refused_with_the_reason() {
    for (arguments, reason) in [
        (&["--top", "0", "x"][..], "'--top <N>': must be a number from 1 to"),
        (&["--workers", "0", "x"], "'--workers <N>': must be a number from 1 to 1024"),
        (&["--base", "nowhere", "x"], "[possible values: simple, tcp, udp, queue]"),
        (&[], "<FILE>..."),
    ] {
        let (code, stdout, stderr) = run(arguments);
        assert_eq!((code, stdout), (Some(2), String::new()), "{arguments:?}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
    }
}

#[test]
fn the_help_has_examples() {
    let (code, stdout, _) = run(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("Examples:") && stdout.contains("wordcount README.md"), "{stdout}");
    assert!(stdout.lines().all(|line| line.chars().count() <= 120), "{stdout}");
}

#[test]
fn a_reader_that_stops_early_is_no_error() {
    let mut child = start(&["-"]);
    drop(child.stdout.take());
    // The program prints only after it has read all of this, and so to nobody.
    child.stdin.take().unwrap().write_all(b"a b c").unwrap();
    assert_eq!(ended(child), ok(""));
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wordcount"))
        .arg("-")
        .stdin(Stdio::null())
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("wordcount: standard output: "));
}
