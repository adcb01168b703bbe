//! Content types and what names promise.

use hashing::{Magic, expected_mimes, mime};
use proptest::prelude::*;
use std::path::{Path, PathBuf};

#[test]
fn nothing_text_and_the_unknown() {
    assert_eq!(mime(b""), "inode/x-empty");
    assert_eq!(mime(b"hello\n"), "text/plain");
    assert_eq!(mime(b"\0\x01\x02\x03"), "application/octet-stream");
    assert_eq!(Magic::of(b"MZ\x90\0\x03").to_string(), "4D5A9000");
    assert_eq!(Magic::of(b"\xab").to_string(), "AB");
}

/// The same words in all alphabets are text, with their kind where they have one.
#[test]
fn text_in_many_alphabets() {
    let page = "<!DOCTYPE html>\n<title>\u{3b1}\u{3b2}\u{3b3}</title>";
    let utf16 =
        |order: fn(u16) -> [u8; 2]| -> Vec<u8> { page.encode_utf16().flat_map(order).collect() };
    let utf32 = |order: fn(u32) -> [u8; 4]| -> Vec<u8> {
        page.chars().flat_map(|c| order(c.into())).collect()
    };
    let marked = |mark: &[u8], text: &[u8]| [mark, text].concat();
    for text in [
        page.as_bytes().to_vec(),
        marked(b"\xef\xbb\xbf", page.as_bytes()),
        marked(b"\xff\xfe", &utf16(u16::to_le_bytes)),
        marked(b"\xfe\xff", &utf16(u16::to_be_bytes)),
        marked(b"\xff\xfe\0\0", &utf32(u32::to_le_bytes)),
        marked(b"\0\0\xfe\xff", &utf32(u32::to_be_bytes)),
        utf32(u32::to_le_bytes),
        utf32(u32::to_be_bytes),
    ] {
        assert_eq!(mime(&text), "text/html", "{text:?}");
    }
    for plain in [
        &b"Gr\xfc\xdfe aus M\xfcnchen"[..],
        b"\x1b$B8@8l\x1b(B and so on",
        b"type=LOGIN msg=1\x1dUID=\"root\"\n",
        "cut at the en\u{e9}"
            .as_bytes()
            .split_last()
            .expect("bytes")
            .1,
    ] {
        assert_eq!(mime(plain), "text/plain", "{plain:?}");
    }
}

#[test]
fn scripts_by_their_interpreter() {
    for (line, expected) in [
        ("#!/bin/sh\n", "text/x-shellscript"),
        (
            "#! /usr/bin/env -S FOO=1 python3.11 -u\n",
            "text/x-script.python",
        ),
        ("#!/usr/bin/perl -w\n", "text/x-perl"),
        ("#!/usr/bin/env node\n", "application/javascript"),
        ("#!/opt/own/tool\n", "text/x-script"),
        ("#![allow(dead_code)]\n", "text/plain"),
        ("#!", "text/plain"),
    ] {
        assert_eq!(mime(line.as_bytes()), expected, "{line:?}");
    }
}

#[test]
fn json_is_read_and_not_guessed() {
    for yes in [
        "{}",
        "[]",
        "{\"a\":[1,-2.5e3,true,null,\"\\\"\"],\"b\":{}}\n",
        " [ {\"x\": 1}, 2 ]",
        "{\"a\":1}\n{\"a\":2}\n",
    ] {
        assert_eq!(mime(yes.as_bytes()), "application/json", "{yes}");
    }
    for no in [
        "{",
        "[section]\nkey=1\n",
        "{a: 1}",
        "{\"a\":1]",
        "{\"a\"}",
        "[1 2]",
        "{\"a\":1} trailing",
        "[1,",
        "{\"a\": tru}",
    ] {
        assert_eq!(mime(no.as_bytes()), "text/plain", "{no}");
    }
    let long = format!("{{\"key\": \"{}", "x".repeat(5000));
    assert_eq!(
        mime(long.as_bytes()),
        "application/json",
        "cut, because only its start is looked at"
    );
}

/// A program as small as the formats allow, for the second looks.
fn patched(len: usize, patches: &[(usize, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0; len];
    for (at, patch) in patches {
        bytes[*at..at + patch.len()].copy_from_slice(patch);
    }
    bytes
}

fn zip(names: &[&str], content: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        bytes.extend(b"PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\0\0\0\0");
        bytes.extend(u32::try_from(content.len()).expect("short").to_le_bytes());
        bytes.extend(u32::try_from(content.len()).expect("short").to_le_bytes());
        bytes.extend(u16::try_from(name.len()).expect("short").to_le_bytes());
        bytes.extend([0, 0]);
        bytes.extend(name.as_bytes());
        bytes.extend(content.as_bytes());
    }
    bytes
}

fn compound(stream: &str) -> Vec<u8> {
    let mut bytes = patched(
        1536,
        &[
            (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
            (30, &[9]),
            (48, &[1]),
        ],
    );
    let name: Vec<u8> = stream.encode_utf16().flat_map(u16::to_le_bytes).collect();
    bytes[1024 + 128..][..name.len()].copy_from_slice(&name);
    bytes[1024 + 128 + 64] = u8::try_from(name.len() + 2).expect("short");
    bytes
}

#[test]
fn formats_that_need_a_second_look() {
    let elf = |kind: u8, interpreter: u8| {
        patched(
            256,
            &[
                (0, b"\x7fELF\x02\x01\x01"),
                (16, &[kind]),
                (32, &[64]),
                (54, &[56]),
                (56, &[1]),
                (64, &[interpreter]),
            ],
        )
    };
    let word = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    for (bytes, expected) in [
        (elf(2, 1), "application/x-executable"),
        (elf(3, 3), "application/x-pie-executable"),
        (elf(3, 1), "application/x-sharedlib"),
        (elf(1, 0), "application/x-object"),
        (elf(4, 0), "application/x-coredump"),
        (
            patched(256, &[(0, b"MZ"), (0x3c, &[0x80]), (0x80, b"PE\0\0")]),
            "application/vnd.microsoft.portable-executable",
        ),
        (
            patched(256, &[(0, b"MZ"), (0x3c, &[0x80])]),
            "application/x-dosexec",
        ),
        (
            patched(32, &[(0, b"\xcf\xfa\xed\xfe"), (12, &[2])]),
            "application/x-mach-binary",
        ),
        (
            b"\xca\xfe\xba\xbe\0\0\0\x02\0\0".to_vec(),
            "application/x-mach-binary",
        ),
        (
            b"\xca\xfe\xba\xbe\0\0\0\x41\0\0".to_vec(),
            "application/java-vm",
        ),
        (zip(&["a.txt"], "x"), "application/zip"),
        (
            zip(
                &["[Content_Types].xml", "_rels/.rels", "word/document.xml"],
                "x",
            ),
            word,
        ),
        (
            zip(&["[Content_Types].xml", "xl/workbook.xml"], "x"),
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ),
        (
            zip(&["META-INF/MANIFEST.MF", "a.class"], "x"),
            "application/java-archive",
        ),
        (
            zip(&["META-INF/MANIFEST.MF", "AndroidManifest.xml"], "x"),
            "application/vnd.android.package-archive",
        ),
        (
            zip(
                &["mimetype", "content.xml"],
                "application/vnd.oasis.opendocument.text",
            ),
            "application/vnd.oasis.opendocument.text",
        ),
        (
            zip(&["mimetype"], "application/epub+zip"),
            "application/epub+zip",
        ),
        (compound("WordDocument"), "application/msword"),
        (compound("Workbook"), "application/vnd.ms-excel"),
        (
            compound("PowerPoint Document"),
            "application/vnd.ms-powerpoint",
        ),
        (compound("Anything"), "application/x-ole-storage"),
        (
            b"!<arch>\ndebian-binary   1 \0".to_vec(),
            "application/vnd.debian.binary-package",
        ),
        (b"!<arch>\nobject.o/  \0".to_vec(), "application/x-archive"),
        (
            b"\xa7\x0d\r\n\0\0\0\0\0\0\0\0".to_vec(),
            "application/x-bytecode.python",
        ),
        (b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), "image/webp"),
        (b"RIFF\0\0\0\0WAVEfmt ".to_vec(), "audio/x-wav"),
        (b"RIFF\0\0\0\0AVI LIST".to_vec(), "video/x-msvideo"),
        (b"\0\0\0\x18ftypisom\0\0\0\0".to_vec(), "video/mp4"),
        (b"\0\0\0\x18ftypqt  \0\0\0\0".to_vec(), "video/quicktime"),
        (b"\0\0\0\x18ftypheic\0\0\0\0".to_vec(), "image/heic"),
        (b"\0\0\0\x18ftypavif\0\0\0\0".to_vec(), "image/avif"),
        (
            b"\x1a\x45\xdf\xa3\x01\0\0\0\x42\x82\x84webm".to_vec(),
            "video/webm",
        ),
        (
            b"\x1a\x45\xdf\xa3\x01\0\0\0\x42\x82\x88matroska".to_vec(),
            "video/x-matroska",
        ),
        (
            patched(64, &[(0, b"OggS"), (28, b"\x01vorbis")]),
            "audio/ogg",
        ),
        (
            patched(64, &[(0, b"OggS"), (28, b"\x80theora")]),
            "video/ogg",
        ),
        (
            patched(1000, &[(0, b"\xff\xfb\x90\x64"), (417, b"\xff\xfb")]),
            "audio/mpeg",
        ),
        (
            patched(1000, &[(0, b"\xff\xfb\x90\x64")]),
            "application/octet-stream",
        ),
        (
            patched(752, &[(0, b"G"), (188, b"G"), (376, b"G"), (564, b"G")]),
            "video/mp2t",
        ),
        (patched(64, &[(0, b"BM"), (14, &[40])]), "image/bmp"),
        (
            patched(64, &[(2, &[1]), (4, &[1]), (18, &[22])]),
            "image/vnd.microsoft.icon",
        ),
        (
            b"\0\x01\0\0\0\x0f\0\x80\0\x03\0\x70DSIG\0".to_vec(),
            "font/sfnt",
        ),
        (b"P6 3 2 255\n\0\0".to_vec(), "image/x-portable-pixmap"),
        (
            patched(
                64,
                &[(
                    0,
                    b"\x30\x82\x03\x00\x30\x82\x02\x00\xa0\x03\x02\x01\x02\x02",
                )],
            ),
            "application/pkix-cert",
        ),
        (
            patched(512, &[(54, b"FAT16"), (510, b"\x55\xaa")]),
            "application/x-fat-image",
        ),
        (
            patched(512, &[(3, b"NTFS    "), (510, b"\x55\xaa")]),
            "application/x-ntfs-image",
        ),
        (
            patched(512, &[(446, &[0x80]), (510, b"\x55\xaa")]),
            "application/x-raw-disk-image",
        ),
        (
            patched(2048, &[(1080, b"\x53\xef\x01\0\x01\0")]),
            "application/x-ext-image",
        ),
        (
            patched(33_000, &[(32_769, b"CD001")]),
            "application/x-iso9660-image",
        ),
        (patched(512, &[(257, b"ustar")]), "application/x-tar"),
        (
            patched(32, &[(2, b"-lh5-")]),
            "application/x-lzh-compressed",
        ),
    ] {
        assert_eq!(
            mime(&bytes),
            expected,
            "{:?}",
            bytes.get(..40).unwrap_or(&bytes)
        );
    }
}

#[test]
fn formats_with_a_mark() {
    for (start, expected) in [
        (&b"\x1f\x8b\x08\0\0"[..], "application/gzip"),
        (b"\xfd7zXZ\0\0", "application/x-xz"),
        (b"\x28\xb5\x2f\xfd\0", "application/zstd"),
        (b"BZh91AY&SY\0", "application/x-bzip2"),
        (b"7z\xbc\xaf\x27\x1c\0", "application/x-7z-compressed"),
        (b"Rar!\x1a\x07\x01\0", "application/x-rar"),
        (b"%PDF-1.4\n%\xff\0", "application/pdf"),
        (b"%PDF-1.4\n", "application/pdf"),
        (b"{\\rtf1\\ansi", "text/rtf"),
        (b"\x89PNG\r\n\x1a\n\0", "image/png"),
        (b"\xff\xd8\xff\xe0\0", "image/jpeg"),
        (b"GIF89a\0", "image/gif"),
        (b"II\x2a\0", "image/tiff"),
        (b"SQLite format 3\0", "application/vnd.sqlite3"),
        (b"ElfFile\0", "application/x-ms-evtx"),
        (b"regf\0", "application/x-ms-registry"),
        (b"\x4c\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
        (b"\0asm\x01\0\0\0", "application/wasm"),
        (b"\xed\xab\xee\xdb\x03\0", "application/x-rpm"),
        (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
        (b"\xd4\xc3\xb2\xa1\x02\0", "application/vnd.tcpdump.pcap"),
        (
            b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a",
            "application/x-pcapng",
        ),
        (b"ID3\x03\0", "audio/mpeg"),
        (b"fLaC\0", "audio/flac"),
        (b"wOF2\0", "font/woff2"),
        (b"-----BEGIN CERTIFICATE-----\n", "application/x-pem-file"),
        (b"<?xml version=\"1.0\"?>\n<a/>", "text/xml"),
        (
            b"<?xml version=\"1.0\"?>\n<!-- > -->\n<svg/>",
            "image/svg+xml",
        ),
        (b"Received: by x\n", "message/rfc822"),
        (b"From a@b Mon Jan  1 00:00:00 2024\n", "application/mbox"),
        (b"From the beginning it was so.\n", "text/plain"),
    ] {
        assert_eq!(mime(start), expected, "{start:?}");
    }
}

#[test]
fn names_promise() {
    let promises = |name: &[u8], mime| expected_mimes(name).expect("a promise").contains(&mime);
    assert!(promises(b"photo.JPG", "image/jpeg"));
    assert!(promises(b"empty.jpg", "inode/x-empty"));
    assert!(promises(b"many.dots.in.it.docx", "application/zip"));
    for program in [
        "application/vnd.microsoft.portable-executable",
        "application/x-pie-executable",
        "application/x-mach-binary",
    ] {
        for name in [
            &b"a.jpg"[..],
            b"a.pdf",
            b"a.txt",
            b"a.docx",
            b"a.zip",
            b"a.log",
            b"a.sh",
            b"a.mp4",
        ] {
            assert!(!promises(name, program), "{program} in {name:?}");
        }
    }
    for none in [
        &b"noextension"[..],
        b".jpg",
        b"a.",
        b"",
        b"x.dat",
        b"x.verylongextension",
        b"x.\xff\xfe",
        b"$IABCDEF.jpg",
    ] {
        assert_eq!(expected_mimes(none), None, "{none:?}");
    }
    assert!(expected_mimes(b"$RABCDEF.jpg").is_some());
}

proptest! {
    /// Bytes of any kind, behind any beginning that some rule looks at, have a type; longer than the rules look they may be as well.
    #[test]
    fn any_bytes_have_a_type(
        start in prop::sample::select(vec![
            &b""[..], b"PK\x03\x04", b"\x7fELF", b"MZ", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"RIFF", b"\0\0\0\x18ftyp", b"\xff\xfb", b"0\x82", b"{\"", b"#!/", b"<?xml",
            b"\xff\xfe", b"\xff\xfe\0\0", b"OggS\0", b"]\0\0", b"From ", b"\xca\xfe\xba\xbe", b"--- ",
        ]),
        rest in prop_oneof![prop::collection::vec(any::<u8>(), 0..700), "[ -~\\n]{0,700}".prop_map(String::into_bytes)],
        name in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let bytes = [start, &rest].concat();
        prop_assert!(mime(&bytes).contains('/'));
        let _ = expected_mimes(&name);
    }
}

/// Regular files below these folders, not too many of any.
fn some_files(folders: &[&str], limit: usize) -> Vec<PathBuf> {
    fn walk(folder: &Path, left: &mut usize, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if *left == 0 {
                return;
            } else if kind.is_dir() {
                walk(&entry.path(), left, files);
            } else if kind.is_file() {
                *left -= 1;
                files.push(entry.path());
            }
        }
    }
    let mut files = Vec::new();
    for folder in folders {
        walk(Path::new(folder), &mut limit.clone(), &mut files);
    }
    files
}

/// What both tools agree on where their names or their depth differ.
fn family(mime: &str) -> &str {
    match mime {
        "application/json"
        | "application/javascript"
        | "application/x-pem-file"
        | "message/rfc822"
        | "application/mbox"
        | "application/x-ndjson"
        | "application/postscript"
        | "application/x-font-type1"
        | "message/news"
        | "application/x-subrip"
        | "image/x-xpixmap"
        | "image/svg+xml"
        | "application/x-wine-extension-ini"
        | "application/pgp-keys" => "text",
        "application/x-dosexec" | "application/vnd.microsoft.portable-executable" => "program",
        "application/x-sharedlib" | "application/x-pie-executable" => "library",
        "application/java-archive" => "application/zip",
        "application/x-terminfo2" => "application/x-terminfo",
        text if text.starts_with("text/") => "text",
        other => other,
    }
}

/// On real files of this machine the type is the one that file(1) tells, where it tells one at all.
#[test]
fn agrees_with_file_on_real_files() {
    let files: Vec<PathBuf> = some_files(
        &[
            "/usr/bin",
            "/usr/lib",
            "/usr/share/doc",
            "/usr/share/icons",
            "/etc",
        ],
        300,
    )
    .into_iter()
    .filter(|path| {
        std::fs::File::open(path).is_ok() && !path.to_string_lossy().contains(['\n', '\\'])
    })
    .collect();
    let Ok(output) = std::process::Command::new("file")
        .args(["--mime-type", "-b", "--"])
        .args(&files)
        .output()
    else {
        eprintln!("left out: there is no file(1) here");
        return;
    };
    let theirs = String::from_utf8(output.stdout).expect("names of types");
    let (mut known, mut differ) = (0, Vec::new());
    for (path, theirs) in files.iter().zip(theirs.lines()) {
        let theirs = family(theirs);
        let Ok(content) = std::fs::read(path) else {
            continue;
        };
        if theirs != "application/octet-stream" && !theirs.starts_with("application/x-dc42") {
            known += 1;
            let ours = mime(&content);
            if family(ours) != theirs {
                differ.push(format!("{}: {ours}, file(1) says {theirs}", path.display()));
            }
        }
    }
    eprintln!("{known} files of a known type, {} differ", differ.len());
    assert!(differ.len() * 100 <= known * 2, "{differ:#?}");
}
