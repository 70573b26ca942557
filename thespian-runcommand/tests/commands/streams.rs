//! Input and output.

use thespian_core::AnyMessage;
use thespian_runcommand::{Command, CommandError, CommandOutput, CommandResult};

use crate::ground::Ground;

fn with_input(command: Command, input: &[u8]) -> Command {
    Command { input_src: Some(input.to_vec().into()), ..command }
}

pub(crate) fn input_reaches_the_command(ground: &mut Ground) {
    let result = ground.run(with_input(Command::new("tr", ["a-z", "A-Z"]), "grüße\0".as_bytes()));
    assert_eq!(result.stdout.whole(), Some("GRüßE\0".as_bytes()));
    assert_eq!(ground.run(with_input(Command::new("wc", ["-c"]), b"")).stdout.text().trim(), "0");
}

pub(crate) fn large_input_meets_large_output(ground: &mut Ground) {
    // More than every pipe holds, in both directions and on both streams.
    let input: Vec<u8> = (0..4_000_000_u32).map(|number| (number % 251) as u8).collect();
    let command = with_input(Command::shell("tee /dev/stderr"), &input);
    let result = ground.run(Command { max_bufsize: 5_000_000, ..command });
    assert!(result.success(), "{result:?}");
    assert!(result.stdout.whole() == Some(&input) && result.stderr.whole() == Some(&input));
}

pub(crate) fn input_that_nobody_reads_is_no_error(ground: &mut Ground) {
    let result = ground.run(with_input(Command::new("true", [""; 0]), &vec![7; 1_000_000]));
    assert!(result.success(), "{result}");
}

pub(crate) fn without_input_there_is_nothing_to_read(ground: &mut Ground) {
    assert_eq!(ground.run(Command::new("wc", ["-c"])).stdout.text().trim(), "0");
}

pub(crate) fn output_and_error_are_kept_apart(ground: &mut Ground) {
    let result = ground.script("echo out; echo err >&2; echo out again");
    assert_eq!((&*result.stdout.text(), &*result.stderr.text()), ("out\nout again\n", "err\n"));
    assert_eq!(result.errorstr(), "err\n");
}

pub(crate) fn bytes_stay_as_they_are(ground: &mut Ground) {
    let result = ground.run(Command::new("printf", [r"\377\000\200a"]));
    assert_eq!(result.stdout.whole(), Some(&b"\xff\0\x80a"[..]));
}

pub(crate) fn of_too_much_output_the_ends_are_kept(ground: &mut Ground) {
    let command = Command { max_bufsize: 1001, ..Command::shell("seq 100000; seq 10 >&2") };
    let result = ground.run(command);
    let all = all_numbers();
    assert_eq!(result.stdout.head.0, all[..500]);
    assert_eq!(result.stdout.tail.0, all[all.len() - 501..]);
    assert_eq!(result.stdout.total(), all.len() as u64);
    assert!(result.stderr.is_whole(), "each stream has a limit of its own");
    assert!(result.stdout.text().contains(" [...] "));
}

pub(crate) fn partial_output_adds_up_to_the_result(ground: &mut Ground) {
    let script = "for i in 1 2 3 4 5; do seq $i 1000; seq $i 10 >&2; done";
    let command = Command { output_updates: Some(ground.watcher()), ..Command::shell(script) };
    ground.tell(command.clone());
    let (result, seen) = ground.result_and(|result, seen| are_all(result, seen));
    let (output, error) = sums(seen, &command);
    assert_eq!(result.stdout.whole(), Some(&output[..]));
    assert_eq!(result.stderr.whole(), Some(&error[..]));
    assert!(!output.is_empty() && !error.is_empty());
}

pub(crate) fn partial_output_is_whole_where_the_result_is_cut(ground: &mut Ground) {
    let updates = Some(ground.watcher());
    let command = Command { max_bufsize: 10, output_updates: updates, ..Command::new("seq", ["100000"]) };
    ground.tell(command.clone());
    let (result, seen) = ground.result_and(|result, seen| are_all(result, seen));
    assert_eq!(result.stdout.tail.0, b"0000\n"[..].to_vec());
    assert!(sums(seen, &command).0 == all_numbers());
}

/// Whether this is as much as the command has written.
pub(crate) fn are_all<'a>(result: &CommandResult, seen: impl IntoIterator<Item = &'a AnyMessage>) -> bool {
    let length = |message: &AnyMessage| {
        let output = message.downcast_ref::<CommandOutput>().map(|message| &message.output);
        let error = || message.downcast_ref::<CommandError>().map(|message| &message.error_output);
        output.or_else(error).map_or(0, |bytes| bytes.0.len() as u64)
    };
    seen.into_iter().map(length).sum::<u64>() >= result.stdout.total() + result.stderr.total()
}

pub(crate) fn all_numbers() -> Vec<u8> {
    (1..=100_000).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

/// What came of each stream.
pub(crate) fn sums(seen: Vec<AnyMessage>, of: &Command) -> (Vec<u8>, Vec<u8>) {
    let (mut output, mut error) = (Vec::new(), Vec::new());
    for message in seen {
        if let Some(CommandOutput { command, output: piece }) = message.downcast_ref() {
            assert!(command == of && !piece.0.is_empty());
            output.extend_from_slice(&piece.0);
        } else if let Some(CommandError { command, error_output }) = message.downcast_ref() {
            assert!(command == of && !error_output.0.is_empty());
            error.extend_from_slice(&error_output.0);
        } else {
            panic!("{message:?} came");
        }
    }
    (output, error)
}
