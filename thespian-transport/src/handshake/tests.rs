use super::*;

const SYSTEM: SystemId = SystemId::from_bits(5);

fn local(role: Role) -> Local {
    let secret = Secret::new(vec![7; 32]);
    Local { base: "aBase".into(), system: Some(SYSTEM), role, secret, binding: Vec::new() }
}

/// Both sides of a handshake and what each has said.
struct Both {
    connecting: Handshake,
    accepting: Handshake,
    said: Vec<u8>,
    answered: Vec<u8>,
}

impl Both {
    fn new(connecting: Local, accepting: Local) -> Both {
        let mut said = Vec::new();
        let connecting = Handshake::connecting(Arc::new(connecting), [1; 32], &mut said);
        let accepting = Handshake::accepting(Arc::new(accepting), [2; 32]);
        Both { connecting, accepting, said, answered: Vec::new() }
    }

    /// Lets them talk, so many bytes at a time, to the end: what each makes of the other.
    fn talk(&mut self, step: usize) -> (Result<Remote, Refused>, Result<Remote, Refused>) {
        let (mut heard, mut answer_heard) = (0, 0);
        let (mut first, mut second) = (None, None);
        for _ in 0..100_000 {
            let end = self.said.len().min(heard + step);
            if second.is_none() && heard < end {
                second = outcome(self.accepting.read(&self.said[heard..end], &mut self.answered));
                heard = end;
            }
            let end = self.answered.len().min(answer_heard + step);
            if first.is_none() && answer_heard < end {
                first = outcome(self.connecting.read(&self.answered[answer_heard..end], &mut self.said));
                answer_heard = end;
            }
        }
        // A side that hears nothing more from one that has given up sees the connection closed.
        let closed = || Err(Refused::Foreign);
        (first.unwrap_or_else(closed), second.unwrap_or_else(closed))
    }
}

fn outcome(progress: Result<Progress, Refused>) -> Option<Result<Remote, Refused>> {
    match progress {
        Ok(Progress::More) => None,
        Ok(Progress::Done(_, remote)) => Some(Ok(remote)),
        Err(refused) => Some(Err(refused)),
    }
}

#[test]
fn two_processes_of_one_system_find_each_other_in_pieces_of_any_size() {
    for step in [1, 2, 3, 7, 100, 10_000] {
        let mut both = Both::new(local(Role::Host), local(Role::Admin));
        let (first, second) = both.talk(step);
        assert_eq!(first, Ok(Remote { system: SYSTEM, role: Role::Admin }));
        assert_eq!(second, Ok(Remote { system: SYSTEM, role: Role::Host }));
    }
}

#[test]
fn a_client_that_knows_no_system_learns_it_and_others_may_not() {
    let unknowing = |role| Local { system: None, ..local(role) };
    let (first, second) = Both::new(unknowing(Role::Client), local(Role::Admin)).talk(100);
    assert_eq!(first, Ok(Remote { system: SYSTEM, role: Role::Admin }));
    assert_eq!(second, Ok(Remote { system: SYSTEM, role: Role::Client }));
    let (_, second) = Both::new(unknowing(Role::Host), local(Role::Admin)).talk(100);
    assert_eq!(second, Err(Refused::Foreign));
}

#[test]
fn each_side_learns_what_the_other_is_instead() {
    let other = Local { base: "other\u{1b}Base".into(), ..local(Role::Admin) };
    let (first, second) = Both::new(local(Role::Host), other).talk(100);
    assert_eq!(first, Err(Refused::OtherBase("other\\u{1b}Base".into())));
    assert_eq!(second, Err(Refused::OtherBase("aBase".into())));

    let other = Local { system: Some(SystemId::from_bits(6)), ..local(Role::Admin) };
    let (first, second) = Both::new(local(Role::Host), other).talk(100);
    assert_eq!((first, second), (Err(Refused::OtherSystem), Err(Refused::OtherSystem)));

    let other = Local { secret: Secret::new(vec![8; 32]), ..local(Role::Admin) };
    let (first, _) = Both::new(local(Role::Host), other).talk(100);
    assert_eq!(first, Err(Refused::WrongSecret));
}

#[test]
fn the_accepting_side_sees_a_wrong_proof_for_itself() {
    let mut both = Both::new(local(Role::Host), local(Role::Admin));
    both.accepting.read(&both.said, &mut both.answered).expect("a hello");
    let mut wrong = Vec::new();
    message(&mut wrong, PROOF, &[0; 32]);
    assert_eq!(both.accepting.read(&wrong, &mut both.answered), Err(Refused::WrongSecret));
}

#[test]
fn a_channel_of_another_name_takes_no_proof_of_this_one() {
    let bound = Local { binding: b"another channel".to_vec(), ..local(Role::Admin) };
    let (first, _) = Both::new(local(Role::Host), bound).talk(100);
    assert_eq!(first, Err(Refused::WrongSecret));
}

#[test]
fn versions_that_do_not_overlap_are_told_to_both() {
    let mut both = Both::new(local(Role::Client), local(Role::Admin));
    both.said[8..12].copy_from_slice(&[7, 0, 9, 0]);
    let refused = both.accepting.read(&both.said, &mut both.answered);
    assert_eq!(refused, Err(Refused::OtherVersion(7, 9)));
    // What it answers is understood by whoever reads the versions first.
    let mut later = both.answered.clone();
    later[8..12].copy_from_slice(&[7, 0, 9, 0]);
    let refused = both.connecting.read(&later, &mut Vec::new());
    assert_eq!(refused, Err(Refused::OtherVersion(7, 9)));
    // And by one of this version, in the words of the refusal.
    let mut both = Both::new(local(Role::Client), local(Role::Admin));
    let mut words = preface().collect::<Vec<u8>>();
    message(&mut words, REFUSAL, &encode(&Refused::OtherVersion(7, 9)).expect("it encodes"));
    assert_eq!(both.connecting.read(&words, &mut both.said), Err(Refused::OtherVersion(7, 9)));
}

#[test]
fn a_recorded_handshake_opens_nothing() {
    let mut recorded = Both::new(local(Role::Host), local(Role::Admin));
    assert!(recorded.talk(1000).1.is_ok());
    let mut fresh = Handshake::accepting(Arc::new(local(Role::Admin)), [3; 32]);
    assert_eq!(fresh.read(&recorded.said, &mut Vec::new()), Err(Refused::WrongSecret));
    let mut fresh = Handshake::connecting(Arc::new(local(Role::Host)), [4; 32], &mut Vec::new());
    assert_eq!(fresh.read(&recorded.answered, &mut Vec::new()), Err(Refused::WrongSecret));
}

#[test]
fn a_reflected_handshake_opens_nothing() {
    // Its own words.
    let mut said = Vec::new();
    let mut connecting = Handshake::connecting(Arc::new(local(Role::Host)), [1; 32], &mut said);
    assert_eq!(connecting.read(&said.clone(), &mut said), Err(Refused::Foreign));
    // The proof of the accepting side, given back to it as that of the connecting one.
    let mut both = Both::new(local(Role::Host), local(Role::Admin));
    both.accepting.read(&both.said, &mut both.answered).expect("a hello");
    let proof = both.answered[both.answered.len() - 35..].to_vec();
    assert_eq!(proof[2], PROOF);
    assert_eq!(both.accepting.read(&proof, &mut Vec::new()), Err(Refused::WrongSecret));
}

#[test]
fn any_changed_byte_ends_it() {
    let mut honest = Both::new(local(Role::Host), local(Role::Admin));
    assert!(honest.talk(1000).0.is_ok());
    for at in 0..honest.answered.len() {
        let mut connecting = Handshake::connecting(Arc::new(local(Role::Host)), [1; 32], &mut Vec::new());
        let mut changed = honest.answered.clone();
        changed[at] ^= 1;
        let heard = connecting.read(&changed, &mut Vec::new());
        // A longer length is waited for; nothing is ever taken for whole.
        assert!(matches!(heard, Err(_) | Ok(Progress::More)), "byte {at}: {heard:?}");
    }
    for at in 0..honest.said.len() {
        let mut accepting = Handshake::accepting(Arc::new(local(Role::Admin)), [2; 32]);
        let mut changed = honest.said.clone();
        changed[at] ^= 1;
        let heard = accepting.read(&changed, &mut Vec::new());
        assert!(matches!(heard, Err(_) | Ok(Progress::More)), "byte {at}: {heard:?}");
    }
}

#[test]
fn foreign_words_end_it_at_the_first_wrong_byte_and_are_not_answered() {
    let tls = b"\x16\x03\x01\x02\x00\x01";
    for words in [&b"GET / HTTP/1.1\r\n"[..], tls, b"\x89PNG", b"\0", b"\x89thsp\n", b"\xff"] {
        let mut accepting = Handshake::accepting(Arc::new(local(Role::Admin)), [2; 32]);
        let mut out = Vec::new();
        let wrong = (0..words.len()).find(|at| words[*at] != MAGIC[*at]).expect("a wrong byte");
        for at in 0..wrong {
            assert_eq!(accepting.read(&words[at..=at], &mut out), Ok(Progress::More));
        }
        assert_eq!(accepting.read(&words[wrong..=wrong], &mut out), Err(Refused::Foreign));
        assert!(out.is_empty());
    }
}

#[test]
fn no_length_makes_it_keep_more_than_four_kibibytes() {
    let preface: Vec<u8> = preface().collect();
    for length in [0, LONGEST as u16 + 1, u16::MAX] {
        let mut accepting = Handshake::accepting(Arc::new(local(Role::Admin)), [2; 32]);
        let words = [&preface[..], &length.to_le_bytes()].concat();
        assert_eq!(accepting.read(&words, &mut Vec::new()), Err(Refused::Foreign));
    }
    let mut accepting = Handshake::accepting(Arc::new(local(Role::Admin)), [2; 32]);
    let words = [&preface[..], &(LONGEST as u16).to_le_bytes(), &[HELLO], &[0xff; LONGEST]].concat();
    assert_eq!(accepting.read(&words, &mut Vec::new()), Err(Refused::Foreign));
}

#[test]
fn what_stands_behind_the_handshake_is_left() {
    let mut both = Both::new(local(Role::Host), local(Role::Admin));
    both.accepting.read(&both.said, &mut both.answered).expect("a hello");
    let mut proof = Vec::new();
    both.connecting.read(&both.answered, &mut proof).expect("a proof");
    let length = proof.len();
    proof.extend(b"frames");
    let done = both.accepting.read(&proof, &mut Vec::new());
    assert_eq!(done, Ok(Progress::Done(length, Remote { system: SYSTEM, role: Role::Host })));
}

#[test]
fn one_that_is_closed_says_why_to_those_who_belong_here_and_to_nobody_else() {
    for (secret, expected) in [(7, Refused::ShuttingDown), (8, Refused::WrongSecret)] {
        let client = Local { secret: Secret::new(vec![secret; 32]), ..local(Role::Client) };
        let mut both = Both::new(client, local(Role::Admin));
        both.accepting.close_for(Refused::ShuttingDown);
        assert_eq!(both.talk(100).0, Err(expected));
    }
}
