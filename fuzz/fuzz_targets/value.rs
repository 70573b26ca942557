//! Values of capabilities and requirements.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_msgs::Value;

fuzz_target!(|bytes: &[u8]| {
    if let Some(value) = thespian_fuzz::decoded::<Value>(bytes) {
        assert_eq!(value, value.clone());
        assert!(!value.to_string().is_empty());
    }
});
