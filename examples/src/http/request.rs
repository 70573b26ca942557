//! The head of a request, read from bytes (RFC 9112).

use super::response::Status;

/// The longest head of a request, in bytes.
pub const LONGEST_HEAD: usize = 8 * 1024;

/// The longest body that is read, and thrown away, so that another request can follow. Bytes.
pub const LONGEST_BODY: u64 = 64 * 1024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Whether only the head of the answer is wanted.
    pub is_head: bool,
    /// The path, without a query.
    pub path: String,
    /// Whether the connection is kept for another request.
    pub keep_alive: bool,
    /// How many bytes follow the head.
    pub body: u64,
}

/// What bytes are the beginning of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// More has to come.
    Incomplete,
    /// A head of so many bytes, and what it asks for.
    Request(usize, Request),
    /// A head of so many bytes that is understood and refused. The connection is kept, unless it says otherwise.
    Refused(usize, Status, Request),
    /// Something else. Where the next request begins is not known.
    Bad(Status),
}

/// Reads the head of a request.
pub fn parse(bytes: &[u8]) -> Parsed {
    // A client may send empty lines between requests.
    let blank = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let Some(length) = head_length(&bytes[blank..]) else {
        return match bytes.len() {
            ..LONGEST_HEAD => Parsed::Incomplete,
            _ => Parsed::Bad(Status::HeadTooLarge),
        };
    };
    let length = blank + length;
    if length > LONGEST_HEAD {
        return Parsed::Bad(Status::HeadTooLarge);
    }
    match head(&bytes[blank..length]) {
        Ok((None, request)) => Parsed::Request(length, request),
        Ok((Some(status), request)) => Parsed::Refused(length, status, request),
        Err(status) => Parsed::Bad(status),
    }
}

/// The length of a head with the empty line at its end.
fn head_length(bytes: &[u8]) -> Option<usize> {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
    ends.into_iter()
        .find(|&end| bytes[end..].starts_with(b"\r\n") || bytes[end..].starts_with(b"\n"))
        .map(|end| end + if bytes[end] == b'\r' { 2 } else { 1 })
}

fn head(bytes: &[u8]) -> Result<(Option<Status>, Request), Status> {
    let text = std::str::from_utf8(bytes).map_err(|_| Status::BadRequest)?;
    let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
    let mut words = lines.next().unwrap_or("").split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(Status::BadRequest);
    };
    let is_old = match version {
        "HTTP/1.1" => false,
        "HTTP/1.0" => true,
        _ if version.starts_with("HTTP/") => return Err(Status::VersionNotSupported),
        _ => return Err(Status::BadRequest),
    };
    if !is_token(method) {
        return Err(Status::BadRequest);
    }
    let fields = Fields::read(lines)?;
    // RFC 9112, section 3.2: one host, unless the client is older than that rule.
    if fields.hosts > 1 || (fields.hosts == 0 && !is_old) {
        return Err(Status::BadRequest);
    }
    if fields.body > LONGEST_BODY {
        return Err(Status::ContentTooLarge);
    }
    let is_known = matches!(method, "GET" | "HEAD");
    let request = Request {
        is_head: method == "HEAD",
        path: if is_known { path(target).ok_or(Status::BadRequest)? } else { String::new() },
        // A client that waits for word before it sends its body may never send it.
        keep_alive: !is_old && !fields.close && !fields.expects,
        body: fields.body,
    };
    Ok(((!is_known).then_some(Status::MethodNotAllowed), request))
}

/// What is of interest in the fields of a head.
#[derive(Default)]
struct Fields {
    hosts: u32,
    body: u64,
    close: bool,
    expects: bool,
}

impl Fields {
    fn read<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Fields, Status> {
        let mut fields = Fields::default();
        let mut length: Option<&str> = None;
        for line in lines.take_while(|line| !line.is_empty()) {
            // A name ends at its colon: a space before it, or instead of a name, is how requests are smuggled.
            let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
            let value = value.trim_matches([' ', '\t']);
            if !is_token(name) || value.chars().any(|char| char.is_control() && char != '\t') {
                return Err(Status::BadRequest);
            }
            match name.to_ascii_lowercase().as_str() {
                "host" => fields.hosts += 1,
                "connection" => {
                    fields.close |=
                        value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"));
                }
                "expect" => fields.expects = true,
                "transfer-encoding" => return Err(Status::NotImplemented),
                "content-length" if length.is_some_and(|known| known != value) => {
                    return Err(Status::BadRequest);
                }
                "content-length" => length = Some(value),
                _ => {}
            }
        }
        if let Some(length) = length {
            if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(Status::BadRequest);
            }
            // Too large for a number is too large.
            fields.body = length.parse().map_err(|_| Status::ContentTooLarge)?;
        }
        Ok(fields)
    }
}

/// The path of a target such as `/a%20b?c` or `http://host/a`.
fn path(target: &str) -> Option<String> {
    let origin = match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let encoded = origin.split('?').next()?;
    if !encoded.starts_with('/') {
        return None;
    }
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'%' => {
                let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
                if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            0..=b' ' | 127 => return None,
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}

fn is_token(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(path: &str) -> Request {
        Request { is_head: false, path: path.into(), keep_alive: true, body: 0 }
    }

    #[test]
    fn requests_are_read_whole_and_not_before() {
        let text = b"GET /a%20b?c=d HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\nGET";
        assert_eq!(parse(text), Parsed::Request(text.len() - 3, get("/a b")));
        for end in 0..text.len() - 3 {
            assert_eq!(parse(&text[..end]), Parsed::Incomplete, "{end}");
        }
        let text = b"\r\nHEAD http://x/ HTTP/1.1\nHost: x\nConnection: Keep-Alive, Close\n\n";
        let expected = Request { is_head: true, keep_alive: false, ..get("/") };
        assert_eq!(parse(text), Parsed::Request(text.len(), expected));
        assert_eq!(
            parse(b"GET / HTTP/1.0\r\n\r\n"),
            Parsed::Request(18, Request { keep_alive: false, ..get("/") })
        );
    }

    #[test]
    fn other_methods_are_refused_with_the_length_of_their_bodies() {
        let text = b"POST * HTTP/1.1\r\nHost: x\r\nContent-Length: 7\r\n\r\n";
        let request = Request { body: 7, ..get("") };
        assert_eq!(parse(text), Parsed::Refused(text.len(), Status::MethodNotAllowed, request));
    }

    #[test]
    fn what_is_wrong_has_its_status() {
        let long = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "x".repeat(LONGEST_HEAD));
        let cases = [
            ("GET /\r\n\r\n", Status::BadRequest),
            ("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            ("G(T / HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            ("GET x HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            ("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            ("GET /%+1 HTTP/1.1\r\nHost: x\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost : x\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", Status::BadRequest),
            ("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: +1\r\n\r\n", Status::BadRequest),
            (
                "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                Status::BadRequest,
            ),
            ("GET / HTTP/2.0\r\nHost: x\r\n\r\n", Status::VersionNotSupported),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65537\r\n\r\n", Status::ContentTooLarge),
            (
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                Status::ContentTooLarge,
            ),
            ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", Status::NotImplemented),
            (&long, Status::HeadTooLarge),
            (&long[..LONGEST_HEAD], Status::HeadTooLarge),
            ("GET /\u{e9} HTTP/1.1\r\nHost: \u{7f}\r\n\r\n", Status::BadRequest),
        ];
        for (text, status) in cases {
            assert_eq!(parse(text.as_bytes()), Parsed::Bad(status), "{text:.60}");
        }
        assert_eq!(parse(b"GET /\xFF HTTP/1.1\r\nHost: x\r\n\r\n"), Parsed::Bad(Status::BadRequest));
    }
}
