//! The agent starts the indexing process at its own start, whether a server is there or not.

use crate::fake::Fake;
use crate::server::{Server, run_indexing};
use agent::indexing::{Indexer, Look};
use index::service::{ServiceError, Started};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

#[derive(Debug)]
struct Told(UnboundedSender<&'static str>);

impl Indexer for Told {
    fn look(&self) -> Result<Look, ServiceError> {
        Ok(Look {
            configured: true,
            wanted: true,
            ..Look::default()
        })
    }
    fn start(&self) -> Result<Started, ServiceError> {
        self.0.send("start").unwrap();
        Ok(Started::Now(1))
    }
    fn stop(&self) -> Result<(), ServiceError> {
        self.0.send("stop").unwrap();
        Ok(())
    }
}

fn told() -> (Option<Arc<dyn Indexer>>, UnboundedReceiver<&'static str>) {
    let (send, receive) = unbounded_channel();
    (Some(Arc::new(Told(send))), receive)
}

#[tokio::test]
async fn indexing_starts_with_the_agent_and_outlives_it() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let address = server.address();
    // Nobody listens any more.
    drop(server);
    let (indexer, mut receive) = told();
    let running = run_indexing(folder.path(), &Fake::new(), &[address], indexer);
    let first = tokio::time::timeout(Duration::from_secs(60), receive.recv()).await;
    assert_eq!(first.expect("in time"), Some("start"));
    running.stop().await;
    assert_eq!(
        receive.recv().await,
        None,
        "the agent's end ends nothing else"
    );
}
