//! The transport of `multiprocQueueBase`: frames between the processes of a system on one machine (guide section 9.3).
//!
//! A value for the process host, and nothing that an application calls:
//!
//! ```
//! use thespian_core::transport::{Lifetime, Transport};
//! use thespian_mpqueue::MpQueue;
//!
//! assert_eq!(MpQueue::default().base(), "multiprocQueueBase");
//! assert_eq!(MpQueue::default().lifetime(), Lifetime::OfItsStarter);
//! ```
//!
//! # The model
//!
//! Each process has a *port*: a Unix socket that listens under a random name in Linux's abstract namespace, which is in no
//! file system and gone with the process, and a connection to each process that it talks to. Messages go directly from
//! actor to actor. What goes by a connection is what goes by one of TCP (see [`thespian_transport`]): a handshake, then
//! frames, so a peer that is killed in the middle of a write takes a connection with it and nothing else.
//!
//! # Whose it is
//!
//! The system is that of the process that started it, and of no other: it ends with that process, however that ends, within
//! a second. Its place and its secret are random, made when it starts and handed to its own processes, so no other
//! program can join it: not one that the same program starts, either. Within the program, clones of one [`MpQueue`] lead to
//! one system: the first that is started, for as long as it runs.
//!
//! # Who can reach it
//!
//! Processes of the same user that have the secret. Everybody can see the names of abstract sockets and connect to them; but a
//! connection between two users is closed before a word is said, by either side, because the operating system
//! tells who is there (`SO_PEERCRED`), and the others have to prove that they know the secret.
//!
//! # Capabilities
//!
//! `Admin Address` is `ThespianQ` and cannot be set, as in the guide. `Process Startup Method` is `fork` or `spawn`. The
//! capabilities of conventions are refused: the base has none.
//!
//! # Bounds
//!
//! [`PortLimits`]. A thousand actors that have all talked to each other do not hold a descriptor for each pair for ever: where
//! a process has more than [`PortLimits::FEW`] connections, those without use are closed, and made again when they are needed.
//!
//! # Dependencies
//!
//! `thespian-transport` (the port), `mio` (its sockets), `socket2` (a listener with a backlog that fits a system that starts),
//! `nix` (who is at the other side), `getrandom` (names), `serde` (settings).

#![forbid(unsafe_code)]

#[cfg(not(target_os = "linux"))]
compile_error!(
    "thespian-mpqueue uses Linux's abstract socket names and runs nowhere else yet: use thespian-tcp"
);

mod name;
mod settings;
mod sockets;

pub use settings::{ADMIN_ADDRESS, MpQueue, NAME, THE_ADMIN_ADDRESS};
pub use thespian_transport::PortLimits;
