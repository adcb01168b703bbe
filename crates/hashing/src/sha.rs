//! SHA-1 and SHA-256 of the same blocks.
//!
//! Each of the two is one long chain of instructions that wait for one another, so a processor with SHA instructions stands idle most of the time of either. Both chains
//! woven together take little more time than the longer one. Where only one of them is wanted, or the processor has no SHA instructions, the RustCrypto crates do the work.

#[cfg(target_arch = "x86_64")]
mod x86;

/// The state of SHA-1 before any block.
pub const SHA1_START: [u32; 5] = [
    0x6745_2301,
    0xefcd_ab89,
    0x98ba_dcfe,
    0x1032_5476,
    0xc3d2_e1f0,
];
/// The state of SHA-256 before any block.
pub const SHA256_START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// How both are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One after the other.
    Apart,
    /// Woven together, by the SHA instructions of x86-64.
    Woven,
}

impl Way {
    /// The best way of this processor.
    pub fn best() -> Way {
        #[cfg(target_arch = "x86_64")]
        if x86::available() {
            return Way::Woven;
        }
        Way::Apart
    }
}

/// Takes blocks into both states.
pub fn both(way: Way, sha1: &mut [u32; 5], sha256: &mut [u32; 8], blocks: &[[u8; 64]]) {
    #[cfg(target_arch = "x86_64")]
    if way == Way::Woven && x86::both(sha1, sha256, blocks) {
        return;
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = way;
    only_sha1(sha1, blocks);
    only_sha256(sha256, blocks);
}

/// Takes blocks into a SHA-1 state.
pub(crate) fn only_sha1(state: &mut [u32; 5], blocks: &[[u8; 64]]) {
    sha1::block_api::compress(state, blocks);
}

/// Takes blocks into a SHA-256 state.
pub(crate) fn only_sha256(state: &mut [u32; 8], blocks: &[[u8; 64]]) {
    sha2::block_api::compress256(state, blocks);
}
