//! Names of the adapters by their numbers, in the network namespace of this thread. Names are any bytes.

use super::netlink::{Family, attributes, dump, string, u32_at};
use crate::framework::SensorError;
use std::collections::HashMap;

/// Adapters by number.
pub struct Links(HashMap<u32, Vec<u8>>);

impl Links {
    /// Asks the kernel.
    ///
    /// # Errors
    /// [`SensorError::Read`] when it does not tell.
    pub fn read() -> Result<Self, SensorError> {
        const GET_LINK: u16 = 18;
        const HEAD: usize = 16;
        const NAME: u16 = 3;
        let told = dump(Family::Route, GET_LINK, &[0; HEAD])
            .map_err(|e| SensorError::reading("network adapters", e))?;
        let name = |message: &Vec<u8>| {
            let (_, name) = attributes(message, HEAD).find(|(what, _)| *what == NAME)?;
            Some((u32_at(message, 4)?, string(name).to_vec()))
        };
        Ok(Self(told.iter().filter_map(name).collect()))
    }

    /// The name of one; its number where it has none any more.
    pub fn name(&self, index: u32) -> Vec<u8> {
        let known = self.0.get(&index).cloned();
        known.unwrap_or_else(|| index.to_string().into_bytes())
    }
}
