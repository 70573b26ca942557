//! How two processes find out over datagrams that they belong together: words without IO.
//!
//! ```text
//! connecting                      accepting
//! HELLO                     ->
//!                           <-    COOKIE
//! HELLO, cookie, proof      ->
//!                           <-    WELCOME, proof
//! ```
//!
//! or a REFUSAL in place of what the accepting side would say next. Each side repeats nothing but what it was last asked:
//! the connecting one says again what was not answered, the accepting one answers again.
//!
//! The accepting side keeps nothing of a HELLO, and answers with less than it was sent: the cookie is a keyed hash of the
//! place that it came from and of its random bytes, and shows that whoever brings it back is there. Only with a proof of the
//! secret a session begins. The proof of each side is a keyed hash (HMAC-SHA256 under the secret) of all that was said
//! before it, and so are the keys of the session, one for each direction; random bytes of both sides are in them, so nothing
//! of one session is of use in another. What is sent is authenticated and not encrypted.
//!
//! # Format
//!
//! The magic ([`MAGIC`]), the oldest and the newest version (16 bits each, little-endian, as all numbers), a byte that says
//! which word, and the random bytes of the HELLO that it is or answers (16). Then for a HELLO a length (16 bits), a postcard
//! body, and the cookie (16 bytes) and the proof (32), or zeros up to [`PADDED`] bytes in all; for the others the cookie, or a
//! length, a postcard body and the proof, or the postcard of a [`Refused`].

use std::net::{IpAddr, SocketAddr};

use hmac::Mac;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thespian_core::transport::Role;
use thespian_core::{DecodeLimits, SystemId, decode, decode_prefix, encode};
use thespian_transport::handshake::{Local, Refused};
use thespian_transport::secret::Secret;

use crate::datagram::{Key, is_same};

/// What every word begins with. No text and no protocol of others does.
pub const MAGIC: [u8; 8] = *b"\x89thsu\r\n\x1a";

/// The oldest and the newest version of the protocol that this release speaks.
pub const VERSIONS: (u16, u16) = (1, 1);

/// The least that a HELLO has, so that no answer to one is larger than it: in bytes.
pub const PADDED: usize = 256;

/// How long a cookie is taken, at least; at most twice as long.
pub(crate) const ERA_SECONDS: u64 = 30;

const PREFACE: usize = MAGIC.len() + 5;

const HELLO: u8 = 1;
const COOKIE: u8 = 2;
const WELCOME: u8 = 3;
const REFUSAL: u8 = 4;

/// The longest text of the other side that is shown to anybody, in characters.
const SHOWN: usize = 100;

pub(crate) type Nonce = [u8; 16];
pub(crate) type Cookie = [u8; 16];
pub(crate) type Proof = [u8; 32];

/// What the side that connects says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) base: String,
    /// Unknown to a client that looks for a system.
    pub(crate) system: Option<SystemId>,
    pub(crate) role: Role,
    pub(crate) release: String,
    /// Nothing yet: what both sides know how to do beyond the version.
    pub(crate) features: u64,
    pub(crate) nonce: Nonce,
    /// The number of the session there.
    pub(crate) session: u32,
}

/// What the side that accepts says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Welcome {
    pub(crate) system: SystemId,
    pub(crate) role: Role,
    pub(crate) release: String,
    pub(crate) features: u64,
    pub(crate) nonce: Nonce,
    pub(crate) session: u32,
}

/// A word, with the bytes that proofs are about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Word<'a> {
    Hello { hello: Hello, said: &'a [u8], proof: Option<(Cookie, Proof)> },
    Cookie { nonce: Nonce, cookie: Cookie },
    Welcome { nonce: Nonce, welcome: Welcome, said: &'a [u8], proof: Proof },
    Refusal { nonce: Nonce, reason: Refused },
}

/// What a datagram says.
///
/// # Errors
///
/// It is no word of ours, or one of other versions.
pub(crate) fn read(bytes: &[u8]) -> Result<Word<'_>, Refused> {
    const FOREIGN: Refused = Refused::Foreign;
    let rest = bytes.strip_prefix(&MAGIC).ok_or(FOREIGN)?;
    let (preface, body) = rest.split_first_chunk::<5>().ok_or(FOREIGN)?;
    let version = |at: usize| u16::from_le_bytes([preface[at], preface[at + 1]]);
    let (oldest, newest) = (version(0), version(2));
    let kind = preface[4];
    // What a refusal looks like is the same in all versions.
    if (oldest > VERSIONS.1 || newest < VERSIONS.0) && kind != REFUSAL {
        return Err(Refused::OtherVersion(oldest, newest));
    }
    let (nonce, body) = body.split_first_chunk::<16>().ok_or(FOREIGN)?;
    let nonce = *nonce;
    if kind == HELLO {
        if bytes.len() < PADDED {
            return Err(FOREIGN);
        }
        let (said, rest) = counted(body)?;
        // Zeros are no cookie: there is one before a proof is asked for.
        let proof = match rest.split_first_chunk::<16>() {
            Some((cookie, proof)) if *cookie != [0; 16] => {
                Some((*cookie, *proof.first_chunk().ok_or(FOREIGN)?))
            }
            _ => None,
        };
        let hello: Hello = whole(said)?;
        return if hello.nonce == nonce { Ok(Word::Hello { hello, said, proof }) } else { Err(FOREIGN) };
    }
    match kind {
        COOKIE => Ok(Word::Cookie { nonce, cookie: *body.first_chunk().ok_or(FOREIGN)? }),
        WELCOME => {
            let (said, proof) = counted(body)?;
            let proof = *proof.first_chunk().ok_or(FOREIGN)?;
            Ok(Word::Welcome { nonce, welcome: whole(said)?, said, proof })
        }
        REFUSAL => {
            let (reason, _) = decode_prefix(body, DecodeLimits::default()).map_err(|_| FOREIGN)?;
            Ok(Word::Refusal { nonce, reason: shown_refusal(reason) })
        }
        _ => Err(FOREIGN),
    }
}

/// The random bytes of a HELLO of any version that is as large as it has to be.
pub(crate) fn nonce_of_hello(bytes: &[u8]) -> Option<Nonce> {
    let is_hello = bytes.len() >= PADDED && bytes.starts_with(&MAGIC) && bytes[PREFACE - 1] == HELLO;
    bytes.get(PREFACE..).filter(|_| is_hello)?.first_chunk().copied()
}

fn counted(bytes: &[u8]) -> Result<(&[u8], &[u8]), Refused> {
    let (length, rest) = bytes.split_first_chunk().ok_or(Refused::Foreign)?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length))).ok_or(Refused::Foreign)
}

fn whole<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Refused> {
    decode(bytes, DecodeLimits::default()).map_err(|_| Refused::Foreign)
}

/// The bytes of a HELLO that proofs are about.
pub(crate) fn hello(local: &Local, nonce: Nonce, session: u32) -> Vec<u8> {
    let hello = Hello {
        base: local.base.clone(),
        system: local.system,
        role: local.role,
        release: env!("CARGO_PKG_VERSION").into(),
        features: 0,
        nonce,
        session,
    };
    // Plain data: it always encodes.
    encode(&hello).unwrap_or_default()
}

/// The bytes of a WELCOME that proofs are about. `None` to a process that belongs to no system yet.
pub(crate) fn welcome(local: &Local, nonce: Nonce, session: u32) -> Option<Vec<u8>> {
    let welcome = Welcome {
        system: local.system?,
        role: local.role,
        release: env!("CARGO_PKG_VERSION").into(),
        features: 0,
        nonce,
        session,
    };
    encode(&welcome).ok()
}

/// The datagram with a HELLO.
pub(crate) fn hello_word(nonce: &Nonce, said: &[u8], cookie: Option<(&Cookie, &Secret)>) -> Vec<u8> {
    let mut word = preface(HELLO);
    word.extend_from_slice(nonce);
    put_counted(&mut word, said);
    if let Some((cookie, secret)) = cookie {
        word.extend_from_slice(cookie);
        word.extend_from_slice(&mac(secret, CONNECTING, &[said, cookie]));
    }
    word.resize(word.len().max(PADDED), 0);
    word
}

/// The datagram with a COOKIE.
pub(crate) fn cookie_word(nonce: &Nonce, cookie: &Cookie) -> Vec<u8> {
    [&preface(COOKIE)[..], nonce, cookie].concat()
}

/// The datagram with a WELCOME.
pub(crate) fn welcome_word(nonce: &Nonce, talk: &Talk<'_>) -> Vec<u8> {
    let mut word = preface(WELCOME);
    word.extend_from_slice(nonce);
    put_counted(&mut word, talk.welcome);
    word.extend_from_slice(&talk.proof());
    word
}

/// The datagram with a REFUSAL.
pub(crate) fn refusal_word(nonce: &Nonce, local: &Local, reason: &Refused) -> Vec<u8> {
    let reason = match reason {
        Refused::OtherVersion(..) => &Refused::OtherVersion(VERSIONS.0, VERSIONS.1),
        // Our own base is what the other side wants to know.
        Refused::OtherBase(_) => &Refused::OtherBase(local.base.clone()),
        reason => reason,
    };
    [&preface(REFUSAL)[..], nonce, &encode(reason).unwrap_or_default()].concat()
}

fn preface(kind: u8) -> Vec<u8> {
    let mut word = Vec::with_capacity(PADDED);
    word.extend_from_slice(&MAGIC);
    word.extend_from_slice(&VERSIONS.0.to_le_bytes());
    word.extend_from_slice(&VERSIONS.1.to_le_bytes());
    word.push(kind);
    debug_assert_eq!(word.len(), PREFACE);
    word
}

fn put_counted(word: &mut Vec<u8>, bytes: &[u8]) {
    // Ours are a few dozen bytes.
    word.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
    word.extend_from_slice(bytes);
}

const CONNECTING: &[u8] = b"thespian udp 1 connecting";
const ACCEPTING: &[u8] = b"thespian udp 1 accepting";
const KEYS: &[u8] = b"thespian udp 1 keys";
const PLACE: &[u8] = b"thespian udp 1 cookie";

/// A keyed hash of what was said, in parts that cannot be taken for each other.
fn mac(secret: &Secret, purpose: &[u8], parts: &[&[u8]]) -> Proof {
    let mut mac = secret.mac();
    for part in [purpose].iter().chain(parts) {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// The cookie for whoever is at this place.
pub(crate) fn cookie(key: &Secret, era: u64, place: SocketAddr, nonce: &Nonce) -> Cookie {
    let address = match place.ip() {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    };
    let parts: [&[u8]; 4] = [&era.to_le_bytes(), &address, &place.port().to_le_bytes(), nonce];
    let mut cookie = [0; 16];
    cookie.copy_from_slice(&mac(key, PLACE, &parts)[..16]);
    // Zeros stand for none.
    cookie[0] |= 1;
    cookie
}

/// Whether this is a cookie for that place, of this era or the one before.
pub(crate) fn is_cookie(key: &Secret, era: u64, place: SocketAddr, nonce: &Nonce, given: &Cookie) -> bool {
    let of = |era| is_same(&cookie(key, era, place, nonce), given);
    of(era) || of(era.wrapping_sub(1))
}

/// Whether whoever said this HELLO has the secret.
pub(crate) fn has_secret(secret: &Secret, said: &[u8], cookie: &Cookie, proof: &Proof) -> bool {
    is_same(&mac(secret, CONNECTING, &[said, cookie]), proof)
}

/// Whether a process is taken, as far as what it says of itself goes.
///
/// # Errors
///
/// Why not.
pub(crate) fn check(local: &Local, hello: &Hello) -> Result<(), Refused> {
    if hello.base != local.base {
        return Err(Refused::OtherBase(shown(&hello.base)));
    }
    match (local.system, hello.system) {
        (Some(ours), Some(theirs)) if ours == theirs => Ok(()),
        (Some(_), None) if hello.role == Role::Client => Ok(()),
        (Some(_), Some(_)) => Err(Refused::OtherSystem),
        _ => Err(Refused::Foreign),
    }
}

/// All that was said in a handshake.
pub(crate) struct Talk<'a> {
    pub(crate) secret: &'a Secret,
    pub(crate) hello: &'a [u8],
    pub(crate) cookie: &'a Cookie,
    pub(crate) welcome: &'a [u8],
}

impl Talk<'_> {
    fn mac(&self, purpose: &[u8]) -> Proof {
        mac(self.secret, purpose, &[self.hello, self.cookie, self.welcome])
    }

    fn proof(&self) -> Proof {
        self.mac(ACCEPTING)
    }

    /// Whether the side that accepts has the secret.
    pub(crate) fn is_proved_by(&self, proof: &Proof) -> bool {
        is_same(&self.proof(), proof)
    }

    /// The keys of the session: for what the connecting side sends, and for what it gets.
    pub(crate) fn keys(&self) -> (Key, Key) {
        let bytes = self.mac(KEYS);
        let (mut connecting, mut accepting) = ([0; 16], [0; 16]);
        connecting.copy_from_slice(&bytes[..16]);
        accepting.copy_from_slice(&bytes[16..]);
        (Key::new(&connecting), Key::new(&accepting))
    }
}

fn shown_refusal(reason: Refused) -> Refused {
    match reason {
        Refused::OtherBase(base) => Refused::OtherBase(shown(&base)),
        Refused::Full(limit) => Refused::Full(shown(&limit)),
        reason => reason,
    }
}

/// A text of the other side as it can be shown to people.
fn shown(text: &str) -> String {
    text.chars().take(SHOWN).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(base: &str, system: Option<u128>, role: Role) -> Local {
        let secret = Secret::new(vec![7; 32]);
        Local {
            base: base.into(),
            system: system.map(SystemId::from_bits),
            role,
            secret,
            binding: Vec::new(),
        }
    }

    fn place() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 4711))
    }

    #[test]
    fn both_sides_come_to_the_same_keys() {
        let (host, admin) = (local("b", Some(1), Role::Host), local("b", Some(1), Role::Admin));
        let said = hello(&host, [1; 16], 5);
        let first = hello_word(&[1; 16], &said, None);
        let Ok(Word::Hello { hello, proof: None, .. }) = read(&first) else {
            panic!("a hello without proof")
        };
        assert_eq!((hello.session, check(&admin, &hello)), (5, Ok(())));
        let key = Secret::new(vec![9; 32]);
        let answer = cookie_word(&hello.nonce, &cookie(&key, 3, place(), &hello.nonce));
        assert!(answer.len() < first.len(), "no answer is larger than what it answers");
        let Ok(Word::Cookie { nonce, cookie }) = read(&answer) else { panic!("a cookie") };
        assert_eq!(nonce, [1; 16]);
        let second = hello_word(&[1; 16], &said, Some((&cookie, &host.secret)));
        let Ok(Word::Hello { said: heard, proof: Some((brought, proof)), .. }) = read(&second) else {
            panic!("a hello with proof")
        };
        assert!(
            is_cookie(&key, 4, place(), &nonce, &brought) && !is_cookie(&key, 5, place(), &nonce, &brought)
        );
        assert!(!is_cookie(&key, 4, SocketAddr::from(([127, 0, 0, 1], 4712)), &nonce, &brought));
        assert!(has_secret(&admin.secret, heard, &brought, &proof));
        let welcome = welcome(&admin, [2; 16], 8).expect("it has a system");
        let talk = Talk { secret: &admin.secret, hello: heard, cookie: &brought, welcome: &welcome };
        let third = welcome_word(&nonce, &talk);
        assert!(third.len() < second.len());
        let Ok(Word::Welcome { said: welcome, proof, .. }) = read(&third) else { panic!("a welcome") };
        let other = Talk { secret: &host.secret, hello: &said, cookie: &cookie, welcome };
        assert!(other.is_proved_by(&proof));
        let seal = |key: &Key| {
            let mut draft = crate::datagram::Draft::new();
            draft.add(crate::datagram::Item::Answer, |_| {}).expect("it fits");
            draft.seal(1, 1, key).to_vec()
        };
        let (ours, theirs) = (talk.keys(), other.keys());
        assert_eq!((seal(&ours.0), seal(&ours.1)), (seal(&theirs.0), seal(&theirs.1)));
        assert_ne!(seal(&ours.0), seal(&ours.1), "each direction has its own");
    }

    #[test]
    fn another_secret_and_other_words_are_no_proof() {
        let (ours, cookie) = (local("b", Some(1), Role::Host), [3; 16]);
        let other = Secret::new(vec![8; 32]);
        let said = hello(&ours, [1; 16], 5);
        let word = hello_word(&[1; 16], &said, Some((&cookie, &ours.secret)));
        let Ok(Word::Hello { proof: Some((_, proof)), .. }) = read(&word) else { panic!("a hello") };
        assert!(has_secret(&ours.secret, &said, &cookie, &proof));
        assert!(!has_secret(&other, &said, &cookie, &proof));
        assert!(!has_secret(&ours.secret, &said, &[4; 16], &proof));
        assert!(!has_secret(&ours.secret, &hello(&ours, [1; 16], 6), &cookie, &proof));
        let talk = Talk { secret: &ours.secret, hello: &said, cookie: &cookie, welcome: b"w" };
        assert!(!talk.is_proved_by(&proof), "the proof of one side is none of the other");
    }

    #[test]
    fn who_does_not_belong_is_told_why() {
        let admin = local("b", Some(1), Role::Admin);
        let outcome = |base, system, role| {
            let word = hello_word(&[1; 16], &hello(&local(base, system, role), [1; 16], 1), None);
            let Ok(Word::Hello { hello, .. }) = read(&word) else { panic!("a hello") };
            check(&admin, &hello)
        };
        assert_eq!(outcome("b", None, Role::Client), Ok(()));
        assert_eq!(outcome("b", Some(1), Role::Client), Ok(()));
        assert_eq!(outcome("b", Some(2), Role::Host), Err(Refused::OtherSystem));
        assert_eq!(outcome("b", None, Role::Host), Err(Refused::Foreign));
        assert_eq!(outcome("c\n", Some(1), Role::Host), Err(Refused::OtherBase("c\\n".into())));
        let word = refusal_word(&[1; 16], &admin, &Refused::OtherBase("c".into()));
        let reason = Refused::OtherBase("b".into());
        assert_eq!(read(&word), Ok(Word::Refusal { nonce: [1; 16], reason }));
    }

    #[test]
    fn other_versions_are_refused_by_number_and_bytes_of_others_as_such() {
        let mut word = hello_word(&[1; 16], &hello(&local("b", None, Role::Client), [1; 16], 1), None);
        word[8..12].copy_from_slice(&[2, 0, 9, 0]);
        assert_eq!(read(&word), Err(Refused::OtherVersion(2, 9)));
        for foreign in [&b""[..], b"GET / HTTP/1.1\r\n", &MAGIC, &[0x89; 300], &word[..PADDED - 1]] {
            assert!(read(foreign).is_err());
        }
    }

    #[test]
    fn a_word_that_is_cut_or_changed_anywhere_is_no_danger() {
        let ours = local("b", Some(1), Role::Admin);
        let said = hello(&ours, [1; 16], 1);
        let talk = Talk { secret: &ours.secret, hello: &said, cookie: &[1; 16], welcome: &said };
        let words = [
            hello_word(&[1; 16], &said, Some((&[1; 16], &ours.secret))),
            cookie_word(&[1; 16], &[1; 16]),
            welcome_word(&[1; 16], &talk),
            refusal_word(&[1; 16], &ours, &Refused::Full("all".into())),
        ];
        for word in words {
            for length in 0..word.len() {
                let _ = read(&word[..length]);
                for bit in [1, 0x80, 0xff] {
                    let mut changed = word.clone();
                    changed[length] ^= bit;
                    let _ = read(&changed);
                }
            }
        }
    }
}
