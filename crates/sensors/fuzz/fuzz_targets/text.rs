//! Any bytes: every reader of configuration text ends without panic. The first byte chooses the reader.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sensors::schedule::{at, cron};
use sensors::services::{sysv, unit::Unit};
use sensors::software::{apk, dpkg, flatpak, rpm, snap};
use sensors::users::{accounts, password, ssh_keys, sudoers};
use std::hint::black_box;
use std::path::Path;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else {
        return;
    };
    match choice % 12 {
        0 => {
            let entries = sudoers::parse(bytes, Path::new("/x"));
            drop(black_box(sudoers::judge::Policy::of(&entries)));
        }
        1 => assert!(ssh_keys::keys(bytes).count() <= bytes.len() + 1),
        2 => assert!(accounts::accounts(bytes).count() <= bytes.len() + 1),
        3 => {
            assert!(accounts::groups(bytes).count() <= bytes.len() + 1);
            assert!(password::shadow(bytes).count() <= bytes.len() + 1);
        }
        4 => assert!(cron::parse(bytes, true).count() <= bytes.len() + 1),
        5 => drop(black_box(at::parse("a0000101b3a2f1", bytes))),
        6 => Unit::default().add(bytes),
        7 => drop(black_box(sysv::header(bytes))),
        8 => assert!(dpkg::parse(bytes).count() <= bytes.len() + 1),
        9 => assert!(apk::parse(bytes).count() <= bytes.len() + 1),
        10 => drop(black_box(rpm::header(bytes))),
        _ => drop(black_box((
            snap::parse(bytes),
            flatpak::release_version(bytes),
        ))),
    }
});
