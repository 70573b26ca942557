//! What becomes of what does not fit into a message.

use std::collections::BTreeMap;

use thespian_core::encode;
use thespian_runcommand::{
    Captured, Command, CommandLog, CommandOutput, CommandProblem, CommandResult, CommandStarted, Ending,
    Logger,
};

use crate::ground::Ground;
use crate::streams::{all_numbers, are_all, sums};

/// The largest message of these scenarios. Bytes.
pub(crate) const LARGEST: usize = 20_000;

/// What a message has beside output at most, of a short command. Bytes.
const BESIDE: usize = 1000;

/// Writes [`all_numbers`], which is thirty times the largest message.
pub(crate) const NUMBERS: &str = "seq 100000";

/// The result has come, so it fits; it says so too.
fn assert_fits(result: &CommandResult) {
    assert!(encode(result).unwrap().len() <= LARGEST, "{result:?}");
}

/// All numbers, but that some between the first and the last are left out. Returns how many bytes are there.
pub(crate) fn assert_cut(numbers: &Captured) -> usize {
    let all = all_numbers();
    let Captured { head, tail, .. } = numbers;
    assert_eq!((numbers.is_whole(), numbers.total()), (false, all.len() as u64));
    assert!(all.starts_with(&head.0) && all.ends_with(&tail.0));
    assert!(tail.0.len() - head.0.len() <= 1 && numbers.text().contains(" [...] "));
    head.0.len() + tail.0.len()
}

pub(crate) fn a_result_that_is_too_large_is_cut(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let result = ground.script(&format!("{NUMBERS}; {NUMBERS} >&2; exit 3"));
    assert_eq!((result.exitcode, &result.ending), (3, &Ending::Exited));
    for stream in [&result.stdout, &result.stderr] {
        assert!(assert_cut(stream) > (LARGEST - BESIDE) / 2);
    }
    assert_fits(&result);
    assert!(ground.script("true").success(), "and it goes on");
    ground.finish();
}

pub(crate) fn a_stream_gets_the_room_that_the_other_does_not_need(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let result = ground.script(&format!("{NUMBERS} >&2; seq 10"));
    assert_eq!(result.stdout.text(), "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    assert!(assert_cut(&result.stderr) > LARGEST - BESIDE);
    assert_fits(&result);
    // What the command wants kept is cut again, if it is still too much, and left alone if it is not.
    let kept = |max_bufsize| Command { max_bufsize, ..Command::shell(NUMBERS) };
    assert!(assert_cut(&ground.run(kept(LARGEST + 1)).stdout) > LARGEST - BESIDE);
    assert_eq!(assert_cut(&ground.run(kept(LARGEST / 2 + 1)).stdout), LARGEST / 2 + 1);
    ground.finish();
}

pub(crate) fn input_and_environment_go_before_output_does(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let input = vec![7; LARGEST / 2];
    let variables = BTreeMap::from([("LONG".to_string(), "x".repeat(LARGEST / 4))]);
    let env = Some(std::env::vars().filter(|(name, _)| name == "PATH").chain(variables).collect());
    let command = Command { env, input_src: Some(input.clone().into()), ..Command::shell("exec cat") };
    let result = ground.run(command.clone());
    assert_eq!(result.stdout.whole(), Some(&input[..]));
    assert_eq!(result.command, Command { env: None, input_src: None, ..command.clone() });
    assert_fits(&result);
    // Where there is room for all they are there.
    let command = Command { exe: "exit 0".into(), ..command };
    assert_eq!(ground.run(command.clone()).command, command);
    ground.finish();
}

pub(crate) fn partial_output_comes_in_pieces_that_fit(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let command = Command { output_updates: Some(ground.watcher()), ..Command::shell(NUMBERS) };
    ground.tell(command.clone());
    let (result, seen) = ground.result_and(|result, seen| are_all(result, seen));
    assert_cut(&result.stdout);
    assert!(seen.iter().all(|message| {
        let message: &CommandOutput = message.downcast_ref().unwrap();
        encode(message).unwrap().len() <= LARGEST
    }));
    assert!(sums(seen, &command).0 == all_numbers());
    ground.finish();
}

pub(crate) fn a_long_line_is_shortened_and_the_command_answered(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let command = Command {
        report_on_start: true,
        output_updates: Some(ground.watcher()),
        args: vec!["x".into(); (LARGEST - BESIDE) / 2],
        ..Command::shell(format!("{NUMBERS}; exit 3"))
    };
    ground.tell(command.clone());
    let CommandStarted { command: shown, .. } = ground.take();
    assert!(shown.exe.starts_with(&format!("{NUMBERS}; exit 3 x x x")), "{shown}");
    assert!(shown.exe.ends_with("x [...]") && shown.args.is_empty());
    let (result, seen) = ground.result_and(|result, seen| are_all(result, seen));
    assert_eq!((result.exitcode, &result.command), (3, &shown));
    assert!(assert_cut(&result.stdout) > LARGEST / 2);
    assert_fits(&result);
    assert!(sums(seen, &shown).0 == all_numbers());
    // Without much output the result has it all.
    let command = Command { exe: "exit 3".into(), report_on_start: false, output_updates: None, ..command };
    assert_eq!(ground.run(command.clone()).command, command);
    ground.finish();
}

pub(crate) fn a_command_that_is_refused_fits_into_its_answer(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    // As large as a command can be, so that nothing fits beside it.
    let refused = |length| Command { max_bufsize: 0, ..Command::new("x".repeat(length), [""; 0]) };
    let rest = encode(&refused(LARGEST / 2)).unwrap().len() - LARGEST / 2;
    // Two bytes of a length are enough for those and three are needed for the whole, or the other way round.
    let lengths = LARGEST - rest - 1..=LARGEST - rest;
    let command = lengths.map(refused).rfind(|command| encode(command).unwrap().len() <= LARGEST).unwrap();
    assert_eq!(encode(&command).unwrap().len(), LARGEST);
    let result = ground.run(command);
    let Ending::Refused(CommandProblem::Setting { setting, .. }) = &result.ending else {
        panic!("{:?}", result.ending)
    };
    assert_eq!(setting, "Command::max_bufsize");
    assert!(result.errorstr().starts_with("Command::max_bufsize is zero"), "{result}");
    assert!(result.command.exe.starts_with("xxx") && result.command.exe.ends_with("x [...]"));
    ground.finish();
}

pub(crate) fn lines_of_the_log_fit(ground: &mut Ground) {
    let mut ground = ground.with_messages_of(LARGEST);
    let (logger, logtag) = (Logger::Actor(ground.watcher()), Some("tag".to_string()));
    let long = "x".repeat(LARGEST - BESIDE);
    let script = format!("{NUMBERS} # {long}");
    ground.tell(Command { logger, logtag, ..Command::shell(script.clone()) });
    let last = "tag output is cut in the result: no message has more than 20000 bytes (Limits::message_size)";
    let line =
        |message: &thespian_core::AnyMessage| message.downcast_ref::<CommandLog>().unwrap().message.clone();
    let (_, seen) = ground.result_and(|_, seen| seen.last().is_some_and(|message| line(message) == last));
    let lines: Vec<String> = seen.iter().map(line).collect();
    assert_eq!(lines[0], format!("tag CMD: {script}"));
    assert_eq!(lines[lines.len() - 2..], ["tag completed successfully", last]);
    // By default the whole script is in every line.
    ground.tell(Command { logger, ..Command::shell(script.clone()) });
    let is_end = |line: &str| line.ends_with(" [...]") && line.starts_with(&script[..LARGEST / 2]);
    // Of numbers 11 lines, how it began, how it ended, and that it was cut.
    let (_, seen) = ground.result_and(|_, seen| seen.len() == 14);
    assert!(
        seen.iter().map(line).all(|line| line.len() <= LARGEST && line.starts_with(&script[..LARGEST / 8]))
    );
    assert!(is_end(&line(&seen[0])), "{}", line(&seen[0]));
    ground.finish();
}
