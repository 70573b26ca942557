//! What comes by a connection that is not: either side of the handshake. The first byte says which, and how much at once.
#![no_main]

use libfuzzer_sys::fuzz_target;
use thespian_transport::handshake::LONGEST;
use thespian_transport::probe::handshake;

fuzz_target!(|bytes: &[u8]| {
    let Some((first, bytes)) = bytes.split_first() else { return };
    let accepting = first % 2 == 0;
    let whole = handshake(bytes, accepting, usize::MAX);
    assert_eq!(whole, handshake(bytes, accepting, usize::from(*first)));
    assert!(whole.0 <= LONGEST, "{} bytes were said", whole.0);
    assert!(!whole.1, "it was taken for one of ours, without the secret");
});
