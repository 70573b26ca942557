//! What every driver needs around the engines: running user code, and the in-memory world.
//!
//! For people who write bases. Application code has no use for it.

pub mod panics;
pub mod run;
pub mod world;
