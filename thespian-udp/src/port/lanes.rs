//! Lanes: sockets of their own for sessions in which much is said.
//!
//! By the port's own socket the system looks for the way to each datagram's target anew, half a microsecond each time. A lane is
//! one more socket at the same place that is connected to the other side's: the way is known, and what comes from there
//! comes to it. The other side sees no difference, and may or may not have one.
//!
//! A lane is opened when the port's own socket has just been found empty. What comes there still has been sent before all that
//! comes by the lane, and is read before it. It is closed with its session, or when one of the two sides changes its place.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};

use mio::{Interest as Readiness, Token};
use thespian_core::transport::{Happened, PeerId};

use super::UdpPort;
use crate::socket::Socket;

/// How many lanes a port has at most: a descriptor each.
const MOST: usize = 16;

/// What the tokens of lanes have beside the number of the session.
pub(super) const LANE: usize = 1 << 41;

/// The sessions with lanes.
#[derive(Default)]
pub(super) struct Lanes {
    open: Vec<PeerId>,
    /// Those that may have something to read.
    readable: VecDeque<PeerId>,
    /// Those that are to have one.
    wanted: Vec<PeerId>,
    /// Whether the port's own socket has not been found empty since one was opened.
    are_new: bool,
}

impl Lanes {
    /// Whether something may be there to read.
    #[inline]
    pub(super) fn may_receive(&self) -> bool {
        !self.readable.is_empty()
    }

    /// The system says that there is something to read.
    pub(super) fn is_readable(&mut self, peer: PeerId) {
        if !self.readable.contains(&peer) {
            self.readable.push_back(peer);
        }
    }
}

impl UdpPort {
    /// A session is to have a lane, if one can be had.
    #[cold]
    pub(super) fn want_lane(&mut self, peer: PeerId) {
        if let Some(session) = self.sessions.get_mut(&peer.0) {
            session.has_asked_for_lane = true;
            self.lanes.wanted.push(peer);
        }
    }

    /// The port's own socket has been found empty.
    #[inline]
    pub(super) fn is_empty(&mut self) {
        self.lanes.are_new = false;
        if !self.lanes.wanted.is_empty() {
            self.open_lanes();
        }
    }

    #[cold]
    fn open_lanes(&mut self) {
        for peer in std::mem::take(&mut self.lanes.wanted) {
            let Some(session) = self.sessions.get(&peer.0) else { continue };
            if self.lanes.open.len() == MOST {
                return;
            }
            let remote = session.remote;
            self.share_place(true);
            let lane = self.socket.between_here_and(remote);
            self.share_place(false);
            // Without one the session goes on as before.
            let Ok(mut lane) = lane else { continue };
            self.watches.is_ours(lane.as_fd().as_raw_fd());
            let token = Token(LANE | peer.0 as usize);
            if self.poll.registry().register(&mut lane.udp, token, Readiness::READABLE).is_ok()
                && let Some(session) = self.sessions.get_mut(&peer.0)
            {
                session.lane = Some(Box::new(lane));
                self.lanes.open.push(peer);
                self.lanes.are_new = true;
            }
        }
    }

    /// Lets one more socket be at the port's place. It is only for so long that a process of the same user could join.
    fn share_place(&self, shares: bool) {
        self.socket.share_place(shares);
        for peer in &self.lanes.open {
            let lane = self.sessions.get(&peer.0).and_then(|session| session.lane.as_ref());
            lane.into_iter().for_each(|lane| lane.share_place(shares));
        }
    }

    /// Takes at most so many datagrams from lanes. How many there were.
    #[inline]
    pub(super) fn receive_by_lanes(&mut self, most: usize, happened: &mut Happened<'_>) -> usize {
        // What came before they were opened is read first.
        if self.may_receive && self.lanes.are_new {
            return 0;
        }
        let mut taken = 0;
        for _ in 0..self.lanes.readable.len() {
            if taken == most {
                break;
            }
            let Some(peer) = self.lanes.readable.pop_front() else { break };
            let Some(mut lane) = self.sessions.get_mut(&peer.0).and_then(|session| session.lane.take())
            else {
                continue;
            };
            let (count, has_more) = self.take(Some(&mut lane), most - taken, happened);
            taken += count;
            // What came may have been the end of the session, or of the lane.
            match self.sessions.get_mut(&peer.0) {
                Some(session) if self.lanes.open.contains(&peer) => {
                    session.lane = Some(lane);
                    if has_more {
                        self.lanes.is_readable(peer);
                    }
                }
                _ => self.close(Some(lane)),
            }
        }
        taken
    }

    /// Places at which nobody is, to which something was sent by a lane.
    pub(super) fn undelivered_by_lanes(&mut self) -> Vec<SocketAddr> {
        let mut places = Vec::new();
        for peer in &self.lanes.open {
            let lane = self.sessions.get_mut(&peer.0).and_then(|session| session.lane.as_mut());
            places.extend(lane.and_then(|lane| lane.undelivered()));
        }
        places
    }

    /// The session has no lane any more.
    #[cold]
    pub(super) fn close_lane(&mut self, peer: PeerId) {
        let lane = self.sessions.get_mut(&peer.0).and_then(|session| session.lane.take());
        self.forget_lane(peer, lane);
    }

    /// The session that had this lane is no more, or has none any more.
    pub(super) fn forget_lane(&mut self, peer: PeerId, lane: Option<Box<Socket>>) {
        for list in [&mut self.lanes.open, &mut self.lanes.wanted] {
            list.retain(|other| *other != peer);
        }
        self.lanes.readable.retain(|other| *other != peer);
        self.close(lane);
    }

    /// No session has a lane any more.
    pub(super) fn close_lanes(&mut self) {
        for peer in self.lanes.open.clone() {
            self.close_lane(peer);
        }
    }

    fn close(&self, lane: Option<Box<Socket>>) {
        if let Some(mut lane) = lane {
            // To close it is enough, but for a process that was forked a moment ago and has it still.
            let _ = self.poll.registry().deregister(&mut lane.udp);
        }
    }
}
