//! Whose keys belong to this store. What the mark is made of is [`crate::identity`]'s business.

use super::error::Reply;

/// See the module.
pub trait Origin {
    /// The mark of the keys that belong to this store; `None` until keys were used with it.
    fn keys_origin(&self) -> Reply<'_, Option<[u8; 32]>>;
    /// Keeps the mark of the first keys that are used with it. One that is there stays; gives the one that is kept.
    fn learn_keys_origin(&self, origin: [u8; 32]) -> Reply<'_, [u8; 32]>;
}
