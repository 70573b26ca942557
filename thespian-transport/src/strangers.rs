//! Connections that were accepted and not authenticated yet: few, for a short time, and with little memory each.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use thespian_core::transport::Role;

use crate::connection::Shaking;
use crate::handshake::{Progress, Refused, Remote};
use crate::sockets::Sockets;

/// How long a stranger that has said hello as a process of ours would keeps its place when others want it, and how long any
/// keeps its descriptor: the machine may be busy.
const GRACE: Duration = Duration::from_millis(250);

/// All of them, oldest first.
pub(crate) struct Strangers<S: Sockets> {
    all: BTreeMap<u64, Stranger<S>>,
    next: u64,
    most: usize,
    limit: Duration,
}

pub(crate) struct Stranger<S: Sockets> {
    pub(crate) stream: S::Stream,
    pub(crate) from: S::Origin,
    pub(crate) shaking: Shaking,
    since: Instant,
}

/// What became of a stranger.
pub(crate) enum Step<S: Sockets> {
    /// It has more to say.
    Waits,
    /// It belongs to us. Its first words as such.
    Known(Box<Stranger<S>>, Remote, Vec<u8>),
    /// It does not, or has gone.
    Gone(S::Origin, Option<Refused>),
}

impl<S: Sockets> Strangers<S> {
    pub(crate) fn new(most: usize, limit: Duration) -> Strangers<S> {
        Strangers { all: BTreeMap::new(), next: 0, most, limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// The number that the next one will have.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    pub(crate) fn add(&mut self, now: Instant, stream: S::Stream, from: S::Origin, shaking: Shaking) {
        self.all.insert(self.next, Stranger { stream, from, shaking, since: now });
        self.next += 1;
    }

    /// Makes room for one more, if there is none: the oldest goes that has not said hello, or else the oldest that is not
    /// too young. Who had to go; or until when nobody will, and then there is one too many.
    pub(crate) fn make_room(&mut self, now: Instant) -> Result<Option<S::Origin>, Instant> {
        if self.all.len() < self.most {
            return Ok(None);
        }
        let mut numbered = self.all.iter();
        match numbered.find(|(_, stranger)| !stranger.shaking.handshake.is_under_way()).map(|(at, _)| *at) {
            Some(silent) => Ok(self.send_away(silent)),
            None => self.evict(now),
        }
    }

    /// Sends the oldest away. Who had to go; `None` if there is nobody; or until when all are too young.
    pub(crate) fn evict(&mut self, now: Instant) -> Result<Option<S::Origin>, Instant> {
        match self.all.first_key_value() {
            Some((_, oldest)) if now < oldest.since + GRACE => Err(oldest.since + GRACE),
            Some((oldest, _)) => Ok(self.send_away(*oldest)),
            None => Ok(None),
        }
    }

    /// Whether there is somebody to send away.
    pub(crate) fn can_evict(&self, now: Instant) -> bool {
        self.all.first_key_value().is_some_and(|(_, oldest)| oldest.since + GRACE <= now)
    }

    fn send_away(&mut self, number: u64) -> Option<S::Origin> {
        self.all.remove(&number).map(|mut stranger| {
            stranger.refuse(&Refused::Full("its connections that are not authenticated".into()));
            stranger.from
        })
    }

    /// When the oldest has had its time.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.all.first_key_value().map(|(_, oldest)| oldest.since + self.limit)
    }

    /// Takes one that has had its time.
    pub(crate) fn expired(&mut self, now: Instant) -> Option<S::Origin> {
        let oldest = self.all.first_entry()?;
        (oldest.get().since + self.limit <= now).then(|| oldest.remove().from)
    }

    /// Reads what one says. `closing` refuses clients.
    pub(crate) fn read(&mut self, number: u64, scratch: &mut [u8], closing: bool) -> Step<S> {
        let Some(stranger) = self.all.get_mut(&number) else { return Step::Waits };
        let outcome = stranger.read(scratch, closing);
        if matches!(outcome, Ok(None)) {
            return Step::Waits;
        }
        match (outcome, self.all.remove(&number)) {
            (Ok(Some((remote, rest))), Some(stranger)) => Step::Known(Box::new(stranger), remote, rest),
            (Err(why), Some(stranger)) => Step::Gone(stranger.from, why),
            _ => Step::Waits,
        }
    }
}

impl<S: Sockets> Stranger<S> {
    fn read(
        &mut self,
        scratch: &mut [u8],
        closing: bool,
    ) -> Result<Option<(Remote, Vec<u8>)>, Option<Refused>> {
        loop {
            if closing && self.shaking.handshake.claimed_role() == Some(Role::Client) {
                self.shaking.handshake.close_for(Refused::ShuttingDown);
            }
            self.shaking.write(&mut self.stream).map_err(|_| None)?;
            match self.stream.read(scratch) {
                Ok(0) => return Err(None),
                Ok(count) => match self.shaking.read(&scratch[..count]) {
                    Ok(Progress::More) => {}
                    Ok(Progress::Done(taken, remote)) => {
                        return Ok(Some((remote, scratch[taken..count].to_vec())));
                    }
                    Err(refused) => {
                        // What it is told may be lost with the connection, which is its own loss.
                        let _ = self.shaking.write(&mut self.stream);
                        return Err(Some(refused));
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(_) => return Err(None),
            }
        }
    }

    fn refuse(&mut self, reason: &Refused) {
        self.shaking.refuse(reason);
        let _ = self.shaking.write(&mut self.stream);
    }
}
