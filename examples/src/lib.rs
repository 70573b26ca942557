//! The parts of the example programs that their tests call too. The programs themselves are in `src/bin`.
//!
//! # Dependencies
//!
//! `clap` (reads command lines), `indicatif` (the progress bar), `serde` (messages), `signal-hook`
//! (programs that run until they are interrupted).

#![forbid(unsafe_code)]

pub mod bases;
pub mod http;
pub mod spell;
pub mod wordcount;
