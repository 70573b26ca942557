//! The README's first program is the example.

use std::fs;
use std::path::Path;

#[test]
fn the_first_program_is_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| fs::read_to_string(root.join(path)).expect("a file of the project");
    let first = read("src/bin/first.rs");
    let (_, program) = first.split_once("use std::time").expect("the program begins there");
    assert!(read("../README.md").contains(&format!("```rust\nuse std::time{program}```")));
}
