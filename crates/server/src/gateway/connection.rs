//! The life of an admitted connection: reading and writing side by side in one task.
//!
//! Reading and writing are two futures over the two halves of the TLS stream; neither is ever dropped half way through a frame while
//! the connection lives. The writer takes what is in the link's outbox and what the order log holds beyond its cursor.

use super::Gateway;
use super::admission::{Admitted, farewell};
use super::allowance::Allowance;
use super::assembly::{Assemblies, Step};
use crate::fleet::{Link, Outgoing};
use crate::identity::tame;
use crate::orders::{Delivery, Open, Receipt, Share};
use answer::{Contribution, State};
use protocol::frame::{self, FrameError};
use protocol::message::{
    AnswerPart, AnswerStored, Goodbye, Refusal, ToAgent, ToServer, agent_says, server_says,
};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{ReadHalf, WriteHalf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;

type Reading = ReadHalf<TlsStream<TcpStream>>;
type Writing = WriteHalf<TlsStream<TcpStream>>;

/// Small frames are gathered up to this size before they are written.
const GATHER: usize = 16 << 10;
/// How long a peer that misbehaved may take to read why it is closed.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// What messages cost a peer, see [`Allowance`].
const COST_SMALL: u32 = 1;
const COST_USELESS: u32 = 5;
/// Bytes of useless rows that cost one more.
const USELESS_BYTES: usize = 1024;
const COST_RENEW: u32 = 200;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum End {
    #[error("the connection was closed")]
    Frame(#[source] FrameError),
    #[error("the peer sent what is not a message of this protocol")]
    Malformed(#[source] FrameError),
    #[error("the peer floods the server with useless messages")]
    Flood,
    #[error("the peer sends too many answers at once")]
    TooMany,
    #[error("unfinished answers of this endpoint fill the server's memory")]
    NoMemory,
    #[error("an answer was begun and not finished")]
    Unfinished,
    #[error("the endpoint did not say that an order arrived, and nothing else")]
    Unreached,
    #[error("the peer was silent for too long")]
    Silent,
    #[error("the peer does not read what it is sent")]
    Stuck,
    #[error("the server said goodbye")]
    Goodbye,
}

impl Gateway {
    /// Serves a connection to its end.
    pub(super) async fn run(self: Arc<Self>, admitted: Admitted) {
        let Admitted { membership, stream } = admitted;
        let link = Arc::clone(membership.link());
        let (mut reading, mut writing) = tokio::io::split(stream);
        let end = {
            let share = Arc::new(self.memory.share(link.ordinal));
            let mut write = pin!(self.write(&link, &mut writing));
            let end = tokio::select! {
                end = self.read(&link, &mut reading, &share) => end,
                end = &mut write => end,
                end = self.watch(&link) => end,
                () = share.evicted() => End::NoMemory,
            };
            if let Some(goodbye) = last_words(&end) {
                link.goodbye(goodbye);
                if timeout(LAST_WORDS, write).await.is_err() {
                    tracing::debug!(
                        ordinal = link.ordinal,
                        "the peer did not hear why it was closed"
                    );
                }
            }
            end
        };
        drop(membership);
        self.saw(link.ordinal);
        let error: &dyn std::error::Error = &end;
        match &end {
            End::Frame(FrameError::Closed) | End::Goodbye => {
                tracing::debug!(ordinal = link.ordinal, "a connection ended");
            }
            End::Frame(_) | End::Silent | End::Unreached => {
                tracing::info!(error, ordinal = link.ordinal, "a connection was lost");
            }
            _ => {
                tracing::warn!(error, ordinal = link.ordinal, id = %link.id, "a connection was closed");
            }
        }
    }

    async fn watch(&self, link: &Link) -> End {
        loop {
            let silence = link.silence();
            if silence >= self.timing.dead_after {
                return End::Silent;
            }
            let (missed, mut next) = link.unacknowledged(self.timing.acknowledge);
            // While anything comes from there, the order is only behind other things.
            if !missed.is_empty() && silence >= self.timing.acknowledge {
                for number in missed {
                    if let Some(open) = self.orders.find(number) {
                        open.subject.reached(link.ordinal, false);
                    }
                }
                link.ping();
                tokio::time::sleep(self.timing.acknowledge).await;
                if link.silence() >= self.timing.acknowledge {
                    return End::Unreached;
                }
                continue;
            }
            let quiet = if silence >= self.timing.ping_after {
                link.ping();
                self.timing.dead_after
            } else {
                self.timing.ping_after
            };
            let quiet = Instant::now() + quiet.saturating_sub(silence);
            next = next.map(|next| next.min(quiet));
            tokio::select! {
                () = tokio::time::sleep_until(next.unwrap_or(quiet).into()) => {}
                () = link.more_ordered() => {}
            }
        }
    }

    async fn read(&self, link: &Arc<Link>, stream: &mut Reading, share: &Arc<Share>) -> End {
        let mut allowance = Allowance::new(Instant::now());
        let mut assemblies = Assemblies::new(link.ordinal, Arc::clone(share));
        loop {
            let read = frame::read(stream, frame::MAX);
            let read = if assemblies.is_empty() {
                read.await
            } else {
                match timeout(self.timing.unfinished, read).await {
                    Ok(read) => read,
                    Err(_) => return End::Unfinished,
                }
            };
            let message: ToServer = match read {
                Ok(message) => message,
                Err(error @ (FrameError::Malformed { .. } | FrameError::TooLarge { .. })) => {
                    return End::Malformed(error);
                }
                Err(error) => return End::Frame(error),
            };
            link.heard();
            let cost = match message.body {
                Some(agent_says::Body::Answer(part)) => {
                    match self.answer(link, &mut assemblies, part).await {
                        Ok(cost) => cost,
                        Err(end) => return end,
                    }
                }
                Some(agent_says::Body::Refusal(refusal)) => {
                    self.refusal(link, refusal, share).await;
                    COST_USELESS
                }
                Some(agent_says::Body::Accepted(accepted)) => {
                    self.arrived(link, accepted.order);
                    COST_SMALL
                }
                Some(agent_says::Body::Ping(value)) => {
                    link.pong(value);
                    COST_SMALL
                }
                Some(agent_says::Body::Vitals(vitals)) => {
                    link.set_vitals(&vitals);
                    COST_SMALL
                }
                Some(agent_says::Body::Renew(request)) => {
                    Box::pin(self.renew(link, &request)).await;
                    COST_RENEW
                }
                Some(agent_says::Body::Pong(value)) => {
                    link.ponged(value);
                    COST_SMALL
                }
                Some(agent_says::Body::Holds(holds)) => {
                    self.identity.holds(link, &holds).await;
                    COST_SMALL
                }
                // What this build does not know is skipped, and so is what has no place here.
                Some(agent_says::Body::Hello(_) | agent_says::Body::Enrol(_)) | None => {
                    COST_USELESS
                }
            };
            if cost > 0 && !allowance.spend(cost, Instant::now()) {
                return End::Flood;
            }
        }
    }

    async fn answer(
        &self,
        link: &Arc<Link>,
        assemblies: &mut Assemblies,
        part: AnswerPart,
    ) -> Result<u32, End> {
        let (order, attempt) = (part.order, part.attempt);
        let bytes: usize = part
            .rows
            .iter()
            .flat_map(|row| &row.cells)
            .map(Vec::len)
            .sum();
        self.arrived(link, order);
        match assemblies.part(part, |order| self.orders.find(order)) {
            Step::More => Ok(0),
            // Rows that nobody wants cost what they weigh.
            Step::Useless => {
                Ok(COST_USELESS + u32::try_from(bytes / USELESS_BYTES).unwrap_or(u32::MAX))
            }
            Step::NoMemory => Err(End::NoMemory),
            Step::TooMany => Err(End::TooMany),
            Step::Over => {
                link.send(Outgoing::Stored { order, attempt });
                Ok(COST_SMALL)
            }
            Step::Whole {
                open: Open { subject, progress },
                attempt,
                contribution,
                charge,
            } => {
                let again = progress.is_done(link.ordinal);
                let receipt = Receipt {
                    link: Arc::clone(link),
                    order,
                    attempt,
                };
                let delivery = Delivery {
                    contribution,
                    receipt: Some(receipt),
                    charge: Some(charge),
                };
                if let Err(delivery) = Arc::clone(&subject).deliver(delivery).await
                    && subject.is_closed()
                    && let Some(receipt) = delivery.receipt
                {
                    // It came too late. The endpoint may forget it.
                    receipt.give();
                }
                Ok(if again { COST_USELESS } else { 0 })
            }
        }
    }

    /// The order is with the endpoint.
    fn arrived(&self, link: &Link, order: u64) {
        if link.accepted(order)
            && let Some(open) = self.orders.find(order)
        {
            open.subject.reached(link.ordinal, true);
        }
    }

    async fn refusal(&self, link: &Arc<Link>, refusal: Refusal, share: &Share) {
        self.arrived(link, refusal.order);
        link.refused(refusal.order);
        let code = tame(&refusal.code, 64);
        let detail = tame(&refusal.detail, 500);
        tracing::warn!(
            ordinal = link.ordinal,
            order = refusal.order,
            code,
            detail,
            "an endpoint refused an order"
        );
        let Some(Open { subject, progress }) = self.orders.find(refusal.order) else {
            return;
        };
        if !subject.is_target(link.ordinal) || progress.is_done(link.ordinal) {
            return;
        }
        let delivery = Delivery {
            contribution: Contribution {
                ordinal: link.ordinal,
                state: State::Refused,
                rows: Vec::new(),
                problems: vec![("order".into(), State::Refused, format!("{code}: {detail}"))],
                rows_cut: 0,
            },
            receipt: None,
            charge: Some(share.charge()),
        };
        if subject.deliver(delivery).await.is_err() {
            tracing::debug!(
                ordinal = link.ordinal,
                "a refusal came after the end of its question"
            );
        }
    }

    async fn renew(&self, link: &Arc<Link>, request: &[u8]) {
        match self.identity.renew(link, request).await {
            Ok(credentials) => {
                let frame = frame::encode(&say(server_says::Body::Renewed(credentials)));
                link.send(Outgoing::Frame(frame.into()));
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    ordinal = link.ordinal,
                    "a certificate was not renewed"
                );
            }
        }
    }

    async fn write(&self, link: &Arc<Link>, stream: &mut Writing) -> End {
        let mut cursor = self.orders.cursor();
        loop {
            // The log before the outbox: an order signed with a new key comes after the trust that makes it believed.
            let room = link.room();
            let orders = self.orders.due(link.ordinal, &mut cursor, |lane| {
                room.get(lane.index()).copied().unwrap_or(0)
            });
            let taken = link.take();
            let mut bytes = Vec::new();
            if let Some(value) = taken.pong {
                bytes.extend(frame::encode(&say(server_says::Body::Pong(value))));
            }
            if let Some(value) = taken.ping {
                bytes.extend(frame::encode(&say(server_says::Body::Ping(value))));
            }
            for item in taken.items {
                match item {
                    Outgoing::Stored { order, attempt } => {
                        let stored = AnswerStored { order, attempt };
                        bytes.extend(frame::encode(&say(server_says::Body::Stored(stored))));
                    }
                    Outgoing::Frame(frame) => bytes.extend_from_slice(&frame),
                }
                if bytes.len() >= GATHER
                    && let Err(end) = self.put(stream, &std::mem::take(&mut bytes)).await
                {
                    return end;
                }
            }
            if taken.goodbye.is_none() {
                for order in orders {
                    if bytes.len() + order.frame.len() > GATHER
                        && let Err(end) = self.put(stream, &std::mem::take(&mut bytes)).await
                    {
                        return end;
                    }
                    bytes.extend_from_slice(&order.frame);
                    link.ordered(order.number, order.lane, move |ordinal| {
                        order.progress.is_over(ordinal)
                    });
                }
            }
            let closing = taken.goodbye.is_some();
            if let Some(goodbye) = taken.goodbye {
                bytes.extend(frame::encode(&say(server_says::Body::Goodbye(goodbye))));
            }
            let idle = bytes.is_empty();
            if !idle && let Err(end) = self.put(stream, &bytes).await {
                return end;
            }
            drop(bytes);
            if closing {
                farewell(stream).await;
                return End::Goodbye;
            }
            if idle {
                link.woken().await;
            }
        }
    }

    async fn put(&self, stream: &mut Writing, bytes: &[u8]) -> Result<(), End> {
        if bytes.is_empty() {
            return Ok(());
        }
        match timeout(self.timing.write, frame::write_bytes(stream, bytes)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(End::Frame(error)),
            Err(_) => Err(End::Stuck),
        }
    }
}

fn say(body: server_says::Body) -> ToAgent {
    ToAgent { body: Some(body) }
}

/// What to tell a peer that is closed for what it did.
fn last_words(end: &End) -> Option<Goodbye> {
    let retry_after_ms = match end {
        End::Malformed(_) | End::Flood | End::TooMany | End::Unfinished => 5_000,
        End::NoMemory => 10_000,
        End::Unreached => 0,
        End::Frame(_) | End::Silent | End::Stuck | End::Goodbye => return None,
    };
    Some(Goodbye {
        reason: end.to_string(),
        retry_after_ms,
        revoked: false,
    })
}
