//! What a client is told.

use std::borrow::Cow;

/// How a request is answered (RFC 9110, section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 200.
    Ok,
    /// 400: it is not understood.
    BadRequest,
    /// 404: there is no such page.
    NotFound,
    /// 405: pages are only read.
    MethodNotAllowed,
    /// 408: it took too long to come.
    RequestTimeout,
    /// 413: its body is over [`LONGEST_BODY`](super::request::LONGEST_BODY).
    ContentTooLarge,
    /// 431: its head is over [`LONGEST_HEAD`](super::request::LONGEST_HEAD).
    HeadTooLarge,
    /// 501: its body comes in a coding that is not known here.
    NotImplemented,
    /// 505: another version of HTTP.
    VersionNotSupported,
}

impl Status {
    /// The number and its text.
    pub fn line(self) -> &'static str {
        match self {
            Status::Ok => "200 OK",
            Status::BadRequest => "400 Bad Request",
            Status::NotFound => "404 Not Found",
            Status::MethodNotAllowed => "405 Method Not Allowed",
            Status::RequestTimeout => "408 Request Timeout",
            Status::ContentTooLarge => "413 Content Too Large",
            Status::HeadTooLarge => "431 Request Header Fields Too Large",
            Status::NotImplemented => "501 Not Implemented",
            Status::VersionNotSupported => "505 HTTP Version Not Supported",
        }
    }
}

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// The head, with the empty line at its end.
    pub head: Vec<u8>,
    /// What comes after it: nothing, where only the head was asked for.
    pub body: Cow<'static, [u8]>,
}

impl Response {
    /// An answer with this body.
    pub fn new(status: Status, body: Cow<'static, [u8]>, is_head: bool, keep_alive: bool) -> Response {
        let allow = if status == Status::MethodNotAllowed { "Allow: GET, HEAD\r\n" } else { "" };
        let connection = if keep_alive { "" } else { "Connection: close\r\n" };
        let head = format!(
            "HTTP/1.1 {}\r\nServer: thespian-example\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
             {allow}{connection}\r\n",
            status.line(),
            body.len()
        );
        Response { head: head.into_bytes(), body: if is_head { Cow::Borrowed(&[]) } else { body } }
    }

    /// An answer that is only its status.
    pub fn refusal(status: Status, is_head: bool, keep_alive: bool) -> Response {
        Response::new(status, format!("{}\n", status.line()).into_bytes().into(), is_head, keep_alive)
    }
}
