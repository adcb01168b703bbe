//! What the agent takes from the world around it and a test may put in its place: connections, the clock on the wall
//! (which may be wrong and may jump, and the agent has to live with that), and how long it waits for what.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// A connection as bytes.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// A connection in the making.
pub type Dialled<'a> = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send + 'a>>;

/// Makes connections to servers.
pub trait Dial: Send + Sync {
    /// To the server with this name, `host:port`.
    fn dial<'a>(&'a self, server: &'a str) -> Dialled<'a>;
}

/// Tells the time.
pub trait Clock: Send + Sync {
    /// Seconds since 1970, as this machine believes.
    fn now(&self) -> i64;
}

/// How long the agent waits for a server, and for a full disk.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a connection, and again for the TLS handshake.
    pub step: Duration,
    /// For the greeting.
    pub greeting: Duration,
    /// A connection that held for this long after the greeting was a good one.
    pub held: Duration,
    /// Between two looks at what could not be done yet: a change that the disk did not take, an order that
    /// the clock does not let pass.
    pub again: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            step: Duration::from_secs(10),
            greeting: Duration::from_secs(15),
            held: Duration::from_secs(20),
            again: Duration::from_secs(10),
        }
    }
}

/// All of it.
#[derive(Clone)]
pub struct Outside {
    /// Connections.
    pub dial: Arc<dyn Dial>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// How long to wait.
    pub patience: Patience,
}

impl Default for Outside {
    fn default() -> Self {
        Self {
            dial: Arc::new(Tcp),
            clock: Arc::new(System),
            patience: Patience::default(),
        }
    }
}

struct Tcp;

impl Dial for Tcp {
    fn dial<'a>(&'a self, server: &'a str) -> Dialled<'a> {
        Box::pin(async move {
            let tcp = TcpStream::connect(server).await?;
            // Frames are written whole; waiting to fill a packet would only delay an answer.
            tcp.set_nodelay(true)?;
            Ok(Box::new(tcp) as Box<dyn Stream>)
        })
    }
}

struct System;

impl Clock for System {
    fn now(&self) -> i64 {
        crate::desk::now()
    }
}
