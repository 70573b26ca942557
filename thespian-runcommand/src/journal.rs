//! What is logged of a command.

use thespian_core::Context;

use crate::room::Room;
use crate::{Captured, Command, CommandLog, CommandResult, Ending, LogLevel, Logger};

/// How many lines of each stream are logged from its beginning, and how many from its end.
const LINES: usize = 5;

/// The longest line that is logged. Characters.
const LINE_LENGTH: usize = 1000;

/// Logs that the command is about to run.
pub(crate) fn begin(command: &Command, ctx: &mut Context<'_>) {
    say(command, LogLevel::Info, format!("{} CMD: {command}", command.tag()), ctx);
}

/// Logs what it has written and how it has ended.
pub(crate) fn end(result: &CommandResult, ctx: &mut Context<'_>) {
    let CommandResult { command, exitcode, ending, stdout, stderr, .. } = result;
    let bad = if command.error_ok { LogLevel::Info } else { LogLevel::Error };
    let tag = command.tag();
    for (stream, mark, level) in [(stdout, "OUT|", LogLevel::Info), (stderr, "ERR>", bad)] {
        for line in lines(command, stream) {
            say(command, level, format!("{tag} {mark} {line}"), ctx);
        }
    }
    let why = match ending {
        Ending::Exited if *exitcode == 0 => {
            return say(command, LogLevel::Info, format!("{tag} completed successfully"), ctx);
        }
        Ending::Exited => String::new(),
        Ending::TimedOut => ": timed out".into(),
        Ending::Aborted => ": aborted".into(),
        Ending::ActorExited => ": its actor exited".into(),
        Ending::NotStarted => ": not started".into(),
        Ending::Refused(problem) => format!(": {problem}"),
        Ending::Lost => ": lost with the process that looked after it".into(),
    };
    say(command, bad, format!("{tag} ERROR exit code: {exitcode}{why}"), ctx);
}

/// Logs that less of its output is in the result than was kept.
pub(crate) fn cut(command: &Command, limit: usize, ctx: &mut Context<'_>) {
    let why = format!("no message has more than {limit} bytes (Limits::message_size)");
    say(command, LogLevel::Info, format!("{} output is cut in the result: {why}", command.tag()), ctx);
}

fn say(command: &Command, level: LogLevel, text: String, ctx: &mut Context<'_>) {
    let message = command.omit().clean(&text);
    match (command.logger, level) {
        (Logger::Log, LogLevel::Info) => log::info!("{message}"),
        (Logger::Log, LogLevel::Error) => log::error!("{message}"),
        (Logger::Actor(logger), level) => {
            let message = Room::of(ctx).line(message);
            ctx.send(&logger, CommandLog { level, message });
        }
        (Logger::Silent, _) => {}
    }
}

/// The first lines of a stream and its last, without those that have nothing in them.
fn lines(command: &Command, stream: &Captured) -> Vec<String> {
    // The whole text is cleaned first: a secret may have several lines.
    let (head, tail) = command.omit().texts(stream);
    let used = |line: &&str| !line.trim().is_empty();
    let mut first: Vec<&str> = head.lines().filter(used).collect();
    let mut last: Vec<&str> = tail.as_deref().unwrap_or_default().lines().filter(used).collect();
    let is_gap = tail.is_some() || first.len() > 2 * LINES;
    if tail.is_none() && is_gap {
        last = first.split_off(LINES);
    }
    if is_gap {
        first.truncate(LINES);
        last.drain(..last.len().saturating_sub(LINES));
    }
    let gap = is_gap.then(|| "[...]".to_string());
    let shortened = |lines: Vec<&str>| lines.into_iter().map(shortened).collect::<Vec<_>>();
    shortened(first).into_iter().chain(gap).chain(shortened(last)).collect()
}

fn shortened(line: &str) -> String {
    match line.char_indices().nth(LINE_LENGTH) {
        Some((end, _)) => format!("{} [...]", line[..end].trim()),
        None => line.trim().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use thespian_core::Bytes;

    use super::*;

    fn logged(text: &str, left_out: u64, tail: &str) -> String {
        let bytes = |text: &str| Bytes(text.as_bytes().to_vec());
        let stream = Captured { head: bytes(text), tail: bytes(tail), left_out };
        let command = Command { omit_string: Some("se\ncret".into()), ..Command::new("x", [""; 0]) };
        lines(&command, &stream).join("|")
    }

    #[test]
    fn a_few_lines_are_logged_as_they_are() {
        assert_eq!(logged("", 0, ""), "");
        assert_eq!(logged("a\n\n  b \n", 0, ""), "a|b");
        assert_eq!(logged("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n", 0, ""), "0|1|2|3|4|5|6|7|8|9");
    }

    #[test]
    fn of_many_the_first_and_the_last_are() {
        assert_eq!(logged("0\n1\n2\n3\n4\n5\n6\n7\n8\n9\na\n", 0, ""), "0|1|2|3|4|[...]|6|7|8|9|a");
        assert_eq!(logged("0\n1\n2\n3\n4\n5\n6\n", 7, "8\n9\n"), "0|1|2|3|4|[...]|8|9");
        assert_eq!(logged("0\n1\n", 7, "8\n9\n"), "0|1|[...]|8|9");
    }

    #[test]
    fn a_secret_of_several_lines_is_not_logged_line_by_line() {
        assert_eq!(logged("1\nse\ncret\n2", 0, ""), "1|...|2");
    }

    #[test]
    fn a_line_without_end_is_shortened() {
        let line = logged(&"x".repeat(100_000), 0, "");
        assert_eq!(line.len(), LINE_LENGTH + " [...]".len());
    }
}
