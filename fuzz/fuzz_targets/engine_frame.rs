//! Frames between engines, as transports write them. What decodes must encode, and decode again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_core::transport::wire::{Decoder, Encoder};

fuzz_target!(|bytes: &[u8]| {
    // A frame shows what its decoder keeps.
    let (mut first, mut second) = (Decoder::with_tables(), Decoder::plain());
    let Ok((from, to, frame)) = first.frame(bytes) else { return };
    let mut again = Vec::new();
    Encoder::plain().frame(&mut again, &from, &to, &frame);
    let back = second.frame(&again).expect("what was encoded decodes");
    assert_eq!(format!("{back:?}"), format!("{:?}", (from, to, frame)));
});
