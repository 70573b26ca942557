//! A type that holds itself in every way that serde knows.
#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Tree {
    Leaf,
    Nothing(Vec<()>),
    Link(Box<Tree>),
    Branch(Box<Tree>, Option<Box<Tree>>),
    Many(Vec<Tree>),
    Named { name: String, below: Newtype },
    ByKey(BTreeMap<u8, Tree>),
}

#[derive(Serialize, Deserialize)]
struct Newtype(Vec<Tree>);

fuzz_target!(|bytes: &[u8]| {
    thespian_fuzz::decoded::<Tree>(bytes);
});
