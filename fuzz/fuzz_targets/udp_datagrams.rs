//! Datagrams as they come to a port: words of a handshake, and what a process with the key of a session may put into one.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    thespian_udp::probe::word(bytes);
    thespian_udp::probe::session(bytes);
    // The bytes as items that are genuine.
    let mut items = Vec::new();
    let mut rest = bytes;
    while let Some((head, behind)) = rest.split_first_chunk::<2>() {
        let (item, behind) = behind.split_at(behind.len().min(usize::from(head[1])));
        items.push((head[0] % 9, item));
        rest = behind;
    }
    let (_, size) = thespian_udp::probe::session(&thespian_udp::probe::sealed(&items));
    assert!(size <= bytes.len());
});
