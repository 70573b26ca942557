//! Logs: from any process of a system to one collector, on a channel of their own (guide section 4.13).
//!
//! ```text
//! log::warn!(..) -> LogSource -> LogSender ==seqpacket socket==> Collector -> stderr, a file, a handler
//!                       |                                                     (env_logger's filters and colours)
//!                       +-> Internals (the runtime's own records, guide section 4.13.3)
//! ```
//!
//! - Every process of a system but the collector's has the sending end of one `SOCK_SEQPACKET` socket: one record is one
//!   packet, any number of processes write at the same time, and the collector sees the end when the last one is gone.
//! - Logging never waits. What the socket does not take waits in a ring of [`RING_BYTES`] in the process; what the ring
//!   does not take is dropped and counted, and the collector is told the count when there is room again.
//! - What cannot be written is dropped and counted too, and the first line that can be written again says how many.
//! - The minimum level is applied where a record is made, before its text is formatted (guide section 4.13.1).

mod collector;
mod handler;
mod internals;
mod line;
mod output;
mod record;
mod ring;
mod rotation;
mod sender;
mod settings;
mod shared_file;
mod source;
#[cfg(test)]
mod testing;

pub use collector::Collector;
pub use handler::{LogHandler, LogHandlers};
pub use internals::Internals;
pub use record::{LONGEST_NAME, LONGEST_RECORD, LONGEST_TEXT, LogRecord};
pub use sender::{LogSender, RING_BYTES, log_channel};
pub use settings::{Format, LogFile, Logging};
pub use source::{LogSource, LoggerTaken, RUNTIME_TARGET};
