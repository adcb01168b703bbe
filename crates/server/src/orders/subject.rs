//! What orders are for, as the order machine and the gateway see it.

use super::Delivery;
use protocol::bounds::AnswerBounds;
use std::pin::Pin;
use std::sync::Arc;

/// What one endpoint may report: columns of each table, and how much.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub columns: Vec<usize>,
    pub bounds: AnswerBounds,
}

/// A future that ends when a delivery was taken.
pub(crate) type Taken<'a> = Pin<Box<dyn Future<Output = Result<(), Box<Delivery>>> + Send + 'a>>;

/// Something asked of endpoints: takes what they report.
pub(crate) trait Subject: Send + Sync {
    /// For logs: `question 7`.
    fn label(&self) -> String;

    /// Whether it is for this endpoint.
    fn is_target(&self, ordinal: u32) -> bool;

    /// What may be reported.
    fn shape(&self) -> &Shape;

    /// Whether nothing more is taken.
    fn is_closed(&self) -> bool;

    /// Takes a report; waits while the subject is behind. Gives it back when the subject is closed.
    fn deliver(self: Arc<Self>, delivery: Delivery) -> Taken<'static>;

    /// The endpoint is connected and did not say in time that the order arrived; or, later, it did.
    fn reached(&self, ordinal: u32, reached: bool);
}
