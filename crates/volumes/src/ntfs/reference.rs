//! How records of the MFT name each other.

/// A reference to a record: its number and the sequence number it had when the reference was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Reference(pub u64);

impl Reference {
    /// Puts both parts together.
    pub fn new(number: u64, sequence: u16) -> Reference {
        Reference(number & 0xFFFF_FFFF_FFFF | u64::from(sequence) << 48)
    }

    /// Which record.
    pub fn number(self) -> u64 {
        self.0 & 0xFFFF_FFFF_FFFF
    }

    /// Which of the files that this record has held.
    pub fn sequence(self) -> u16 {
        (self.0 >> 48) as u16
    }
}
