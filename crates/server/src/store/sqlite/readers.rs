//! Read-only connections, a thread each, fed by one queue. WAL gives every job the newest committed state.

use super::super::error::{Operation, Reply, Result, StoreError};
use super::connection::open_reading;
use super::fault::{self, Fault};
use rusqlite::Connection;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

const QUEUE: usize = 1024;

type Job = Box<dyn FnOnce(&Connection) + Send>;

pub(super) struct Readers {
    queue: Option<mpsc::Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
    path: Arc<Path>,
}

impl Readers {
    pub(super) fn start(path: &Path, count: usize) -> Result<Self> {
        let (queue, jobs) = mpsc::channel::<Job>(QUEUE);
        let jobs = Arc::new(Mutex::new(jobs));
        let mut threads = Vec::new();
        for number in 0..count {
            let connection = open_reading(path)?;
            let jobs = Arc::clone(&jobs);
            let thread = std::thread::Builder::new()
                .name(format!("store-reader-{number}"))
                .spawn(move || run(&connection, &jobs))
                .map_err(|source| StoreError::Folder {
                    path: path.to_owned(),
                    source,
                })?;
            threads.push(thread);
        }
        Ok(Self {
            queue: Some(queue),
            threads,
            path: path.into(),
        })
    }

    pub(super) fn submit<T: Send + 'static>(
        &self,
        operation: Operation,
        job: impl FnOnce(&Connection) -> fault::Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        let queue = self.queue.clone();
        let path = Arc::clone(&self.path);
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            let job: Job = Box::new(move |db| {
                let result =
                    catch_unwind(AssertUnwindSafe(|| job(db))).unwrap_or(Err(Fault::Panicked));
                drop(tell.send(result.map_err(|e| e.told(operation, &path))));
            });
            let queue = queue.ok_or(StoreError::Closed)?;
            queue.send(job).await.map_err(|_| StoreError::Closed)?;
            drop(queue);
            told.await.unwrap_or(Err(StoreError::Closed))
        })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a reader thread of the store had panicked");
            }
        }
    }
}

fn run(connection: &Connection, jobs: &Mutex<mpsc::Receiver<Job>>) {
    loop {
        // The lock is held only while waiting for a job, never while one runs.
        let job = jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .blocking_recv();
        let Some(job) = job else { return };
        job(connection);
    }
}
