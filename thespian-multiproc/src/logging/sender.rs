//! A process's end of the log channel.

use std::borrow::Cow;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::log::Level;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, send, setsockopt, socketpair, sockopt::SndBuf,
};
use parking_lot::{Mutex, MutexGuard};
use thespian_core::ActorAddress;

use super::record::{Draft, LogRecord, cut};
use super::ring::Ring;
use super::{LONGEST_NAME, LONGEST_RECORD};

/// How much of a process's records may wait for room in the channel, in bytes.
pub const RING_BYTES: usize = 1024 * 1024;

/// How much the kernel is asked to hold of all records that the collector has not read, in bytes. It may allow less.
const SOCKET_BYTES: usize = 1024 * 1024;

/// Makes a log channel: the end that every process of the system shares, and the one that the collector reads.
///
/// A packet is a record, however many write. The descriptors close on exec. Whoever starts the collector keeps the second
/// one too, so that what was sent survives a collector that is killed; but no process reads while another does.
///
/// # Errors
///
/// What the kernel says: out of descriptors, mostly.
pub fn log_channel() -> io::Result<(OwnedFd, OwnedFd)> {
    let (sending, receiving) =
        socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?;
    // The default does for every record, so a kernel that refuses is no reason to go without logs.
    let _ = setsockopt(&sending, SndBuf, &SOCKET_BYTES);
    Ok((sending, receiving))
}

/// Sends records, and never waits.
///
/// What the channel does not take waits here, up to [`RING_BYTES`], until [`flush`](LogSender::flush) or the next record
/// finds room. What does not fit either is dropped and counted; once the ring is half empty again, a record in the place
/// of the dropped ones says how many there were.
///
/// Any thread may send. The text of a record is formatted before anything is locked, so a value that logs while it is
/// formatted does no harm. A forked child begins with nothing waiting and nothing counted; it must be forked by a process
/// with one thread, as another thread might hold the lock.
#[derive(Debug)]
pub struct LogSender {
    state: Mutex<State>,
    /// Whether something may wait: what a loop asks each time it comes round.
    pending: AtomicBool,
}

impl LogSender {
    /// With the sending end of a [`log_channel`].
    pub fn new(channel: OwnedFd) -> LogSender {
        LogSender {
            state: Mutex::new(State {
                channel: Some(Arc::new(channel)),
                process: std::process::id(),
                speaker: Arc::default(),
                waiting: Ring::new(RING_BYTES),
                unreported: 0,
                dropped: 0,
            }),
            pending: AtomicBool::new(false),
        }
    }

    /// Says in whose name this process logs from now on.
    pub fn identify(&self, actor: ActorAddress, actor_type: &str) {
        let actor_type = cut(actor_type, LONGEST_NAME).into_owned();
        self.lock().speaker = Arc::new(Speaker { actor: Some(actor), actor_type: Some(actor_type) });
    }

    /// Sends a record as it is.
    pub fn send(&self, record: &LogRecord) {
        self.post(&Draft::from(record));
    }

    /// Sends a record in the name of this process's actor.
    pub(super) fn send_own(&self, draft: Draft<'_>) {
        let speaker = Arc::clone(&self.lock().speaker);
        // Moved, because it now lives no longer than the speaker's name.
        let mut draft = draft;
        draft.actor = speaker.actor;
        draft.actor_type = speaker.actor_type.as_deref().map(Cow::Borrowed);
        self.post(&draft);
    }

    fn post(&self, draft: &Draft<'_>) {
        let packet = draft.encode();
        let mut state = self.lock();
        match packet {
            Ok(packet) if packet.len() <= LONGEST_RECORD => state.push(packet),
            _ => state.drop_records(1),
        }
        self.pending.store(state.has_pending(), Ordering::Relaxed);
    }

    /// Sends what waits, as far as there is room, and says whether nothing is left.
    pub fn flush(&self) -> bool {
        let mut state = self.lock();
        state.flush();
        self.pending.store(state.has_pending(), Ordering::Relaxed);
        !state.has_pending()
    }

    /// Sends what waits, and waits for room until `limit` has passed: for a process that is about to end. Says whether
    /// nothing is left.
    pub fn flush_within(&self, limit: Duration) -> bool {
        let start = Instant::now();
        while !self.flush() {
            let left = limit.saturating_sub(start.elapsed());
            let Some(channel) = self.channel().filter(|_| !left.is_zero()) else { return false };
            let mut events = [PollFd::new(channel.as_fd(), PollFlags::POLLOUT)];
            // Rounded up, so that the last part of a millisecond is not spent in a busy loop.
            let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
            match poll(&mut events, timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(_) => return false,
            }
        }
        true
    }

    /// Whether something waits for room: then the process's loop waits for the [`channel`](LogSender::channel) to become
    /// writable, and calls [`flush`](LogSender::flush).
    pub fn has_pending(&self) -> bool {
        self.pending.load(Ordering::Relaxed) && self.lock().has_pending()
    }

    /// The records that this process has dropped since it began, told and untold.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// The sending end, for a readiness loop. `None` when it is closed, or the collector's end is gone for good.
    pub fn channel(&self) -> Option<Arc<OwnedFd>> {
        self.lock().channel.clone()
    }

    /// Closes this process's copy of the sending end. What waits, and what is sent from now on, is dropped and counted.
    ///
    /// A forked collector must do this: it would never see the end of a channel that it holds open itself, and would send
    /// itself a record for each that it writes.
    pub fn close(&self) {
        self.lock().close();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock();
        state.begin_in(std::process::id());
        state
    }
}

/// In whose name a process logs.
#[derive(Debug, Default)]
struct Speaker {
    actor: Option<ActorAddress>,
    actor_type: Option<String>,
}

#[derive(Debug)]
struct State {
    channel: Option<Arc<OwnedFd>>,
    /// Whose records these are.
    process: u32,
    speaker: Arc<Speaker>,
    waiting: Ring,
    /// Dropped records that the collector does not know of. While there are any, more are dropped: else every other
    /// record would be one that says that one was dropped.
    unreported: u64,
    /// All dropped records.
    dropped: u64,
}

impl State {
    /// What a forked child has inherited is sent by its parent.
    fn begin_in(&mut self, process: u32) {
        if self.process != process {
            self.process = process;
            self.waiting.clear();
            self.unreported = 0;
            self.dropped = 0;
        }
    }

    fn push(&mut self, packet: Vec<u8>) {
        self.flush();
        if self.unreported > 0 {
            return self.drop_records(1);
        }
        if self.waiting.is_empty() {
            match self.transmit(&packet) {
                Transmitted::Yes => return,
                Transmitted::NoRoom => {}
                Transmitted::Never => return self.drop_records(1),
            }
        }
        if !self.waiting.push(packet) {
            self.drop_records(1);
        }
    }

    fn flush(&mut self) {
        self.send_waiting();
        if self.unreported > 0 && self.channel.is_some() && self.waiting.is_at_most_half_full() {
            let packet = self.report_of_drops();
            if packet.is_some_and(|packet| self.waiting.push(packet)) {
                self.unreported = 0;
                self.send_waiting();
            }
        }
    }

    fn send_waiting(&mut self) {
        while let Some(packet) = self.waiting.front() {
            match transmit(self.channel.as_deref(), packet) {
                Err(errno) => match self.failed(errno) {
                    Transmitted::NoRoom => return,
                    // Closing has emptied the ring.
                    Transmitted::Never if self.channel.is_none() => return,
                    Transmitted::Never | Transmitted::Yes => {
                        self.waiting.pop();
                        self.drop_records(1);
                    }
                },
                Ok(()) => self.waiting.pop(),
            }
        }
    }

    fn transmit(&mut self, packet: &[u8]) -> Transmitted {
        match transmit(self.channel.as_deref(), packet) {
            Ok(()) => Transmitted::Yes,
            Err(errno) => self.failed(errno),
        }
    }

    fn failed(&mut self, errno: Errno) -> Transmitted {
        match errno {
            Errno::EAGAIN | Errno::ENOBUFS | Errno::ENOMEM | Errno::EINTR => Transmitted::NoRoom,
            Errno::EPIPE | Errno::ECONNRESET | Errno::ECONNREFUSED | Errno::ENOTCONN => {
                self.close();
                Transmitted::Never
            }
            // EMSGSIZE, from a kernel with tiny buffers; the next record may be shorter.
            _ => Transmitted::Never,
        }
    }

    fn close(&mut self) {
        self.channel = None;
        let lost = self.waiting.clear();
        self.drop_records(lost);
    }

    fn drop_records(&mut self, records: u64) {
        self.dropped += records;
        self.unreported += records;
    }

    fn report_of_drops(&self) -> Option<Vec<u8>> {
        let text = format!(
            "{} log records of this process were dropped here, because the logger did not keep up: raise the minimum \
             level, or log less",
            self.unreported
        );
        let record = LogRecord::of_this_process(Level::Warn, text);
        let mut draft = Draft::from(&record);
        draft.actor = self.speaker.actor;
        draft.actor_type = self.speaker.actor_type.as_deref().map(Cow::Borrowed);
        draft.encode().ok()
    }

    /// Nothing can be done about records that a closed channel lost.
    fn has_pending(&self) -> bool {
        self.channel.is_some() && (!self.waiting.is_empty() || self.unreported > 0)
    }
}

enum Transmitted {
    Yes,
    NoRoom,
    Never,
}

fn transmit(channel: Option<&OwnedFd>, packet: &[u8]) -> Result<(), Errno> {
    let channel = channel.ok_or(Errno::EPIPE)?;
    send(channel.as_raw_fd(), packet, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL).map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use nix::sys::socket::recv;

    use super::*;
    use crate::logging::testing::{address, record};

    /// The next record, if there is one.
    fn receive(channel: &OwnedFd, flags: MsgFlags) -> Option<LogRecord> {
        let mut packet = vec![0; LONGEST_RECORD + 1];
        let length = match recv(channel.as_raw_fd(), &mut packet, flags) {
            Ok(0) | Err(Errno::EAGAIN) => return None,
            Ok(length) => length,
            Err(errno) => panic!("{errno}"),
        };
        Some(LogRecord::decode(&packet[..length]).unwrap())
    }

    /// How many records a record says were dropped.
    fn drops(record: &LogRecord) -> Option<u64> {
        let (count, rest) = record.text.split_once(' ')?;
        rest.starts_with("log records of this process were dropped").then(|| count.parse().unwrap())
    }

    #[test]
    fn a_record_arrives_in_the_name_of_the_actor() {
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        let logged =
            ::log::Record::builder().args(format_args!("one")).target("t").level(Level::Info).build();
        sender.send_own(Draft::new(&logged));
        sender.identify(address(5), "Greeter");
        sender.send_own(Draft::new(&logged));
        let first = receive(&receiving, MsgFlags::MSG_DONTWAIT).unwrap();
        assert_eq!((first.text.as_str(), first.actor, first.actor_type), ("one", None, None));
        assert_eq!(first.pid, std::process::id());
        let second = receive(&receiving, MsgFlags::MSG_DONTWAIT).unwrap();
        assert_eq!((second.actor, second.actor_type.as_deref()), (Some(address(5)), Some("Greeter")));
        assert!(!sender.has_pending());
    }

    #[test]
    fn what_nobody_reads_waits_in_the_ring_then_is_dropped_and_told_when_there_is_room() {
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        sender.identify(address(5), "Greeter");
        let text = "x".repeat(10_000);
        let mut sent = 0;
        while sender.dropped() < 50 {
            sender.send(&record(Level::Info, &format!("{sent} {text}")));
            sent += 1;
            assert!(sent < 10_000, "neither channel nor ring has a bound");
        }
        assert!(sender.has_pending());
        let mut expected = 0;
        let mut told = 0;
        // The reader makes room, the sender's loop flushes, and nothing else is logged.
        loop {
            let before = expected + told;
            while let Some(record) = receive(&receiving, MsgFlags::MSG_DONTWAIT) {
                if let Some(drops) = drops(&record) {
                    assert_eq!((record.level, record.actor), (Level::Warn, Some(address(5))));
                    told += drops;
                } else {
                    assert!(record.text.starts_with(&format!("{expected} ")), "{}", &record.text[..20]);
                    expected += 1;
                }
            }
            if sender.flush() && before == expected + told {
                break;
            }
        }
        assert!(expected as usize * 10_000 > RING_BYTES, "the ring holds less than it says");
        assert!(
            expected as usize * 10_000 < RING_BYTES + 2 * SOCKET_BYTES,
            "the ring holds more than it says"
        );
        assert_eq!((told, expected + told), (50, sent));
    }

    #[test]
    fn while_records_are_dropped_a_later_one_does_not_get_ahead_of_the_report() {
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        let text = "x".repeat(10_000);
        while sender.dropped() == 0 {
            sender.send(&record(Level::Info, &text));
        }
        // There is room for a short one in channel and ring, but by far not for half the ring.
        for _ in 0..5 {
            assert!(receive(&receiving, MsgFlags::MSG_DONTWAIT).is_some());
        }
        sender.send(&record(Level::Info, "short"));
        assert_eq!(sender.dropped(), 2);
        let mut last = None;
        while !sender.flush() || last.is_none() {
            last = std::iter::from_fn(|| receive(&receiving, MsgFlags::MSG_DONTWAIT)).last();
        }
        let rest = std::iter::from_fn(|| receive(&receiving, MsgFlags::MSG_DONTWAIT)).last();
        assert_eq!(drops(&rest.or(last).unwrap()), Some(2));
    }

    #[test]
    fn records_of_many_threads_and_processes_arrive_or_are_counted_whatever_the_reader_does() {
        const SENDERS: u64 = 3;
        const THREADS: u64 = 3;
        const RECORDS: u64 = 3_000;
        let (sending, receiving) = log_channel().unwrap();
        let senders: Vec<LogSender> =
            (0..SENDERS).map(|_| LogSender::new(sending.try_clone().unwrap())).collect();
        drop(sending);
        let reading = AtomicBool::new(false);
        let (mut received, mut told) = (0, 0);
        thread::scope(|scope| {
            let writers: Vec<_> = (senders.iter().flat_map(|sender| (0..THREADS).map(move |_| sender)))
                .zip(0..)
                .map(|(sender, writer)| {
                    scope.spawn(move || {
                        let mut record = record(Level::Info, &"x".repeat(700));
                        record.pid = writer;
                        for number in 0..RECORDS {
                            record.line = Some(number as u32);
                            sender.send(&record);
                        }
                    })
                })
                .collect();
            let reader = scope.spawn(|| {
                let (mut received, mut told) = (0, 0);
                let mut last = [None; (SENDERS * THREADS) as usize];
                // Begins late, so that there are drops on a machine with a quick reader too.
                while !reading.load(Ordering::Acquire) {
                    thread::park();
                }
                while let Some(record) = receive(&receiving, MsgFlags::empty()) {
                    match drops(&record) {
                        Some(drops) => told += drops,
                        None => {
                            let last = &mut last[record.pid as usize];
                            assert!(record.line > *last, "a writer's records have changed places");
                            *last = record.line;
                            received += 1;
                        }
                    }
                }
                (received, told)
            });
            while senders.iter().all(|sender| sender.dropped() == 0) {
                thread::yield_now();
            }
            reading.store(true, Ordering::Release);
            reader.thread().unpark();
            writers.into_iter().for_each(|writer| writer.join().unwrap());
            for sender in &senders {
                assert!(sender.flush_within(Duration::from_secs(60)));
                assert!(!sender.has_pending());
                sender.close();
            }
            (received, told) = reader.join().unwrap();
        });
        let dropped: u64 = senders.iter().map(LogSender::dropped).sum();
        assert_eq!(told, dropped);
        assert_eq!(received + dropped, SENDERS * THREADS * RECORDS);
        assert!(dropped > 0 && received > 0);
    }

    #[test]
    fn waiting_for_room_ends_when_its_time_is_up() {
        let (sending, _receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        while !sender.has_pending() {
            sender.send(&record(Level::Info, &"x".repeat(50_000)));
        }
        assert!(!sender.flush_within(Duration::ZERO));
        let start = Instant::now();
        assert!(!sender.flush_within(Duration::from_millis(20)));
        assert!(start.elapsed() >= Duration::from_millis(20));
    }

    #[test]
    fn the_longest_record_fits_into_the_channel() {
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        sender.send(&record(Level::Info, &"\u{1F980}".repeat(LONGEST_RECORD)));
        assert!(!sender.has_pending());
        assert!(receive(&receiving, MsgFlags::MSG_DONTWAIT).is_some());
        assert_eq!(sender.dropped(), 0);
    }

    #[test]
    fn without_a_collectors_end_records_are_counted_and_nothing_is_pending() {
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        while !sender.has_pending() {
            sender.send(&record(Level::Info, &"x".repeat(50_000)));
        }
        drop(receiving);
        sender.send(&record(Level::Info, "x"));
        assert_eq!((sender.dropped(), sender.has_pending()), (2, false));
        assert!(sender.channel().is_none() && sender.flush());
        sender.send(&record(Level::Info, "x"));
        assert_eq!(sender.dropped(), 3);
    }

    #[test]
    fn a_forked_child_leaves_what_waits_to_its_parent() {
        let (sending, _receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        while sender.dropped() == 0 {
            sender.send(&record(Level::Info, &"x".repeat(50_000)));
        }
        let mut state = sender.state.lock();
        state.begin_in(std::process::id());
        assert!(state.has_pending() && state.dropped == 1);
        state.begin_in(std::process::id().wrapping_add(1));
        assert!(!state.has_pending() && state.dropped == 0);
    }
}
