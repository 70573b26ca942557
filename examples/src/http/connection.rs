//! One client: what it said and was not answered yet, and what it was told and has not taken yet.

use std::borrow::Cow;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use super::request::{self, LONGEST_HEAD, Parsed, Request};
use super::response::{Response, Status};

/// How long a client may take for a whole request, for taking an answer, and between requests.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// How long the end of a connection waits for the client's own.
const LINGER: Duration = Duration::from_secs(2);

/// How much is read from one client before others have their turn, in bytes. What it sends when nobody has read for a while is
/// held by the system.
const READ_AT_ONCE: usize = 16 * 1024;

/// What a server has at a path.
pub type Page<'a> = &'a mut dyn FnMut(&str) -> Option<Cow<'static, [u8]>>;

/// A connection with a client.
pub struct Connection {
    stream: TcpStream,
    unread: Vec<u8>,
    /// How much of a body has still to come, and be thrown away.
    body: u64,
    answer: Option<Answer>,
    state: State,
    deadline: Instant,
}

/// An answer on its way.
struct Answer {
    response: Response,
    /// How much of head and body has been written, in bytes.
    written: usize,
}

impl Answer {
    fn is_written(&self) -> bool {
        self.written == self.response.head.len() + self.response.body.len()
    }

    fn write_to(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        let Response { head, body } = &self.response;
        let of_head = self.written.min(head.len());
        let rest = [IoSlice::new(&head[of_head..]), IoSlice::new(&body[self.written - of_head..])];
        let length = stream.write_vectored(&rest)?;
        self.written += length;
        Ok(length)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Requests are read and answered.
    Open,
    /// The last answer is being written.
    Closing,
    /// It was written; the client is given time to take it, because closing at once could take it back.
    Lingering,
    Ended,
}

impl Connection {
    /// A connection that was accepted.
    ///
    /// # Errors
    ///
    /// When the socket cannot be set up.
    pub fn new(stream: TcpStream, now: Instant) -> io::Result<Connection> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            unread: Vec::new(),
            body: 0,
            answer: None,
            state: State::Open,
            deadline: now + PATIENCE,
        })
    }

    /// Its descriptor, to be watched; none while the client does not take what it was told: then it is not read from.
    pub fn watched(&self) -> Option<i32> {
        (!self.is_blocked()).then(|| self.stream.as_raw_fd())
    }

    /// Its descriptor.
    pub fn descriptor(&self) -> i32 {
        self.stream.as_raw_fd()
    }

    /// Whether something waits to be written: there is no word of when it can be.
    pub fn is_blocked(&self) -> bool {
        self.answer.is_some()
    }

    /// Whether it is over.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// It can be read: reads and answers.
    pub fn handle_readable(&mut self, now: Instant, page: Page<'_>) {
        let mut piece = [0; READ_AT_ONCE];
        match self.stream.read(&mut piece) {
            Ok(0) => self.handle_end(),
            Ok(length) if self.state == State::Open => {
                if self.unread.is_empty() && self.body == 0 {
                    // The first bytes of a request. Later ones do not give it more time.
                    self.deadline = now + PATIENCE;
                }
                self.unread.extend_from_slice(&piece[..length]);
                self.go_on(now, page);
            }
            // What comes after the last request is thrown away.
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => self.state = State::Ended,
        }
    }

    /// The client has said all. It may still want its answers, of which none waits now.
    fn handle_end(&mut self) {
        self.state = State::Ended;
    }

    /// Writes what can be written, and answers what was read and could not be answered before.
    pub fn go_on(&mut self, now: Instant, page: Page<'_>) {
        loop {
            self.write(now);
            if self.is_blocked() || self.state != State::Open || !self.answer_one(page) {
                return;
            }
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if now < self.deadline {
            return;
        }
        let waits_for_rest = self.state == State::Open && !self.unread.is_empty() && !self.is_blocked();
        if waits_for_rest {
            self.say_last(Response::refusal(Status::RequestTimeout, false, false));
            self.write(now);
        } else {
            self.state = State::Ended;
        }
    }

    /// Answers one request, if there is a whole one.
    fn answer_one(&mut self, page: Page<'_>) -> bool {
        let thrown_away = (self.unread.len() as u64).min(self.body);
        self.unread.drain(..thrown_away as usize);
        self.body -= thrown_away;
        if self.body > 0 || self.unread.is_empty() {
            return false;
        }
        match request::parse(&self.unread[..self.unread.len().min(LONGEST_HEAD + 1)]) {
            Parsed::Incomplete => false,
            Parsed::Bad(status) => {
                self.say_last(Response::refusal(status, false, false));
                true
            }
            Parsed::Refused(length, status, request) => {
                let Request { is_head, keep_alive, .. } = request;
                self.answered(length, &request, Response::refusal(status, is_head, keep_alive));
                true
            }
            Parsed::Request(length, request) => {
                let Request { is_head, keep_alive, .. } = request;
                let answer = match page(&request.path) {
                    Some(body) => Response::new(Status::Ok, body, is_head, keep_alive),
                    None => Response::refusal(Status::NotFound, is_head, keep_alive),
                };
                self.answered(length, &request, answer);
                true
            }
        }
    }

    fn answered(&mut self, length: usize, request: &Request, response: Response) {
        self.unread.drain(..length);
        self.body = request.body;
        match request.keep_alive {
            true => self.answer = Some(Answer { response, written: 0 }),
            false => self.say_last(response),
        }
    }

    fn say_last(&mut self, response: Response) {
        self.answer = Some(Answer { response, written: 0 });
        self.unread = Vec::new();
        self.state = State::Closing;
    }

    fn write(&mut self, now: Instant) {
        while let Some(answer) = &mut self.answer {
            match answer.write_to(&mut self.stream) {
                Ok(_) if answer.is_written() => {
                    self.answer = None;
                    self.deadline = now + PATIENCE;
                }
                Ok(_) => self.deadline = now + PATIENCE,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(_) => {
                    self.answer = None;
                    self.state = State::Ended;
                    return;
                }
            }
        }
        if self.state == State::Closing {
            self.deadline = now + LINGER;
            self.state = match self.stream.shutdown(Shutdown::Write) {
                Ok(()) => State::Lingering,
                Err(_) => State::Ended,
            };
        }
    }
}
