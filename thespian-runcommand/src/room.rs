//! Making what the actor says fit into a message.

use thespian_core::{Context, encode};

use crate::{Captured, Command, CommandResult};

/// What a message of this crate has beside a command and output: numbers, lengths, and why a command was refused. Bytes.
const REST: usize = 512;

/// What stands at the end of a text of which only the beginning is there.
const MARK: &str = " [...]";

/// How large a message may be.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    /// When it is encoded. Bytes; `None` where no message is too large.
    limit: Option<usize>,
}

impl Room {
    /// On the base that the actor is on.
    pub(crate) fn of(ctx: &Context<'_>) -> Room {
        Room { limit: ctx.largest_message() }
    }

    /// A command for messages that have output or little else: without what may be large, and short enough to leave half of
    /// the room.
    pub(crate) fn outline(self, command: &Command) -> Command {
        let outline = command.outline();
        match self.limit {
            // A tag and a line, in a quarter of the room; a secret has a bound of its own.
            Some(limit) if size(&outline) > limit / 2 => outline.abridged(limit / 8),
            _ => outline,
        }
    }

    /// How much output there is room for beside this outline of a command: at least one byte.
    pub(crate) fn beside(self, outline: &Command) -> usize {
        let Some(limit) = self.limit else { return usize::MAX };
        limit.saturating_sub(size(outline).saturating_add(REST)).max(1)
    }

    /// Makes a result fit: with an outline of the command, and if that is not enough with less of the output. Returns the limit
    /// if output had to go.
    pub(crate) fn fit(self, result: &mut CommandResult) -> Option<usize> {
        let limit = self.limit?;
        let CommandResult { command, stdout, stderr, .. } = result;
        let kept = [stdout.kept(), stderr.kept()];
        let whole = command.beyond_outline() + kept[0] + kept[1];
        if size(&command.outline()).saturating_add(REST).saturating_add(whole) <= limit {
            return None;
        }
        *command = self.outline(command);
        let shares = share(self.beside(command), kept);
        cut(stdout, shares[0]);
        cut(stderr, shares[1]);
        (shares != kept).then_some(limit)
    }

    /// The line, or its beginning.
    pub(crate) fn line(self, line: String) -> String {
        match self.limit {
            Some(limit) => beginning(line, limit.saturating_sub(REST)),
            None => line,
        }
    }
}

/// The text, or so many bytes of its beginning with a mark behind them.
pub(crate) fn beginning(mut text: String, most: usize) -> String {
    if text.len() > most {
        let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
        text.push_str(MARK);
    }
    text
}

/// How large a command is when it is encoded. Bytes.
fn size(command: &Command) -> usize {
    // There is nothing in a command that could not be encoded; what could not is too large for anything.
    encode(command).map_or(usize::MAX, |bytes| bytes.len())
}

fn cut(output: &mut Captured, most: usize) {
    *output = std::mem::take(output).cut(most);
}

/// How much each of two gets of the room, if they want so much: half of it, and what the other does not want.
fn share(room: usize, [one, other]: [usize; 2]) -> [usize; 2] {
    let of_one = one.min((room / 2).max(room.saturating_sub(other)));
    [of_one, other.min(room - of_one)]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use thespian_core::Bytes;

    use super::*;
    use crate::Ending;

    const LIMIT: usize = 10_000;

    const ROOM: Room = Room { limit: Some(LIMIT) };

    fn captured(length: usize) -> Captured {
        Captured { head: Bytes(vec![b'x'; length]), ..Captured::default() }
    }

    fn result(command: Command, [stdout, stderr]: [usize; 2]) -> CommandResult {
        let (stdout, stderr) = (captured(stdout), captured(stderr));
        let (exitcode, ending, duration) = (7, Ending::Exited, Duration::MAX);
        CommandResult { command, exitcode, ending, stdout, stderr, duration }
    }

    fn fitted(command: Command, lengths: [usize; 2]) -> CommandResult {
        let mut result = result(command, lengths);
        ROOM.fit(&mut result);
        assert!(encode(&result).expect("it can be").len() <= LIMIT, "{result:?}");
        result
    }

    #[test]
    fn what_fits_stays_as_it_is() {
        let command = Command {
            input_src: Some(Bytes(vec![0; 4000])),
            env: Some(BTreeMap::from([("NAME".into(), "x".repeat(1000))])),
            ..Command::new("x".repeat(1000), ["y"])
        };
        let whole = result(command, [1000, 2000]);
        let mut same = whole.clone();
        assert_eq!(ROOM.fit(&mut same), None);
        assert_eq!(same, whole);
        let mut large = result(Command::new("x", ["y"]), [1_000_000, 0]);
        assert_eq!(Room { limit: None }.fit(&mut large), None);
        assert!(large.stdout.is_whole());
    }

    #[test]
    fn what_the_asker_knows_goes_before_output_does() {
        for (input, variable) in [(9000, 10), (10, 9000)] {
            let command = Command {
                input_src: Some(Bytes(vec![0; input])),
                env: Some(BTreeMap::from([("NAME".into(), "x".repeat(variable))])),
                ..Command::new("x", ["y"])
            };
            let mut result = result(command.clone(), [4000, 4000]);
            assert_eq!(ROOM.fit(&mut result), None, "no output is left out");
            assert_eq!(result.command, command.outline());
            assert!(result.stdout.is_whole() && result.stderr.is_whole());
        }
    }

    #[test]
    fn output_is_cut_to_what_there_is_room_for() {
        for lengths in [[9500, 0], [0, 9500], [1_000_000, 1_000_000], [100, 1_000_000], [5000, 5000]] {
            let CommandResult { stdout, stderr, .. } = fitted(Command::new("x", ["y"]), lengths);
            assert_eq!([stdout.total(), stderr.total()], lengths.map(|length| length as u64));
            let kept = stdout.kept() + stderr.kept();
            assert!((LIMIT - 2 * REST..LIMIT).contains(&kept), "{kept}");
            if lengths[0] == 100 {
                assert!(stdout.is_whole());
            }
        }
    }

    #[test]
    fn a_long_line_is_shortened_and_what_is_to_be_omitted_is_not_in_it() {
        let secret = "open sesame";
        let arguments = ["open", "sesame"].iter().cycle().take(1200).copied();
        let command = Command {
            omit_string: Some(secret.into()),
            logtag: Some(secret.repeat(300)),
            ..Command::new("say", arguments)
        };
        let result = fitted(command.clone(), [1_000_000, 1_000_000]);
        assert!(result.command.exe.starts_with("say ... ... "), "{}", result.command.exe);
        assert!(result.command.exe.ends_with(MARK) && result.command.args.is_empty());
        assert!(!format!("{} {:?}", result.command.tag(), result.command.exe).contains("sesame"));
        assert!(result.stdout.kept() + result.stderr.kept() >= LIMIT / 2);
        // While it fits it is as it was sent.
        let command = Command::new("x".repeat(9000), [""; 0]);
        assert_eq!(fitted(command.clone(), [10, 10]).command, command);
    }

    #[test]
    fn eight_kibibytes_are_enough_for_every_command() {
        let command = Command {
            omit_string: Some("s".repeat(crate::omit::LONGEST_OMITTED)),
            logtag: Some("t".repeat(4000)),
            output_updates: Some(thespian_core::ActorAddress::NOBODY),
            ..Command::new("x".repeat(4000), ["y".repeat(4000)])
        };
        let mut result = result(command, [1_000_000, 1_000_000]);
        assert_eq!(Room { limit: Some(8192) }.fit(&mut result), Some(8192));
        let length = encode(&result).expect("it can be").len();
        assert!(length <= 8192 && result.stdout.kept() > 0, "{length}");
    }

    #[test]
    fn the_room_beside_an_outline_is_used() {
        let command = Command::new("x".repeat(6000), ["y"]);
        let outline = ROOM.outline(&command);
        assert!(size(&outline) <= LIMIT / 2);
        let room = ROOM.beside(&outline);
        assert!(room >= LIMIT / 2, "{room}");
        let message = crate::CommandOutput { command: outline, output: Bytes(vec![0; room]) };
        let length = encode(&message).expect("it can be").len();
        assert!((LIMIT - REST..=LIMIT).contains(&length), "{length}");
        assert_eq!(Room { limit: Some(1) }.beside(&command), 1, "it is never nothing");
    }

    #[test]
    fn lines_are_cut_between_characters() {
        assert_eq!(beginning("äöü".into(), 6), "äöü");
        assert_eq!(beginning("äöü".into(), 5), "äö [...]");
        assert_eq!(beginning("äöü".into(), 1), " [...]");
        assert_eq!(ROOM.line("x".repeat(LIMIT)).len(), LIMIT - REST + MARK.len());
    }
}
