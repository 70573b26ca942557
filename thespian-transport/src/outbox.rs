//! What is to be written by one connection, in the order in which it is.
//!
//! What fits into a wire frame is encoded where it will be written from. A message that does not waits as it is, and gives
//! one part at a time to whoever writes; so do the messages behind it that may not pass it, which are those from the same
//! address to the same one in the same lane.

use std::collections::VecDeque;
use std::io::{self, IoSlice, Write};

use thespian_core::engine::link::{Frame, FrameRef, Lane};
use thespian_core::transport::wire::{Encoder, payload};
use thespian_core::{ActorAddress, Payload};

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
    /// How much of the first has been written, or put into the buffer.
    sent: usize,
}

/// A piece of the first message of a stream.
struct Part {
    number: usize,
    start: usize,
    end: usize,
    is_last: bool,
    /// The head of its wire frame, and the number of the stream.
    head: [u8; HEAD + 1],
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
    body: Payload,
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
    pub(crate) fn frame(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        if self.large > 0 || !is_small(frame) {
            return self.frame_in_turn(from, to, frame);
        }
        self.whole_frame(from, to, frame);
    }

    #[cold]
    fn frame_in_turn(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        let follows = match frame {
            Frame::Data { lane, .. } => self.stream_of(Order::Messages(*from, *to, *lane)).is_some(),
            // These may pass: they only ever say more than the last one did.
            Frame::Ack { .. } | Frame::Closed { .. } | Frame::AckButGaps { .. } | Frame::Past { .. } => false,
        };
        if follows || !is_small(frame) {
            return self.frame_in_parts(from, to, frame);
        }
        self.whole_frame(from, to, frame);
    }

    #[inline]
    fn whole_frame(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        let begin = self.begin();
        self.encoder.frame(&mut self.buffer, from, to, frame);
        self.end(begin, FRAME);
    }

    #[cold]
    fn frame_in_parts(&mut self, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        if let Frame::Data { lane, bytes, .. } = frame {
            let mut head = Vec::new();
            Encoder::plain().head(&mut head, from, to, frame);
            let parcel = Parcel { head, body: Payload::from(*bytes) };
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
            self.parcel(Order::Control, Parcel { head: Vec::new(), body: bytes.into() });
        }
    }

    /// Writes as much as can be written of what waits, but no more than about `most` bytes. Whether more could be.
    pub(crate) fn write_to(&mut self, to: &mut impl Write, most: usize) -> io::Result<bool> {
        let mut total = 0;
        while !self.is_empty() && total < most {
            let parts = self.next_parts();
            let offered = self.buffered() + parts.iter().map(Part::len).sum::<usize>();
            let written = match self.write_once(to, &parts) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            self.was_written(written, parts);
            if written < offered {
                // Less than was offered: there is no more room.
                return Ok(false);
            }
            total += written;
        }
        Ok(true)
    }

    /// Offers the buffer and then these parts, from where they are.
    fn write_once(&self, to: &mut impl Write, parts: &[Part]) -> io::Result<usize> {
        if parts.is_empty() {
            return to.write(&self.buffer[self.written..]);
        }
        let mut slices = Vec::with_capacity(1 + 3 * parts.len());
        slices.push(IoSlice::new(&self.buffer[self.written..]));
        for part in parts {
            let [first, second] = self.content(part);
            slices.extend([&part.head[..], first, second].map(IoSlice::new));
        }
        to.write_vectored(&slices)
    }

    /// Takes note of what was written: of the buffer first, and then of the parts. One that was begun goes on in the
    /// buffer.
    fn was_written(&mut self, written: usize, parts: Vec<Part>) {
        let of_buffer = written.min(self.buffered());
        self.written += of_buffer;
        let mut left = written - of_buffer;
        self.tidy();
        for part in parts {
            if left == 0 {
                break;
            }
            if left < part.len() {
                let mut rest = Vec::with_capacity(part.len());
                rest.extend_from_slice(&part.head);
                self.content(&part).into_iter().for_each(|content| rest.extend_from_slice(content));
                self.buffer.extend_from_slice(&rest[left..]);
            }
            left = left.saturating_sub(part.len());
            self.is_sent(&part);
        }
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

    /// The parts of large messages that come next: with the buffer, about a block; but one at least, so that small messages
    /// do not hold them up for ever.
    fn next_parts(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        if self.large == 0 {
            return parts;
        }
        let mut room = BLOCK.saturating_sub(self.buffered()).max(1);
        // The first message of each stream, from one to the next, until none has more or the block is full.
        let mut planned = [Some(0); STREAMS + 1];
        let mut without = 0;
        while room > 0 && without < self.streams.len() {
            let number = self.turn;
            self.turn = (self.turn + 1) % self.streams.len();
            match planned[number].and_then(|planned| self.part_of(number, planned)) {
                Some(part) => {
                    let more = planned[number].map(|planned| planned + part.end - part.start);
                    planned[number] = more.filter(|_| !part.is_last);
                    room = room.saturating_sub(part.len());
                    without = 0;
                    parts.push(part);
                }
                None => without += 1,
            }
        }
        parts
    }

    /// The part of a stream's first message that follows what was sent and so many bytes more.
    fn part_of(&self, number: usize, planned: usize) -> Option<Part> {
        let stream = self.streams.get(number)?.as_ref()?;
        let size = stream.parcels.front()?.len();
        let start = stream.sent + planned;
        let end = size.min(start + LARGEST - 1);
        let kind = if end == size { LAST } else { PART };
        let [a, b, c, d] = head(kind, 1 + end - start);
        Some(Part { number, start, end, is_last: end == size, head: [a, b, c, d, number as u8] })
    }

    /// The bytes of a part: those of the parcel's head, and those of its body.
    fn content(&self, part: &Part) -> [&[u8]; 2] {
        let stream = self.streams[part.number].as_ref();
        stream
            .and_then(|stream| stream.parcels.front())
            .map_or([&[], &[]], |parcel| parcel.slices(part.start, part.end))
    }

    fn is_sent(&mut self, part: &Part) {
        let Some(stream) = &mut self.streams[part.number] else { return };
        stream.sent = part.end;
        if !part.is_last {
            return;
        }
        stream.sent = 0;
        stream.parcels.pop_front();
        if stream.parcels.is_empty() {
            self.large -= 1;
            let is_control = part.number == usize::from(CONTROL_STREAM);
            self.streams[part.number] = if is_control { None } else { self.waiting.pop_front() };
        }
    }
}

impl Part {
    fn len(&self) -> usize {
        self.head.len() + self.end - self.start
    }
}

#[inline]
fn is_small(frame: &FrameRef<'_>) -> bool {
    let names = match frame {
        // Each with its length.
        Frame::Data { names, .. } => names.iter().map(|name| name.len() + 8).sum(),
        // Best effort's, which has no connections; at most as long as an acknowledgement of each gap.
        Frame::AckButGaps { gaps, .. } => gaps.ranges.len() * 20,
        Frame::Ack { .. } | Frame::Closed { .. } | Frame::Past { .. } => 0,
    };
    payload(frame).len() + names <= SMALL
}

impl Parcel {
    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Some of it: of the head, and of the body.
    fn slices(&self, from: usize, to: usize) -> [&[u8]; 2] {
        let split = self.head.len();
        let of_body = from.saturating_sub(split)..to.saturating_sub(split);
        [&self.head[from.min(split)..to.min(split)], &self.body[of_body]]
    }
}
