use thespian_core::*;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
#[message(name = "thespian::Order")]
struct Order;

#[derive(Serialize, Deserialize, Message)]
#[message(name = "")]
struct Nameless;

fn main() {}
