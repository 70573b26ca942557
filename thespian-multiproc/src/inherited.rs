//! What the process of an actor has from the admin, beside what it is told.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use crate::board::Board;
use crate::handover;
use crate::logging::{Internals, LogSender, LogSource};

/// The shared memory, and the way to the logger.
#[derive(Clone)]
pub(crate) struct Inherited {
    /// Where actors show their counters.
    pub(crate) board: Arc<Board>,
}

/// The sending end of the logs' channel, if logs are collected. Nobody keeps it, so that it can be closed.
fn log_channel() -> Option<Arc<OwnedFd>> {
    LogSource::installed().and_then(|source| source.sender().channel())
}

impl Inherited {
    /// Of a process that shows its counters there.
    pub(crate) fn new(board: Arc<Board>) -> Inherited {
        Inherited { board }
    }

    /// What stays open across a fork. The board's memory needs no descriptor.
    pub(crate) fn kept(&self) -> Vec<RawFd> {
        log_channel().iter().map(|log| log.as_raw_fd()).collect()
    }

    /// [Hands](handover) it all to a process that was started anew.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(crate) fn send(&self, stream: &UnixStream) -> io::Result<()> {
        let log = log_channel();
        let board = std::iter::once(self.board.file().as_fd());
        let all: Vec<BorrowedFd<'_>> = board.chain(log.iter().map(|log| log.as_fd())).collect();
        handover::send(stream, &all)
    }

    /// The same in that process, where logs of this level are sent.
    ///
    /// # Errors
    ///
    /// When something is missing, or the memory cannot be had.
    pub(crate) fn receive(descriptors: Vec<OwnedFd>, level: log::LevelFilter) -> io::Result<Inherited> {
        let mut descriptors = descriptors.into_iter();
        let board =
            descriptors.next().ok_or_else(|| io::Error::other("the shared memory was not handed over"))?;
        let board = Arc::new(Board::open(board)?);
        if let Some(log) = descriptors.next() {
            let source = LogSource::new(LogSender::new(log), Internals::from_env().0, level);
            // The process has just begun, so it has no other logger.
            let _ = source.install();
        }
        Ok(Inherited::new(board))
    }
}
