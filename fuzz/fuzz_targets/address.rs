//! Addresses.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_msgs::{ActorAddress, AddressKey};

fuzz_target!(|bytes: &[u8]| {
    if let Some(address) = thespian_fuzz::decoded::<ActorAddress>(bytes) {
        assert!(!address.to_string().is_empty());
        AddressKey::new([1; 16]).verify(&address);
    }
});
