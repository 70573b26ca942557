//! The transport of `multiprocTCPBase`: frames between the processes of a system over TCP (guide section 9.4).
//!
//! A value for the process host, and nothing that an application calls:
//!
//! ```
//! use thespian_core::transport::Transport;
//! use thespian_tcp::Tcp;
//!
//! assert_eq!(Tcp::default().base(), "multiprocTCPBase");
//! ```
//!
//! # The model
//!
//! Each process has a *port*: a listening socket, and a connection to each process that it talks to. A connection begins
//! with a [handshake](thespian_transport::handshake), in which both sides prove that they have the same secret and belong to the same system;
//! then it carries [frames](thespian_transport::framing) of at most 64 KiB. A larger message is cut into parts, which let others pass, so a
//! large one never holds up a small one. Who talks to whom the host decides; what was lost with a connection the engines
//! send again.
//!
//! # Where it listens
//!
//! At `127.0.0.1`, unless [`Tcp::bind`] or the variable `THESPIAN_BASE_IPADDR` say otherwise; the admin at the port that the
//! capability `Admin Port` names (1900 by default, 0 for any), every other process at a port that the system picks.
//! [`Tcp::advertise`] names the address by which others reach this machine, where that is another.
//!
//! # The secret
//!
//! Made on a user's first start, in `$XDG_STATE_HOME/thespian/secret`, or `~/.local/state/thespian/secret` where that
//! variable is not set, readable for that user alone. [`Tcp::secret`], [`Tcp::secret_file`] and the variable
//! `THESPIAN_SECRET_FILE` name another. Who does not have it cannot join, nor learn anything of a system but its base
//! and its id; what is sent is authenticated by the handshake and not encrypted, so a network in between has to be trusted.
//!
//! # Bounds
//!
//! [`PortLimits`], and the constants here. A stranger costs a descriptor and a few KiB, for five seconds, and there are at most
//! 128. When descriptors run short, the connections that were idle for longest are closed; the host makes them again
//! when they are needed.
//!
//! # What it does not do
//!
//! It does not find out by itself that a machine with which it shares unacknowledged bytes has lost its power: the
//! system gives such a connection up only after many minutes. (The option for that, `TCP_USER_TIMEOUT`, also ends
//! connections to a process that is alive and does not read for as long, because its handler blocks.)
//!
//! # Dependencies
//!
//! `thespian-transport` (the port), `mio` (its sockets), `socket2` (a listener with a backlog that fits a system that starts,
//! and questions to silent machines).

#![forbid(unsafe_code)]

#[cfg(not(unix))]
compile_error!(
    "thespian-tcp watches descriptors and keeps its secret as Unix does, and runs nowhere else yet"
);

mod attach;
mod listen;
mod settings;
mod sockets;

pub use settings::{ADDRESS_VARIABLE, ADMIN_PORT, DEFAULT_ADMIN_PORT, NAME, Tcp};
pub use thespian_transport::PortLimits;
