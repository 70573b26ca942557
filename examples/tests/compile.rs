//! `compile`: the program as people run it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod kit;

use std::process::Command;

use kit::Scratch;

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_compile")).args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_sample_is_built_and_run() {
    let (code, stdout, stderr) = run(&[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert!(stdout.ends_with("7 * 7 = 49\n"), "{stdout}");
    assert_eq!(stdout.matches("$ cc -Wall -c ").count(), 2, "{stdout}");
}

#[test]
fn a_compilers_complaint_is_shown_and_ends_the_build() {
    let scratch = Scratch::new();
    scratch.write("broken.c", "int main(void) { return nothing; }\n");
    let (code, stdout, stderr) = run(&[scratch.path().to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(stdout.contains("broken.c:1") && stdout.contains("nothing"), "{stdout}");
    assert!(stderr.starts_with("compile: cc ") && stderr.ends_with("failed with code 1\n"), "{stderr}");
    assert!(!stdout.contains("program"), "{stdout}");
}

#[test]
fn a_folder_that_is_not_there_is_said() {
    let (code, stdout, stderr) = run(&["/no/such/folder"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert!(stderr.starts_with("compile: /no/such/folder: "), "{stderr}");
}
