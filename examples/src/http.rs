//! `http_server`: a small HTTP server that is one actor (guide sections 4.8 and 5.2.1).
//!
//! The [`Server`](server::Server) blocks nowhere: it has its sockets watched, and is told by a message like any other which of
//! them can be read. So it answers other actors meanwhile, and a client that is slow holds up nobody.
//!
//! - [`request`]: what clients say, as far as it is understood (RFC 9112).
//! - [`response`]: what they are told.
//! - [`connection`]: one client, with bounds for its buffers and its time.
//! - [`server`]: the actor.

pub mod connection;
pub mod request;
pub mod response;
pub mod server;
