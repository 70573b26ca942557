//! The parts of the example programs that their tests call too. The programs themselves are in `src/bin`.
//!
//! # Dependencies
//!
//! `clap` (reads command lines), `indicatif` (the progress bar), `serde` (messages).

#![forbid(unsafe_code)]

pub mod bases;
pub mod spell;
pub mod wordcount;
