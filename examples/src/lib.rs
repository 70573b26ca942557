//! The parts of the example programs that their tests call too. The programs themselves are in `src/bin`.
//!
//! # Dependencies
//!
//! `clap` (reads command lines), `indicatif` (the progress bar), `serde` (messages), `log` (what actors have to say),
//! `signal-hook` (programs that take their systems along when they are interrupted).

#![forbid(unsafe_code)]

pub mod bases;
pub mod guestbook;
pub mod http;
pub mod spell;
pub mod wordcount;
