//! The MD5 compression function over sixteen lanes with AVX-512, or over two times eight with AVX2.
//!
//! Both are one text, `rounds!`, over a handful of vector operations. The two halves of the AVX2 variant are woven together, because one alone would mostly wait for itself.
#![expect(
    unsafe_code,
    clippy::indexing_slicing,
    reason = "the processor's instructions are called as such, over arrays of fixed sizes"
)]

use super::{LANES, States};
use std::arch::x86_64::*;

pub(super) fn avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
}

pub(super) fn avx2() -> bool {
    is_x86_feature_detected!("avx2")
}

/// Takes `blocks` blocks of each input into its lane; false, and nothing done, where the processor cannot or an input is shorter.
pub(super) fn run16(states: &mut States, inputs: &[&[[u8; 64]]; LANES], blocks: usize) -> bool {
    let able = avx512() && inputs.iter().all(|input| input.len() >= blocks);
    if able {
        // SAFETY: the processor has the features, and each input has `blocks` blocks; both were just looked at.
        unsafe { wide(states, inputs, blocks) };
    }
    able
}

/// As [`run16`], with AVX2.
pub(super) fn run8(states: &mut States, inputs: &[&[[u8; 64]]; LANES], blocks: usize) -> bool {
    let able = avx2() && inputs.iter().all(|input| input.len() >= blocks);
    if able {
        // SAFETY: the processor has the features, and each input has `blocks` blocks; both were just looked at.
        unsafe { narrow(states, inputs, blocks) };
    }
    able
}

/// The four rounds of RFC 1321, 3.4, with the constants of its table. `$step` is given: the function, the word of the message, the rotation, the constant.
macro_rules! rounds {
    ($f:ident $g:ident $h:ident $i:ident $a:ident $b:ident $c:ident $d:ident $m:ident $step:ident) => {
        rounds!(@four $step $f $a $b $c $d $m, 7 12 17 22;
            0 0xd76aa478u32, 1 0xe8c7b756u32, 2 0x242070dbu32, 3 0xc1bdceeeu32; 4 0xf57c0fafu32, 5 0x4787c62au32, 6 0xa8304613u32, 7 0xfd469501u32;
            8 0x698098d8u32, 9 0x8b44f7afu32, 10 0xffff5bb1u32, 11 0x895cd7beu32; 12 0x6b901122u32, 13 0xfd987193u32, 14 0xa679438eu32, 15 0x49b40821u32);
        rounds!(@four $step $g $a $b $c $d $m, 5 9 14 20;
            1 0xf61e2562u32, 6 0xc040b340u32, 11 0x265e5a51u32, 0 0xe9b6c7aau32; 5 0xd62f105du32, 10 0x02441453u32, 15 0xd8a1e681u32, 4 0xe7d3fbc8u32;
            9 0x21e1cde6u32, 14 0xc33707d6u32, 3 0xf4d50d87u32, 8 0x455a14edu32; 13 0xa9e3e905u32, 2 0xfcefa3f8u32, 7 0x676f02d9u32, 12 0x8d2a4c8au32);
        rounds!(@four $step $h $a $b $c $d $m, 4 11 16 23;
            5 0xfffa3942u32, 8 0x8771f681u32, 11 0x6d9d6122u32, 14 0xfde5380cu32; 1 0xa4beea44u32, 4 0x4bdecfa9u32, 7 0xf6bb4b60u32, 10 0xbebfbc70u32;
            13 0x289b7ec6u32, 0 0xeaa127fau32, 3 0xd4ef3085u32, 6 0x04881d05u32; 9 0xd9d4d039u32, 12 0xe6db99e5u32, 15 0x1fa27cf8u32, 2 0xc4ac5665u32);
        rounds!(@four $step $i $a $b $c $d $m, 6 10 15 21;
            0 0xf4292244u32, 7 0x432aff97u32, 14 0xab9423a7u32, 5 0xfc93a039u32; 12 0x655b59c3u32, 3 0x8f0ccc92u32, 10 0xffeff47du32, 1 0x85845dd1u32;
            8 0x6fa87e4fu32, 15 0xfe2ce6e0u32, 6 0xa3014314u32, 13 0x4e0811a1u32; 4 0xf7537e82u32, 11 0xbd3af235u32, 2 0x2ad7d2bbu32, 9 0xeb86d391u32);
    };
    (@four $step:ident $f:ident $a:ident $b:ident $c:ident $d:ident $m:ident, $s0:literal $s1:literal $s2:literal $s3:literal;
        $($w0:literal $k0:literal, $w1:literal $k1:literal, $w2:literal $k2:literal, $w3:literal $k3:literal);*) => {
        $(
            $step!($f, $a, $b, $c, $d, $m, $w0, $s0, $k0);
            $step!($f, $d, $a, $b, $c, $m, $w1, $s1, $k1);
            $step!($f, $c, $d, $a, $b, $m, $w2, $s2, $k2);
            $step!($f, $b, $c, $d, $a, $m, $w3, $s3, $k3);
        )*
    };
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load16(from: &[u32; 16]) -> __m512i {
    // SAFETY: an unaligned load of the 64 bytes of the array.
    unsafe { _mm512_loadu_si512(from.as_ptr().cast()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn store16(to: &mut [u32; 16], from: __m512i) {
    // SAFETY: an unaligned store to the 64 bytes of the array.
    unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), from) }
}

/// Word by word: result n holds word n of all sixteen blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn words16(rows: [__m512i; 16]) -> [__m512i; 16] {
    let zero = _mm512_setzero_si512();
    // columns[k][g]: in its quarter q, word 4q + k of blocks 4g to 4g + 3.
    let mut columns = [[zero; 4]; 4];
    for g in 0..4 {
        let low01 = _mm512_unpacklo_epi32(rows[4 * g], rows[4 * g + 1]);
        let high01 = _mm512_unpackhi_epi32(rows[4 * g], rows[4 * g + 1]);
        let low23 = _mm512_unpacklo_epi32(rows[4 * g + 2], rows[4 * g + 3]);
        let high23 = _mm512_unpackhi_epi32(rows[4 * g + 2], rows[4 * g + 3]);
        columns[0][g] = _mm512_unpacklo_epi64(low01, low23);
        columns[1][g] = _mm512_unpackhi_epi64(low01, low23);
        columns[2][g] = _mm512_unpacklo_epi64(high01, high23);
        columns[3][g] = _mm512_unpackhi_epi64(high01, high23);
    }
    let mut words = [zero; 16];
    for (k, [c0, c1, c2, c3]) in columns.into_iter().enumerate() {
        let first = _mm512_shuffle_i32x4::<0x44>(c0, c1);
        let second = _mm512_shuffle_i32x4::<0x44>(c2, c3);
        words[k] = _mm512_shuffle_i32x4::<0x88>(first, second);
        words[4 + k] = _mm512_shuffle_i32x4::<0xdd>(first, second);
        let first = _mm512_shuffle_i32x4::<0xee>(c0, c1);
        let second = _mm512_shuffle_i32x4::<0xee>(c2, c3);
        words[8 + k] = _mm512_shuffle_i32x4::<0x88>(first, second);
        words[12 + k] = _mm512_shuffle_i32x4::<0xdd>(first, second);
    }
    words
}

/// # Safety
/// Each input has at least `blocks` blocks.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
unsafe fn wide(states: &mut States, inputs: &[&[[u8; 64]]; LANES], blocks: usize) {
    // The truth tables of RFC 1321's F, G, H and I for the operands b, c, d.
    const F: i32 = 0xca;
    const G: i32 = 0xe4;
    const H: i32 = 0x96;
    const I: i32 = 0x39;
    macro_rules! step {
        ($f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $m:ident, $w:literal, $s:literal, $k:literal) => {
            let f = _mm512_ternarylogic_epi32::<$f>($b, $c, $d);
            let sum = _mm512_add_epi32(_mm512_add_epi32($a, $m[$w]), _mm512_set1_epi32($k as i32));
            $a = _mm512_add_epi32($b, _mm512_rol_epi32::<$s>(_mm512_add_epi32(sum, f)));
        };
    }
    let [mut a, mut b, mut c, mut d] = [0, 1, 2, 3].map(|word: usize| load16(&states[word]));
    for at in 0..blocks {
        let mut rows = [_mm512_setzero_si512(); 16];
        for (row, input) in rows.iter_mut().zip(inputs) {
            // SAFETY: `at` is below `blocks`, and the caller promises that many blocks; an unaligned load of the 64 bytes of one.
            *row = unsafe { _mm512_loadu_si512(input.as_ptr().add(at).cast()) };
        }
        let m = words16(rows);
        let before = [a, b, c, d];
        rounds!(F G H I a b c d m step);
        a = _mm512_add_epi32(a, before[0]);
        b = _mm512_add_epi32(b, before[1]);
        c = _mm512_add_epi32(c, before[2]);
        d = _mm512_add_epi32(d, before[3]);
    }
    for (state, vector) in states.iter_mut().zip([a, b, c, d]) {
        store16(state, vector);
    }
}

/// Both halves of a vector of sixteen.
type Pair = [__m256i; 2];

#[target_feature(enable = "avx2")]
fn load8(from: &[u32; 16]) -> Pair {
    // SAFETY: two unaligned loads of 32 bytes, together the 64 bytes of the array.
    unsafe {
        let from = from.as_ptr().cast::<__m256i>();
        [_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1))]
    }
}

#[target_feature(enable = "avx2")]
fn store8(to: &mut [u32; 16], from: Pair) {
    // SAFETY: two unaligned stores of 32 bytes, together to the 64 bytes of the array.
    unsafe {
        let to = to.as_mut_ptr().cast::<__m256i>();
        _mm256_storeu_si256(to, from[0]);
        _mm256_storeu_si256(to.add(1), from[1]);
    }
}

/// Eight rows of eight words, turned.
#[target_feature(enable = "avx2")]
fn words8(rows: [__m256i; 8]) -> [__m256i; 8] {
    let zero = _mm256_setzero_si256();
    // columns[k][g]: in its half h, word 4h + k of rows 4g to 4g + 3.
    let mut columns = [[zero; 2]; 4];
    for g in 0..2 {
        let low01 = _mm256_unpacklo_epi32(rows[4 * g], rows[4 * g + 1]);
        let high01 = _mm256_unpackhi_epi32(rows[4 * g], rows[4 * g + 1]);
        let low23 = _mm256_unpacklo_epi32(rows[4 * g + 2], rows[4 * g + 3]);
        let high23 = _mm256_unpackhi_epi32(rows[4 * g + 2], rows[4 * g + 3]);
        columns[0][g] = _mm256_unpacklo_epi64(low01, low23);
        columns[1][g] = _mm256_unpackhi_epi64(low01, low23);
        columns[2][g] = _mm256_unpacklo_epi64(high01, high23);
        columns[3][g] = _mm256_unpackhi_epi64(high01, high23);
    }
    let mut words = [zero; 8];
    for (k, [c0, c1]) in columns.into_iter().enumerate() {
        words[k] = _mm256_permute2x128_si256::<0x20>(c0, c1);
        words[4 + k] = _mm256_permute2x128_si256::<0x31>(c0, c1);
    }
    words
}

#[target_feature(enable = "avx2")]
fn f(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[target_feature(enable = "avx2")]
fn g(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    f(d, b, c)
}

#[target_feature(enable = "avx2")]
fn h(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(b, _mm256_xor_si256(c, d))
}

#[target_feature(enable = "avx2")]
fn i(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    let not_d = _mm256_xor_si256(d, _mm256_set1_epi32(-1));
    _mm256_xor_si256(c, _mm256_or_si256(b, not_d))
}

/// # Safety
/// Each input has at least `blocks` blocks.
#[target_feature(enable = "avx2")]
unsafe fn narrow(states: &mut States, inputs: &[&[[u8; 64]]; LANES], blocks: usize) {
    macro_rules! step {
        ($f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $m:ident, $w:literal, $s:literal, $k:literal) => {
            for half in 0..2 {
                let k = _mm256_set1_epi32($k as i32);
                let sum = _mm256_add_epi32(_mm256_add_epi32($a[half], $m[half][$w]), k);
                let sum = _mm256_add_epi32(sum, $f($b[half], $c[half], $d[half]));
                let turned = _mm256_or_si256(
                    _mm256_slli_epi32::<$s>(sum),
                    _mm256_srli_epi32::<{ 32 - $s }>(sum),
                );
                $a[half] = _mm256_add_epi32($b[half], turned);
            }
        };
    }
    let zero = _mm256_setzero_si256();
    let [mut a, mut b, mut c, mut d] = [0, 1, 2, 3].map(|word: usize| load8(&states[word]));
    for at in 0..blocks {
        let mut m = [[zero; 16]; 2];
        for (inputs, m) in inputs.chunks_exact(8).zip(&mut m) {
            let mut rows = [[zero; 8]; 2];
            for (lane, input) in inputs.iter().enumerate() {
                // SAFETY: `at` is below `blocks`, and the caller promises that many blocks; two unaligned loads of 32 bytes, together the 64 bytes of one.
                unsafe {
                    let block = input.as_ptr().add(at).cast::<__m256i>();
                    rows[0][lane] = _mm256_loadu_si256(block);
                    rows[1][lane] = _mm256_loadu_si256(block.add(1));
                }
            }
            let (first, second) = m.split_at_mut(8);
            first.copy_from_slice(&words8(rows[0]));
            second.copy_from_slice(&words8(rows[1]));
        }
        let before = [a, b, c, d];
        rounds!(f g h i a b c d m step);
        for half in 0..2 {
            a[half] = _mm256_add_epi32(a[half], before[0][half]);
            b[half] = _mm256_add_epi32(b[half], before[1][half]);
            c[half] = _mm256_add_epi32(c[half], before[2][half]);
            d[half] = _mm256_add_epi32(d[half], before[3][half]);
        }
    }
    for (state, pair) in states.iter_mut().zip([a, b, c, d]) {
        store8(state, pair);
    }
}
