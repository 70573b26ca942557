//! The first program does what its text says.

use std::process::Command;

#[test]
fn hello_greets_the_world() {
    let output = Command::new(env!("CARGO_BIN_EXE_hello")).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), "Hello, world\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
