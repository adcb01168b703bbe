//! SHA-1 and SHA-256 woven together with the SHA extensions of x86-64.
//!
//! Four rounds of SHA-1 (`sha1rnds4`) stand beside four of SHA-256 (two `sha256rnds2`); the processor's reordering does the rest. Instructions:
//! Intel, "Intel SHA Extensions" (2013), and the Software Developer's Manual, volume 2.
#![expect(
    unsafe_code,
    reason = "the processor's instructions are called as such"
)]

use std::arch::x86_64::*;

/// The round constants of SHA-256.
#[rustfmt::skip]
static K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Whether the processor has what [`both`] needs.
pub(super) fn available() -> bool {
    is_x86_feature_detected!("sha")
        && is_x86_feature_detected!("sse4.1")
        && is_x86_feature_detected!("ssse3")
}

/// Takes blocks into both states; false, and nothing done, where the processor cannot.
pub(super) fn both(sha1: &mut [u32; 5], sha256: &mut [u32; 8], blocks: &[[u8; 64]]) -> bool {
    let able = available();
    if able {
        // SAFETY: the features that `woven` is compiled for have just been found on this processor.
        unsafe { woven(sha1, sha256, blocks) };
    }
    able
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn quarter(block: &[u8; 64], i: usize) -> __m128i {
    debug_assert!(i < 4);
    // SAFETY: an unaligned load of 16 bytes at 16 * (i mod 4) ends within the 64 bytes of the block.
    unsafe { _mm_loadu_si128(block.as_ptr().cast::<__m128i>().add(i & 3)) }
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn constants(group: usize) -> __m128i {
    debug_assert!(group < 16);
    // SAFETY: an unaligned load of 16 bytes at 16 * (group mod 16) ends within the 256 bytes of `K`.
    unsafe { _mm_loadu_si128(K.as_ptr().cast::<__m128i>().add(group & 15)) }
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn lanes(v: __m128i) -> [u32; 4] {
    [
        _mm_extract_epi32::<0>(v) as u32,
        _mm_extract_epi32::<1>(v) as u32,
        _mm_extract_epi32::<2>(v) as u32,
        _mm_extract_epi32::<3>(v) as u32,
    ]
}

#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn woven(sha1: &mut [u32; 5], sha256: &mut [u32; 8], blocks: &[[u8; 64]]) {
    // SHA-1 wants its four words from the top of the register down, SHA-256 from the bottom up; both are big-endian.
    let turn1 = _mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f);
    let turn2 = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);

    let [a, b, c, d, e] = sha1.map(|word| word as i32);
    let mut abcd = _mm_set_epi32(a, b, c, d);
    let mut e = _mm_set_epi32(e, 0, 0, 0);
    let [p, q, r, s, t, u, v, w] = sha256.map(|word| word as i32);
    // In the manual's letters: A B E F and C D G H.
    let mut abef = _mm_set_epi32(p, q, t, u);
    let mut cdgh = _mm_set_epi32(r, s, v, w);

    for block in blocks {
        let (abcd_before, e_before) = (abcd, e);
        let (abef_before, cdgh_before) = (abef, cdgh);
        let mut x = [_mm_setzero_si128(); 4];
        let mut y = [_mm_setzero_si128(); 4];
        // `e` of the coming group: the state before the group just done.
        let mut last = e;

        macro_rules! words {
            ($i:literal) => {
                if $i < 4 {
                    let raw = quarter(block, $i);
                    x[$i & 3] = _mm_shuffle_epi8(raw, turn1);
                    y[$i & 3] = _mm_shuffle_epi8(raw, turn2);
                } else {
                    let mixed = _mm_sha1msg1_epu32(x[$i & 3], x[($i + 1) & 3]);
                    let mixed = _mm_xor_si128(mixed, x[($i + 2) & 3]);
                    x[$i & 3] = _mm_sha1msg2_epu32(mixed, x[($i + 3) & 3]);
                    if $i < 16 {
                        let mixed = _mm_sha256msg1_epu32(y[$i & 3], y[($i + 1) & 3]);
                        let shifted = _mm_alignr_epi8::<4>(y[($i + 3) & 3], y[($i + 2) & 3]);
                        let mixed = _mm_add_epi32(mixed, shifted);
                        y[$i & 3] = _mm_sha256msg2_epu32(mixed, y[($i + 3) & 3]);
                    }
                }
            };
        }
        macro_rules! group {
            ($i:literal, $kind:literal) => {
                words!($i);
                let before = abcd;
                let add = if $i == 0 {
                    _mm_add_epi32(last, x[0])
                } else {
                    _mm_sha1nexte_epu32(last, x[$i & 3])
                };
                abcd = _mm_sha1rnds4_epu32::<$kind>(abcd, add);
                last = before;
                if $i < 16 {
                    let add = _mm_add_epi32(y[$i & 3], constants($i));
                    cdgh = _mm_sha256rnds2_epu32(cdgh, abef, add);
                    abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32::<0x0e>(add));
                }
            };
        }
        group!(0, 0);
        group!(1, 0);
        group!(2, 0);
        group!(3, 0);
        group!(4, 0);
        group!(5, 1);
        group!(6, 1);
        group!(7, 1);
        group!(8, 1);
        group!(9, 1);
        group!(10, 2);
        group!(11, 2);
        group!(12, 2);
        group!(13, 2);
        group!(14, 2);
        group!(15, 3);
        group!(16, 3);
        group!(17, 3);
        group!(18, 3);
        group!(19, 3);

        e = _mm_sha1nexte_epu32(last, e_before);
        abcd = _mm_add_epi32(abcd, abcd_before);
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    let [d, c, b, a] = lanes(abcd);
    *sha1 = [a, b, c, d, _mm_extract_epi32::<3>(e) as u32];
    let [u, t, q, p] = lanes(abef);
    let [w, v, s, r] = lanes(cdgh);
    *sha256 = [p, q, r, s, t, u, v, w];
}
