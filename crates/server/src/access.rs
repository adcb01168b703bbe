//! Who may do what, and whose endpoints they see: what is kept of rights, made ready to be asked often.
//!
//! The store keeps roles, user groups and bounds by name ([`crate::model::rights`]); the crate [`rights`] judges by sets of numbers. Here
//! the one becomes the other: a [`Book`] is made when something changes, and what somebody may do by it ([`Access::of`]) is worked out
//! once and then remembered. Nothing else decides about rights: [`crate::auth`] hands the outcome to every request, and
//! [`crate::questions`] cuts target sets and answers by it.
//!
//! - A denial wins over every grant, wherever either comes from. Only the built-in administrator is out of its reach.
//! - Who is in a computer group is what endpoints said of themselves when they were last asked. An endpoint of which nothing
//!   is known is outside where a group lets somebody in, and inside where a group shuts them out.
//! - What somebody may see of questions and answers is asked of their [`Reader`].

mod book;
mod effective;
mod explain;
mod reader;

pub use book::Book;
pub use effective::{Effective, SensorSets};
pub use explain::{Explained, Source};
pub use reader::Reader;

use crate::model::account::User;
use crate::store::{Store, StoreError};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// The rights of everybody.
pub struct Access {
    store: Arc<dyn Store>,
    sensors: Arc<SensorSets>,
    book: ArcSwap<Book>,
    changed: watch::Sender<u64>,
}

impl Access {
    /// Reads what is kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn open(store: Arc<dyn Store>, sensors: SensorSets) -> Result<Arc<Self>, StoreError> {
        let sensors = Arc::new(sensors);
        let book = Book::new(store.kept_rights().await?, Arc::clone(&sensors));
        Ok(Arc::new(Self {
            store,
            sensors,
            book: ArcSwap::from_pointee(book),
            changed: watch::Sender::new(0),
        }))
    }

    /// Takes what was changed into force.
    ///
    /// # Errors
    /// The store's; what was in force stays.
    pub async fn reload(&self) -> Result<(), StoreError> {
        let kept = self.store.kept_rights().await?;
        let book = Book::new(kept, Arc::clone(&self.sensors));
        self.book.store(Arc::new(book));
        self.changed.send_modify(|times| *times += 1);
        Ok(())
    }

    /// Changes with everything that comes into force.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// What is in force.
    #[must_use]
    pub fn book(&self) -> Arc<Book> {
        self.book.load_full()
    }

    /// What a user may do.
    #[must_use]
    pub fn of(&self, user: &User) -> Arc<Effective> {
        self.book.load().of(user.id, user.role)
    }
}
