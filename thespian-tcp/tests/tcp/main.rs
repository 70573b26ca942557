//! Ports over real sockets of this machine.
//!
//! - `frames`: what is sent arrives, whatever its size, in its order, and small ones pass large ones.
//! - `connections`: how they begin and end, and what is told of it; cuts at any byte.
//! - `attach`: joining a system, and everything else that may be at its place (decision D32).
//! - `settings`: ports, addresses and secrets, right and wrong (decisions D30, D33).
//! - `strangers`: whoever else connects: garbage, silence, slowness, replays, floods.
//! - `shortage`: more connections than there are descriptors.
//! - `watch`: descriptors of actors, and the waker.
mod attach;
mod connections;
mod frames;
mod kit;
mod settings;
mod shortage;
mod strangers;
mod watch;
