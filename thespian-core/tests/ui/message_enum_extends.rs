use thespian_core::*;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
enum Order {
    Item(#[message(extends)] String),
}

fn main() {}
