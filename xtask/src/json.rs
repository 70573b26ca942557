//! Just enough JSON to read what `cargo metadata` prints.
//!
//! It reads every valid document; it does not try to refuse every invalid one, since cargo is trusted to print JSON.
//! Numbers keep their text, because nobody here computes with them.

/// A JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// What a path into a document leads to when it leads nowhere.
const NOTHING: &Json = &Json::Null;

impl Json {
    /// Reads one document; the error says at which byte it stopped being one.
    pub(crate) fn parse(text: &str) -> Result<Json, String> {
        let mut reader = Reader { text, at: 0 };
        let value = reader.value()?;
        reader.skip_space();
        if reader.at == text.len() { Ok(value) } else { Err(reader.error("the end")) }
    }

    /// The member of an object, or null: absent and null mean the same in cargo's output.
    pub(crate) fn get(&self, key: &str) -> &Json {
        match self {
            Json::Object(members) => {
                members.iter().find(|(name, _)| name == key).map_or(NOTHING, |(_, value)| value)
            }
            _ => NOTHING,
        }
    }

    /// The elements of an array; anything else has none.
    pub(crate) fn items(&self) -> &[Json] {
        match self {
            Json::Array(items) => items,
            _ => &[],
        }
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Json, String> {
        self.skip_space();
        match self.peek() {
            Some('{') => self.object(),
            Some('[') => self.array(),
            Some('"') => self.string().map(Json::String),
            Some(c) if c == '-' || c.is_ascii_digit() => Ok(Json::Number(
                self.take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '+' | '.')),
            )),
            _ => match self.take_while(|c| c.is_ascii_alphabetic()).as_str() {
                "null" => Ok(Json::Null),
                "true" => Ok(Json::Bool(true)),
                "false" => Ok(Json::Bool(false)),
                _ => Err(self.error("a value")),
            },
        }
    }

    fn object(&mut self) -> Result<Json, String> {
        let mut members = Vec::new();
        self.expect('{')?;
        if self.accept('}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_space();
            let name = self.string()?;
            self.expect(':')?;
            members.push((name, self.value()?));
            if !self.accept(',') {
                self.expect('}')?;
                return Ok(Json::Object(members));
            }
        }
    }

    fn array(&mut self) -> Result<Json, String> {
        let mut items = Vec::new();
        self.expect('[')?;
        if self.accept(']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if !self.accept(',') {
                self.expect(']')?;
                return Ok(Json::Array(items));
            }
        }
    }

    fn string(&mut self) -> Result<String, String> {
        if self.next() != Some('"') {
            return Err(self.error("a string"));
        }
        let mut text = String::new();
        loop {
            match self.next() {
                Some('"') => return Ok(text),
                Some('\\') => text.push(self.escape()?),
                Some(c) => text.push(c),
                None => return Err(self.error("the end of a string")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, String> {
        match self.next() {
            Some(c @ ('"' | '\\' | '/')) => Ok(c),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('n') => Ok('\n'),
            Some('r') => Ok('\r'),
            Some('t') => Ok('\t'),
            Some('u') => {
                let high = self.hex4()?;
                if !(0xd800..0xdc00).contains(&high) {
                    return char::from_u32(high).ok_or_else(|| self.error("a character"));
                }
                // A character beyond the first 65,536 is written as two escapes.
                if self.next() != Some('\\') || self.next() != Some('u') {
                    return Err(self.error("the second half of a character"));
                }
                let low = self.hex4()?.wrapping_sub(0xdc00) & 0x3ff;
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + low)
                    .ok_or_else(|| self.error("a character"))
            }
            _ => Err(self.error("an escape")),
        }
    }

    fn hex4(&mut self) -> Result<u32, String> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(|| self.error("four digits"))?;
        let value = u32::from_str_radix(digits, 16).map_err(|_| self.error("four hexadecimal digits"))?;
        self.at += 4;
        Ok(value)
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let rest = &self.text[self.at..];
        let end = rest.find(|c| !keep(c)).unwrap_or(rest.len());
        self.at += end;
        rest[..end].to_owned()
    }

    fn skip_space(&mut self) {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start().len();
    }

    fn accept(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), String> {
        if self.accept(wanted) { Ok(()) } else { Err(self.error(&format!("`{wanted}`"))) }
    }

    fn peek(&self) -> Option<char> {
        self.text[self.at..].chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn error(&self, wanted: &str) -> String {
        format!("JSON: wanted {wanted} at byte {}", self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_value_is_read() {
        let text =
            r#" {"a": [1, -2.5e3, true, false, null, []], "b": {"c": "x\n\"\u00e9\ud83d\ude00/"}, "d": {}} "#;
        let json = Json::parse(text).unwrap();
        let a = json.get("a").items();
        assert_eq!(a.len(), 6);
        assert_eq!(a[1], Json::Number("-2.5e3".into()));
        assert_eq!(a[2], Json::Bool(true));
        assert_eq!(a[4], Json::Null);
        assert_eq!(json.get("b").get("c").as_str(), Some("x\n\"é😀/"));
        assert_eq!(json.get("d"), &Json::Object(Vec::new()));
    }

    #[test]
    fn what_is_not_there_is_null_and_empty() {
        let json = Json::parse(r#"{"a": 1}"#).unwrap();
        assert_eq!(json.get("x").get("y"), &Json::Null);
        assert!(json.get("a").items().is_empty());
        assert_eq!(json.get("a").as_str(), None);
    }

    #[test]
    fn broken_documents_are_errors_and_not_panics() {
        let broken =
            ["", "{", "[1,", r#"{"a" 1}"#, r#""abc"#, r#""\u12"#, r#""\ud800x""#, "nul", "1 2", r#""\u€€""#];
        for text in broken {
            assert!(Json::parse(text).is_err(), "{text}");
        }
    }
}
