//! Ports over datagrams, over real sockets.
//!
//! - [`attach`]: joining a system, and everything else that may be at its place
//! - [`sessions`]: how sessions begin and end, and what is told of it
//! - [`frames`]: what is sent arrives, or is lost and harms nothing
//! - [`hostile`]: datagrams of others
//! - [`lanes`]: sessions in which much is said have a socket of their own
//! - [`storm`]: actors' links over a relay that loses, repeats and reorders

mod attach;
mod frames;
mod hostile;
mod kit;
mod lanes;
mod sessions;
mod storm;
