//! The orders of package managers, against their own programs where these are at hand.

use super::{Scheme, compare};
use proptest::prelude::*;
use std::cmp::Ordering::{self, Equal, Greater, Less};
use std::process::Command;

fn check(scheme: Scheme, cases: &[(&str, Ordering, &str)]) {
    for (cell, wanted, value) in cases {
        let got = compare(cell, value, scheme);
        assert_eq!(got, Some(*wanted), "{cell} to {value} in {scheme:?}");
    }
}

#[test]
fn what_a_value_does_not_name_does_not_count() {
    check(
        Scheme::Deb,
        &[
            ("1:3.0.7-1ubuntu2", Equal, "3.0.7"),
            ("1:3.0.7-1ubuntu2", Less, "3.0.8"),
            ("3.0.15-1~deb12u1", Greater, "3.0.7"),
            ("1:9.2p1-2+deb12u3", Less, "9.8"),
            ("1:1.2.13.dfsg-1", Less, "1.2.14"),
            ("1:3.0.7-1ubuntu2", Equal, "1:3.0.7"),
            ("1:3.0.7-1ubuntu2", Less, "2:1.0"),
            ("3.0.7-1", Less, "1:1.0"),
            ("1:3.0.7-1ubuntu2", Less, "3.0.7-1ubuntu3"),
            ("1:3.0.7-1ubuntu2", Equal, "3.0.7-1ubuntu2"),
            ("1:3.0.7-1ubuntu2", Equal, "1:3.0.7-1ubuntu2"),
            ("590-2", Less, "590.1"),
            ("2.36-9+deb12u7", Less, "2.36.1"),
            ("1.0~rc1-1", Less, "1.0"),
        ],
    );
    check(
        Scheme::Rpm,
        &[
            ("1:3.0.7-18.el9_2", Equal, "3.0.7"),
            ("1:3.0.7-18.el9_2", Less, "3.0.7-24"),
            ("1:3.0.7-18.el9_2", Greater, "3.0.1"),
            ("3.0.7-18.el9", Less, "1:1.1"),
            ("1:3.0.7-18.el9", Equal, "1:3.0.7"),
        ],
    );
    check(
        Scheme::Apk,
        &[
            ("3.1.4-r5", Equal, "3.1.4"),
            ("3.1.4-r5", Less, "3.1.4-r6"),
            ("3.1.4-r5", Greater, "3.1.3-r9"),
            ("9.3_p2-r1", Greater, "9.3"),
        ],
    );
    for scheme in [Scheme::General, Scheme::Deb, Scheme::Rpm, Scheme::Apk] {
        assert_eq!(compare("", "1", scheme), None);
    }
    assert_eq!(compare("abc", "1", Scheme::Apk), None);
    assert_eq!(Scheme::of("snap"), Scheme::General);
    assert_eq!(Scheme::of("dpkg"), Scheme::Deb);
}

/// The order that the description of the form gives, oldest first.
#[test]
fn apk_compares_as_its_description_says() {
    let rising = [
        "0.9",
        "1.0_alpha",
        "1.0_alpha2",
        "1.0_beta1",
        "1.0_pre",
        "1.0_rc1",
        "1.0_rc1-r2",
        "1.0_rc2",
        "1.0",
        "1.0-r1",
        "1.0-r10",
        "1.0_git20230101",
        "1.0_p1",
        "1.0_p1-r3",
        "1.0a",
        "1.0b",
        "1.0.1_rc1",
        "1.0.1",
        "1.01",
        "1.010",
        "1.1",
        "1.2",
        "1.10",
        "1.10.0",
        "2",
        "10.3",
        "20240101",
    ];
    // `1.0` to `1.1` by way of a number with a zero before it.
    for (at, older) in rising.iter().enumerate() {
        for newer in &rising[at + 1..] {
            let whole = |text: &str| {
                if text.contains("-r") {
                    text.to_owned()
                } else {
                    format!("{text}-r0")
                }
            };
            let (older, newer) = (whole(older), whole(newer));
            assert_eq!(
                compare(&older, &newer, Scheme::Apk),
                Some(Less),
                "{older} < {newer}"
            );
            assert_eq!(
                compare(&newer, &older, Scheme::Apk),
                Some(Greater),
                "{newer} > {older}"
            );
        }
    }
    check(
        Scheme::Apk,
        &[("1.0-r0", Equal, "1.0"), ("1.0-r0", Less, "1.0~ab12")],
    );
}

/// Pairs that the documentation of RPM and its public tests list.
#[test]
fn rpm_compares_as_documented() {
    for (a, wanted, b) in [
        ("1.0", Equal, "1.0"),
        ("1.0", Less, "2.0"),
        ("2.0.1", Equal, "2.0.1"),
        ("2.0", Less, "2.0.1"),
        ("2.0.1a", Greater, "2.0.1"),
        ("5.5p1", Less, "5.5p2"),
        ("5.5p10", Greater, "5.5p1"),
        ("10xyz", Less, "10.1xyz"),
        ("xyz10", Less, "xyz10.1"),
        ("xyz.4", Less, "8"),
        ("5.5p2", Less, "5.6p1"),
        ("6.0.rc1", Greater, "6.0"),
        ("10b2", Greater, "10a1"),
        ("1.0aa", Greater, "1.0a"),
        ("10.0001", Equal, "10.1"),
        ("10.0001", Less, "10.0039"),
        ("4.999.9", Less, "5.0"),
        ("20101121", Less, "20101122"),
        ("2_0", Equal, "2.0"),
        ("a+", Equal, "a_"),
        ("1.0~rc1", Less, "1.0"),
        ("1.0~rc1", Less, "1.0~rc2"),
        ("1.0~rc1~git123", Less, "1.0~rc1"),
        ("1.0^", Greater, "1.0"),
        ("1.0^git1", Less, "1.0^git2"),
        ("1.0^git1", Less, "1.01"),
        ("1.0^20160101", Less, "1.0.1"),
        ("1.0~rc1^git1", Greater, "1.0~rc1"),
        ("1.0^git1~pre", Less, "1.0^git1"),
    ] {
        assert_eq!(super::rpm::parts(a, b), wanted, "{a} to {b}");
        assert_eq!(super::rpm::parts(b, a), wanted.reverse(), "{b} to {a}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Whole versions stand to each other as `dpkg` says.
    #[cfg(target_os = "linux")]
    #[test]
    fn deb_compares_as_dpkg(
        (a, b) in ("[0-2]", "[0-9][0-9a-c.+~]{0,5}", "[0-9a-b+.~]{1,4}").prop_flat_map(|(e, u, r)| {
            // A neighbour: one part may differ, so that equal ones and near ones are met.
            let other = prop_oneof![
                Just((e.clone(), u.clone(), r.clone())),
                ("[0-2]", Just(u.clone()), Just(r.clone())),
                (Just(e.clone()), "[0-9][0-9a-c.+~-]{0,5}", Just(r.clone())),
                (Just(e.clone()), Just(format!("{u}~")), Just(r.clone())),
                (Just(e.clone()), Just(u.clone()), "[0-9a-b+.~]{1,4}"),
            ];
            (Just((e, u, r)), other)
        })
    ) {
        let text = |(e, u, r): &(String, String, String)| format!("{e}:{u}-{r}");
        let (a, b) = (text(&a), text(&b));
        let says = |op: &str| {
            let ran = Command::new("dpkg").args(["--compare-versions", &a, op, &b]).status();
            ran.expect("dpkg is not installed").success()
        };
        let wanted = if says("lt") { Less } else if says("gt") { Greater } else { Equal };
        prop_assert_eq!(compare(&a, &b, Scheme::Deb), Some(wanted), "{} to {}", a, b);
    }

    /// Orders are orders: turned round they say the opposite, and they carry over.
    #[test]
    fn every_order_is_one(texts in proptest::collection::vec("[0-9]{1,2}([.a-b~^_+-][0-9ab]{1,2}){0,3}", 3)) {
        for scheme in [Scheme::General, Scheme::Deb, Scheme::Rpm] {
            // Whole, so that nothing is left out on one side only.
            let whole: Vec<String> = texts.iter().map(|t| format!("0:{t}-1")).collect();
            let order = |i: usize, j: usize| compare(&whole[i], &whole[j], scheme).unwrap();
            prop_assert_eq!(order(0, 0), Equal);
            prop_assert_eq!(order(0, 1), order(1, 0).reverse());
            if order(0, 1) == order(1, 2) {
                prop_assert_eq!(order(0, 2), order(0, 1), "{:?} in {:?}", whole, scheme);
            }
        }
    }
}

/// Many pairs in one run of `rpm`, which takes long to start.
#[cfg(target_os = "linux")]
#[test]
fn rpm_compares_as_rpm() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let versions = "[0-9a-b]{1,2}([.~^_a-c][0-9a-b]{0,2}){0,3}";
    let pairs: Vec<(String, String)> = (0..600)
        .map(|_| {
            use proptest::strategy::ValueTree;
            let tree = (versions, versions).new_tree(&mut runner).unwrap();
            tree.current()
        })
        .collect();
    let calls: Vec<String> = pairs
        .iter()
        .map(|(a, b)| format!("print(rpm.vercmp('{a}','{b}')..' ')"))
        .collect();
    let script = format!("%{{lua:{}}}", calls.join(";"));
    let ran = Command::new("rpm")
        .args(["--eval", &script])
        .output()
        .unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    let said: Vec<i32> = said
        .split_whitespace()
        .map(|n| n.parse().unwrap())
        .collect();
    assert_eq!(said.len(), pairs.len());
    for ((a, b), said) in pairs.iter().zip(said) {
        assert_eq!(super::rpm::parts(a, b), said.cmp(&0), "{a} to {b}");
    }
}
