//! Sound, pictures, films and fonts that need a second look.

use super::super::{at, be16, be32, byte, find, has, le16, le32};

/// RIFF and its relatives: a form type behind the length.
pub(super) fn riff(bytes: &[u8]) -> Option<&'static str> {
    let form = at(bytes, 8, 4)?;
    match at(bytes, 0, 4)? {
        b"RIFF" | b"RF64" => Some(match form {
            b"WAVE" => "audio/x-wav",
            b"AVI " => "video/x-msvideo",
            b"WEBP" => "image/webp",
            b"ACON" => "application/x-navi-animation",
            b"RMID" => "audio/midi",
            b"sfbk" => "audio/x-sfbk",
            b"CDR9" | b"CDRA" | b"CDRB" => "application/vnd.corel-draw",
            _ => "application/x-riff",
        }),
        b"FORM" => match form {
            b"AIFF" | b"AIFC" => Some("audio/x-aiff"),
            b"ILBM" => Some("image/x-ilbm"),
            _ => None,
        },
        b"FOR1" if form == b"BEAM" => Some("application/x-erlang-beam"),
        _ => None,
    }
}

/// The ISO base media format: the first box says which of its many uses this is.
pub(super) fn boxes(bytes: &[u8]) -> Option<&'static str> {
    let len = be32(bytes, 0)?;
    match at(bytes, 4, 4)? {
        b"ftyp" if (8..4096).contains(&len) => Some(match at(bytes, 8, 4)? {
            b"qt  " => "video/quicktime",
            b"M4A " | b"M4B " | b"M4P " => "audio/x-m4a",
            b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" => "image/heic",
            b"mif1" | b"msf1" => "image/heif",
            b"avif" | b"avis" => "image/avif",
            b"crx " => "image/x-canon-cr3",
            b"jp2 " => "image/jp2",
            [b'3', b'g', b'p' | b'r' | b's' | b'e', _] => "video/3gpp",
            [b'3', b'g', b'2', _] => "video/3gpp2",
            _ => "video/mp4",
        }),
        b"moov" | b"mdat" | b"wide" | b"pnot" if len == 1 || len >= 8 => Some("video/quicktime"),
        _ => None,
    }
}

pub(super) fn matroska(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 0, b"\x1a\x45\xdf\xa3") {
        return None;
    }
    let start = bytes.get(..64).unwrap_or(bytes);
    Some(if find(start, b"webm").is_some() {
        "video/webm"
    } else {
        "video/x-matroska"
    })
}

/// The first packet of an Ogg stream names its codec.
pub(super) fn ogg(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 0, b"OggS\0") {
        return None;
    }
    let is = |mark| has(bytes, 28, mark);
    Some(
        if is(b"\x01vorbis") || is(b"OpusHead") || is(b"Speex   ") || is(b"\x7fFLAC") {
            "audio/ogg"
        } else if is(b"\x80theora") {
            "video/ogg"
        } else {
            "application/ogg"
        },
    )
}

/// A frame of MPEG audio without a tag before it: a header whose fields are all allowed, and as far as it is in view a second one where the first says.
pub(super) fn mpeg(bytes: &[u8]) -> Option<&'static str> {
    let header = be32(bytes, 0)?;
    if header >> 20 != 0xfff {
        return None;
    }
    let layer = header >> 17 & 3;
    if layer == 0 {
        // Layer 0 is AAC with a header of its own: a sampling rate that exists, and a length.
        let rate = header >> 10 & 15;
        let second = usize::try_from(
            (header & 3) << 11 | u32::from(byte(bytes, 4)?) << 3 | u32::from(byte(bytes, 5)?) >> 5,
        )
        .ok()?;
        let follows = at(bytes, second, 2)
            .is_none_or(|next| matches!(next, [0xff, b, ..] if b & 0xf6 == 0xf0));
        return (rate < 13 && second > 7 && follows).then_some("audio/x-hx-aac-adts");
    }
    let second_version = header >> 19 & 1 == 0;
    let (rate, sampling) = (header >> 12 & 15, header >> 10 & 3);
    if matches!(rate, 0 | 15) || sampling == 3 || header & 3 == 2 {
        return None;
    }
    // Layer III only: the others are rare, and their lengths differ.
    if layer != 1 {
        return None;
    }
    const FIRST: [u32; 15] = [
        0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320,
    ];
    const SECOND: [u32; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    const SAMPLING: [u32; 3] = [44_100, 48_000, 32_000];
    let index = usize::try_from(rate).ok()?;
    let bits = 1000
        * if second_version {
            SECOND.get(index)?
        } else {
            FIRST.get(index)?
        };
    let mut hertz = *SAMPLING.get(usize::try_from(sampling).ok()?)?;
    let mut samples = 144;
    if second_version {
        samples = 72;
        hertz >>= if header >> 20 & 1 == 1 && header >> 19 & 3 == 0 {
            2
        } else {
            1
        };
    }
    let second = usize::try_from(samples * bits / hertz + (header >> 9 & 1)).ok()?;
    let follows =
        at(bytes, second, 2).is_none_or(|next| matches!(next, [0xff, b, ..] if b & 0xe0 == 0xe0));
    follows.then_some("audio/mpeg")
}

/// Packets of 188 bytes, each beginning with a G.
pub(super) fn transport_stream(bytes: &[u8]) -> Option<&'static str> {
    (0..4)
        .all(|n| byte(bytes, 188 * n) == Some(0x47))
        .then_some("video/mp2t")
}

/// Two letters are no mark: the size of the header that follows must be one of those there are.
pub(super) fn bitmap(bytes: &[u8]) -> Option<&'static str> {
    let known = matches!(le32(bytes, 14)?, 12 | 40 | 52 | 56 | 64 | 108 | 124);
    (has(bytes, 0, b"BM") && known).then_some("image/bmp")
}

/// Icons and cursors: the number of pictures, and the first entry's place behind the table.
pub(super) fn icon(bytes: &[u8]) -> Option<&'static str> {
    let count = le16(bytes, 4)?;
    let place = le32(bytes, 18)?;
    let sane = (1..=256).contains(&count)
        && byte(bytes, 9)? == 0
        && place >= 6 + 16 * u32::from(count)
        && place < 1 << 20;
    match at(bytes, 0, 4)? {
        b"\0\0\x01\0" if sane => Some("image/vnd.microsoft.icon"),
        b"\0\0\x02\0" if sane => Some("image/x-win-bitmap-cursor"),
        _ => None,
    }
}

/// TrueType begins with a version that many other things begin with as well; a table of tables follows, whose names are letters.
pub(super) fn font(bytes: &[u8]) -> Option<&'static str> {
    if !has(bytes, 0, b"\0\x01\0\0") && !has(bytes, 0, b"true") {
        return None;
    }
    let tables = (1..=64).contains(&be16(bytes, 4)?);
    let name = at(bytes, 12, 4)?
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b' '));
    (tables && name).then_some("font/sfnt")
}

/// Netpbm with binary samples: width behind white space.
pub(super) fn portable_map(bytes: &[u8]) -> Option<&'static str> {
    if !byte(bytes, 2)?.is_ascii_whitespace()
        || !(byte(bytes, 3)?.is_ascii_digit() || byte(bytes, 3)? == b'#')
    {
        return None;
    }
    match at(bytes, 0, 2)? {
        b"P4" => Some("image/x-portable-bitmap"),
        b"P5" => Some("image/x-portable-greymap"),
        b"P6" => Some("image/x-portable-pixmap"),
        _ => None,
    }
}
