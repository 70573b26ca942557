//! What comes by a connection that is authenticated: the same in pieces as in one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_transport::probe::frames;

fuzz_target!(|bytes: &[u8]| {
    let Some((step, bytes)) = bytes.split_first() else { return };
    let whole = frames(bytes, usize::MAX, 100_000);
    let pieces = frames(bytes, usize::from(*step), 100_000);
    assert_eq!(format!("{whole:?}"), format!("{pieces:?}"));
});
