//! Messages of any type, and those inside them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_fuzz::{decoded, opened};
use thespian_msgs::{AnyMessage, Capabilities, PoisonMessage, Value};

fuzz_target!(|bytes: &[u8]| {
    let Some(message) = decoded::<AnyMessage>(bytes) else { return };
    opened::<Value>(&message);
    opened::<Capabilities>(&message);
    opened::<Vec<String>>(&message);
    if let Some(poison) = opened::<PoisonMessage>(&message) {
        opened::<String>(&poison.message);
    }
});
