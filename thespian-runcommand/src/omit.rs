//! Keeping a secret out of texts.

use crate::Captured;

/// The longest text that can be omitted. Bytes.
pub(crate) const LONGEST_OMITTED: usize = 4096;

/// What stands in place of what is omitted: the first of these with which the secret is not in the text after all. One that
/// is made of dots would be.
const MARKS: [&str; 4] = ["...", "***", "[omitted]", ""];

/// What must not be shown.
#[derive(Clone, Copy)]
pub(crate) struct Omit<'a>(Option<&'a str>);

impl<'a> Omit<'a> {
    pub(crate) fn new(secret: Option<&'a str>) -> Omit<'a> {
        Omit(secret.filter(|secret| !secret.is_empty()))
    }

    /// The text without the secret, wherever it stands.
    pub(crate) fn clean(self, text: &str) -> String {
        let Some(secret) = self.0.filter(|secret| text.contains(secret)) else { return text.to_string() };
        let mut texts = MARKS.iter().map(|mark| text.replace(secret, mark));
        // A text in which the secret comes together whatever one puts there is not shown at all.
        texts.find(|text| !text.contains(secret)).unwrap_or_default()
    }

    /// Output as text, in two parts where some was left out between them. A part of the secret that the cut has left is
    /// gone too.
    pub(crate) fn texts(self, output: &Captured) -> (String, Option<String>) {
        let (mut head, mut tail) = (&output.head.0[..], &output.tail.0[..]);
        if output.is_whole() {
            return (self.clean(&String::from_utf8_lossy(head)), None);
        }
        if let Some(secret) = self.0.map(str::as_bytes) {
            let cut = |fits: &dyn Fn(usize) -> bool| {
                (1..secret.len()).rev().find(|&length| fits(length)).unwrap_or(0)
            };
            head = &head[..head.len() - cut(&|length| head.ends_with(&secret[..length]))];
            tail = &tail[cut(&|length| tail.starts_with(&secret[secret.len() - length..]))..];
        }
        (self.clean(&String::from_utf8_lossy(head)), Some(self.clean(&String::from_utf8_lossy(tail))))
    }

    /// Output as one text.
    pub(crate) fn text(self, output: &Captured) -> String {
        match self.texts(output) {
            (whole, None) => whole,
            (head, Some(tail)) => self.clean(&format!("{head} [...] {tail}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use thespian_core::Bytes;

    use super::*;

    fn clean(secret: &str, text: &str) -> String {
        Omit::new(Some(secret)).clean(text)
    }

    fn captured(head: &str, tail: &str, left_out: u64) -> Captured {
        let bytes = |text: &str| Bytes(text.as_bytes().to_vec());
        Captured { head: bytes(head), tail: bytes(tail), left_out }
    }

    #[test]
    fn a_secret_is_omitted_wherever_it_stands() {
        assert_eq!(clean("xyz", "xyz a xyzxyz b xyz"), "... a ...... b ...");
        assert_eq!(clean("a\nb", "1\na\nb\n2"), "1\n...\n2");
        assert_eq!(Omit::new(None).clean("a"), "a");
        assert_eq!(Omit::new(Some("")).clean("a"), "a");
    }

    #[test]
    fn a_secret_that_comes_together_again_is_omitted_all_the_same() {
        for secret in [".", "...", "*", "a...b", "aa", "[omitted]", "o", "ab"] {
            for text in
                [secret.to_string(), format!("{secret}{secret}"), format!("a{secret}b"), "aabb. *o".into()]
            {
                for text in [format!("a{text}b"), text] {
                    let cleaned = clean(secret, &text);
                    assert!(!cleaned.contains(secret), "{secret:?} is in {cleaned:?}, from {text:?}");
                }
            }
        }
        assert_eq!(clean(".", "a.b"), "a***b");
        assert_eq!(clean("a...b", "aa...bb"), "a***b");
    }

    #[test]
    fn what_a_cut_has_left_of_a_secret_is_omitted() {
        let omit = Omit::new(Some("password"));
        assert_eq!(
            omit.texts(&captured("it is pass", "ord, then", 1)),
            ("it is ".into(), Some(", then".into()))
        );
        assert_eq!(omit.texts(&captured("it is pass", "", 0)), ("it is pass".into(), None));
        assert_eq!(omit.text(&captured("a password", "b", 9)), "a ... [...] b");
    }

    #[test]
    fn a_secret_among_bytes_that_are_no_text_is_omitted() {
        let bytes = Bytes([b"\xe2\x82pass\xff".as_slice(), "schlüssel".as_bytes()].concat());
        let output = Captured { head: bytes, tail: Bytes::default(), left_out: 0 };
        let text = Omit::new(Some("schlüssel")).text(&output);
        assert!(!text.contains("schl"), "{text}");
    }
}
