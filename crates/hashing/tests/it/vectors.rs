//! The examples of the standards, and every way of computing against the plain one.

use crate::{all, file};
use hashing::parts::{LANES, Lanes, Level, SHA1_START, SHA256_START, Way, both};
use hashing::{Kinds, Options, one};
use proptest::prelude::*;

fn hex(bytes: Option<impl AsRef<[u8]>>) -> String {
    bytes
        .expect("the digest was asked for")
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

const ALL: Options = Options {
    kinds: Kinds {
        md5: true,
        sha1: true,
        sha256: true,
        blake3: true,
    },
    keep_cache_as_found: true,
};

#[test]
fn rfc_1321_test_suite() {
    let suite = [
        ("", "d41d8cd98f00b204e9800998ecf8427e"),
        ("a", "0cc175b9c0f1b6a831c399e269772661"),
        ("abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        (
            "abcdefghijklmnopqrstuvwxyz",
            "c3fcd3d76192e4007dfb496cca67e13b",
        ),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            "d174ab98d277d9f5a5611c2c9f419d9f",
        ),
        (
            "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
            "57edf4a22be3c955ac49da2e2107b67a",
        ),
    ];
    let together = all(
        &ALL,
        suite.iter().map(|(s, _)| file(s.as_bytes())).collect(),
    );
    for ((text, expected), result) in suite.iter().zip(together) {
        assert_eq!(hex(result.expect("read").digests.md5), *expected);
        let alone = one(&ALL, &file(text.as_bytes()).0).expect("read");
        assert_eq!(hex(alone.digests.md5), *expected);
    }
}

#[test]
fn rfc_3174_and_6234_examples() {
    let long = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    let a_million = "a".repeat(1_000_000);
    let suite = [
        (
            "abc",
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        (
            long,
            "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1",
        ),
        (
            &a_million,
            "34aa973cd4c4daa4f61eeb2bdbad27316534016f",
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
        ),
        (
            "",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ),
    ];
    for (text, sha1, sha256) in suite {
        let digests = one(&ALL, &file(text.as_bytes()).0).expect("read").digests;
        assert_eq!(hex(digests.sha1), sha1);
        assert_eq!(hex(digests.sha256), sha256);
    }
    let empty = one(&ALL, &file(b"").0).expect("read").digests;
    assert_eq!(
        hex(empty.blake3),
        "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    );
}

fn blocks(seed: u64, count: usize) -> Vec<[u8; 64]> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..count)
        .map(|_| std::array::from_fn(|_| next()))
        .collect()
}

proptest! {
    /// Any number of lanes in use, with inputs of any length, give at each level what the plain computation gives, call after call.
    #[test]
    fn lanes_agree_with_the_plain_md5(
        seed in any::<u64>(),
        rounds in prop::collection::vec(prop::collection::vec(prop::option::of(1usize..9), LANES), 1..5),
    ) {
        for level in [Level::Scalar, Level::Avx2, Level::Avx512] {
            if !level.available() {
                eprintln!("left out: {level:?} is not on this processor");
                continue;
            }
            let mut lanes = Lanes::new(level);
            let mut plain = [[0x6745_2301u32, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476]; LANES];
            for round in &rounds {
                let inputs: Vec<_> = round.iter().zip(0u64..).map(|(len, lane)| len.map(|len| blocks(seed ^ lane, len))).collect();
                let taken = lanes.run(&std::array::from_fn(|lane| inputs[lane].as_deref()));
                prop_assert_eq!(taken, inputs.iter().flatten().map(Vec::len).min().unwrap_or(0));
                for (lane, input) in inputs.iter().enumerate() {
                    match input {
                        Some(input) => md5::block_api::compress(&mut plain[lane], &input[..taken]),
                        // What an idle lane holds means nothing: it begins anew.
                        None => {
                            lanes.start(lane);
                            plain[lane] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
                        }
                    }
                    let expected: Vec<u8> = plain[lane].iter().flat_map(|word| word.to_le_bytes()).collect();
                    prop_assert_eq!(&lanes.digest(lane)[..], &expected[..]);
                }
            }
        }
    }

    #[test]
    fn woven_agrees_with_apart(seed in any::<u64>(), count in 0usize..20) {
        let blocks = blocks(seed, count);
        let run = |way| {
            let (mut sha1, mut sha256) = (SHA1_START, SHA256_START);
            both(way, &mut sha1, &mut sha256, &blocks[..count / 3]);
            both(way, &mut sha1, &mut sha256, &blocks[count / 3..]);
            (sha1, sha256)
        };
        prop_assert_eq!(run(Way::best()), run(Way::Apart));
    }
}
