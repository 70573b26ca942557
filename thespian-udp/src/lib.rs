//! The transport of `multiprocUDPBase`: frames between the processes of a system as datagrams (guide section 9.5).
//!
//! A value for the process host, and nothing that an application calls:
//!
//! ```
//! use thespian_core::transport::Transport;
//! use thespian_udp::Udp;
//!
//! assert_eq!(Udp::default().base(), "multiprocUDPBase");
//! ```
//!
//! # What it promises
//!
//! A message of a user is sent once. It arrives once and after those sent to the same target before it, or it is lost: then
//! it becomes a dead letter, as soon as the target has said so or been found dead (`DeadReason::Lost`). What supervision
//! rests on, exits and notices and the like, is sent again until it is acknowledged, and never lost. All of that is the
//! engines' work ([best effort](thespian_core::engine::link#best-effort)). A message has to fit into a datagram: at most
//! [`LARGEST_MESSAGE`] bytes, and larger ones come back to their senders.
//!
//! # The model
//!
//! Each process has a *port*: a socket, and a session with each process that it talks to. A session begins with a
//! [handshake](mod@handshake), in which both sides prove that they have the same secret and belong to the same system; a stranger
//! costs no memory. From then on each datagram is sealed, and counted, so that none is taken twice. Small frames to one process
//! that are sent together share a datagram. What the host says to another process itself (control messages) is cut into
//! parts, and repeated until it is there.
//!
//! Up to sixteen sessions of one machine in which much is said get a *lane* each: a socket of their own at the port's place that
//! is connected to the other side's, because sending by it costs the system a tenth less.
//!
//! # How ends are noticed
//!
//! - *A process that ends* says so, for up to two seconds until the other side has heard it.
//! - *A process that was killed* is found out with the next datagram to it, one that is repeated included: its operating system
//!   tells that nobody is at the place, here at once and from another machine as soon as its word is there, if nothing on the
//!   way keeps it back. If another process is at the place by then, it tells that it has no such session.
//! - *A machine that is gone*, or cannot be reached, says nothing. Who has told it a control message, or asks whether it is
//!   there, as clients and admins ask each other when they have not heard of the other for a while, gives the session up after
//!   30 s without an answer. Between others nothing asks, because no session costs anything while nobody uses it: what is sent
//!   there expires ([`Limits::delivery_limit`](thespian_core::Limits::delivery_limit)), which is all that its sender is told.
//! - *Somebody else* ends nothing by datagrams of his own: that there is no such session is believed of one who has seen a
//!   datagram of it. But another machine's word that nobody is at a place has no seal; who can forge it ends a session, and it
//!   is made anew when it is needed.
//!
//! # Where it listens, and the secret
//!
//! As `thespian-tcp`: at `127.0.0.1`, unless [`Udp::bind`] or the variable `THESPIAN_BASE_IPADDR` say otherwise; the admin at the
//! port that the capability `Admin Port` names (1029 by default, 0 for any), every other process at a port that the system picks.
//! The secret is the one in the user's file, unless [`Udp::secret`], [`Udp::secret_file`] or `THESPIAN_SECRET_FILE` name another.
//! Datagrams are authenticated and not encrypted, so a network in between has to be trusted not to read them.
//!
//! # Bounds
//!
//! [`PortLimits`]: `connections` bounds sessions (65,536 unless it says otherwise), `strangers` those that are half open (never
//! fewer than 4,096). Lanes take a descriptor each, and are opened only while there are some. The sockets' buffers are as
//! large as the system allows, up to 4 MiB or [`Udp::receive_buffer`] (`net.core.rmem_max`; twice that as the system counts),
//! and what is on its way between two actors is bounded by a quarter of that. How many datagrams did not fit is counted by the
//! system (`SO_RXQ_OVFL`) and told to the log. 4 MiB wait for a socket that takes no more; beyond that they are lost, and counted
//! by whoever misses them.
//!
//! # Dependencies
//!
//! `thespian-transport` (secrets, watched descriptors, the timer of a loop, who holds a place), `mio` (readiness), `socket2` and `nix` (buffers, and
//! the system's word of what was dropped and what nobody was there for), `hmac` (proofs), `siphasher` (seals: SipHash-2-4 of 128
//! bits, a keyed hash made for short inputs; 0.1 us for a small message, where HMAC-SHA256 takes 0.5), `getrandom` (nonces), `serde`
//! (words of the handshake), `log` (what was lost, and who was refused).

#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!("thespian-udp learns of lost datagrams as Linux tells of them, and runs nowhere else yet");

mod attach;
mod control;
mod datagram;
pub mod handshake;
mod port;
#[doc(hidden)]
pub mod probe;
mod session;
mod settings;
mod socket;
mod window;

pub use settings::{ADDRESS_VARIABLE, ADMIN_PORT, DEFAULT_ADMIN_PORT, LARGEST_MESSAGE, NAME, Udp};
pub use thespian_transport::PortLimits;
