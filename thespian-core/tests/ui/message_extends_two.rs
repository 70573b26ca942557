use thespian_core::*;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
struct Order {
    #[message(extends)]
    item: String,
    #[message(extends)]
    customer: u32,
}

fn main() {}
