//! The first programs do what their texts say.

use std::process::Command;

fn greets(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().expect("it runs");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello, world\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_first_program_greets_the_world() {
    greets(env!("CARGO_BIN_EXE_first"), &[]);
}

#[test]
fn hello_greets_the_world_from_every_base() {
    greets(env!("CARGO_BIN_EXE_hello"), &[]);
    for base in thespian_examples::bases::BASES {
        greets(env!("CARGO_BIN_EXE_hello"), &["--base", base.name]);
    }
}
