//! The processes that serve the admin: the logger, and the one that forks where that is not the admin.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::{Pid, getpid};
use thespian_core::Time;

use crate::control::Ties;
use crate::logging::{Collector, Internals, LogHandlers, LogSender, LogSource, Logging, log_channel};
use crate::signals::Signals;
use crate::sys::{self, Forked};
use crate::{clock::Clock, runtime_log};

/// A logger that ends this often within [`RESTART_SPAN`] is not started again.
const RESTARTS: usize = 5;
const RESTART_SPAN: Duration = Duration::from_secs(60);

/// How long the logger may take to write what is left when the system ends.
const LAST_RECORDS: Duration = Duration::from_secs(2);

/// The logger of a system that collects logs.
pub(super) struct Logger {
    logging: Logging,
    handlers: LogHandlers,
    /// The receiving end, which outlives every logger, so that nothing sent is lost with one.
    channel: Arc<OwnedFd>,
    pub(super) pid: Option<Pid>,
    begun: VecDeque<Time>,
    ties: Ties,
}

impl Logger {
    /// Makes logs of this process, and of those it forks, go to a logger, and starts that. `None` if none are wanted.
    ///
    /// # Errors
    ///
    /// What the system says.
    pub(super) fn start(
        logging: Logging,
        handlers: &LogHandlers,
        ties: Ties,
        clock: Clock,
    ) -> std::io::Result<Option<Logger>> {
        if !logging.is_on() {
            return Ok(None);
        }
        let (sending, receiving) = log_channel()?;
        let (internals, complaints) = Internals::from_env();
        let source = LogSource::new(LogSender::new(sending), internals, logging.source_level());
        if source.install().is_err() {
            let text = "this program has set a logger before its processes began: what actors log goes there";
            runtime_log::say(log::Level::Warn, text);
        }
        for complaint in complaints {
            runtime_log::say(log::Level::Warn, &complaint);
        }
        let handlers = handlers.clone();
        let channel = Arc::new(receiving);
        let mut logger = Logger { logging, handlers, channel, pid: None, begun: VecDeque::new(), ties };
        logger.begin(clock.now())?;
        Ok(Some(logger))
    }

    fn begin(&mut self, now: Time) -> std::io::Result<()> {
        let parent = getpid();
        match sys::fork()? {
            Forked::Parent(pid) => {
                self.pid = Some(pid);
                self.begun.push_back(now);
                Ok(())
            }
            Forked::Child => {
                if let Some(source) = LogSource::installed() {
                    source.silence();
                }
                sys::keep_only(&[self.channel.as_raw_fd()]);
                if self.ties.parent_death_signal && !sys::die_with_parent(parent) {
                    sys::exit(1);
                }
                self.collect()
            }
        }
    }

    /// What the logger's process does.
    fn collect(&self) -> ! {
        sys::set_title("thespian logger");
        // It ends with the channel, and not by what is typed at the terminal.
        let _signals = Signals::of_servant(false);
        sys::unblock_signals();
        let outcome = Collector::open(&self.logging, &self.handlers)
            .map_err(|error| error.to_string())
            .and_then(|mut collector| collector.run(&*self.channel).map_err(|error| error.to_string()));
        if let Err(error) = &outcome {
            runtime_log::note(&format!("the logger ends: {error}"));
        }
        sys::exit(i32::from(outcome.is_err()));
    }

    /// The logger has ended: there is another one soon, unless they end all the time.
    pub(super) fn ended(&mut self, now: Time) {
        self.pid = None;
        while self.begun.front().is_some_and(|begun| now.since(*begun) > RESTART_SPAN) {
            self.begun.pop_front();
        }
        if self.begun.len() >= RESTARTS {
            runtime_log::note(&format!(
                "the logger has ended {RESTARTS} times within {RESTART_SPAN:?} and is not started again: logs are dropped"
            ));
            return;
        }
        match self.begin(now) {
            Ok(()) => runtime_log::say(log::Level::Warn, "the logger had ended and was started again"),
            Err(error) => runtime_log::note(&format!("the logger cannot be started again: {error}")),
        }
    }

    /// The system is down: what was logged is written, and the logger ends.
    pub(super) fn finish(&mut self, clock: Clock, signals: &mut Signals) {
        if let Some(source) = LogSource::installed() {
            source.sender().flush_within(LAST_RECORDS);
            // The end of the channel and not of this copy of it: what starts processes has others.
            if let Some(channel) = source.sender().channel() {
                let _ = nix::sys::socket::shutdown(channel.as_raw_fd(), nix::sys::socket::Shutdown::Write);
            }
            source.sender().close();
        }
        let until = clock.now() + LAST_RECORDS;
        while let Some(pid) = self.pid {
            let left = until.since(clock.now());
            match sys::reap() {
                Some((ended, _)) if ended == pid => self.pid = None,
                Some(_) => {}
                None if left.is_zero() => return,
                None => {
                    signals.wait(left);
                    signals.take();
                }
            }
        }
    }
}
