//! Capabilities.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_msgs::Capabilities;

fuzz_target!(|bytes: &[u8]| {
    if let Some(capabilities) = thespian_fuzz::decoded::<Capabilities>(bytes) {
        assert_eq!(capabilities.iter().count(), capabilities.len());
        assert_eq!(capabilities.to_string().is_empty(), capabilities.is_empty());
    }
});
