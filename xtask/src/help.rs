//! `cargo xtask help`: one line per command, and its options below it.

use std::fmt::Write as _;
use std::path::Path;

use crate::args::{Args, Opt, Takes};
use crate::failure::Outcome;
use crate::{COMMANDS, Command};

pub(crate) const COMMAND: Command = Command {
    name: "help",
    operands: Some("[COMMAND...]"),
    about: "print this table, or what one command does",
    options: &[],
    run,
};

/// The column in which the explanations begin.
const COLUMN: usize = 26;

fn run(_root: &Path, args: &Args) -> Outcome {
    if args.operands().is_empty() {
        print!("{}", overview());
    }
    for name in args.operands() {
        print!("{}", of_command(crate::find(name)?));
    }
    Ok(())
}

/// Every command and every option.
fn overview() -> String {
    let mut text = String::from("usage: cargo xtask <command> [options]\n\ncommands:\n");
    for command in COMMANDS {
        line(&mut text, 2, &synopsis(command), command.about);
        for option in command.options {
            line(&mut text, 4, &spelling(option), option.about);
        }
    }
    text.push_str("\nexit code: 0 all is well, 1 a check failed, 2 the command line was not understood\n");
    text
}

/// One command and its options.
pub(crate) fn of_command(command: &Command) -> String {
    let options = if command.options.is_empty() { "" } else { " [options]" };
    let mut text = format!("usage: cargo xtask {}{options}\n\n{}\n", synopsis(command), command.about);
    for option in command.options {
        line(&mut text, 2, &spelling(option), option.about);
    }
    text
}

fn synopsis(command: &Command) -> String {
    match command.operands {
        Some(operands) => format!("{} {operands}", command.name),
        None => command.name.to_owned(),
    }
}

fn spelling(option: &Opt) -> String {
    match option.takes {
        Takes::Nothing => option.name.to_owned(),
        Takes::One(value) | Takes::Many(value) => format!("{} {value}", option.name),
    }
}

fn line(text: &mut String, indent: usize, left: &str, right: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{:indent$}{left:width$} {right}", "", width = COLUMN - indent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_every_command_and_every_option() {
        let text = overview();
        for command in COMMANDS {
            assert!(text.contains(&format!("\n  {}", command.name)), "{}", command.name);
            for option in command.options {
                assert!(text.contains(option.name), "{}", option.name);
                assert!(of_command(command).contains(option.name), "{}", option.name);
            }
        }
    }

    #[test]
    fn no_line_of_it_wraps_in_a_usual_terminal() {
        for line in overview().lines() {
            assert!(line.len() <= 110, "{line}");
        }
    }
}
