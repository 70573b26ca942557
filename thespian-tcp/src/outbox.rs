//! What is to be written by one connection, in the order in which it is.
//!
//! What fits into a wire frame is encoded where it will be written from. A message that does not waits as it is, and gives
//! one part at a time to whoever writes; so do the messages behind it that may not pass it, which are those from the same
//! address to the same one in the same lane.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use thespian_core::ActorAddress;
use thespian_core::engine::link::{Frame, Lane};
use thespian_core::transport::wire::{Encoder, payload};

use crate::framing::{CONTROL, CONTROL_STREAM, FRAME, HEAD, LARGEST, LAST, NOBODY, PART, STREAMS, head};

/// What is written in one system call, about. A small message waits for no more than this of large ones.
const BLOCK: usize = 256 * 1024;

/// The buffer that a connection keeps when there is nothing to write, in bytes.
const KEPT: usize = 64 * 1024;

/// A frame with no more than this of a message and of names fits into a wire frame: the rest is for two addresses and
/// some numbers.
const SMALL: usize = LARGEST - 1024;

pub(crate) struct Outbox {
    encoder: Encoder,
    /// Whole wire frames.
    buffer: Vec<u8>,
    /// How much of the buffer has been written.
    written: usize,
    /// Messages that travel in parts, by the number of their stream.
    streams: Vec<Option<Stream>>,
    /// Those for which there is no stream yet.
    waiting: VecDeque<Stream>,
    /// How many of both there are.
    large: usize,
    /// The stream whose turn it is.
    turn: usize,
}

/// Messages that may not pass each other, the first of which is under way.
struct Stream {
    order: Order,
    parcels: VecDeque<Parcel>,
    /// How much of the first has been put into the buffer.
    sent: usize,
}

/// What may not pass its like.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Messages(ActorAddress, ActorAddress, Lane),
    Control,
}

/// An encoded frame, or the host's words.
struct Parcel {
    head: Vec<u8>,
    body: Body,
}

enum Body {
    Shared(Arc<[u8]>),
    Own(Vec<u8>),
}

impl Outbox {
    pub(crate) fn new() -> Outbox {
        Outbox {
            encoder: Encoder::with_tables(),
            buffer: Vec::new(),
            written: 0,
            streams: Vec::new(),
            waiting: VecDeque::new(),
            large: 0,
            turn: 0,
        }
    }

    /// Begins with these bytes, which are no frame.
    pub(crate) fn beginning_with(bytes: Vec<u8>) -> Outbox {
        Outbox { buffer: bytes, ..Outbox::new() }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.buffer.len() && self.large == 0
    }

    /// How many bytes wait in the buffer. Large messages count once they are put there.
    #[inline]
    pub(crate) fn buffered(&self) -> usize {
        self.buffer.len() - self.written
    }

    #[inline]
    pub(crate) fn frame(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &Frame) {
        if self.large > 0 || !is_small(frame) {
            return self.frame_in_turn(from, to, frame);
        }
        self.whole_frame(from, to, frame);
    }

    #[cold]
    fn frame_in_turn(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &Frame) {
        let follows = match frame {
            Frame::Data { lane, .. } => self.stream_of(Order::Messages(*from, *to, *lane)).is_some(),
            // These may pass: they only ever say more than the last one did.
            Frame::Ack { .. } | Frame::Closed { .. } => false,
        };
        if follows || !is_small(frame) {
            return self.frame_in_parts(from, to, frame);
        }
        self.whole_frame(from, to, frame);
    }

    #[inline]
    fn whole_frame(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &Frame) {
        let begin = self.begin();
        self.encoder.frame(&mut self.buffer, from, to, frame);
        self.end(begin, FRAME);
    }

    #[cold]
    fn frame_in_parts(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &Frame) {
        if let Frame::Data { lane, bytes, .. } = frame {
            let mut head = Vec::new();
            Encoder::plain().head(&mut head, from, to, frame);
            let parcel = Parcel { head, body: Body::Shared(bytes.clone()) };
            self.parcel(Order::Messages(*from, *to, *lane), parcel);
        }
    }

    pub(crate) fn nobody(&mut self, address: &ActorAddress, sender: &ActorAddress) {
        let begin = self.begin();
        self.encoder.address(&mut self.buffer, address);
        self.encoder.address(&mut self.buffer, sender);
        self.end(begin, NOBODY);
    }

    pub(crate) fn control(&mut self, bytes: Vec<u8>) {
        if bytes.len() <= LARGEST && self.stream_of(Order::Control).is_none() {
            let begin = self.begin();
            self.buffer.extend_from_slice(&bytes);
            self.end(begin, CONTROL);
        } else {
            self.parcel(Order::Control, Parcel { head: Vec::new(), body: Body::Own(bytes) });
        }
    }

    /// Writes as much as can be written of what waits, but no more than about `most` bytes. How many were written, and
    /// whether more could be.
    pub(crate) fn write_to(&mut self, to: &mut impl Write, most: usize) -> (usize, io::Result<bool>) {
        let mut total = 0;
        while !self.is_empty() {
            if total >= most {
                return (total, Ok(true));
            }
            self.top_up();
            match to.write(&self.buffer[self.written..]) {
                Ok(0) => return (total, Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    total += count;
                    self.written += count;
                    if self.written < self.buffer.len() {
                        self.tidy();
                        // Less than was offered: there is no more room.
                        return (total, Ok(false));
                    }
                    self.tidy();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return (total, Ok(false)),
                Err(error) => return (total, Err(error)),
            }
        }
        (total, Ok(true))
    }

    /// Begins a wire frame in the buffer.
    #[inline]
    fn begin(&mut self) -> usize {
        let begin = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEAD]);
        begin
    }

    /// Ends the wire frame that began there.
    #[inline]
    fn end(&mut self, begin: usize, kind: u8) {
        let length = self.buffer.len() - begin - HEAD;
        self.buffer[begin..begin + HEAD].copy_from_slice(&head(kind, length));
    }

    fn tidy(&mut self) {
        if self.written == self.buffer.len() {
            self.buffer.clear();
            self.buffer.shrink_to(KEPT);
            self.written = 0;
        } else if self.written >= BLOCK {
            self.buffer.drain(..self.written);
            self.written = 0;
        }
    }

    fn stream_of(&mut self, order: Order) -> Option<&mut Stream> {
        let streams = self.streams.iter_mut().flatten().chain(&mut self.waiting);
        streams.into_iter().find(|stream| stream.order == order)
    }

    fn parcel(&mut self, order: Order, parcel: Parcel) {
        if let Some(stream) = self.stream_of(order) {
            return stream.parcels.push_back(parcel);
        }
        if self.streams.is_empty() {
            self.streams.resize_with(STREAMS + 1, || None);
        }
        let stream = Stream { order, parcels: VecDeque::from([parcel]), sent: 0 };
        self.large += 1;
        let control = usize::from(CONTROL_STREAM);
        match order {
            Order::Control => self.streams[control] = Some(stream),
            Order::Messages(..) => match self.streams[..control].iter_mut().find(|free| free.is_none()) {
                Some(free) => *free = Some(stream),
                None => self.waiting.push_back(stream),
            },
        }
    }

    /// Puts parts of large messages into the buffer until it is a block, but one at least, so that small ones do not hold
    /// them up for ever.
    fn top_up(&mut self) {
        while self.large > 0 {
            while self.streams[self.turn].is_none() {
                self.turn = (self.turn + 1) % self.streams.len();
            }
            self.put_part(self.turn);
            self.turn = (self.turn + 1) % self.streams.len();
            if self.buffered() >= BLOCK {
                break;
            }
        }
    }

    fn put_part(&mut self, number: usize) {
        let Some(stream) = &mut self.streams[number] else { return };
        let Some(parcel) = stream.parcels.front() else { return };
        let size = parcel.len();
        let end = size.min(stream.sent + LARGEST - 1);
        let kind = if end == size { LAST } else { PART };
        self.buffer.extend_from_slice(&head(kind, 1 + end - stream.sent));
        self.buffer.push(number as u8);
        parcel.copy(stream.sent, end, &mut self.buffer);
        stream.sent = end;
        if kind == PART {
            return;
        }
        stream.sent = 0;
        stream.parcels.pop_front();
        if stream.parcels.is_empty() {
            self.large -= 1;
            self.streams[number] =
                if number == usize::from(CONTROL_STREAM) { None } else { self.waiting.pop_front() };
        }
    }
}

#[inline]
fn is_small(frame: &Frame) -> bool {
    let names = match frame {
        // Each with its length.
        Frame::Data { names, .. } => names.iter().map(|name| name.len() + 8).sum(),
        Frame::Ack { .. } | Frame::Closed { .. } => 0,
    };
    payload(frame).len() + names <= SMALL
}

impl Parcel {
    fn body(&self) -> &[u8] {
        match &self.body {
            Body::Shared(bytes) => bytes,
            Body::Own(bytes) => bytes,
        }
    }

    fn len(&self) -> usize {
        self.head.len() + self.body().len()
    }

    /// Appends a part of it.
    fn copy(&self, from: usize, to: usize, out: &mut Vec<u8>) {
        let split = self.head.len();
        out.extend_from_slice(&self.head[from.min(split)..to.min(split)]);
        out.extend_from_slice(&self.body()[from.saturating_sub(split)..to.saturating_sub(split)]);
    }
}
