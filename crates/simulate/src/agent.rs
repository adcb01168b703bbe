//! The life of one simulated endpoint: enrol once, then connect, obey, lose the connection, come back.

use crate::connection::{Connection, Lost};
use crate::done::Done;
use crate::enrol::{self, Entry};
use crate::identity::Identity;
use crate::machine::{Machine, draw, happens};
use crate::orders::{Opened, Task, claimed_number};
use crate::world::{Believed, World};
use protocol::backoff::Backoff;
use protocol::message::{
    Accepted, Credentials, Hello, Holds, Refusal, Revoked, SignedOrder, SignedTrust, agent_says,
    server_says,
};
use protocol::order::{self, Refused};
use rcgen::KeyPair;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// Answers in the making at once; beyond it nothing more is read.
const MOST_OPEN: usize = 64;

struct Agent {
    machine: Machine,
    world: Arc<World>,
    shutdown: CancellationToken,
    identity: Identity,
    believed: Arc<Believed>,
    renew_at: Option<i64>,
    /// Key of a renewal under way.
    renewal: Option<KeyPair>,
    open: Vec<Open>,
    done: Done,
}

/// An order taken and not yet known to be stored.
struct Open {
    opened: Arc<Opened>,
    due: Instant,
    sent: bool,
    fails: bool,
}

/// Why a connection is over.
enum Ended {
    Shutdown,
    Revoked,
    /// The server says when to come back, or the endpoint has a reason of its own to wait.
    Pause(Duration),
    Lost(Lost),
}

/// Lives until `shutdown`, or until the server does not want this endpoint.
pub(crate) async fn live(
    n: u32,
    identity: Option<Identity>,
    world: Arc<World>,
    shutdown: CancellationToken,
) {
    let mut machine = world.population.machine(n);
    let known = identity.and_then(|identity| Some((identity, world.newest_trust()?)));
    let (identity, believed) = if let Some(known) = known {
        world.progress.reused.up();
        known
    } else {
        let entering = Box::pin(enter(&machine, &world));
        tokio::select! {
            () = shutdown.cancelled() => return,
            entered = entering => match entered {
                Some(entered) => entered,
                None => return,
            },
        }
    };
    machine.endpoint = identity.endpoint_id().and_then(|id| id.try_into().ok());
    let mut agent = Agent {
        renew_at: identity.renew_at(),
        machine,
        world,
        shutdown,
        identity,
        believed,
        renewal: None,
        open: Vec::new(),
        done: Done::default(),
    };
    agent.run().await;
}

async fn enter(machine: &Machine, world: &World) -> Option<(Identity, Arc<Believed>)> {
    let (key, request) = match enrol::key_and_request(machine) {
        Ok(made) => made,
        Err(error) => {
            world.progress.refused(&error.to_string());
            return None;
        }
    };
    let mut backoff = Backoff::default();
    let mut waiting = None;
    for server in world.servers.iter().cycle() {
        let turn = world.enrolments.acquire().await.ok()?;
        if world.closed.is_cancelled() {
            return None;
        }
        let outcome = enrol::enrol(machine, &key, &request, server, world).await;
        let pause = match outcome {
            Ok(Entry::In(identity, believed)) => {
                if let Err(error) = world.state.keep(machine.n, &identity) {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "an identity could not be kept for the next run"
                    );
                }
                world.progress.enrolled.up();
                drop(turn);
                return Some((identity, believed));
            }
            Ok(Entry::Refused(reason)) => {
                tracing::debug!(n = machine.n, reason, "the server refused to enrol");
                world.progress.refused(&reason);
                // Keys are new, so it is the token that is refused: to everybody else as well. Each try more would be taken for a guess.
                world.closed.cancel();
                return None;
            }
            Ok(Entry::Wait(pause)) => {
                waiting.get_or_insert_with(|| world.progress.waiting.hold());
                pause + Duration::from_millis(world.random() % 1000)
            }
            Err(error) => {
                tracing::debug!(
                    n = machine.n,
                    error = &error as &dyn std::error::Error,
                    "enrolment failed"
                );
                backoff.next(Duration::ZERO, world.random())
            }
        };
        drop(turn);
        tokio::select! {
            () = world.closed.cancelled() => return None,
            () = tokio::time::sleep(pause) => {}
        }
    }
    None
}

impl Agent {
    async fn run(&mut self) {
        let mut backoff = Backoff::default();
        let mut turn = 0;
        loop {
            let server = self.world.servers[turn % self.world.servers.len()].clone();
            let pause = match self.connected(&server, &mut backoff).await {
                Ended::Shutdown => return,
                Ended::Revoked => {
                    self.world.progress.revoked.up();
                    return;
                }
                Ended::Pause(pause) => pause + Duration::from_millis(self.world.random() % 500),
                Ended::Lost(error) => {
                    tracing::debug!(
                        n = self.machine.n,
                        error = &error as &dyn std::error::Error,
                        "connection lost"
                    );
                    turn += 1;
                    backoff.next(Duration::ZERO, self.world.random())
                }
            };
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn connected(&mut self, server: &str, backoff: &mut Backoff) -> Ended {
        let shutdown = self.shutdown.clone();
        let opened = tokio::select! {
            () = shutdown.cancelled() => return Ended::Shutdown,
            opened = self.greet(server) => opened,
        };
        let (mut connection, keep_alive) = match opened {
            Ok(greeted) => greeted,
            Err(ended) => return ended,
        };
        backoff.reset();
        let world = Arc::clone(&self.world);
        world.progress.connections.up();
        let held = world.progress.connected.hold();
        let ended = match self.session(&mut connection, keep_alive).await {
            Ok(ended) => ended,
            Err(lost) => Ended::Lost(lost),
        };
        drop(held);
        if !matches!(ended, Ended::Lost(_)) {
            Box::pin(connection.close()).await;
        }
        ended
    }

    fn holds(&self) -> agent_says::Body {
        agent_says::Body::Holds(Holds {
            trust_version: self.believed.trust.version,
            certificate: Sha256::digest(&self.identity.certificate).to_vec(),
        })
    }

    fn ends_by(&self, revoked: &Revoked) -> bool {
        let order_keys = &self.believed.trust.order_keys;
        self.identity.ends_by(revoked, order_keys)
    }

    /// Connects and says hello.
    async fn greet(&mut self, server: &str) -> Result<(Connection, Duration), Ended> {
        let world = Arc::clone(&self.world);
        let turn = world.handshakes.acquire().await;
        let config = crate::tls::with_identity(
            &self.believed.tls,
            &self.identity.certificate,
            &self.identity.key,
        );
        let config = match config {
            Ok(config) => config,
            Err(error) => {
                tracing::warn!(
                    n = self.machine.n,
                    error = &error as &dyn std::error::Error,
                    "a kept identity is not usable"
                );
                return Err(Ended::Revoked);
            }
        };
        let mut connection = Connection::open(server, config)
            .await
            .map_err(Ended::Lost)?;
        let hello = Hello {
            protocol: protocol::VERSION,
            agent_version: env!("CARGO_PKG_VERSION").to_owned(),
            hostname: self.machine.hostname(),
            platform: self.machine.platform().to_owned(),
            machine: enrol::fingerprint(&self.machine),
            instance: world.instance(self.machine.n),
            trust_version: self.believed.trust.version,
            credit: u32::try_from(MOST_OPEN).unwrap_or(0),
        };
        connection
            .say(agent_says::Body::Hello(hello))
            .await
            .map_err(Ended::Lost)?;
        loop {
            let message = tokio::time::timeout(Duration::from_secs(60), connection.next()).await;
            let message = message
                .map_err(|_| Ended::Lost(Lost::Slow))?
                .map_err(|e| Ended::Lost(e.into()))?;
            match message.body {
                Some(server_says::Body::Welcome(welcome)) => {
                    drop(turn);
                    if welcome.ordinal != self.identity.ordinal {
                        tracing::warn!(
                            n = self.machine.n,
                            had = self.identity.ordinal,
                            got = welcome.ordinal,
                            "the server gives another ordinal"
                        );
                        self.identity.ordinal = welcome.ordinal;
                    }
                    let seconds = match u64::from(welcome.keep_alive_seconds) {
                        0 => protocol::KEEP_ALIVE_SECONDS,
                        given => given,
                    };
                    return Ok((connection, Duration::from_secs(seconds)));
                }
                Some(server_says::Body::Revoked(revoked)) if self.ends_by(&revoked) => {
                    return Err(Ended::Revoked);
                }
                Some(server_says::Body::Goodbye(goodbye)) => {
                    let pause = Duration::from_millis(u64::from(goodbye.retry_after_ms));
                    return Err(Ended::Pause(pause.max(Duration::from_millis(500))));
                }
                _ => {}
            }
        }
    }

    async fn session(
        &mut self,
        connection: &mut Connection,
        keep_alive: Duration,
    ) -> Result<Ended, Lost> {
        let now = self.world.now();
        // What the server has not confirmed goes again, unless nobody waits for it any more.
        self.open.retain(|open| open.opened.order.expires > now);
        for open in &mut self.open {
            open.sent = false;
        }
        if self.renew_at.is_some_and(|at| at <= now) {
            self.ask_renewal(connection).await?;
        }
        let dead = Duration::from_secs(protocol::DEAD_AFTER_SECONDS);
        let mut heard = Instant::now();
        let mut said = heard;
        let shutdown = self.shutdown.clone();
        loop {
            let unsent = self.open.iter().filter(|o| !o.sent);
            let ping_at = heard.max(said) + keep_alive;
            let wake = unsent
                .map(|o| o.due)
                .chain([ping_at, heard + dead])
                .min()
                .unwrap_or(ping_at);
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(Ended::Shutdown),
                message = connection.next() => {
                    heard = Instant::now();
                    let Some(body) = message?.body else { continue };
                    if let Some(ended) = self.hear(body, connection).await? {
                        return Ok(ended);
                    }
                }
                () = tokio::time::sleep_until(wake) => {}
            }
            let now = Instant::now();
            if self.send_due(connection, now).await? {
                said = Instant::now();
            }
            if now >= heard + dead {
                return Err(Lost::Slow);
            }
            if now >= heard.max(said) + keep_alive {
                connection
                    .say(agent_says::Body::Ping(self.world.random()))
                    .await?;
                said = Instant::now();
            }
        }
    }

    async fn hear(
        &mut self,
        body: server_says::Body,
        connection: &mut Connection,
    ) -> Result<Option<Ended>, Lost> {
        match body {
            server_says::Body::Order(signed) => return self.take(signed, connection).await,
            server_says::Body::Stored(stored) => {
                if let Some(at) = self
                    .open
                    .iter()
                    .position(|o| o.opened.order.number == stored.order)
                {
                    let open = self.open.swap_remove(at);
                    self.finish(&open.opened);
                    self.world.progress.answers_stored.up();
                }
            }
            server_says::Body::Ping(value) => {
                connection.say(agent_says::Body::Pong(value)).await?;
            }
            server_says::Body::Renewed(credentials) => {
                self.renewed(credentials);
                connection.say(self.holds()).await?;
            }
            server_says::Body::Trust(signed) => {
                self.trust(&signed, connection).await?;
                connection.say(self.holds()).await?;
            }
            server_says::Body::Revoked(revoked) if self.ends_by(&revoked) => {
                return Ok(Some(Ended::Revoked));
            }
            server_says::Body::Goodbye(goodbye) => {
                let pause = Duration::from_millis(u64::from(goodbye.retry_after_ms));
                return Ok(Some(Ended::Pause(pause)));
            }
            server_says::Body::Welcome(_)
            | server_says::Body::Enrolled(_)
            | server_says::Body::Revoked(_)
            | server_says::Body::Pong(_) => {}
        }
        Ok(None)
    }

    /// Takes an order, or refuses it and says so.
    async fn take(
        &mut self,
        signed: SignedOrder,
        connection: &mut Connection,
    ) -> Result<Option<Ended>, Lost> {
        let claimed = claimed_number(&signed);
        let world = Arc::clone(&self.world);
        let opened = world
            .orders
            .open(signed, &self.believed.trust.order_keys, &world.population)
            .and_then(|opened| {
                opened.admit(self.identity.ordinal, world.now(), &self.done)?;
                Ok(opened)
            });
        let opened = match opened {
            Ok(opened) => opened,
            Err(refused) => {
                self.refuse(claimed, &refused, connection).await?;
                return Ok(None);
            }
        };
        let number = opened.order.number;
        if self.open.iter().any(|o| o.opened.order.number == number) {
            return Ok(None); // In the making already.
        }
        world.progress.orders.up();
        if let Task::Cancel(target) = opened.task {
            self.finish(&opened);
            if let Some(at) = self
                .open
                .iter()
                .position(|o| o.opened.order.number == target)
            {
                let open = self.open.swap_remove(at);
                self.finish(&open.opened);
            } else {
                let now = world.now();
                let until = now.saturating_add(order::LONGEST_LIFE_SECONDS);
                self.done.add(target, until, now);
            }
            return Ok(None);
        }
        let roll = |purpose| draw(&[self.machine.own(purpose), number]);
        let fails = happens(world.options.errors, roll(91));
        let late = happens(world.options.late, roll(92));
        let drops = happens(world.options.drop_out, roll(93));
        let mut due = Instant::now();
        if fails {
            world.progress.errors.up();
        }
        if late {
            world.progress.late.up();
            due += Duration::from_millis(2000 + roll(94) % 28_000);
            let accepted = Accepted { order: number };
            connection.say(agent_says::Body::Accepted(accepted)).await?;
        }
        let pause = Duration::from_millis(1000 + roll(95) % 9000);
        self.open.push(Open {
            opened,
            due,
            sent: false,
            fails,
        });
        if drops {
            world.progress.drop_outs.up();
            return Ok(Some(Ended::Pause(pause)));
        }
        Ok(None)
    }

    /// Sends every answer that is due; true when any was.
    async fn send_due(&mut self, connection: &mut Connection, now: Instant) -> Result<bool, Lost> {
        let mut any = false;
        for open in &mut self.open {
            if open.sent || open.due > now {
                continue;
            }
            let Task::Answer(asked) = &open.opened.task else {
                continue;
            };
            let outcome = if open.fails {
                Arc::new(asked.failure())
            } else {
                asked.outcome(&self.machine, &self.world.population, self.world.now())
            };
            let (number, attempt) = (open.opened.order.number, self.world.random());
            for part in 0..outcome.parts() {
                connection
                    .send(&outcome.frame(number, attempt, part))
                    .await?;
            }
            open.sent = true;
            any = true;
            self.world.progress.answers_sent.up();
        }
        Ok(any)
    }

    fn finish(&mut self, opened: &Opened) {
        let order = &opened.order;
        self.done.add(order.number, order.expires, self.world.now());
    }

    async fn refuse(
        &self,
        order: u64,
        refused: &Refused,
        connection: &mut Connection,
    ) -> Result<(), Lost> {
        self.world.progress.orders_refused.up();
        let refusal = Refusal {
            order,
            code: refused.code().to_owned(),
            detail: refused.to_string(),
        };
        connection.say(agent_says::Body::Refusal(refusal)).await
    }

    async fn trust(
        &mut self,
        signed: &SignedTrust,
        connection: &mut Connection,
    ) -> Result<(), Lost> {
        match order::check_trust(signed, &self.believed.trust) {
            Ok(trust) => match self.world.believe(trust) {
                Ok(believed) => self.believed = believed,
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "a new trust is not usable"
                    );
                }
            },
            // The server sends what this endpoint already has when it cannot know better; that is no attack.
            Err(Refused::Replayed { number }) if number == self.believed.trust.version => {}
            Err(refused) => self.refuse(0, &refused, connection).await?,
        }
        Ok(())
    }

    async fn ask_renewal(&mut self, connection: &mut Connection) -> Result<(), Lost> {
        match enrol::key_and_request(&self.machine) {
            Ok((key, request)) => {
                self.renewal = Some(key);
                connection.say(agent_says::Body::Renew(request)).await
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    "a renewal could not be asked for"
                );
                Ok(())
            }
        }
    }

    /// Takes a new certificate: for the key of the renewal, or for the one it has. Trust comes signed or not at all.
    fn renewed(&mut self, credentials: Credentials) {
        let new = |key: &[u8]| Identity {
            key: key.into(),
            certificate: credentials.certificate.as_slice().into(),
            ordinal: self.identity.ordinal,
        };
        let candidates = self
            .renewal
            .iter()
            .map(|key| new(key.serialized_der()))
            .chain([new(&self.identity.key)]);
        let fits = |i: &Identity| {
            crate::tls::with_identity(&self.believed.tls, &i.certificate, &i.key).is_ok()
        };
        let Some(identity) = candidates.into_iter().find(fits) else {
            tracing::warn!(
                n = self.machine.n,
                "a renewed certificate does not fit any key of this endpoint"
            );
            return;
        };
        if let Err(error) = self.world.state.keep(self.machine.n, &identity) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "a renewed identity could not be kept for the next run"
            );
        }
        self.renew_at = identity.renew_at();
        self.identity = identity;
        self.renewal = None;
    }
}
