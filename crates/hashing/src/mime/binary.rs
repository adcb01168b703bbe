//! What is not text: a table of marks (`marks`) and, for formats that need a second look, a function each.

mod marks;
mod media;

use super::{at, be16, be32, byte, find, has, le16, le32, ole, zip};
use marks::MARKS;

pub(super) fn mime(bytes: &[u8]) -> Option<&'static str> {
    MARKS
        .iter()
        .find(|mark| {
            has(bytes, mark.at, mark.bytes)
                && mark.also.is_none_or(|(from, also)| has(bytes, from, also))
        })
        .map(|mark| mark.mime)
        .or_else(|| looks(bytes))
}

/// Formats whose mark leaves something open, and those with too little of a mark to be believed without a second look.
fn looks(bytes: &[u8]) -> Option<&'static str> {
    type Look = fn(&[u8]) -> Option<&'static str>;
    const LOOKS: &[Look] = &[
        elf,
        portable_executable,
        mach_o,
        class_or_fat,
        zips,
        compound,
        archive,
        python,
        media::riff,
        media::boxes,
        media::matroska,
        media::ogg,
        media::mpeg,
        media::transport_stream,
        media::bitmap,
        media::icon,
        media::font,
        media::portable_map,
        der,
        disk,
        berkeley,
        coff,
        lha,
        lzma,
        kernel,
        pgp,
        tar_without_mark,
    ];
    LOOKS.iter().find_map(|look| look(bytes))
}

/// [System V ABI](https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html): a program that may be loaded anywhere has the type of a library, but names an interpreter
/// or says so in its dynamic flags, which lie too far in; the interpreter is in the program headers.
fn elf(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 0, b"\x7fELF") {
        return None;
    }
    let wide = byte(bytes, 4)? == 2;
    let big = byte(bytes, 5)? == 2;
    let half = |from| {
        if big {
            be16(bytes, from)
        } else {
            le16(bytes, from)
        }
    };
    let word = |from| {
        if big {
            be32(bytes, from)
        } else {
            le32(bytes, from)
        }
    };
    Some(match half(16)? {
        1 => "application/x-object",
        2 => "application/x-executable",
        3 => {
            // Offsets of the 64-bit format are taken by their lower word: program headers lie at the beginning.
            let low = |from: usize| word(if wide && big { from + 4 } else { from });
            let (start, size, count) = if wide {
                (low(32), half(54), half(56))
            } else {
                (word(28), half(42), half(44))
            };
            let (Some(start), Some(size), Some(count)) = (start, size, count) else {
                return Some("application/x-sharedlib");
            };
            let interpreter = (0..usize::from(count.min(64))).any(|n| {
                usize::try_from(start)
                    .ok()
                    .and_then(|start| word(start.checked_add(n * usize::from(size))?))
                    == Some(3)
            });
            if interpreter {
                "application/x-pie-executable"
            } else {
                "application/x-sharedlib"
            }
        }
        4 => "application/x-coredump",
        _ => "application/x-elf",
    })
}

/// [PE format](https://learn.microsoft.com/windows/win32/debug/pe-format); what has only the old header is a DOS program.
fn portable_executable(bytes: &[u8]) -> Option<&'static str> {
    if !(has(bytes, 0, b"MZ") || has(bytes, 0, b"ZM")) {
        return None;
    }
    let header = le32(bytes, 0x3c).and_then(|offset| usize::try_from(offset).ok());
    Some(match header {
        Some(offset) if has(bytes, offset, b"PE\0\0") => {
            "application/vnd.microsoft.portable-executable"
        }
        // Boot loaders are kernels as well.
        _ if has(bytes, 514, b"HdrS") => "application/vnd.microsoft.portable-executable",
        _ => "application/x-dosexec",
    })
}

fn mach_o(bytes: &[u8]) -> Option<&'static str> {
    let thin = matches!(
        be32(bytes, 0)?,
        0xfeed_face | 0xfeed_facf | 0xcefa_edfe | 0xcffa_edfe
    );
    // File type: objects to kernel extensions, and file sets.
    let kind = if byte(bytes, 0)? == 0xfe {
        be32(bytes, 12)?
    } else {
        le32(bytes, 12)?
    };
    (thin && (1..=12).contains(&kind)).then_some("application/x-mach-binary")
}

/// Java classes and Mach-O files of several architectures share their mark. What follows is a version of 45 and more, or a small number.
fn class_or_fat(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 0, b"\xca\xfe\xba\xbe") {
        return None;
    }
    Some(if be32(bytes, 4)? < 40 {
        "application/x-mach-binary"
    } else {
        "application/java-vm"
    })
}

fn zips(bytes: &[u8]) -> Option<&'static str> {
    if has(bytes, 0, b"PK\x03\x04") {
        Some(zip::mime(bytes))
    } else {
        (has(bytes, 0, b"PK\x05\x06") || has(bytes, 0, b"PK\x07\x08PK\x03\x04"))
            .then_some("application/zip")
    }
}

fn compound(bytes: &[u8]) -> Option<&'static str> {
    has(bytes, 0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1").then(|| ole::mime(bytes))
}

fn archive(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 0, b"!<arch>\n") {
        return None;
    }
    Some(if has(bytes, 8, b"debian-binary") {
        "application/vnd.debian.binary-package"
    } else {
        "application/x-archive"
    })
}

/// The number of a byte code, then a carriage return and a newline, so that a transfer as text shows.
fn python(bytes: &[u8]) -> Option<&'static str> {
    let known = matches!(le16(bytes, 0)?, 3000..=3999 | 20121 | 50428 | 50823 | 60202 | 60717 | 62011..=62300);
    (known && has(bytes, 2, b"\r\n") && bytes.len() >= 8).then_some("application/x-bytecode.python")
}

/// ASN.1 in DER: a certificate, PKCS #7 or PKCS #12, told by what the outer sequence begins with.
fn der(bytes: &[u8]) -> Option<&'static str> {
    if byte(bytes, 0)? != 0x30 {
        return None;
    }
    let inside = |from: usize| match byte(bytes, from)? {
        0x80..=0x83 => Some(from + 1 + usize::from(byte(bytes, from)? & 3)),
        0..=0x7f => Some(from + 1),
        _ => None,
    };
    let body = inside(1)?;
    if has(bytes, body, b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02") {
        return Some("application/pkcs7-mime");
    }
    if has(bytes, body, b"\x02\x01\x03\x30")
        && find(at(bytes, body, 32)?, b"\x2a\x86\x48\x86\xf7\x0d\x01\x07").is_some()
    {
        return Some("application/x-pkcs12");
    }
    if byte(bytes, body)? == 0x30 {
        let certificate = inside(body + 1)?;
        // Version 3, then a serial number; or an older one, which begins with the serial number and then the algorithm.
        if has(bytes, certificate, b"\xa0\x03\x02\x01\x02\x02") {
            return Some("application/pkix-cert");
        }
    }
    if has(bytes, body, b"\x02\x01\x00\x02\x82")
        || has(bytes, body, b"\x02\x01\x00\x30\x0d\x06\x09")
    {
        return Some("application/pkcs8");
    }
    None
}

/// Whole disks and file systems.
fn disk(bytes: &[u8]) -> Option<&'static str> {
    let boot = has(bytes, 510, b"\x55\xaa");
    if boot && (has(bytes, 54, b"FAT") || has(bytes, 82, b"FAT32")) {
        return Some("application/x-fat-image");
    }
    if boot && (has(bytes, 3, b"NTFS    ") || has(bytes, 3, b"EXFAT   ")) {
        return Some("application/x-ntfs-image");
    }
    // The super block of ext2 to ext4: mark, state (0 to 7) and what to do on errors (1 to 3).
    if has(bytes, 1080, b"\x53\xef")
        && le16(bytes, 1082)? < 8
        && matches!(le16(bytes, 1084)?, 1..=3)
    {
        return Some("application/x-ext-image");
    }
    if boot {
        // Each of four partition entries is active or not, never anything between.
        let sane = (0..4).all(|n| matches!(byte(bytes, 446 + 16 * n), Some(0 | 0x80)));
        return sane.then_some("application/x-raw-disk-image");
    }
    None
}

/// Berkeley DB: the mark of the access method in the first page's header, in either byte order.
fn berkeley(bytes: &[u8]) -> Option<&'static str> {
    const METHODS: [u32; 4] = [0x0006_1561, 0x0005_3162, 0x0004_2253, 0x0007_4582];
    let known = |word: Option<u32>| word.is_some_and(|word| METHODS.contains(&word));
    (known(le32(bytes, 12)) || known(be32(bytes, 12))).then_some("application/x-dbm")
}

/// Objects for Windows have no mark but their machine's number; the header must make sense throughout.
fn coff(bytes: &[u8]) -> Option<&'static str> {
    let machine = matches!(le16(bytes, 0)?, 0x014c | 0x8664 | 0xaa64 | 0x01c4);
    let sections = le16(bytes, 2)?;
    let symbols = usize::try_from(le32(bytes, 8)?).ok()?;
    let optional = le16(bytes, 16)?;
    let sane =
        (1..200).contains(&sections) && optional == 0 && symbols >= 20 + 40 * usize::from(sections);
    let named = matches!(byte(bytes, 20)?, b'.' | b'/');
    (machine && sane && named).then_some("application/x-coff")
}

fn lha(bytes: &[u8]) -> Option<&'static str> {
    let method = at(bytes, 2, 5)?;
    matches!(
        method,
        [b'-', b'l', b'h' | b'z', b'0'..=b'9' | b'd' | b's', b'-']
    )
    .then_some("application/x-lzh-compressed")
}

/// The old format of LZMA: properties, a dictionary whose size is a power of two, and an unpacked length that is unknown or sensible.
fn lzma(bytes: &[u8]) -> Option<&'static str> {
    let dictionary = le32(bytes, 1)?;
    let length = at(bytes, 5, 8)?;
    let sane = length == [0xff; 8] || length.ends_with(&[0, 0, 0]);
    (byte(bytes, 0)? == 0x5d
        && dictionary >= 1 << 12
        && dictionary.is_power_of_two()
        && sane
        && byte(bytes, 13)? == 0)
        .then_some("application/x-lzma")
}

/// [The boot protocol](https://docs.kernel.org/arch/x86/boot.html) of Linux on x86.
fn kernel(bytes: &[u8]) -> Option<&'static str> {
    has(bytes, 514, b"HdrS").then_some("application/x-linux-kernel")
}

/// A key ring of [OpenPGP](https://www.rfc-editor.org/rfc/rfc9580): a packet header of a public or secret key, its version, and its time of making.
fn pgp(bytes: &[u8]) -> Option<&'static str> {
    let version = match (byte(bytes, 0)?, byte(bytes, 1)?) {
        // The old header with a length of two bytes.
        (0x99 | 0x95, _) if be16(bytes, 1)? < 8192 => 3,
        // The old header and the new one, with a length of one byte.
        (0x98 | 0xc6, 33..=191) => 2,
        _ => return None,
    };
    let algorithm = byte(bytes, version + 5)?;
    (byte(bytes, version)? == 4 && matches!(algorithm, 1..=3 | 16..=22 | 25..=28))
        .then_some("application/pgp-keys")
}

/// The first format of tar has no mark; the header's checksum tells. It is the sum of all bytes, with blanks for its own field.
fn tar_without_mark(bytes: &[u8]) -> Option<&'static str> {
    let header = at(bytes, 0, 512)?;
    let field = at(header, 148, 8)?;
    let digits = field.trim_ascii_start();
    let end = digits
        .iter()
        .position(|b| !(b'0'..=b'7').contains(b))
        .unwrap_or(digits.len());
    let said = digits
        .get(..end)?
        .iter()
        .fold(0u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
    let sum: u32 = header.iter().map(|b| u32::from(*b)).sum();
    let own: u32 = field.iter().map(|b| u32::from(*b)).sum();
    (end > 0 && byte(header, 0)? != 0 && sum - own + 8 * u32::from(b' ') == said)
        .then_some("application/x-tar")
}
