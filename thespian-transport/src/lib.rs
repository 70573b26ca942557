//! What transports over sockets are made of: framing, the handshake, connections, and the loop that waits for them.
//!
//! For those who write a [`Transport`](thespian_core::transport::Transport); an application picks one, such as
//! `thespian-tcp`, and never sees this crate.
//!
//! # The model
//!
//! A transport over stream sockets says in [`Sockets`] how its kind is connected, accepted and ended, opens a listener, and
//! makes a [`StreamPort`] of it. That is the whole [`Port`](thespian_core::transport::Port): a connection to each process that
//! it talks to, which begins with a [handshake], in which both sides prove that they have the same [`Secret`](secret::Secret)
//! and belong to the same system; then it carries [frames](framing) of at most 64 KiB. A larger message is cut into parts,
//! which let others pass. What is left to the transport are its settings: where it listens, where its secret comes from,
//! and where a system would be that runs already, which [`attach()`] joins.
//!
//! A transport over something else makes a port of its own, and finds here what all need: a [secret], descriptors to
//! [watch], a [timer], who [holds](holder) a place, what to say of strangers and [how often](notices).
//!
//! ```
//! use thespian_transport::{PortLimits, secret::Secret};
//!
//! let secret = Secret::random()?;
//! assert_eq!(secret.len(), 32);
//! assert!(PortLimits::default().check().is_ok());
//! # Ok::<(), String>(())
//! ```
//!
//! # Bounds
//!
//! [`PortLimits`], and the constants of [framing] and [handshake]. A stranger costs a descriptor and a few KiB, for
//! [`PortLimits::handshake`], and there are at most [`PortLimits::strangers`]. Where there are more than a few
//! connections, those that nobody uses are closed after a while, and when descriptors run short, the ones that were idle
//! for longest at once; the host makes them again when they are needed. Those with the admin stay: they are how a program knows
//! that the system is there.
//!
//! # Dependencies
//!
//! `mio` (readiness of sockets, and of the descriptors that actors watch), `hmac` and `sha2` (the proofs of the handshake),
//! `getrandom` (secrets, and the random bytes of a handshake), `serde` (bounds, secrets and words of the handshake, as
//! settings and on the wire), `log` (strangers that were refused), `nix` (how many descriptors a process may have, and a timer as a descriptor).

#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!(
    "thespian-transport watches descriptors and keeps secrets as Unix does, and runs nowhere else yet"
);

#[cfg(not(target_pointer_width = "64"))]
compile_error!(
    "thespian-transport numbers its connections in words of 64 bits, and runs on no smaller machine yet"
);

mod attach;
mod connection;
pub mod framing;
pub mod handshake;
pub mod holder;
pub mod internet;
mod limits;
pub mod notices;
mod outbox;
mod port;
#[doc(hidden)]
pub mod probe;
pub mod secret;
mod sockets;
mod strangers;
pub mod timer;
pub mod watch;

pub use attach::attach;
pub use connection::Failure;
pub use limits::PortLimits;
pub use port::StreamPort;
pub use sockets::Sockets;
