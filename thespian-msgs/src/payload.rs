//! The bytes of an encoded message.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Deref;

/// The bytes of an encoded message, which are copied for nobody who only passes them on.
///
/// Up to [`Payload::INLINE`] bytes it holds them itself, so that a small message needs no memory of its own between the
/// engines of two processes. More are shared: a clone costs a counter, and a `Vec` becomes one without a copy.
///
/// ```
/// use thespian_msgs::Payload;
///
/// let whole = Payload::from(vec![7; 1000]);
/// assert_eq!(whole.clone().behind(900), Payload::from(vec![7; 100]));
/// assert_eq!(&Payload::from(&b"small"[..])[..], b"small");
/// ```
#[derive(Clone)]
pub struct Payload(Repr);

#[derive(Clone)]
enum Repr {
    Inline(u8, [u8; Payload::INLINE]),
    /// Those from a place on.
    Shared(Arc<Vec<u8>>, usize),
}

impl Payload {
    /// So many bytes are held in place.
    pub const INLINE: usize = 94;

    /// What is behind the first `count` bytes; nothing, if there are not so many.
    #[must_use]
    pub fn behind(self, count: usize) -> Payload {
        match self.0 {
            Repr::Shared(bytes, start) if start.saturating_add(count) < bytes.len() => {
                Payload(Repr::Shared(bytes, start + count))
            }
            _ => Payload::from(self.get(count..).unwrap_or_default()),
        }
    }
}

/// The bytes of an encoded message where they are: in what has just been read, or in a [`Payload`] that somebody keeps.
///
/// ```
/// use thespian_msgs::{Payload, PayloadRef};
///
/// let kept = Payload::from(vec![7; 1000]);
/// assert_eq!(Payload::from(PayloadRef::Kept(&kept)).as_ptr(), kept.as_ptr());
/// assert_eq!(Payload::from(PayloadRef::Read(&kept[..])), kept);
/// ```
#[derive(Clone, Copy)]
pub enum PayloadRef<'a> {
    /// A part of a buffer that is used again: who wants to keep them copies them.
    Read(&'a [u8]),
    /// Those of a payload, of which a large one can be shared.
    Kept(&'a Payload),
}

impl Payload {
    /// Becomes these bytes, as [`From`] would make them, without touching more memory than they need.
    #[inline]
    pub(crate) fn set(&mut self, bytes: PayloadRef<'_>) {
        match (&mut self.0, &*bytes) {
            (Repr::Inline(length, inline), bytes) if bytes.len() <= Payload::INLINE => {
                inline[..bytes.len()].copy_from_slice(bytes);
                // No more than the constant.
                *length = bytes.len() as u8;
            }
            _ => *self = bytes.into(),
        }
    }

    /// Becomes empty, and holds no memory beside its own.
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.set(PayloadRef::Read(&[]));
    }
}

impl Deref for PayloadRef<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            PayloadRef::Read(bytes) => bytes,
            PayloadRef::Kept(payload) => payload,
        }
    }
}

impl From<PayloadRef<'_>> for Payload {
    #[inline]
    fn from(bytes: PayloadRef<'_>) -> Payload {
        match bytes {
            PayloadRef::Read(bytes) => Payload::from(bytes),
            PayloadRef::Kept(payload) => payload.clone(),
        }
    }
}

impl fmt::Debug for PayloadRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl Deref for Payload {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Repr::Shared(bytes, start) => &bytes[*start..],
        }
    }
}

impl From<&[u8]> for Payload {
    #[inline]
    fn from(bytes: &[u8]) -> Payload {
        let mut inline = [0; Payload::INLINE];
        match inline.get_mut(..bytes.len()) {
            Some(place) => {
                place.copy_from_slice(bytes);
                // No more than the constant above.
                Payload(Repr::Inline(bytes.len() as u8, inline))
            }
            None => Payload(Repr::Shared(Arc::new(bytes.to_vec()), 0)),
        }
    }
}

impl From<Vec<u8>> for Payload {
    fn from(mut bytes: Vec<u8>) -> Payload {
        if bytes.len() <= Payload::INLINE {
            return Payload::from(&bytes[..]);
        }
        // It may be kept for long, and nobody counts room that it does not use.
        if bytes.capacity() / 2 > bytes.len() {
            bytes.shrink_to_fit();
        }
        Payload(Repr::Shared(Arc::new(bytes), 0))
    }
}

impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        **self == **other
    }
}

impl Eq for Payload {}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn it_is_the_bytes_that_it_was_made_of_whatever_their_number() {
        for size in [0, 1, Payload::INLINE - 1, Payload::INLINE, Payload::INLINE + 1, 1 << 16] {
            let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
            for payload in [Payload::from(&bytes[..]), Payload::from(bytes.clone())] {
                assert_eq!(&payload[..], &bytes[..]);
                for count in [0, 1, 10, size.saturating_sub(1), size, size + 1, usize::MAX] {
                    let rest = bytes.get(count..).unwrap_or_default();
                    assert_eq!(&payload.clone().behind(count)[..], rest, "{count} of {size}");
                }
                assert_eq!(&payload.clone().behind(1).behind(1)[..], bytes.get(2..).unwrap_or_default());
            }
        }
    }

    #[test]
    fn it_becomes_what_it_is_set_to_whatever_it_was() {
        let [small, large] = [vec![1; 10], vec![2; 1000]];
        for before in [&small, &large] {
            for after in [&[][..], &small, &large] {
                let mut payload = Payload::from(&before[..]);
                payload.set(PayloadRef::Read(after));
                assert_eq!(&payload[..], after);
                let kept = Payload::from(after);
                payload = Payload::from(&before[..]);
                payload.set(PayloadRef::Kept(&kept));
                assert_eq!(payload, kept);
                payload.clear();
                assert!(matches!(payload.0, Repr::Inline(0, _)));
            }
        }
    }

    #[test]
    fn a_large_one_is_shared_and_not_copied() {
        let bytes = vec![1; 1000];
        let at = bytes.as_ptr();
        let payload = Payload::from(bytes);
        assert_eq!(payload.as_ptr(), at);
        assert_eq!(payload.clone().as_ptr(), at);
        assert_eq!(payload.behind(10).as_ptr(), at.wrapping_add(10));
    }

    #[test]
    fn a_large_one_has_no_more_than_twice_the_room_it_needs() {
        let mut bytes = Vec::with_capacity(10_000);
        bytes.extend([1; 1000]);
        let Repr::Shared(kept, _) = Payload::from(bytes).0 else { panic!("1,000 bytes are many") };
        assert!(kept.capacity() <= 2 * kept.len(), "{}", kept.capacity());
    }
}
