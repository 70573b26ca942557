use thespian_core::*;

use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Message)]
#[message(rename = "order")]
struct Order;

fn main() {}
