//! What a word is, and where text can be cut without cutting one.
//!
//! - A word is a run of alphanumeric characters ([`char::is_alphanumeric`]), in which a single apostrophe (`'` or `’`)
//!   between two of them belongs to the word. As many as there are: `rock'n'roll` is one word, `'tis` is `tis`.
//! - Everything else separates words, bytes that are not UTF-8 included.
//! - Words are counted in lower case, with `’` as `'`.
//! - A word has at most [`LONGEST_WORD`] characters. The rest of a longer run is the next word.

use std::io::{self, Read};
use std::mem;

/// The most characters that a word has.
pub const LONGEST_WORD: usize = 1000;

/// The most bytes behind a word that decide whether it goes on: an apostrophe of three and a character of four.
const LOOKAHEAD: usize = 7;

/// The words of a text as they stand there, each with its place.
pub fn words(text: &[u8]) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    text.utf8_chunks().flat_map(move |part| {
        let begin = next;
        next += part.valid().len() + part.invalid().len();
        words_of_str(part.valid()).map(move |(at, word)| (begin + at, word))
    })
}

fn words_of_str(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut next = 0;
    std::iter::from_fn(move || {
        let begin = next + text[next..].find(char::is_alphanumeric)?;
        next = begin + word_length(&text[begin..]);
        Some((begin, &text[begin..next]))
    })
}

/// How many bytes the word has with which the text begins.
fn word_length(text: &str) -> usize {
    let (mut length, mut characters, mut apostrophe) = (0, 0, false);
    for (at, c) in text.char_indices() {
        let with_this = characters + 1 + usize::from(apostrophe);
        if c.is_alphanumeric() && with_this <= LONGEST_WORD {
            (length, characters, apostrophe) = (at + c.len_utf8(), with_this, false);
        } else if matches!(c, '\'' | '’') && !apostrophe {
            apostrophe = true;
        } else {
            break;
        }
    }
    length
}

/// Makes `folded` the word as it is counted.
pub fn fold(word: &str, folded: &mut String) {
    folded.clear();
    if word.is_ascii() {
        folded.push_str(word);
        folded.make_ascii_lowercase();
    } else {
        folded.extend(word.to_lowercase().chars().map(|c| if c == '’' { '\'' } else { c }));
    }
}

/// Where a text that goes on can be cut, so that the words of the two parts are the words of the whole: never inside a
/// word or a character. 0 if that cannot be said before more of it is read.
fn cut(text: &[u8]) -> usize {
    if let Some(space) = text.iter().rposition(u8::is_ascii_whitespace) {
        return space + 1;
    }
    let settled = text.len().saturating_sub(LOOKAHEAD);
    let mut end = 0;
    for (at, word) in words(text) {
        if at + word.len() > settled {
            return at;
        }
        end = at + word.len();
    }
    // Nothing but separators behind `end`. A character begins at most three bytes before any of its own.
    let begins_character = |at: &usize| text.get(*at).is_some_and(|byte| byte & 0b1100_0000 != 0b1000_0000);
    let earliest = settled.saturating_sub(3).max(end);
    (earliest..=settled).rev().find(begins_character).unwrap_or(settled)
}

/// Reads a text in chunks that end where it can be cut. A chunk has about `size` bytes; it is shorter where the cut
/// asks for it, and longer only where the size is smaller than a word.
///
/// After an error there is nothing more.
pub struct Chunks<R> {
    reader: R,
    size: usize,
    rest: Vec<u8>,
    ended: bool,
}

impl<R: Read> Chunks<R> {
    /// The chunks of what the reader gives.
    ///
    /// # Panics
    ///
    /// When the size is 0.
    pub fn new(reader: R, size: usize) -> Chunks<R> {
        assert!(size > 0, "chunks of no bytes never end");
        Chunks { reader, size, rest: Vec::new(), ended: false }
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut text = mem::take(&mut self.rest);
        let mut wanted = self.size;
        loop {
            let missing = wanted.saturating_sub(text.len()).max(1);
            text.reserve_exact(missing);
            self.ended = true;
            self.ended = self.reader.by_ref().take(missing as u64).read_to_end(&mut text)? < missing;
            if self.ended {
                return Ok(text);
            }
            match cut(&text) {
                0 => wanted = text.len() + self.size,
                cut => {
                    self.rest = text.split_off(cut);
                    return Ok(text);
                }
            }
        }
    }
}

impl<R: Read> Iterator for Chunks<R> {
    type Item = io::Result<Vec<u8>>;

    fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if self.ended {
            return None;
        }
        Some(self.read()).filter(|chunk| !chunk.as_ref().is_ok_and(Vec::is_empty))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &[u8]) -> Vec<String> {
        let mut folded = String::new();
        words(text)
            .map(|(_, word)| {
                fold(word, &mut folded);
                folded.clone()
            })
            .collect()
    }

    fn chunks(text: &[u8], size: usize) -> Vec<Vec<u8>> {
        Chunks::new(text, size).collect::<io::Result<_>>().unwrap()
    }

    #[test]
    fn words_are_runs_of_letters_and_digits_in_lower_case() {
        assert_eq!(folded(b"One, two;3rd snake_case x-y"), ["one", "two", "3rd", "snake", "case", "x", "y"]);
        assert_eq!(
            folded("ÉTÉ Straße 漢字、かな ΟΔΟΣ".as_bytes()),
            ["été", "straße", "漢字", "かな", "οδος"]
        );
        assert_eq!(folded(b" ... "), [""; 0]);
    }

    #[test]
    fn a_single_apostrophe_inside_a_word_belongs_to_it() {
        assert_eq!(
            folded("'Tis don't dogs' DON’T rock'n'roll".as_bytes()),
            ["tis", "don't", "dogs", "don't", "rock'n'roll"]
        );
        assert_eq!(folded("a''b a'’b a' 'b '".as_bytes()), ["a", "b", "a", "b", "a", "b"]);
    }

    #[test]
    fn bytes_that_are_not_utf_8_separate_words() {
        assert_eq!(folded(b"a\xFFb \xC3 c\xE6\xBC"), ["a", "b", "c"]);
    }

    #[test]
    fn each_word_has_its_place() {
        let found: Vec<_> = words(b"a\xFF\xFFb c'd").collect();
        assert_eq!(found, [(0, "a"), (3, "b"), (5, "c'd")]);
    }

    #[test]
    fn a_long_run_is_cut_and_no_word_begins_or_ends_with_an_apostrophe() {
        let lengths =
            |text: String| folded(text.as_bytes()).iter().map(|word| word.chars().count()).collect();
        let expect = |text: String, expected: &[usize]| {
            let found: Vec<usize> = lengths(text);
            assert_eq!(found, expected);
        };
        expect("é".repeat(2 * LONGEST_WORD + 1), &[LONGEST_WORD, LONGEST_WORD, 1]);
        expect("x".repeat(LONGEST_WORD) + "'y", &[LONGEST_WORD, 1]);
        expect("x".repeat(LONGEST_WORD - 1) + "'y", &[LONGEST_WORD - 1, 1]);
        expect("x".repeat(LONGEST_WORD - 2) + "'y", &[LONGEST_WORD]);
    }

    #[test]
    fn chunks_are_the_text_and_cut_neither_words_nor_characters() {
        let long = "ж".repeat(LONGEST_WORD + 5);
        let texts = [
            "Don't cut: l’été, 漢字、かな—naïve rock'n'roll  𝔘𝔫𝔦 '' x".as_bytes(),
            "漢字、。漢字。。。。。。。。。。。。。。。。漢字漢字漢字漢’字漢字漢字𝔘’𝔫".as_bytes(),
            b"a\xFFb\xC3\xC3\xA9t\xE2\x80 d\xE2\x80\x99\xFF e\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80f",
            b"x\xC3\xA9\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80",
            long.as_bytes(),
        ];
        for text in texts {
            let whole = folded(text);
            for size in 1..=64 {
                let chunks = chunks(text, size);
                assert_eq!(chunks.concat(), text);
                assert!(chunks.iter().all(|chunk| !chunk.is_empty()));
                let counted: Vec<String> = chunks.iter().flat_map(|chunk| folded(chunk)).collect();
                assert_eq!(counted, whole, "in chunks of {size}");
                let invalid =
                    |text: &[u8]| text.utf8_chunks().map(|part| part.invalid().len()).sum::<usize>();
                let invalid_in_chunks: usize = chunks.iter().map(|chunk| invalid(chunk)).sum();
                assert_eq!(invalid_in_chunks, invalid(text), "a character is cut in chunks of {size}");
            }
        }
    }

    #[test]
    fn a_chunk_is_bounded_whatever_the_text() {
        let most = 4 * LONGEST_WORD + 2 * LOOKAHEAD;
        for unit in ["x", "é", "𝔘", "a'", ".", "、", "\0"] {
            let text = unit.repeat(100_000 / unit.len());
            for size in [10, most] {
                let longest = chunks(text.as_bytes(), size).iter().map(Vec::len).max().unwrap();
                assert!(longest <= most, "{longest} bytes of {unit:?}");
            }
        }
        let longest = chunks(&[0x80; 100_000], 100).iter().map(Vec::len).max().unwrap();
        assert!(longest <= 100);
    }

    #[test]
    fn a_text_is_cut_at_its_last_white_space() {
        assert_eq!(chunks(b"one two three", 9), [&b"one two "[..], b"three"]);
        assert_eq!(chunks(b"", 9), [[0; 0]; 0]);
    }

    #[test]
    fn a_read_error_ends_the_chunks() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut chunks = Chunks::new((&b"some text "[..]).chain(Broken), 5);
        let read: Vec<_> = chunks.by_ref().take_while(Result::is_ok).collect();
        assert_eq!(read.len(), 2);
        assert!(chunks.next().is_none());
    }
}
