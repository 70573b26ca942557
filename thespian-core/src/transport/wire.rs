//! How a frame and its two addresses are written as bytes, for every transport that has to.
//!
//! The encoding is the head, of a few dozen bytes at most on a connection that has been used before, and behind it the
//! message as it is, to the end: how long the whole is, the transport says. [`Encoder::head`] writes the head alone, so
//! that a large message need not be copied.
//!
//! With *tables* ([`Encoder::with_tables`]), an address or a list of type names is sent in full once and by its place in a
//! table from then on. That takes a [`Decoder`] which sees all that the encoder wrote, in the same order. Without them
//! each encoding stands for itself, as a datagram has to.
//!
//! # Format
//!
//! Numbers are LEB128: seven bits a byte, the lowest first. The first byte says which frame (bits 0 and 1: message,
//! acknowledgement, end of a lane, or one of two more: an acknowledgement with gaps, and [`Frame::Past`]), which lane
//! (bit 2), whether the runtime sent it, or which of those two it is (bit 3), and whether a message
//! [asks](Frame::Data::asks) for its acknowledgement (bit 4). Then the two addresses:
//! 0 is nobody, 1 stands before one in full, `2 + 2n` is what is at place `n` of the table, `3 + 2n` stands before one in
//! full that goes there. Then the numbers of the frame. A message has the names of its types at last, like an address,
//! where one in full is the number of names and each with its length.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::interned::{Place, Sent, Told, spread};
use crate::engine::link::{Frame, FrameRef, Gaps, Lane};
use crate::{
    ActorAddress, DeadReason, DecodeLimits, Payload, PayloadRef, TypeName, TypeNames, decode_prefix, encode,
    encode_into,
};

/// How many addresses a table holds.
pub const INTERNED_ADDRESSES: usize = 4096;

/// How many lists of type names a table holds.
pub const INTERNED_NAMES: usize = 256;

/// The largest list of type names that goes into a table; a larger one is sent in full each time. Bytes.
pub const INTERNED_NAMES_SIZE: usize = 1024;

/// Writes frames.
#[derive(Default)]
pub struct Encoder(Option<SentTables>);

/// Reads frames.
#[derive(Default)]
pub struct Decoder {
    tables: Option<ToldTables>,
    /// What last came in full, because the same mostly follows.
    names: Option<TypeNames>,
    gaps: Gaps,
}

/// What is wrong with bytes that are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(&'static str);

struct SentTables {
    addresses: Sent<ActorAddress>,
    names: Sent<TypeNames>,
    last: Option<Last>,
}

/// What the last message's head had from the tables, as long as it is there: mostly the next is like it.
struct Last {
    from: ActorAddress,
    to: ActorAddress,
    names: TypeNames,
    /// The places of these, as they are written.
    codes: [u64; 3],
}

struct ToldTables {
    addresses: Told<ActorAddress>,
    names: Told<TypeNames>,
}

const DATA: u8 = 0;
const ACK: u8 = 1;
const CLOSED: u8 = 2;
const ACK_BUT_GAPS: u8 = 3;
const PAST: u8 = ACK_BUT_GAPS | SECOND;
const KIND: u8 = 0b11;
const URGENT: u8 = 1 << 2;
const BY_RUNTIME: u8 = 1 << 3;
const ASKS: u8 = 1 << 4;
/// The second of the two frames that are one kind.
const SECOND: u8 = 1 << 3;

const NOBODY: u64 = 0;
const IN_FULL: u64 = 1;

/// The message of a frame: what stands behind the head.
#[inline]
pub fn payload<'a>(frame: &'a FrameRef<'_>) -> &'a [u8] {
    match frame {
        Frame::Data { bytes, .. } => bytes,
        Frame::Ack { .. } | Frame::Closed { .. } | Frame::AckButGaps { .. } | Frame::Past { .. } => &[],
    }
}

impl Encoder {
    /// Each encoding stands for itself.
    pub const fn plain() -> Encoder {
        Encoder(None)
    }

    /// What was sent before is sent by its place in a table.
    pub const fn with_tables() -> Encoder {
        Encoder(Some(SentTables {
            addresses: Sent::new(INTERNED_ADDRESSES),
            names: Sent::new(INTERNED_NAMES),
            last: None,
        }))
    }

    /// Appends a frame.
    #[inline]
    pub fn frame(&mut self, out: &mut Vec<u8>, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        self.head(out, from, to, frame);
        out.extend_from_slice(payload(frame));
    }

    /// Appends a frame without its [`payload`], which belongs behind it.
    #[inline]
    pub fn head(&mut self, out: &mut Vec<u8>, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        if let Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, .. } = frame
            && let Some(SentTables { last: Some(last), .. }) = &self.0
            && last.names.is_same(names)
            && (last.to, last.from) == (*to, *from)
        {
            let [from, to, names] = last.codes;
            let first = first_byte(data_byte(*by_runtime, *asks), *lane);
            // The window is small, so the fifth is.
            let numbers = [from, to, *link, *sequence, sequence.wrapping_sub(*base), *number, names];
            put_all(out, first, numbers);
        } else {
            self.new_head(out, from, to, frame);
        }
    }

    fn new_head(&mut self, out: &mut Vec<u8>, from: &ActorAddress, to: &ActorAddress, frame: &FrameRef<'_>) {
        let (kind, lane) = match frame {
            Frame::Data { lane, by_runtime, asks, .. } => (data_byte(*by_runtime, *asks), lane),
            Frame::Ack { lane, .. } => (ACK, lane),
            Frame::Closed { lane, .. } => (CLOSED, lane),
            Frame::AckButGaps { lane, .. } => (ACK_BUT_GAPS, lane),
            Frame::Past { lane, .. } => (PAST, lane),
        };
        out.push(first_byte(kind, *lane));
        let from_code = self.address(out, from);
        let to_code = self.address(out, to);
        match frame {
            Frame::Data { link, sequence, base, number, names, .. } => {
                put(out, *link);
                put(out, *sequence);
                put(out, sequence.wrapping_sub(*base));
                put(out, *number);
                let names_code = self.names(out, names);
                if let Some(tables) = &mut self.0
                    && let (Some(one), Some(two), Some(three)) = (from_code, to_code, names_code)
                {
                    let names = (*names).clone();
                    tables.last = Some(Last { from: *from, to: *to, names, codes: [one, two, three] });
                }
            }
            Frame::Ack { link, handled, .. } => {
                put(out, *link);
                put(out, *handled);
            }
            Frame::Closed { link, handled, reason, .. } => {
                put(out, *link);
                put(out, *handled);
                // Plain data of msgs: it always encodes.
                out.extend_from_slice(&encode(reason).unwrap_or_default());
            }
            Frame::AckButGaps { link, handled, gaps, closed, .. } => {
                put(out, *link);
                put(out, *handled);
                put_gaps(out, gaps);
                // The same.
                out.extend_from_slice(&encode(closed).unwrap_or_default());
            }
            Frame::Past { link, base, .. } => {
                put(out, *link);
                put(out, *base);
            }
        }
    }

    /// Appends an address. What it is written as, if the other side has it in its table.
    #[inline]
    pub fn address(&mut self, out: &mut Vec<u8>, address: &ActorAddress) -> Option<u64> {
        if address.is_nobody() {
            put(out, NOBODY);
            return Some(NOBODY);
        }
        match &mut self.0 {
            Some(tables) => {
                let hash = spread(address.slot() ^ address.generation().rotate_left(32));
                let place = tables.addresses.place(hash, address);
                if let Some(code) = tables.put_place(out, place) {
                    return Some(code);
                }
            }
            None => put(out, IN_FULL),
        }
        // Plain data of msgs: it always encodes.
        let _ = encode_into(address, out);
        None
    }

    #[inline]
    fn names(&mut self, out: &mut Vec<u8>, names: &TypeNames) -> Option<u64> {
        match &mut self.0 {
            Some(tables) if size_of_names(names) <= INTERNED_NAMES_SIZE => {
                let place = tables.names.place(hash_of_names(names), names);
                if let Some(code) = tables.put_place(out, place) {
                    return Some(code);
                }
            }
            _ => put(out, IN_FULL),
        }
        put(out, names.len() as u64);
        for name in names.iter() {
            put(out, name.len() as u64);
            out.extend_from_slice(name.as_bytes());
        }
        None
    }
}

impl SentTables {
    /// Appends the place of something in its table. What that is written as, if the other side has it there.
    #[inline]
    fn put_place(&mut self, out: &mut Vec<u8>, place: Place) -> Option<u64> {
        match place {
            Place::Known(at) => {
                let code = 2 + 2 * at as u64;
                put(out, code);
                Some(code)
            }
            Place::New(at) => {
                // It may have taken the place of another.
                self.last = None;
                put(out, 3 + 2 * at as u64);
                None
            }
        }
    }
}

fn data_byte(by_runtime: bool, asks: bool) -> u8 {
    DATA | if by_runtime { BY_RUNTIME } else { 0 } | if asks { ASKS } else { 0 }
}

#[inline]
fn first_byte(kind: u8, lane: Lane) -> u8 {
    kind | if lane == Lane::Urgent { URGENT } else { 0 }
}

/// Appends a byte and numbers. Where they will stay: what was put together elsewhere byte by byte would be slow to copy.
#[inline]
fn put_all(out: &mut Vec<u8>, first: u8, numbers: [u64; 7]) {
    /// Ten bytes for each number, and the first.
    const MOST: usize = 71;
    let begin = out.len();
    out.resize(begin + MOST, 0);
    let place = &mut out[begin..];
    place[0] = first;
    let mut at = 1;
    for mut number in numbers {
        while number >= 0x80 {
            place[at] = number as u8 | 0x80;
            number >>= 7;
            at += 1;
        }
        place[at] = number as u8;
        at += 1;
    }
    out.truncate(begin + at);
}

impl Decoder {
    /// For [`Encoder::plain`].
    pub const fn plain() -> Decoder {
        Decoder::new(None)
    }

    /// For [`Encoder::with_tables`].
    pub const fn with_tables() -> Decoder {
        Decoder::new(Some(ToldTables {
            addresses: Told::new(INTERNED_ADDRESSES),
            names: Told::new(INTERNED_NAMES),
        }))
    }

    const fn new(tables: Option<ToldTables>) -> Decoder {
        Decoder { tables, names: None, gaps: Gaps { known_from: 0, ranges: Vec::new() } }
    }

    /// The frame that these bytes are, and who it is from and to.
    ///
    /// Whatever the bytes are, the cost is bounded by their length.
    ///
    /// # Errors
    ///
    /// They are no frame. With tables, nothing that comes behind can be decoded either.
    #[inline]
    pub fn frame<'a>(
        &'a mut self,
        bytes: &'a [u8],
    ) -> Result<(ActorAddress, ActorAddress, FrameRef<'a>), Malformed> {
        let mut rest = bytes;
        let bytes = &mut rest;
        let first = take_byte(bytes)?;
        let lane = if first & URGENT == 0 { Lane::User } else { Lane::Urgent };
        let by_runtime = first & BY_RUNTIME != 0;
        let asks = first & ASKS != 0;
        let may_have = first & KIND == DATA || first & KIND == ACK_BUT_GAPS;
        let is_unknown = first & !(KIND | URGENT | BY_RUNTIME | ASKS) != 0;
        if is_unknown || (by_runtime && !may_have) || (asks && first & KIND != DATA) {
            return Err(Malformed("unknown bits in the first byte"));
        }
        let from = self.address(bytes)?;
        let to = self.address(bytes)?;
        let link = take(bytes)?;
        let frame = match first & KIND {
            DATA => {
                let sequence = take(bytes)?;
                let base = sequence.wrapping_sub(take(bytes)?);
                let number = take(bytes)?;
                let names = self.names(bytes)?;
                let bytes = PayloadRef::Read(core::mem::take(bytes));
                Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes }
            }
            ACK => Frame::Ack { lane, link, handled: take(bytes)? },
            CLOSED => {
                let handled = take(bytes)?;
                let (reason, rest) = decode_prefix::<DeadReason>(bytes, DecodeLimits::default())
                    .map_err(|_| Malformed("an unknown reason"))?;
                *bytes = rest;
                Frame::Closed { lane, link, handled, reason }
            }
            _ if first & SECOND != 0 => Frame::Past { lane, link, base: take(bytes)? },
            _ => {
                let handled = take(bytes)?;
                self.gaps = take_gaps(bytes)?;
                let (closed, rest) = decode_prefix::<Option<DeadReason>>(bytes, DecodeLimits::default())
                    .map_err(|_| Malformed("an unknown reason"))?;
                *bytes = rest;
                Frame::AckButGaps { lane, link, handled, gaps: &self.gaps, closed }
            }
        };
        if bytes.is_empty() { Ok((from, to, frame)) } else { Err(Malformed("bytes behind the frame")) }
    }

    /// The same, of bytes that nobody else needs: a large message stays where it is.
    ///
    /// # Errors
    ///
    /// As [`Decoder::frame`].
    pub fn whole_frame(&mut self, bytes: Vec<u8>) -> Result<(ActorAddress, ActorAddress, Frame), Malformed> {
        let (from, to, frame) = self.frame(&bytes)?;
        let Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes: message } =
            frame
        else {
            return Ok((from, to, frame.to_frame()));
        };
        let (names, head) = (names.clone(), bytes.len() - message.len());
        let bytes = Payload::from(bytes).behind(head);
        Ok((from, to, Frame::Data { lane, link, sequence, base, number, by_runtime, asks, names, bytes }))
    }

    /// Takes an address from the front of the bytes.
    ///
    /// # Errors
    ///
    /// There is none.
    // Twice for each message: as a call it would put the address together elsewhere, to be copied at once.
    #[inline(always)]
    pub fn address(&mut self, bytes: &mut &[u8]) -> Result<ActorAddress, Malformed> {
        let code = take(bytes)?;
        if code >= 2
            && code % 2 == 0
            && let Some(known) = self.tables.as_ref().and_then(|tables| tables.addresses.at(place(code)))
        {
            return Ok(*known);
        }
        self.unknown_address(code, bytes)
    }

    /// An address that is not in the table.
    #[cold]
    fn unknown_address(&mut self, code: u64, bytes: &mut &[u8]) -> Result<ActorAddress, Malformed> {
        if code == NOBODY {
            return Ok(ActorAddress::NOBODY);
        }
        if code.is_multiple_of(2) {
            return Err(Malformed("an address that was never sent"));
        }
        let (address, rest) = decode_prefix::<ActorAddress>(bytes, DecodeLimits::default())
            .map_err(|_| Malformed("an incomplete address"))?;
        *bytes = rest;
        if code != IN_FULL
            && !self.tables.as_mut().is_some_and(|tables| tables.addresses.enter(place(code), address))
        {
            return Err(Malformed("an address for a place that is not there"));
        }
        Ok(address)
    }

    #[inline]
    fn names(&mut self, bytes: &mut &[u8]) -> Result<&TypeNames, Malformed> {
        let code = take(bytes)?;
        if code >= 2 && code % 2 == 0 {
            let known = self.tables.as_ref().and_then(|tables| tables.names.at(place(code)));
            return known.ok_or(Malformed("names that were never sent"));
        }
        self.names_in_full(code, bytes)
    }

    fn names_in_full(&mut self, code: u64, bytes: &mut &[u8]) -> Result<&TypeNames, Malformed> {
        // Those that came last need no memory of their own.
        let names = match self.names.take_if(|last| take_same_names(last, bytes)) {
            Some(same) => same,
            None => names_in_full(bytes)?,
        };
        match code {
            IN_FULL => {}
            NOBODY => return Err(Malformed("a message without a type")),
            _ if size_of_names(&names) > INTERNED_NAMES_SIZE => {
                return Err(Malformed("names too long for a table"));
            }
            _ if self
                .tables
                .as_mut()
                .is_some_and(|tables| tables.names.enter(place(code), names.clone())) => {}
            _ => return Err(Malformed("names for a place that is not there")),
        }
        Ok(self.names.insert(names))
    }
}

/// Appends gaps: each as its distance from the one before, and its length.
#[cold]
fn put_gaps(out: &mut Vec<u8>, gaps: &Gaps) {
    put(out, gaps.known_from);
    put(out, gaps.ranges.len() as u64);
    let mut at = 0;
    for (from, to) in &gaps.ranges {
        put(out, from.wrapping_sub(at));
        put(out, to.wrapping_sub(*from));
        at = *to;
    }
}

#[cold]
fn take_gaps(bytes: &mut &[u8]) -> Result<Gaps, Malformed> {
    const TOO_FAR: Malformed = Malformed("gaps beyond the last place");
    let known_from = take(bytes)?;
    let count = take(bytes)?;
    if count > Gaps::MOST as u64 {
        return Err(Malformed("too many gaps"));
    }
    let mut ranges = Vec::new();
    let mut at = 0u64;
    for _ in 0..count {
        let from = at.checked_add(take(bytes)?).ok_or(TOO_FAR)?;
        at = from.checked_add(take(bytes)?).ok_or(TOO_FAR)?;
        ranges.push((from, at));
    }
    Ok(Gaps { known_from, ranges })
}

/// Takes names in full, if they are these.
fn take_same_names(names: &TypeNames, bytes: &mut &[u8]) -> bool {
    let mut rest = *bytes;
    if !take(&mut rest).is_ok_and(|count| count == names.len() as u64) {
        return false;
    }
    for name in names.iter() {
        let is_same = take(&mut rest).is_ok_and(|length| length == name.len() as u64);
        match rest.strip_prefix(name.as_bytes()).filter(|_| is_same) {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    *bytes = rest;
    true
}

#[cold]
fn names_in_full(bytes: &mut &[u8]) -> Result<TypeNames, Malformed> {
    let count = take(bytes)?;
    // Each name takes a byte or more, so what is set aside is bounded by what is there.
    if count == 0 || count > bytes.len() as u64 {
        return Err(Malformed("an impossible number of names"));
    }
    let mut names = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(take(bytes)?).map_err(|_| TRUNCATED)?;
        let (name, rest) = bytes.split_at_checked(length).ok_or(TRUNCATED)?;
        let name = core::str::from_utf8(name).map_err(|_| Malformed("a name that is no text"))?;
        names.push(TypeName::Owned(String::from(name)));
        *bytes = rest;
    }
    Ok(TypeNames::from(names))
}

fn place(code: u64) -> usize {
    usize::try_from((code - 2) / 2).unwrap_or(usize::MAX)
}

#[inline]
fn size_of_names(names: &TypeNames) -> usize {
    names.iter().map(|name| name.len()).sum()
}

/// Names that differ mostly do so in length or at their ends.
#[inline]
fn hash_of_names(names: &TypeNames) -> u64 {
    let Some(name) = names.first().map(|name| name.as_bytes()) else { return 0 };
    let end = |part: Option<&[u8; 8]>| part.map_or(0, |part| u64::from_le_bytes(*part));
    spread(end(name.first_chunk()) ^ end(name.last_chunk()).rotate_left(17) ^ name.len() as u64)
}

/// Appends a number.
#[inline]
pub fn put(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number from the front of the bytes.
///
/// # Errors
///
/// There is none, or it is over 64 bits.
#[inline]
pub fn take(bytes: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take_byte(bytes)?;
        if shift == 63 && byte > 1 {
            break;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(Malformed("a number over 64 bits"))
}

#[inline]
fn take_byte(bytes: &mut &[u8]) -> Result<u8, Malformed> {
    let (first, rest) = bytes.split_first().ok_or(TRUNCATED)?;
    *bytes = rest;
    Ok(*first)
}

const TRUNCATED: Malformed = Malformed("it ends too soon");

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "these bytes are no frame: {}", self.0)
    }
}

impl core::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddressKey, SystemId};
    use alloc::format;
    use alloc::vec;

    fn address(slot: u64) -> ActorAddress {
        AddressKey::new([7; 16]).seal(SystemId::from_bits(1 << 96), slot, slot + 1)
    }

    fn data(sequence: u64, names: &[&'static str], bytes: &[u8]) -> Frame {
        let names: Vec<TypeName> = names.iter().map(|name| TypeName::Borrowed(name)).collect();
        Frame::Data {
            lane: Lane::User,
            link: 3,
            sequence,
            base: sequence.saturating_sub(5),
            number: sequence / 2,
            by_runtime: sequence.is_multiple_of(2),
            asks: sequence.is_multiple_of(3),
            names: names.into(),
            bytes: bytes.into(),
        }
    }

    fn gaps(known_from: u64, ranges: &[(u64, u64)], closed: Option<DeadReason>) -> Frame {
        let gaps = Gaps { known_from, ranges: ranges.into() };
        Frame::AckButGaps { lane: Lane::Urgent, link: 2, handled: u64::MAX, gaps, closed }
    }

    fn frames() -> Vec<Frame> {
        vec![
            data(0, &["str"], b""),
            data(u64::MAX, &["app.orders.Placed", "app.orders.Any"], b"payload"),
            Frame::Ack { lane: Lane::Urgent, link: 1, handled: 1 << 40 },
            Frame::Closed { lane: Lane::User, link: 9, handled: 0, reason: DeadReason::Shutdown },
            Frame::Past { lane: Lane::User, link: 1, base: 1 << 30 },
            gaps(0, &[], None),
            gaps(7, &[(8, 9), (200, 1 << 20), ((1 << 20) + 1, u64::MAX)], Some(DeadReason::Dead)),
        ]
    }

    fn same(
        (from, to, frame): &(ActorAddress, ActorAddress, Frame),
        other: (ActorAddress, ActorAddress, FrameRef<'_>),
    ) {
        assert_eq!((from, to), (&other.0, &other.1));
        assert_eq!(format!("{frame:?}"), format!("{:?}", other.2));
    }

    #[test]
    fn every_frame_comes_back_with_tables_and_without() {
        let encoders =
            [(Encoder::plain(), Decoder::plain()), (Encoder::with_tables(), Decoder::with_tables())];
        for (mut encoder, mut decoder) in encoders {
            for _ in 0..3 {
                for frame in frames() {
                    let sent = (address(1), ActorAddress::NOBODY, frame);
                    let mut bytes = Vec::new();
                    encoder.frame(&mut bytes, &sent.0, &sent.1, &sent.2.borrow());
                    same(&sent, decoder.frame(&bytes).expect("a frame"));
                }
            }
        }
    }

    /// They take each other's places in the table, also from one address of a frame to the other.
    #[test]
    fn addresses_that_want_the_same_place_in_the_table_are_never_taken_for_each_other() {
        let (mut encoder, mut decoder) = (Encoder::with_tables(), Decoder::with_tables());
        for round in 0..3_000 {
            let frame = match round % 3 {
                0 => Frame::Ack { lane: Lane::User, link: 1, handled: 2 },
                _ => data(round, &["app.orders.Placed"], b"few"),
            };
            let sent = (address(1 + round % 40), address(1 + round * 7 % 37), frame);
            for _ in 0..2 {
                let mut bytes = Vec::new();
                encoder.frame(&mut bytes, &sent.0, &sent.1, &sent.2.borrow());
                same(&sent, decoder.frame(&bytes).expect("a frame"));
            }
        }
    }

    #[test]
    fn a_head_is_small_once_addresses_and_names_are_known() {
        let mut encoder = Encoder::with_tables();
        let mut bytes = Vec::new();
        for sequence in 0..1000 {
            bytes.clear();
            encoder.frame(
                &mut bytes,
                &address(1),
                &address(2),
                &data(sequence, &["app.orders.Placed"], &[0; 64]).borrow(),
            );
        }
        assert!(bytes.len() <= 64 + 12, "{} bytes", bytes.len());
    }

    #[test]
    fn thousands_of_addresses_and_names_are_never_taken_for_each_other() {
        let (mut encoder, mut decoder) = (Encoder::with_tables(), Decoder::with_tables());
        let mut total = 0;
        for round in 0..3 {
            for slot in 0..20_000 {
                let name = format!("app.message.Number{}", slot % 1000);
                let names = TypeNames::from(vec![TypeName::Owned(name)]);
                let frame = Frame::Data {
                    lane: Lane::User,
                    link: 1,
                    sequence: slot,
                    base: slot,
                    number: slot,
                    by_runtime: false,
                    asks: false,
                    names,
                    bytes: Payload::from(&b"x"[..]),
                };
                let sent = (address(slot), address(slot / (round + 2)), frame);
                let mut bytes = Vec::new();
                encoder.frame(&mut bytes, &sent.0, &sent.1, &sent.2.borrow());
                total += bytes.len();
                same(&sent, decoder.frame(&bytes).expect("a frame"));
            }
        }
        assert!(total > 0);
    }

    #[test]
    fn an_address_that_differs_in_its_seal_alone_is_another() {
        let forged = AddressKey::new([8; 16]).seal(SystemId::from_bits(1 << 96), 1, 2);
        let (mut encoder, mut decoder) = (Encoder::with_tables(), Decoder::with_tables());
        for from in [address(1), forged, address(1), forged] {
            let mut bytes = Vec::new();
            encoder.address(&mut bytes, &from);
            assert_eq!(decoder.address(&mut bytes.as_slice()), Ok(from));
        }
    }

    #[test]
    fn long_names_are_sent_in_full_and_never_fill_a_table() {
        let long = "n".repeat(INTERNED_NAMES_SIZE + 1);
        let names = TypeNames::from(vec![TypeName::Owned(long)]);
        let mut encoder = Encoder::with_tables();
        for _ in 0..2 {
            let mut bytes = Vec::new();
            encoder.names(&mut bytes, &names);
            assert!(bytes.len() > INTERNED_NAMES_SIZE);
            assert_eq!(Decoder::with_tables().names(&mut bytes.as_slice()), Ok(&names));
            bytes[0] = 3;
            let mut decoder = Decoder::with_tables();
            let refused = decoder.names(&mut bytes.as_slice());
            assert_eq!(refused, Err(Malformed("names too long for a table")));
        }
    }

    #[test]
    fn names_that_come_in_full_again_are_the_same_and_others_are_not() {
        let mut decoder = Decoder::plain();
        let mut take = |names: &[&'static str]| {
            let names: Vec<TypeName> = names.iter().map(|name| TypeName::Borrowed(name)).collect();
            let mut bytes = Vec::new();
            Encoder::plain().names(&mut bytes, &names.clone().into());
            let mut rest = &bytes[..];
            let taken = decoder.names(&mut rest).cloned().expect("names");
            assert!(rest.is_empty() && taken[..] == names[..], "{taken:?}");
            taken
        };
        let first = take(&["a.Job", "a.Base"]);
        assert!(first.is_same(&take(&["a.Job", "a.Base"])));
        for others in [&["a.Job"][..], &["a.Job", "a.Bas"], &["a.Jo", "ba.Base"], &["a.Job", "a.Base", "b"]] {
            assert!(!first.is_same(&take(others)));
        }
    }

    #[test]
    fn a_frame_that_is_cut_anywhere_is_refused_or_has_a_shorter_message() {
        for frame in frames() {
            let mut bytes = Vec::new();
            Encoder::plain().frame(&mut bytes, &address(1), &address(2), &frame.borrow());
            for length in 0..bytes.len() {
                match Decoder::plain().frame(&bytes[..length]) {
                    Ok((_, _, cut)) => assert!(payload(&cut).len() < payload(&frame.borrow()).len()),
                    Err(error) => assert!(!format!("{error}").is_empty()),
                }
            }
        }
    }

    #[test]
    fn gaps_beyond_the_last_place_and_more_than_anybody_remembers_are_refused() {
        let many: Vec<(u64, u64)> = (0..=Gaps::MOST as u64).map(|gap| (2 * gap, 2 * gap + 1)).collect();
        for ranges in [&[(u64::MAX, 1)][..], &[(5, 3)], &many] {
            let mut bytes = Vec::new();
            Encoder::plain().frame(&mut bytes, &address(1), &address(2), &gaps(0, ranges, None).borrow());
            assert!(Decoder::plain().frame(&bytes).is_err(), "{ranges:?}");
        }
    }

    #[test]
    fn references_to_what_was_never_sent_are_refused() {
        for code in [2, 4, 2 + 2 * 4095, 2 + 2 * 4096, u64::MAX - 1, u64::MAX] {
            let mut bytes = vec![ACK];
            put(&mut bytes, code);
            bytes.extend([0, 1, 1]);
            assert!(Decoder::with_tables().frame(&bytes).is_err());
            assert!(Decoder::plain().frame(&bytes).is_err());
        }
    }

    #[test]
    fn numbers_come_back_and_oversized_ones_do_not() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
            let mut bytes = Vec::new();
            put(&mut bytes, number);
            assert_eq!(take(&mut bytes.as_slice()), Ok(number));
        }
        assert!(take(&mut [0xff; 11].as_slice()).is_err());
        assert!(take(&mut [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2].as_slice()).is_err());
        assert!(take(&mut [0x80].as_slice()).is_err());
    }
}
