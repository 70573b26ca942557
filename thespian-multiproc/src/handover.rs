//! Descriptors on their way into a process that was not forked from the one that has them.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::cmsg_space;
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};

/// The most descriptors in one message.
const MOST: usize = 4;

/// Sends descriptors, and a byte to carry them.
///
/// # Errors
///
/// What the system says.
pub(crate) fn send(stream: &UnixStream, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let raw: Vec<RawFd> = descriptors.iter().map(AsRawFd::as_raw_fd).collect();
    let rights = [ControlMessage::ScmRights(&raw)];
    let rights = if raw.is_empty() { &rights[..0] } else { &rights[..] };
    sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(&[raw.len() as u8])], rights, MsgFlags::empty(), None)?;
    Ok(())
}

/// Receives what was sent with [`send`]. They are closed on exec.
///
/// # Errors
///
/// What the system says; and when the other side is gone.
pub(crate) fn receive(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let mut byte = [0u8; 1];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    let mut space = cmsg_space!([RawFd; MOST]);
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut bytes, Some(&mut space), flags)?;
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut received = Vec::new();
    for control in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(descriptors) = control {
            received.extend(descriptors);
        }
    }
    // SAFETY: the kernel has just made these descriptors for this process, and nobody else knows of them.
    #[expect(unsafe_code, reason = "the library hands them out as numbers")]
    let owned = received.into_iter().map(|descriptor| unsafe { OwnedFd::from_raw_fd(descriptor) });
    Ok(owned.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::fd::AsFd;

    #[test]
    fn descriptors_arrive_and_work() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let (mut one, two) = UnixStream::pair().expect("a pair");
        send(&ours, &[two.as_fd()]).expect("sent");
        drop(two);
        let received = receive(&theirs).expect("received");
        assert_eq!(received.len(), 1);
        let mut two = UnixStream::from(received.into_iter().next().expect("one"));
        one.write_all(b"through").expect("written");
        drop(one);
        let mut text = String::new();
        two.read_to_string(&mut text).expect("read");
        assert_eq!(text, "through");
    }

    #[test]
    fn none_arrive_where_none_are_sent_and_an_end_is_an_error() {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        send(&ours, &[]).expect("sent");
        assert!(receive(&theirs).expect("received").is_empty());
        drop(ours);
        assert_eq!(receive(&theirs).expect_err("nobody sends").kind(), io::ErrorKind::UnexpectedEof);
    }
}
