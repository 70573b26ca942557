//! How actors and systems are. The first byte says which.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_msgs::{ActorStatus, SystemStatus};

fuzz_target!(|bytes: &[u8]| {
    let Some((which, bytes)) = bytes.split_first() else { return };
    let text = match which % 2 {
        0 => thespian_fuzz::decoded::<ActorStatus>(bytes).map(|status| status.to_string()),
        _ => thespian_fuzz::decoded::<SystemStatus>(bytes).map(|status| status.to_string()),
    };
    assert!(text.is_none_or(|text| !text.is_empty()));
});
