use thespian_core::*;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
struct Order<'a> {
    item: &'a str,
}

fn main() {}
