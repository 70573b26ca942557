//! Ports over real sockets of this machine.
//!
//! - `frames`: what is sent arrives, whatever its size, in its order, and small ones pass large ones.
mod frames;
mod kit;
