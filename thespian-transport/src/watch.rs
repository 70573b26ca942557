//! Descriptors that actors watch.
//!
//! The system takes each descriptor once, so those that want the same one share it. What an actor closes without a word
//! the system forgets by itself, and the number may come back as that of something else.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::RawFd;

use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Registry, Token};
use thespian_core::transport::{Interest, NotOpen};

/// What the tokens of watched descriptors have beside the number: a port that uses [`Watches`] gives no other token this
/// bit.
pub const WATCHED: usize = 1 << 40;

/// The descriptors that are watched.
///
/// In order, so that what was added last lies together: a process that forks has to copy each page that it writes to after
/// it has forked.
#[derive(Default)]
pub struct Watches {
    by_key: BTreeMap<u64, Watch>,
    /// Who watches a descriptor that the system takes.
    by_descriptor: BTreeMap<RawFd, Vec<u64>>,
    /// Keys of descriptors that are always ready, which are still to be told.
    always: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Watch {
    descriptor: RawFd,
    interest: Interest,
}

/// What the system says of a descriptor that it cannot watch because it is always ready, and of one that it has already.
const EPERM: i32 = 1;
const EEXIST: i32 = 17;

impl Watches {
    /// Watches a descriptor, as [`Port::watch`](thespian_core::transport::Port::watch) does.
    ///
    /// # Errors
    ///
    /// It is no open descriptor, or one of the port's own.
    pub fn watch(
        &mut self,
        registry: &Registry,
        descriptor: RawFd,
        key: u64,
        interest: Interest,
    ) -> Result<(), NotOpen> {
        if self.by_key.get(&key).is_some_and(|watch| watch.descriptor != descriptor) {
            self.unwatch(registry, key);
        }
        let others = self.by_descriptor.get(&descriptor).into_iter().flatten().filter(|other| **other != key);
        let both = interest == Interest::Both
            || others
                .clone()
                .any(|other| self.by_key.get(other).is_some_and(|w| w.interest == Interest::Both));
        let is_shared = self.by_descriptor.contains_key(&descriptor);
        match register(registry, descriptor, both, is_shared) {
            Ok(()) => {
                let keys = self.by_descriptor.entry(descriptor).or_default();
                if !keys.contains(&key) {
                    keys.push(key);
                }
            }
            Err(error) if error.raw_os_error() == Some(EPERM) => {
                self.forget(descriptor);
                self.always.push(key);
            }
            Err(_) => {
                self.forget(descriptor);
                self.by_key.remove(&key);
                return Err(NotOpen);
            }
        }
        self.by_key.insert(key, Watch { descriptor, interest });
        Ok(())
    }

    /// Watches a descriptor no longer.
    pub fn unwatch(&mut self, registry: &Registry, key: u64) {
        self.always.retain(|always| *always != key);
        let Some(watch) = self.by_key.remove(&key) else { return };
        let Some(keys) = self.by_descriptor.get_mut(&watch.descriptor) else { return };
        keys.retain(|other| *other != key);
        if keys.is_empty() {
            self.by_descriptor.remove(&watch.descriptor);
            // Fails if the descriptor is closed, and then there is nothing to do.
            let _ = registry.deregister(&mut SourceFd(&watch.descriptor));
        }
    }

    /// The port itself has a descriptor of that number now, so whoever watched it has closed it.
    pub fn is_ours(&mut self, descriptor: RawFd) {
        if !self.by_descriptor.is_empty() {
            self.forget(descriptor);
        }
    }

    /// Whether some are always ready and not told yet.
    pub fn has_ready(&self) -> bool {
        !self.always.is_empty()
    }

    /// Hands over the keys of those that are always ready.
    pub fn take_ready(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.always)
    }

    /// The keys for which this is word that their descriptor is ready.
    pub fn ready<'a>(&'a self, descriptor: RawFd, event: &Event) -> impl Iterator<Item = u64> + 'a {
        // The end of what can be read, and an error, are found out by reading.
        let readable = event.is_readable() || event.is_read_closed() || event.is_error();
        let keys = self.by_descriptor.get(&descriptor).into_iter().flatten().copied();
        keys.filter(move |key| {
            readable || self.by_key.get(key).is_some_and(|watch| watch.interest == Interest::Both)
        })
    }

    fn forget(&mut self, descriptor: RawFd) {
        for key in self.by_descriptor.remove(&descriptor).into_iter().flatten() {
            self.by_key.remove(&key);
        }
    }
}

fn register(registry: &Registry, descriptor: RawFd, both: bool, is_known: bool) -> io::Result<()> {
    if descriptor < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let interest =
        if both { mio::Interest::READABLE | mio::Interest::WRITABLE } else { mio::Interest::READABLE };
    let token = Token(WATCHED | descriptor as usize);
    let mut source = SourceFd(&descriptor);
    if is_known {
        match registry.reregister(&mut source, token, interest) {
            // It was closed, and its number given to something else.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => return result,
        }
    }
    match registry.register(&mut source, token, interest) {
        // One of the port's own, which is nobody's to watch.
        Err(error) if error.raw_os_error() == Some(EEXIST) => Err(io::ErrorKind::InvalidInput.into()),
        result => result,
    }
}
