//! One way between two processes over loopback: small messages in large blocks, and large messages.

use std::io::{Error, Read, Write};
use std::time::Instant;

use bench_harness::{Job, check, sum_to};
use process_harness::{Figures, OtherSide};

/// The roles of the sides that send large messages.
pub(crate) const COPY_64K: &str = "copy_64k";
pub(crate) const COPY_1M: &str = "copy_1m";
/// The same, and the flood, over a pair of Unix sockets.
pub(crate) const FLOOD_UNIX: &str = "flood_unix";
pub(crate) const COPY_64K_UNIX: &str = "copy_64k_unix";
pub(crate) const COPY_1M_UNIX: &str = "copy_1m_unix";

const MESSAGE: usize = 64;
const HEAD: usize = 4;
const BLOCK: usize = 64 << 10;

/// Reads framed messages of 64 bytes, each with its number, and adds the numbers up. The clock starts with the order
/// to send.
pub(crate) fn flood(job: Job) -> Figures {
    let (side, stream) = OtherSide::connected("flood")?;
    flood_by(job, side, stream)
}

/// The same over a pair of Unix sockets.
pub(crate) fn flood_unix(job: Job) -> Figures {
    let (side, stream) = OtherSide::paired(FLOOD_UNIX)?;
    flood_by(job, side, stream)
}

fn flood_by(job: Job, side: OtherSide, mut stream: impl Read + Write) -> Figures {
    let ops = job.workload.ops(job.quick);
    let begun = Instant::now();
    stream.write_all(&ops.to_le_bytes()).map_err(failed)?;
    let mut block = vec![0; BLOCK];
    let (mut filled, mut count, mut sum) = (0, 0, 0);
    while count < ops {
        let more = stream.read(&mut block[filled..]).map_err(failed)?;
        if more == 0 {
            return Err(format!("the stream ended after {count} of {ops} messages"));
        }
        filled += more;
        let mut rest = &block[..filled];
        while let Some((message, after)) = frame(rest) {
            sum += message.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
            count += 1;
            rest = after;
        }
        let parsed = filled - rest.len();
        block.copy_within(parsed..filled, 0);
        filled -= parsed;
    }
    let took = begun.elapsed();
    check("sum of the flood", sum, sum_to(ops))?;
    side.join()?;
    process_harness::each(job, took, ops)
}

/// The first whole message, and what follows it.
fn frame(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
    rest.split_at_checked(u32::from_le_bytes(*head) as usize)
}

/// The other side of the flood: sends as many as it is told.
pub(crate) fn send_frames(mut stream: impl Read + Write) -> Result<(), String> {
    let mut ops = [0; 8];
    stream.read_exact(&mut ops).map_err(failed)?;
    let mut block = Vec::with_capacity(BLOCK);
    for number in 1..=u64::from_le_bytes(ops) {
        if block.len() + HEAD + MESSAGE > BLOCK {
            stream.write_all(&block).map_err(failed)?;
            block.clear();
        }
        let mut message = [0; MESSAGE];
        message[..8].copy_from_slice(&number.to_le_bytes());
        block.extend_from_slice(&(MESSAGE as u32).to_le_bytes());
        block.extend_from_slice(&message);
    }
    stream.write_all(&block).map_err(failed)
}

/// Reads large messages, each into the same memory.
pub(crate) fn copy(job: Job, role: &str) -> Figures {
    let (side, stream) = OtherSide::connected(role)?;
    copy_by(job, side, stream)
}

/// The same over a pair of Unix sockets.
pub(crate) fn copy_unix(job: Job, role: &str) -> Figures {
    let (side, stream) = OtherSide::paired(role)?;
    copy_by(job, side, stream)
}

fn copy_by(job: Job, side: OtherSide, mut stream: impl Read + Write) -> Figures {
    let ops = job.workload.ops(job.quick);
    let mut block = Vec::new();
    let begun = Instant::now();
    stream.write_all(&ops.to_le_bytes()).map_err(failed)?;
    let mut sum = 0;
    for _ in 0..ops {
        let mut head = [0; HEAD];
        stream.read_exact(&mut head).map_err(failed)?;
        block.resize(u32::from_le_bytes(head) as usize, 0);
        stream.read_exact(&mut block).map_err(failed)?;
        sum += block.first_chunk().map_or(0, |number| u64::from_le_bytes(*number));
    }
    let took = begun.elapsed();
    check("sum of the messages", sum, sum_to(ops))?;
    side.join()?;
    process_harness::each(job, took, ops)
}

/// The other side of the copy.
pub(crate) fn send_blocks(mut stream: impl Read + Write, size: usize) -> Result<(), String> {
    let mut ops = [0; 8];
    stream.read_exact(&mut ops).map_err(failed)?;
    let mut message = vec![7; HEAD + size];
    message[..HEAD].copy_from_slice(&(size as u32).to_le_bytes());
    for number in 1..=u64::from_le_bytes(ops) {
        message[HEAD..HEAD + 8].copy_from_slice(&number.to_le_bytes());
        stream.write_all(&message).map_err(failed)?;
    }
    Ok(())
}

fn failed(error: Error) -> String {
    format!("the connection: {error}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_all_of_it_is_there() {
        let bytes = [2, 0, 0, 0, 8, 9, 1, 0, 0, 0];
        assert_eq!(frame(&bytes), Some((&[8, 9][..], &[1, 0, 0, 0][..])));
        assert_eq!(frame(&bytes[..5]), None);
        assert_eq!(frame(&bytes[6..]), None);
        assert_eq!(frame(&bytes[..3]), None);
    }
}
