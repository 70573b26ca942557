//! The process host of Thespian: every actor its own process, generic over a transport.
//!
//! # Dependencies
//!
//! `parking_lot` (the lock round what waits for the logger), `serde` (records and settings travel between processes),
//! `log` (the facade through which actors log), `env_logger` (filters and colours the lines), `nix` (sockets whose
//! records stay whole, and files that are opened without following links).
#![forbid(unsafe_code)]

pub mod log;
