//! The programs outside that are attached to the system.

use std::collections::BTreeSet;

use thespian_core::engine::{AdminInput, CallId, Live};
use thespian_core::transport::{Locator, PeerId};
use thespian_core::{ActorAddress, ActorSpec, Error};

use super::AdminProcess;
use super::slots::Who;
use crate::control::{ToAdminProcess, ToProcess, Welcome, decode};
use crate::runtime_log;

/// How many endpoints a client gets at first.
const ENDPOINTS: u32 = 16;

/// A client.
pub(super) struct Client {
    /// Where its endpoints can be reached.
    pub(super) locator: Locator,
    /// Its endpoints, and addresses for more.
    pub(super) leases: BTreeSet<ActorAddress>,
    /// What a status says of its endpoints, as it said last.
    pub(super) live: Live,
}

impl AdminProcess {
    /// A client says something.
    pub(super) fn hear_client(&mut self, peer: PeerId, bytes: &[u8]) {
        match decode::<ToAdminProcess>(bytes) {
            Ok(ToAdminProcess::Attach { locator, .. }) => self.attach(peer, locator),
            Ok(word) if self.clients.contains_key(&peer) => self.word_from(Who::Client(peer), word),
            Ok(_) => {}
            Err(error) => {
                runtime_log::say(
                    log::Level::Warn,
                    &format!("a client said what cannot be understood: {error}"),
                );
                self.port.disconnect(peer);
                self.client_gone(peer);
            }
        }
    }

    fn attach(&mut self, peer: PeerId, locator: Locator) {
        if !locator.is_valid() || self.clients.contains_key(&peer) {
            return;
        }
        let client = Client { locator, leases: BTreeSet::new(), live: Live::default() };
        self.clients.insert(peer, client);
        let addresses = self.lease(Who::Client(peer), ENDPOINTS);
        let welcome = Welcome {
            admin: self.surroundings.admin,
            base: self.surroundings.base.clone(),
            limits: (*self.surroundings.limits).clone(),
            capabilities: self.engine.capabilities().clone(),
            origin: self.clock.origin(),
            addresses,
        };
        self.say(Who::Client(peer), &ToProcess::Welcome(Box::new(welcome)));
    }

    /// A client is gone, and its endpoints with it.
    pub(super) fn client_gone(&mut self, peer: PeerId) {
        let Some(client) = self.clients.remove(&peer) else { return };
        self.engine.endpoint_closed(&client.live.counters);
        self.calls.retain(|_, (caller, _)| *caller != peer);
        for lease in client.leases {
            if let Some(lease) = self.slots.end_lease(&lease) {
                self.say_gone(lease.waiting, lease.address);
            }
        }
    }

    pub(super) fn word_from_client(&mut self, peer: PeerId, word: ToAdminProcess) {
        match word {
            ToAdminProcess::Closed(endpoints) => {
                let who = Who::Client(peer);
                for (address, counters) in endpoints {
                    if self.slots.lease_at(&address).is_some_and(|lease| lease.holder == who) {
                        self.engine.endpoint_closed(&counters);
                        self.release(who, address);
                    }
                }
            }
            ToAdminProcess::Live(live) => {
                if let Some(client) = self.clients.get_mut(&peer) {
                    client.live = live;
                }
            }
            ToAdminProcess::Create { call, spec } => self.create(peer, call, spec),
            ToAdminProcess::Update { call, name, value } => {
                let result = self.engine.update_capability(&name, value, &mut self.out);
                self.spread_capabilities();
                self.say(Who::Client(peer), &ToProcess::Updated { call, result });
            }
            ToAdminProcess::Shutdown => {
                self.engine.handle(self.clock.now(), AdminInput::Shutdown, &mut self.out);
            }
            // What only actors say.
            _ => {}
        }
    }

    fn create(&mut self, peer: PeerId, call: u64, spec: ActorSpec) {
        if self.engine.is_closing() {
            let result = Err(Error::SystemDown { base: self.surroundings.base.clone() });
            return self.say(Who::Client(peer), &ToProcess::Created { call, result });
        }
        let who = Who::Client(peer);
        let mut address = self.slots.lease(who);
        if let Some(name) = spec.wanted_name() {
            let proposed = address;
            address = self.engine.claim_name(name, proposed);
            if address != proposed {
                self.release(who, proposed);
            }
        }
        self.call_count += 1;
        let id = CallId(self.call_count);
        self.calls.insert(id, (peer, call));
        let input = AdminInput::Create { call: id, address, spec: Box::new(spec) };
        self.engine.handle(self.clock.now(), input, &mut self.out);
    }
}
