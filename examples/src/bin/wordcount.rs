//! Counts the words in files, with actors. See [`thespian_examples::wordcount`].

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use thespian_core::Error;
use thespian_examples::bases::Choice;
use thespian_examples::wordcount::files::Found;
use thespian_examples::wordcount::{self, Event, Options, Totals};

const AFTER_HELP: &str = "\
Words are runs of letters and digits, with apostrophes inside: \"don't\" is one word. They are counted in lower case.
Bytes that are not UTF-8 separate words.

Examples:
  wordcount README.md                     the ten most frequent words of a file
  wordcount --top 3 src docs              of all files below two folders
  git log | wordcount - --workers 2       of what another program prints, by two counters

The exit code is 0 if everything was counted, 1 if something was not, and 2 if the command line is wrong.";

/// Counts the words in files, with actors.
#[derive(Parser)]
#[command(name = "wordcount", version, after_help = AFTER_HELP)]
struct Args {
    /// What to count: files, folders with all files below them, or `-` for the standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// How many of the most frequent words to print
    #[arg(long, value_name = "N", default_value = "10", value_parser = |text: &str| number(text, u32::MAX))]
    top: u32,
    /// How many counters work at the same time [default: one for each processor]
    #[arg(long, value_name = "N", value_parser = |text: &str| number(text, 1024))]
    workers: Option<u32>,
    #[command(flatten)]
    choice: Choice,
}

/// A number from 1 on.
fn number(text: &str, most: u32) -> Result<u32, String> {
    match text.parse() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(format!("must be a number from 1 to {most}")),
    }
}

fn main() -> ExitCode {
    thespian_multiproc::init();
    let args = Args::parse();
    let found = Found::new(&args.files);
    found.problems.iter().for_each(complain);
    let all_found = found.problems.is_empty();
    let (totals, all_read) = match count(&args, &found) {
        Ok(counted) => counted,
        Err(error) => {
            complain(error);
            return ExitCode::FAILURE;
        }
    };
    match print(&totals) {
        Ok(()) if all_found && all_read => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            complain(format_args!("standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// The totals, and whether everything that was found was counted.
fn count(args: &Args, found: &Found) -> Result<(Totals, bool), Error> {
    let mut options = Options { top: args.top, ..Options::default() };
    if let Some(largest) = args.choice.base.largest_message {
        // What is found in a chunk may be larger than the chunk, and is a message too.
        options.chunk_size = options.chunk_size.min(largest / 4);
    }
    options.workers = args.workers.unwrap_or(options.workers);
    let mut progress = Progress::new(found.bytes());
    let mut complete = true;
    let mut tell = |event: Event<'_>| match event {
        Event::Progress(bytes) => progress.advance(bytes),
        Event::Problem(problem) => {
            complete = false;
            progress.bar.suspend(|| complain(problem));
        }
    };
    let totals = args.choice.run(|system| wordcount::count(system, &found.inputs, &options, &mut tell))?;
    Ok((totals, complete))
}

/// Prints the totals. Whoever stops reading has seen enough.
fn print(totals: &Totals) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match write!(stdout, "{totals}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

fn complain(problem: impl Display) {
    // There is nowhere left to say that this failed.
    writeln!(io::stderr(), "wordcount: {problem}").ok();
}

/// A progress bar for people who have waited for a second; for nobody, where standard error is no terminal. It goes
/// away by itself.
struct Progress {
    bar: ProgressBar,
    shown: bool,
}

impl Progress {
    fn new(total: Option<u64>) -> Progress {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden())
            .with_style(style(total.is_some()))
            .with_finish(ProgressFinish::AndClear);
        Progress { bar, shown: false }
    }

    fn advance(&mut self, bytes: u64) {
        self.bar.inc(bytes);
        if !self.shown && self.bar.elapsed() > Duration::from_secs(1) {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
    }
}

fn style(total_is_known: bool) -> ProgressStyle {
    let template = match total_is_known {
        true => "{wide_bar} {bytes} of {total_bytes}, {eta} left",
        false => "{spinner} {bytes}, {bytes_per_sec}",
    };
    ProgressStyle::with_template(template).expect("the templates above are well-formed")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn numbers_have_bounds() {
        assert_eq!((number("1", 9), number("9", 9)), (Ok(1), Ok(9)));
        for wrong in ["0", "10", "-1", "", "1.5", "99999999999"] {
            assert_eq!(number(wrong, 9), Err("must be a number from 1 to 9".into()), "{wrong}");
        }
    }

    #[test]
    fn every_style_has_a_well_formed_template() {
        style(true);
        style(false);
    }
}
