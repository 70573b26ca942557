//! What runs in the logger's process.

use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;

use ::log::{Level, Record};
use env_logger::{Builder, Logger, Target};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};
use parking_lot::Mutex;
use thespian_core::Error;

use super::handler::Guarded;
use super::line::{Escaped, line};
use super::output::{Output, Stderr};
use super::rotation::RotatingFile;
use super::settings::Destination;
use super::{Format, LONGEST_RECORD, LogHandlers, LogRecord, Logging};

/// After how many bytes of records their lines are written, if so many are waiting.
const BATCH_BYTES: usize = 64 * 1024;

/// Reads records from the receiving end of a [`log_channel`](super::log_channel), and writes them, one line each.
///
/// Nothing that happens while it writes ends it: see [`Logging`] for where records go, and the module for what becomes of
/// those that cannot be written.
pub struct Collector {
    sink: Sink,
    /// Packets that were no records. They are told the first time: nobody but our own processes can send any.
    unreadable: u64,
    /// One byte more than a record has, to see which packets are longer.
    packet: Box<[u8]>,
}

enum Sink {
    /// env_logger writes to the terminal itself, with the colours that fit it.
    Terminal(Lines),
    Stderr(Lines, Output<Stderr>),
    File(Lines, Output<RotatingFile>),
    Handler(Guarded),
}

impl Collector {
    /// With what the program has set; `RUST_LOG` and `RUST_LOG_STYLE` are read from the environment.
    ///
    /// # Errors
    ///
    /// Those of [`Logging::check`]. A file that cannot be opened is no error: it is tried again with each batch.
    pub fn open(logging: &Logging, handlers: &LogHandlers) -> Result<Collector, Error> {
        let directives = std::env::var("RUST_LOG").ok();
        let style = std::env::var("RUST_LOG_STYLE").ok();
        Collector::with(logging, handlers, directives.as_deref(), style.as_deref())
    }

    fn with(
        logging: &Logging,
        handlers: &LogHandlers,
        directives: Option<&str>,
        style: Option<&str>,
    ) -> Result<Collector, Error> {
        logging.check(handlers)?;
        let format = logging.line_format();
        let mut builder = logging.filters(directives);
        let sink = match logging.destination() {
            Destination::Handler(name) => {
                let Some(handler) = handlers.find(name) else { unreachable!("the settings were checked") };
                Sink::Handler(Guarded::new(name, handler))
            }
            Destination::File(file) => {
                let output = Output::new(RotatingFile::new(file.clone()), format);
                Sink::File(Lines::new(builder, format), output)
            }
            Destination::Stderr => {
                builder.parse_write_style(style.unwrap_or_default());
                if io::stderr().is_terminal() {
                    Sink::Terminal(Lines::on_terminal(builder, format))
                } else {
                    Sink::Stderr(Lines::new(builder, format), Output::new(Stderr, format))
                }
            }
        };
        Ok(Collector { sink, unreadable: 0, packet: vec![0; LONGEST_RECORD + 1].into() })
    }

    /// Collects until every sending end is closed: the whole system is gone.
    ///
    /// The process must hold no sending end itself; see [`LogSource::silence`](super::LogSource::silence).
    ///
    /// # Errors
    ///
    /// If `channel` cannot be read at all, because it is no receiving end.
    pub fn run(&mut self, channel: &impl AsFd) -> io::Result<()> {
        while let Some(length) = receive(channel, &mut self.packet, MsgFlags::empty())? {
            self.take(length);
            // An end or an error is seen again above, after this batch is written.
            let _ = self.collect(channel);
        }
        Ok(())
    }

    /// Collects what is there, without waiting, and not more than a batch of it. Says whether more may come: for a process
    /// whose loop waits for other things too.
    ///
    /// # Errors
    ///
    /// As [`run`](Collector::run).
    pub fn collect(&mut self, channel: &impl AsFd) -> io::Result<bool> {
        let mut bytes = 0;
        let more = loop {
            if bytes >= BATCH_BYTES {
                break Ok(true);
            }
            match receive(channel, &mut self.packet, MsgFlags::MSG_DONTWAIT) {
                Ok(Some(length)) => {
                    bytes += length;
                    self.take(length);
                }
                Ok(None) => break Ok(false),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Ok(true),
                Err(error) => break Err(error),
            }
        };
        self.write();
        more
    }

    /// Takes the packet of that length that has just been received.
    fn take(&mut self, length: usize) {
        match LogRecord::decode(&self.packet[..length]) {
            Ok(record) => self.add(record),
            Err(error) => {
                self.unreadable += 1;
                if self.unreadable == 1 {
                    let text = format!(
                        "a packet of {length} bytes on the log channel is no record: {error}; this is told once"
                    );
                    self.add(LogRecord::of_this_process(Level::Warn, text));
                }
            }
        }
    }

    fn add(&mut self, record: LogRecord) {
        match &mut self.sink {
            Sink::Terminal(lines) | Sink::Stderr(lines, _) | Sink::File(lines, _) => lines.add(record),
            Sink::Handler(handler) => tell(handler.handle(&record)),
        }
    }

    fn write(&mut self) {
        match &mut self.sink {
            Sink::Terminal(_) | Sink::Handler(_) => {}
            Sink::Stderr(lines, output) => tell(lines.take(|lines| output.write(lines))),
            Sink::File(lines, output) => tell(lines.take(|lines| output.write(lines))),
        }
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sink = match &self.sink {
            Sink::Terminal(_) => "terminal",
            Sink::Stderr(..) => "stderr",
            Sink::File(..) => "file",
            Sink::Handler(_) => "handler",
        };
        f.debug_struct("Collector").field("sink", &sink).finish_non_exhaustive()
    }
}

/// The length of the next packet, or `None` at the end of the stream.
fn receive(channel: &impl AsFd, packet: &mut [u8], flags: MsgFlags) -> io::Result<Option<usize>> {
    loop {
        match recv(channel.as_fd().as_raw_fd(), packet, flags) {
            Ok(0) => return Ok(None),
            Ok(length) => return Ok(Some(length)),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Tells people what cannot be told in the log. If that fails too, nobody is left to be told.
fn tell(text: Option<String>) {
    for line in text.iter().flat_map(|text| text.lines()) {
        let _ = writeln!(io::stderr(), "thespian: {}", Escaped(line));
    }
}

/// Records become lines: env_logger filters and colours them.
struct Lines {
    logger: Logger,
    /// The record that is being formatted: env_logger hands on only what the `log` crate knows of.
    current: Arc<Mutex<Option<Arc<LogRecord>>>>,
    formatted: Formatted,
}

#[derive(Clone, Default)]
struct Formatted(Arc<Mutex<Vec<u8>>>);

impl Lines {
    /// Which are kept until they are [taken](Lines::take).
    fn new(mut builder: Builder, format: Format) -> Lines {
        let formatted = Formatted::default();
        builder.target(Target::Pipe(Box::new(formatted.clone())));
        Lines::build(builder, format, formatted)
    }

    /// Which go to the terminal at once.
    fn on_terminal(mut builder: Builder, format: Format) -> Lines {
        builder.target(Target::Stderr);
        Lines::build(builder, format, Formatted::default())
    }

    fn build(mut builder: Builder, format: Format, formatted: Formatted) -> Lines {
        let current: Arc<Mutex<Option<Arc<LogRecord>>>> = Arc::default();
        let shown = Arc::clone(&current);
        builder.format(move |out, record| {
            let style = out.default_level_style(record.level());
            match &*shown.lock() {
                Some(current) => {
                    let level = format_args!("{style}{:<5}{style:#}", record.level());
                    writeln!(out, "{}", line(current, format, &level))
                }
                None => Ok(()),
            }
        });
        Lines { logger: builder.build(), current, formatted }
    }

    fn add(&self, record: LogRecord) {
        use ::log::Log as _;
        let record = Arc::new(record);
        *self.current.lock() = Some(Arc::clone(&record));
        self.logger.log(
            &Record::builder()
                .level(record.level)
                .target(&record.target)
                .module_path(record.module_path.as_deref())
                .args(format_args!("{}", record.text))
                .build(),
        );
    }

    fn take<T>(&self, write: impl FnOnce(&[u8]) -> Option<T>) -> Option<T> {
        let lines = std::mem::take(&mut *self.formatted.0.lock());
        if lines.is_empty() { None } else { write(&lines) }
    }
}

impl Write for Formatted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};

    use ::log::LevelFilter;
    use nix::sys::socket::send;

    use super::*;
    use crate::logging::testing::{Folder, address, record};
    use crate::logging::{LogFile, LogSender, log_channel};

    /// A channel in which these records are all there is.
    fn channel_with(records: &[LogRecord]) -> OwnedFd {
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        records.iter().for_each(|record| sender.send(record));
        assert!(!sender.has_pending());
        receiving
    }

    fn to_file(folder: &Folder) -> Logging {
        Logging::new().format(Format::Brief).to_file(LogFile::new(folder.file("log")).max_bytes(4096))
    }

    fn collector(logging: &Logging, directives: Option<&str>) -> Collector {
        Collector::with(logging, &LogHandlers::default(), directives, None).unwrap()
    }

    fn read(path: &Path) -> String {
        fs::read_to_string(path).unwrap()
    }

    #[test]
    fn records_are_written_as_lines_until_the_last_sender_is_gone() {
        let folder = Folder::new();
        let records = [
            LogRecord {
                actor: Some(address(3)),
                actor_type: Some("A".into()),
                ..record(Level::Warn, "one\n2")
            },
            LogRecord { pid: 7, ..record(Level::Info, "\u{1b}[31mred") },
        ];
        collector(&to_file(&folder), None).run(&channel_with(&records)).unwrap();
        let expected = "WARN  A actor-00000001/3.8: one\\n2\nINFO  pid 7: \\u{1b}[31mred\n";
        assert_eq!(read(&folder.file("log")), expected);
    }

    #[test]
    fn rust_log_and_the_level_leave_out_records() {
        let all = ["a", "a::b", "c"]
            .map(|target| LogRecord { target: target.into(), ..record(Level::Debug, target) });
        let texts = |logging: Logging, directives| {
            let folder = Folder::new();
            let logging = logging.to_file(LogFile::new(folder.file("log")));
            collector(&logging, directives).run(&channel_with(&all)).unwrap();
            let text = fs::read_to_string(folder.file("log")).unwrap_or_default();
            text.lines().filter_map(|line| line.rsplit(' ').next().map(String::from)).collect::<Vec<_>>()
        };
        assert_eq!(texts(Logging::new(), None), [""; 0]);
        assert_eq!(texts(Logging::new().level(LevelFilter::Debug), None), ["a", "a::b", "c"]);
        assert_eq!(texts(Logging::new(), Some("a=debug")), ["a", "a::b"]);
        assert_eq!(texts(Logging::new(), Some("warn,a=debug,a::b=off")), ["a"]);
        assert_eq!(texts(Logging::new(), Some("debug/::")), ["a::b"]);
    }

    #[test]
    fn levels_are_coloured_where_the_environment_asks_for_it() {
        let styled = |style: &str| {
            let mut builder = Logging::new().filters(None);
            builder.parse_write_style(style);
            let lines = Lines::new(builder, Format::Brief);
            lines.add(LogRecord { pid: 7, ..record(Level::Warn, "x") });
            lines.take(|lines| Some(String::from_utf8(lines.to_vec()).unwrap())).unwrap()
        };
        assert_eq!(styled("never"), "WARN  pid 7: x\n");
        let coloured = styled("always");
        assert!(
            coloured.starts_with("\u{1b}[33mWARN ") && coloured.ends_with("\u{1b}[0m pid 7: x\n"),
            "{coloured:?}"
        );
    }

    #[test]
    fn a_collector_that_takes_over_appends_and_loses_nothing() {
        let folder = Folder::new();
        let (sending, receiving) = log_channel().unwrap();
        let kept = receiving.try_clone().unwrap();
        let sender = LogSender::new(sending);
        let mut first = collector(&to_file(&folder), None);
        sender.send(&LogRecord { pid: 7, ..record(Level::Info, "one") });
        sender.send(&LogRecord { pid: 7, ..record(Level::Info, "two") });
        assert!(first.collect(&receiving).unwrap());
        drop((first, receiving));
        sender.send(&LogRecord { pid: 7, ..record(Level::Info, "three") });
        sender.close();
        collector(&to_file(&folder), None).run(&kept).unwrap();
        assert_eq!(read(&folder.file("log")), "INFO  pid 7: one\nINFO  pid 7: two\nINFO  pid 7: three\n");
    }

    #[test]
    fn what_is_there_is_collected_without_waiting() {
        let folder = Folder::new();
        let (sending, receiving) = log_channel().unwrap();
        let sender = LogSender::new(sending);
        let mut collector = collector(&to_file(&folder), None);
        assert!(collector.collect(&receiving).unwrap());
        sender.send(&LogRecord { pid: 7, ..record(Level::Info, "one") });
        assert!(collector.collect(&receiving).unwrap());
        assert_eq!(read(&folder.file("log")), "INFO  pid 7: one\n");
        // More than a batch is collected in more than one go.
        let records = 2 * BATCH_BYTES / 40_000 + 1;
        (0..records).for_each(|_| sender.send(&record(Level::Info, &"x".repeat(40_000))));
        sender.close();
        let goes = 1 + std::iter::from_fn(|| collector.collect(&receiving).unwrap().then_some(())).count();
        assert!(goes > 1 && goes < records, "{goes}");
    }

    #[test]
    fn a_full_disk_does_not_end_the_collector() {
        let folder = Folder::new();
        std::os::unix::fs::symlink("/dev/full", folder.file("log")).unwrap();
        let logging = to_file(&folder);
        let records: Vec<LogRecord> = (0..100).map(|_| record(Level::Info, "x")).collect();
        collector(&logging, None).run(&channel_with(&records)).unwrap();
    }

    #[test]
    fn packets_that_are_no_records_are_told_once() {
        let folder = Folder::new();
        let (sending, receiving) = log_channel().unwrap();
        let long = vec![0; LONGEST_RECORD + 1000];
        for packet in [&b"GET / HTTP/1.1"[..], &long, b"\xff"] {
            send(sending.as_raw_fd(), packet, MsgFlags::MSG_DONTWAIT).unwrap();
        }
        LogSender::new(sending).send(&LogRecord { pid: 7, ..record(Level::Info, "x") });
        collector(&to_file(&folder), None).run(&receiving).unwrap();
        let text = read(&folder.file("log"));
        assert_eq!(text.lines().count(), 2, "{text}");
        assert!(text.contains("a packet of 14 bytes on the log channel is no record"), "{text}");
    }

    #[test]
    fn a_handler_gets_every_record_and_survives_its_panics() {
        static SUM: AtomicU32 = AtomicU32::new(0);
        fn add(record: &LogRecord) {
            SUM.fetch_add(record.text.parse::<u32>().expect("a number"), Ordering::Relaxed);
        }
        let handlers = LogHandlers::default().with("add", add);
        let logging = Logging::new().level(LevelFilter::Trace).to_handler("add");
        let records = ["1", "x", "20", "y", "300"].map(|text| record(Level::Trace, text));
        let mut collector = Collector::with(&logging, &handlers, Some("off"), None).unwrap();
        collector.run(&channel_with(&records)).unwrap();
        assert_eq!(SUM.load(Ordering::Relaxed), 321);
    }

    #[test]
    fn what_is_no_channel_is_an_error_and_no_endless_loop() {
        let file = fs::File::open("/dev/null").unwrap();
        let mut collector = collector(&Logging::new(), None);
        assert!(collector.run(&file).is_err());
    }
}
