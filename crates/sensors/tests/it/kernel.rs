//! Kernel modules, against `lsmod` where this kernel has modules, and from a tree of files.

use crate::support::{Tree, collect, live, output, rows};
use sensors::framework::SensorError;
use sensors::kernel::system;

#[test]
fn modules_agree_with_lsmod() {
    let found = live("Kernel Modules");
    if !std::path::Path::new("/proc/modules").exists() {
        // A kernel without modules: the sensor says so by giving none.
        assert!(found.is_empty());
        return;
    }
    let mut expected: Vec<[String; 3]> = output("lsmod", &[])
        .lines()
        .skip(1)
        .map(|l| {
            let mut w = l.split_whitespace().map(String::from);
            [w.next().unwrap(), w.next().unwrap(), w.next().unwrap()]
        })
        .collect();
    expected.sort();
    let got: Vec<[String; 3]> = found
        .iter()
        .map(|r| [r[0].clone(), r[1].clone(), r[2].clone()])
        .collect();
    assert_eq!(got, expected);
}

#[test]
fn modules_with_their_files_and_taint() {
    let tree = Tree::new();
    tree.file(
        "/proc/modules",
        "snd_pcm 139264 2 snd_hda_intel,snd_hda_codec, Live 0x0000000000000000\nevil 16384 0 - Live 0xffffffffc0a00000 (OE)\nkept 1 -1 [permanent], Live 0x0\n",
    )
    .file("/lib/modules/6.1/modules.dep", "kernel/sound/snd-pcm.ko.xz: kernel/sound/snd.ko\nextra/evil.ko:\n")
    .file("/sys/module/evil/taint", "OE\n")
    .file("/sys/module/evil/version", "1.2\n");
    let found = rows(|s| system::rows(tree.root(), "6.1", s));
    assert_eq!(
        found[0],
        [
            "evil",
            "16384",
            "0",
            "",
            "Live",
            "OE",
            "1.2",
            "/lib/modules/6.1/extra/evil.ko"
        ]
    );
    assert_eq!(found[1], ["kept", "1", "", "", "Live", "", "", ""]);
    assert_eq!(found[2][3], "snd_hda_intel,snd_hda_codec");
    assert_eq!(found[2][7], "/lib/modules/6.1/kernel/sound/snd-pcm.ko.xz");
}

#[test]
fn a_list_of_another_form_is_an_error() {
    let tree = Tree::new();
    tree.file("/proc/modules", [0xFF, 0xFE, b'\n']);
    let (_, outcome) = collect(|s| system::rows(tree.root(), "6.1", s));
    assert!(
        matches!(outcome, Err(SensorError::Form { .. })),
        "{outcome:?}"
    );
}

#[test]
fn one_odd_row_costs_no_other_row() {
    let tree = Tree::new();
    tree.file(
        "/proc/modules",
        b"e\xffvil 16384 0 - Live 0x0 (POE+)\nodd\nplain 1 - - Live 0x0\n",
    )
    .file("/sys/module/plain/version", "3")
    .file("/lib/modules/6.1/modules.dep", b"extra/e\xffvil.ko:\n");
    let (found, outcome) = collect(|s| system::rows(tree.root(), "6.1", s));
    assert!(
        outcome.unwrap_err().to_string().contains("1 of its rows"),
        "the odd one is told"
    );
    assert_eq!(found.len(), 2);
    assert_eq!((&found[0][5][..], &found[0][2][..]), ("POE", "0"));
    assert!(found[0][7].starts_with("/lib/modules/6.1/extra/e"));
    assert_eq!((&found[1][2][..], &found[1][6][..]), ("", "3"));
}

#[test]
fn taint_is_told_from_every_source() {
    let tree = Tree::new();
    // Proprietary, warned, out of tree, and a bit of a kernel to come.
    let number = 1 + (1 << 9) + (1 << 12) + (1_u64 << 40);
    tree.file("/proc/sys/kernel/tainted", format!("{number}\n"))
        .file("/proc/modules", "shown 1 0 - Live 0x0 (PO)\n")
        // Not in the table of modules, and its taint not in the number.
        .file("/sys/module/hidden/taint", "OE\n")
        .file("/sys/module/shown/taint", "PO\n");
    let found = rows(|s| system::taint_rows(tree.root(), s));
    let told: Vec<[&str; 3]> = found
        .iter()
        .map(|r| [&r[0][..], &r[2][..], &r[3][..]])
        .collect();
    assert_eq!(
        told,
        [
            ["P", "shown", "both"],
            ["W", "", "kernel"],
            ["O", "hidden,shown", "both"],
            ["bit 40", "", "kernel"],
            ["E", "hidden", "modules"]
        ]
    );
    let number = std::fs::read_to_string("/proc/sys/kernel/tainted").unwrap();
    assert_eq!(live("Kernel Taint").is_empty(), number.trim() == "0");
}
