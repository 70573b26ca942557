//! A lexer for Rust, so that rules look at code and not at text.
//!
//! A rule that greps finds its words in comments and strings, and misses what is spelled over two lines. A rule that
//! looks at tokens does neither, and needs no parser: the rules only ask which tokens follow each other, which
//! attribute an item carries, and which tokens belong to tests.

use std::ops::Range;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Names and keywords, without the `r#` of a raw one.
    Word,
    /// One character: `::` is two of them.
    Punct,
    /// Strings, characters, numbers, lifetimes: nothing in them is a name.
    Literal,
    Comment,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// Of its first character, counted from 1.
    pub(crate) line: usize,
}

impl Token<'_> {
    /// Whether this is the name or punctuation mark `text`; a literal never is.
    pub(crate) fn is(&self, text: &str) -> bool {
        matches!(self.kind, Kind::Word | Kind::Punct) && self.text == text
    }
}

/// The tokens of a file, comments included.
///
/// Text that is not Rust gives some tokens or other: the compiler reports it, these rules need not.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < text.len() {
        let rest = &text[at..];
        let (kind, length) = next(rest);
        let piece = &rest[..length];
        if let Some(kind) = kind {
            let text = piece.strip_prefix("r#").filter(|_| kind == Kind::Word).unwrap_or(piece);
            tokens.push(Token { kind, text, line });
        }
        line += piece.matches('\n').count();
        at += length;
    }
    tokens
}

/// The tokens of a file without its comments (and so without its documentation).
pub(crate) fn code(text: &str) -> Vec<Token<'_>> {
    tokens(text).into_iter().filter(|token| token.kind != Kind::Comment).collect()
}

/// Where `pattern`, itself written in Rust, occurs: the index of its first token each time.
///
/// `thread::sleep` is found in `thread :: sleep` and not in `my_thread::sleeper`.
pub(crate) fn find(tokens: &[Token<'_>], pattern: &str) -> Vec<usize> {
    let pattern = code(pattern);
    (0..tokens.len()).filter(|&at| starts_with(&tokens[at..], &pattern)).collect()
}

fn starts_with(tokens: &[Token<'_>], pattern: &[Token<'_>]) -> bool {
    tokens.len() >= pattern.len() && tokens.iter().zip(pattern).all(|(token, wanted)| token.is(wanted.text))
}

/// The attributes of a file, outer and inner: each as the range of the tokens between its brackets.
pub(crate) fn attributes(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    let mut attributes = Vec::new();
    for at in 0..tokens.len() {
        if !tokens[at].is("#") {
            continue;
        }
        let open = if tokens.get(at + 1).is_some_and(|token| token.is("!")) { at + 2 } else { at + 1 };
        if tokens.get(open).is_some_and(|token| token.is("[")) {
            attributes.push(open + 1..closing(tokens, open));
        }
    }
    attributes
}

/// The parts of a file that only tests compile: every item with `#[cfg(test)]` or `#[test]`, attribute included.
pub(crate) fn test_items(tokens: &[Token<'_>]) -> Vec<Range<usize>> {
    attributes(tokens)
        .into_iter()
        .filter(|inside| is_test_only(&tokens[inside.clone()]))
        .map(|inside| match tokens[inside.start - 2].is("!") {
            // `#![cfg(test)]` at the top of a file.
            true => 0..tokens.len(),
            false => inside.start - 2..item_end(tokens, inside.end + 1),
        })
        .collect()
}

/// `cfg(any(test, ...))` and `cfg(not(test))` also hold where nothing is tested, so they do not count.
fn is_test_only(attribute: &[Token<'_>]) -> bool {
    let is = |word: &str| attribute.iter().any(|token| token.is(word));
    match attribute {
        [only] => only.is("test"),
        [first, ..] => first.is("cfg") && is("test") && !is("any") && !is("not"),
        [] => false,
    }
}

/// The index after the item that begins at `start`, where more attributes may stand.
fn item_end(tokens: &[Token<'_>], start: usize) -> usize {
    let mut at = start;
    while starts_with(&tokens[at.min(tokens.len())..], &code("#[")) {
        at = closing(tokens, at + 1) + 1;
    }
    let ends_with_semicolon = tokens.get(at).is_some_and(|token| token.is("use"));
    while at < tokens.len() {
        let token = &tokens[at];
        if token.is(";") {
            return at + 1;
        }
        if token.is("{") || token.is("(") || token.is("[") {
            at = closing(tokens, at);
            if token.is("{") && !ends_with_semicolon {
                return (at + 1).min(tokens.len());
            }
        }
        at += 1;
    }
    tokens.len()
}

/// The index of the bracket that closes the one at `open`, or the end of the file.
pub(crate) fn closing(tokens: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        if token.kind != Kind::Punct {
            continue;
        }
        match token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    tokens.len()
}

/// The kind (`None`: white space) and the length of the first token of `rest`, which is not empty.
fn next(rest: &str) -> (Option<Kind>, usize) {
    let first = rest.chars().next().unwrap_or(' ');
    if first.is_whitespace() {
        return (None, rest.len() - rest.trim_start().len());
    }
    if rest.starts_with("//") {
        return (Some(Kind::Comment), rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Some(Kind::Comment), block_comment(rest));
    }
    if let Some(length) = string(rest) {
        return (Some(Kind::Literal), length);
    }
    if first == '\'' {
        return (Some(Kind::Literal), quote(rest));
    }
    if first.is_ascii_digit() {
        return (Some(Kind::Literal), word(rest));
    }
    if rest.starts_with("r#") && rest[2..].starts_with(is_word_part) {
        return (Some(Kind::Word), 2 + word(&rest[2..]));
    }
    match word(rest) {
        0 => (Some(Kind::Punct), first.len_utf8()),
        length => (Some(Kind::Word), length),
    }
}

fn is_word_part(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn word(rest: &str) -> usize {
    rest.find(|c| !is_word_part(c)).unwrap_or(rest.len())
}

/// Block comments nest.
fn block_comment(rest: &str) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(here) = rest.as_bytes().get(at..at + 2) {
        match here {
            b"/*" => depth += 1,
            b"*/" => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of the string literal at the start of `rest`, of any sort: plain, raw, byte, C.
fn string(rest: &str) -> Option<usize> {
    let prefix = ["br", "cr", "r", "b", "c", ""].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|rest| rest.trim_start_matches('#').starts_with('"'))
    })?;
    let hashes = rest[prefix.len()..].find('"')?;
    if !prefix.ends_with('r') {
        // Only a raw string may have hashes: `#"` elsewhere is an attribute's or a macro's business.
        return (hashes == 0).then(|| prefix.len() + escaped(&rest[prefix.len()..], b'"'));
    }
    let start = prefix.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len()))
}

/// The length of a literal that begins and ends with `mark` and may hold escapes.
fn escaped(rest: &str, mark: u8) -> usize {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            byte if byte == mark => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A quote opens a character, or a lifetime when no second quote follows the next character.
fn quote(rest: &str) -> usize {
    let mut inside = rest[1..].chars();
    match (inside.next(), inside.next()) {
        (Some('\\'), _) => escaped(rest, b'\''),
        (Some(c), Some('\'')) => 2 + c.len_utf8(),
        _ => 1 + word(&rest[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).into_iter().filter(|token| token.kind == Kind::Word).map(|token| token.text).collect()
    }

    #[test]
    fn comments_strings_characters_and_lifetimes_hide_their_words() {
        let text = r####"
            // hidden
            /* hidden /* hidden */ hidden */ shown1
            "hidden \" hidden" b"hidden" r"hidden\" r#"hidden " hidden"# br##"hidden"# hidden"## c"hidden"
            'h' '\'' '"' shown2 &'hidden str 0x1f_u8 r#shown3 '\u{68}' b'h'
        "####;
        assert_eq!(words(text), ["shown1", "shown2", "str", "shown3", "b"]);
    }

    #[test]
    fn lines_are_counted_through_literals_that_span_them() {
        let tokens = code("a\n\"b\n\nc\" d /* \n */ e");
        assert_eq!(tokens.iter().map(|token| token.line).collect::<Vec<_>>(), [1, 2, 4, 5]);
    }

    #[test]
    fn unfinished_and_unicode_text_ends_without_a_panic() {
        for text in [
            "\"abc",
            "/* abc",
            "r##\"abc\"#",
            "'",
            "é'é'é",
            "#![",
            "b'\\",
            "\"\\",
            "/*é",
            "#[cfg(test)]",
            "#",
        ] {
            let code = code(text);
            let _ = test_items(&code);
        }
    }

    #[test]
    fn a_pattern_is_found_by_tokens_and_not_by_text() {
        let tokens = code("my_thread::sleep(); thread :: sleep(x); \"thread::sleep\"");
        assert_eq!(find(&tokens, "thread::sleep").len(), 1);
        assert_eq!(find(&tokens, "sleep(").len(), 2);
    }

    #[test]
    fn test_items_are_the_attribute_and_the_whole_item() {
        let text = "fn a() {} #[cfg(test)] #[allow(x)] mod tests { fn b() { c } } fn d() {}
                    #[cfg(test)] use x::{y, z}; fn e() {} #[test] fn f() -> [u8; 2] { g } #[cfg(not(test))] fn h() {}
                    #[cfg(any(test, x))] fn i() {} #[cfg(all(test, x))] mod j;";
        let tokens = code(text);
        let tested = test_items(&tokens);
        let outside: Vec<&str> = tokens
            .iter()
            .enumerate()
            .filter(|(at, token)| token.kind == Kind::Word && !tested.iter().any(|item| item.contains(at)))
            .map(|(_, token)| token.text)
            .filter(|text| text.len() == 1)
            .collect();
        assert_eq!(outside, ["a", "d", "e", "h", "x", "i"]);
    }
}
