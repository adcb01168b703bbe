//! The conversation on one connection: greeting, orders in, answers out, keep-alive, renewal, changes of trust.
//!
//! Reading and writing are two loops in one task, joined by a short queue, so that a slow reader on the other side never
//! keeps an acknowledgement from being read. What comes is always read: the server sends only as much work as this endpoint gives it
//! credit for, and what stops work is never behind work. Timers exist only for keep-alive, when everything periodic happens, and while
//! there is something that could not be done or was not said yet.
//!
//! [`changes`]: new trust and new certificates, and what becomes of them while the disk is full.

mod changes;

use super::deferred::{Deferred, is_about_the_clock};
use crate::desk::{Desk, Reply};
use crate::identity::Identity;
use crate::orders::{MAX_OPEN, Standing};
use crate::outside::{Clock, Outside};
use crate::status::Status;
use crate::{platform, vitals};
use protocol::frame::{self, FrameError};
use protocol::message::{
    Accepted, Hello, Revocation, SignedOrder, ToAgent, ToServer, Welcome, agent_says, server_says,
};
use protocol::revocation::NotRevoked;
use std::collections::{HashSet, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// A server that takes no byte for this long is dead.
const STALLED: Duration = Duration::from_secs(60);
/// Connection without any frame for this long is dead.
const DEAD: Duration = Duration::from_secs(protocol::DEAD_AFTER_SECONDS);
/// Vitals are sent when a keep-alive is due and the last are this old.
const VITALS_EVERY: Duration = Duration::from_secs(600);
/// A renewal that got no reply is asked for again after this.
const RENEW_AGAIN: Duration = Duration::from_secs(3600);
/// Messages that wait to be written, answers aside.
const QUEUE: usize = 64;
/// What is answered within this time needs no word that it arrived.
const ANSWER_AT_ONCE: Duration = Duration::from_secs(1);

/// How a session ended when nothing failed.
#[derive(Debug)]
pub enum SessionEnd {
    /// The agent ends.
    Shutdown,
    /// The server closed with a reason.
    Goodbye {
        /// For people.
        reason: String,
        /// Come back no sooner.
        retry_after: Duration,
    },
    /// The identity was revoked, as an order key signed.
    Revoked(Revocation),
}

/// How a session failed.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// A frame could not be read or written.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// The server did not greet.
    #[error("the server did not greet this endpoint within {} seconds", .0.as_secs())]
    NoGreeting(Duration),
    /// The first message was another.
    #[error("the server began with something else than a greeting")]
    Unexpected,
    /// Silence.
    #[error("nothing was heard from the server for {} seconds", DEAD.as_secs())]
    Dead,
    /// The server does not read.
    #[error("the server took nothing for {} seconds", STALLED.as_secs())]
    Stalled,
}

impl SessionError {
    /// Whether the server was there and fell silent, as one that hangs does.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Dead | Self::Stalled)
    }
}

/// What both loops share. They run in one task, so that the locks are never contended.
struct Session<'a> {
    server: &'a str,
    identity: Mutex<&'a mut Identity>,
    /// Orders that wait for this machine's clock; they outlive the connection.
    deferred: Mutex<&'a mut Deferred>,
    desk: &'a Arc<Desk>,
    keep_alive: Duration,
    clock: &'a dyn Clock,
    /// Last frame in either direction.
    active: Mutex<Instant>,
    /// Asked for a certificate at this moment.
    renewing: Mutex<Option<Instant>>,
    /// What this endpoint is to become as soon as it can be written down.
    unwritten: Mutex<Option<Identity>>,
    again: Duration,
    queue: mpsc::Sender<agent_says::Body>,
    /// Orders whose arrival was not said yet, and when it is to be said.
    accepted: Mutex<VecDeque<(u64, Instant)>>,
    arrived: Notify,
}

/// Says hello and waits for the greeting: it, or how the server ended it instead.
///
/// # Errors
/// [`SessionError`]; the connection is of no more use then.
pub async fn greet<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    identity: &Identity,
    instance: &[u8],
    patience: Duration,
) -> Result<Result<Welcome, SessionEnd>, SessionError> {
    timeout(patience, say_hello(stream, identity, instance))
        .await
        .map_err(|_| SessionError::NoGreeting(patience))?
}

/// Talks until one side ends it.
///
/// # Errors
/// [`SessionError`]; the connection is of no more use then.
#[expect(
    clippy::too_many_arguments,
    reason = "called in one place, with what a connection needs"
)]
pub async fn run<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    welcome: &Welcome,
    server: &str,
    identity: &mut Identity,
    deferred: &mut Deferred,
    desk: &Arc<Desk>,
    status: &Arc<Status>,
    outside: &Outside,
    shutdown: &CancellationToken,
) -> Result<SessionEnd, SessionError> {
    if welcome.ordinal != identity.ordinal {
        tracing::warn!(
            held = identity.ordinal,
            told = welcome.ordinal,
            "the server knows this endpoint by another number"
        );
    }
    // Said, never used: a server that lies about the time must not make old orders pass.
    let skew = welcome.now.saturating_sub(outside.clock.now());
    if skew.abs() > protocol::order::CLOCK_SLACK_SECONDS {
        tracing::warn!(
            seconds = skew,
            "this machine's clock differs from the server's; orders may be refused for it"
        );
    }
    tracing::info!(%server, ordinal = welcome.ordinal, "connected");
    status.connected(server);

    let (reader, writer) = tokio::io::split(stream);
    let (queue, queued) = mpsc::channel(QUEUE);
    let session = Session {
        server,
        identity: Mutex::new(identity),
        deferred: Mutex::new(deferred),
        desk,
        keep_alive: keep_alive(welcome),
        clock: &*outside.clock,
        active: Mutex::new(Instant::now()),
        renewing: Mutex::new(None),
        unwritten: Mutex::new(None),
        again: outside.patience.again,
        queue,
        accepted: Mutex::default(),
        arrived: Notify::new(),
    };
    let mut writer = writer;
    let end = tokio::select! {
        biased;
        () = shutdown.cancelled() => Ok(SessionEnd::Shutdown),
        end = session.read(reader) => end,
        end = session.write(&mut writer, queued) => end,
    };
    // A clean close tells the server at once; a peer that is gone must not hold the agent up.
    if let Ok(Err(error)) = timeout(Duration::from_secs(1), writer.shutdown()).await {
        tracing::debug!(%error, "the connection did not close cleanly");
    }
    end
}

async fn say_hello<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    identity: &Identity,
    instance: &[u8],
) -> Result<Result<Welcome, SessionEnd>, SessionError> {
    let hello = agent_says::Body::Hello(Hello {
        protocol: protocol::VERSION,
        agent_version: env!("CARGO_PKG_VERSION").into(),
        hostname: platform::hostname(),
        platform: platform::NAME.into(),
        machine: platform::machine_fingerprint(),
        instance: instance.to_vec(),
        trust_version: identity.trust.version,
        credit: u32::try_from(MAX_OPEN).unwrap_or(0),
    });
    frame::write(stream, &ToServer { body: Some(hello) }).await?;
    loop {
        let message: ToAgent = frame::read(stream, frame::MAX).await?;
        match message.body {
            Some(server_says::Body::Welcome(welcome)) => return Ok(Ok(welcome)),
            Some(server_says::Body::Goodbye(bye)) => return Ok(Err(goodbye(bye))),
            Some(server_says::Body::Revoked(revoked)) => match identity.check_revoked(&revoked) {
                Ok(revocation) => return Ok(Err(SessionEnd::Revoked(revocation))),
                Err(reason) => unbelieved(reason),
            },
            None => {}
            Some(_) => return Err(SessionError::Unexpected),
        }
    }
}

fn goodbye(bye: protocol::message::Goodbye) -> SessionEnd {
    if bye.revoked {
        // Only the words of whoever holds the server's TLS key: one that was really revoked was told so before, signed.
        tracing::warn!(reason = %bye.reason, "the server says this endpoint was revoked, but no order key signed that; it stays");
    }
    SessionEnd::Goodbye {
        reason: bye.reason,
        retry_after: Duration::from_millis(u64::from(bye.retry_after_ms)),
    }
}

fn unbelieved(reason: NotRevoked) {
    tracing::error!(%reason, "the server sent a revocation that does not count; this endpoint stays");
}

fn keep_alive(welcome: &Welcome) -> Duration {
    let asked = u64::from(welcome.keep_alive_seconds);
    let seconds = if asked == 0 {
        protocol::KEEP_ALIVE_SECONDS
    } else {
        asked.min(protocol::KEEP_ALIVE_SECONDS)
    };
    Duration::from_secs(seconds)
}

fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session<'_> {
    async fn read<R: AsyncRead + Unpin>(&self, mut reader: R) -> Result<SessionEnd, SessionError> {
        let mut look = Instant::now();
        loop {
            let dead = Instant::now() + DEAD;
            let message: ToAgent = {
                let mut reading = pin!(timeout_at(dead, frame::read(&mut reader, frame::MAX)));
                loop {
                    tokio::select! {
                        biased;
                        read = &mut reading => break read.map_err(|_| SessionError::Dead)??,
                        () = sleep_until(look), if self.is_behind() || !held(&self.deferred).is_empty() => {
                            self.catch_up().await;
                            self.offer_deferred().await;
                            look = Instant::now() + self.again;
                        }
                    }
                }
            };
            *held(&self.active) = Instant::now();
            match message.body {
                None => tracing::debug!("a message that this agent does not know was skipped"),
                Some(body) => {
                    if let Some(end) = self.take(body).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    async fn take(&self, body: server_says::Body) -> Result<Option<SessionEnd>, SessionError> {
        match body {
            server_says::Body::Order(signed) => self.offer(signed).await,
            server_says::Body::Stored(stored) => {
                let desk = Arc::clone(self.desk);
                blocking(move || desk.stored(stored.order)).await;
            }
            server_says::Body::Ping(value) => self.say(agent_says::Body::Pong(value)).await,
            server_says::Body::Pong(_) => {}
            server_says::Body::Trust(signed) => self.take_trust(&signed).await,
            server_says::Body::Renewed(credentials) => self.take_certificate(credentials).await,
            server_says::Body::Goodbye(bye) => return Ok(Some(goodbye(bye))),
            server_says::Body::Revoked(revoked) => {
                match held(&self.identity).check_revoked(&revoked) {
                    Ok(revocation) => return Ok(Some(SessionEnd::Revoked(revocation))),
                    Err(reason) => unbelieved(reason),
                }
            }
            server_says::Body::Welcome(_) | server_says::Body::Enrolled(_) => {
                tracing::debug!("a greeting in the middle of a conversation was skipped");
            }
        }
        Ok(None)
    }

    /// Gives an order to the desk, and says what came of it when that is to be said now.
    async fn offer(&self, signed: SignedOrder) {
        let (order_keys, ordinal) = {
            let identity = held(&self.identity);
            (identity.trust.order_keys.clone(), identity.ordinal)
        };
        let (desk, now) = (Arc::clone(self.desk), self.clock.now());
        let offered = blocking(move || {
            let standing = Standing {
                order_keys: &order_keys,
                ordinal,
            };
            let reply = desk.offer(&signed, standing, now);
            (reply, signed)
        });
        let (mut refusal, signed) = match offered.await {
            Some((Reply::Refusal(refusal), signed)) => (refusal, signed),
            Some((Reply::Accepted(order), _)) => {
                held(&self.accepted).push_back((order, Instant::now() + ANSWER_AT_ONCE));
                self.arrived.notify_one();
                return;
            }
            Some((Reply::None, _)) | None => return,
        };
        if is_about_the_clock(&refusal.code) && held(&self.deferred).keep(signed, Instant::now()) {
            refusal
                .detail
                .push_str("; it is tried again when that clock is right");
        }
        self.say(agent_says::Body::Refusal(refusal)).await;
    }

    /// Tries the orders again whose time has come since this machine's clock was set.
    async fn offer_deferred(&self) {
        let ripe = held(&self.deferred).ripe(self.clock.now(), Instant::now());
        for signed in ripe {
            tracing::info!("an order that was refused for this machine's clock is tried again");
            self.offer(signed).await;
        }
    }

    /// Queues a message; waits while the queue is full. For the reading loop only: the writing loop, which empties the
    /// queue, would wait for itself.
    async fn say(&self, body: agent_says::Body) {
        if self.queue.send(body).await.is_err() {
            tracing::debug!("a message came too late to be sent");
        }
    }

    async fn write<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut W,
        mut queued: mpsc::Receiver<agent_says::Body>,
    ) -> Result<SessionEnd, SessionError> {
        // Numbers whose answers went out on this connection.
        let mut sent: HashSet<u64> = HashSet::new();
        let mut last_vitals = Instant::now();
        let measured = vitals::measure(self.desk.hanging());
        self.put(writer, agent_says::Body::Vitals(measured)).await?;
        self.send_answers(writer, &mut queued, &mut sent).await?;
        if let Some(request) = self.renewal() {
            self.put(writer, request).await?;
        }
        loop {
            let quiet = *held(&self.active) + self.keep_alive;
            let unsaid = held(&self.accepted).front().map(|(_, due)| *due);
            tokio::select! {
                biased;
                Some(body) = queued.recv() => self.put(writer, body).await?,
                () = self.desk.answers.notified() => {
                    self.send_answers(writer, &mut queued, &mut sent).await?;
                }
                () = self.arrived.notified(), if unsaid.is_none() => {}
                () = sleep_until(unsaid.unwrap_or(quiet)), if unsaid.is_some() => {
                    self.say_accepted(writer).await?;
                }
                () = sleep_until(quiet) => {
                    // Frames may have come or gone since the timer was set.
                    if *held(&self.active) + self.keep_alive > Instant::now() {
                        continue;
                    }
                    self.put(writer, agent_says::Body::Ping(super::random())).await?;
                    if last_vitals.elapsed() >= VITALS_EVERY {
                        last_vitals = Instant::now();
                        let measured = vitals::measure(self.desk.hanging());
                        self.put(writer, agent_says::Body::Vitals(measured)).await?;
                    }
                    if let Some(request) = self.renewal() {
                        self.put(writer, request).await?;
                    }
                    let (desk, now) = (Arc::clone(self.desk), self.clock.now());
                    blocking(move || desk.tidy(now)).await;
                }
            }
        }
    }

    /// Says of orders that are still worked on that they arrived. Most are answered before that is due, and need no word.
    async fn say_accepted<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut W,
    ) -> Result<(), SessionError> {
        loop {
            let order = {
                let mut accepted = held(&self.accepted);
                match accepted.front() {
                    Some((order, due)) if *due <= Instant::now() => {
                        let order = *order;
                        accepted.pop_front();
                        order
                    }
                    _ => return Ok(()),
                }
            };
            if self.desk.is_under_way(order) {
                self.put(writer, agent_says::Body::Accepted(Accepted { order }))
                    .await?;
            }
        }
    }

    /// Sends the answers that wait and were not sent on this connection, part by part, other messages in between.
    async fn send_answers<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut W,
        queued: &mut mpsc::Receiver<agent_says::Body>,
        sent: &mut HashSet<u64>,
    ) -> Result<(), SessionError> {
        let desk = Arc::clone(self.desk);
        let waiting = blocking(move || desk.waiting()).await.unwrap_or_default();
        // What is acknowledged needs no memory here.
        sent.retain(|number| waiting.contains(number));
        for number in waiting {
            if sent.contains(&number) {
                continue;
            }
            let attempt = super::random();
            for at in 0.. {
                let desk = Arc::clone(self.desk);
                let Some(mut part) = blocking(move || desk.part(number, at)).await.flatten() else {
                    break;
                };
                part.attempt = attempt;
                let last = part.last;
                self.put(writer, agent_says::Body::Answer(part)).await?;
                while let Ok(body) = queued.try_recv() {
                    self.put(writer, body).await?;
                }
                if last {
                    tracing::debug!(order = number, server = self.server, "answer sent");
                    sent.insert(number);
                    self.desk.sent(number);
                    break;
                }
            }
        }
        Ok(())
    }

    async fn put<W: AsyncWrite + Unpin>(
        &self,
        writer: &mut W,
        body: agent_says::Body,
    ) -> Result<(), SessionError> {
        let message = ToServer { body: Some(body) };
        timeout(STALLED, frame::write(writer, &message))
            .await
            .map_err(|_| SessionError::Stalled)??;
        *held(&self.active) = Instant::now();
        Ok(())
    }
}

/// Runs what touches the disk away from the channel's thread. `None` only when the work itself broke down.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Some(done),
        Err(error) => {
            tracing::error!(%error, "work on the disk broke down");
            None
        }
    }
}
