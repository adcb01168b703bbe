//! What is text, and of which kind.
//!
//! Text is ASCII, UTF-8, UTF-16, UTF-32 or one of the other alphabets without control characters that text has no use for. Its kind is told by how it begins; a language that only its words would tell stays `text/plain`.

use super::{find, has};
use std::borrow::Cow;

/// How much of a text is searched for marks that need not stand at its beginning.
const SEARCHED: usize = 1 << 10;

/// The start of a text, as ASCII or something that contains it.
pub(super) struct Text<'a> {
    text: Cow<'a, [u8]>,
    whole: bool,
}

/// What a text begins with. Letters are compared as they are.
#[rustfmt::skip]
const STARTS: &[(&[u8], &str)] = &[
    (b"%PDF-", "application/pdf"),
    (b"%!PS-AdobeFont", "application/x-font-type1"),
    (b"%!FontType1", "application/x-font-type1"),
    (b"%!", "application/postscript"),
    (b"{\\rtf", "text/rtf"),
    (b"!<arch>\n", "application/x-archive"),
    (b"!<thin>\n", "application/x-archive"),
    (b"<?php", "text/x-php"),
    (b"/* XPM */", "image/x-xpixmap"),
    (b"-----BEGIN PGP MESSAGE", "application/pgp-encrypted"),
    (b"-----BEGIN PGP SIGNED", "text/plain"),
    (b"-----BEGIN PGP SIGNATURE", "application/pgp-signature"),
    (b"-----BEGIN PGP PUBLIC", "application/pgp-keys"),
    (b"-----BEGIN PGP PRIVATE", "application/pgp-keys"),
    (b"-----BEGIN ", "application/x-pem-file"),
    (b"BEGIN:VCARD", "text/vcard"),
    (b"BEGIN:VCALENDAR", "text/calendar"),
    (b"WEBVTT", "text/vtt"),
    (b"#EXTM3U", "audio/x-mpegurl"),
    (b"Windows Registry Editor Version", "text/x-ms-regedit"),
    (b"REGEDIT4", "text/x-ms-regedit"),
    (b"[InternetShortcut]", "application/x-mswinurl"),
    (b"@echo off", "text/x-msdos-batch"),
    (b"@ECHO OFF", "text/x-msdos-batch"),
    (b"@Echo Off", "text/x-msdos-batch"),
    (b"diff --git ", "text/x-diff"),
    (b"diff -", "text/x-diff"),
    (b"Index: ", "text/x-diff"),
    (b"\\documentclass", "text/x-tex"),
    (b"\\input texinfo", "text/x-texinfo"),
    (b".TH ", "text/troff"),
    (b".Dd ", "text/troff"),
    (b".\\\"", "text/troff"),
    (b"'\\\"", "text/troff"),
    (b"Received: ", "message/rfc822"),
    (b"Return-Path: ", "message/rfc822"),
    (b"Delivered-To: ", "message/rfc822"),
    (b"X-Mozilla-Status: ", "message/rfc822"),
    (b"From: ", "message/rfc822"),
    (b"MIME-Version: ", "message/rfc822"),
    (b"From ", "application/mbox"),
    (b"d8:announce", "application/x-bittorrent"),
    (b"d7:comment", "application/x-bittorrent"),
    (b";ELC", "application/x-elc"),
    (b"#?RADIANCE", "image/vnd.radiance"),
    (b"OFF\n", "model/off"),
    (b"ply\n", "model/ply"),
];

/// What markup begins with, without regard to case.
const MARKUP: &[(&[u8], &str)] = &[
    (b"<!doctype html", "text/html"),
    (b"<html", "text/html"),
    (b"<head", "text/html"),
    (b"<title", "text/html"),
    (b"<body", "text/html"),
    (b"<svg", "image/svg+xml"),
    (b"<!doctype svg", "image/svg+xml"),
];

/// Interpreters named behind `#!`, without version and path.
const INTERPRETERS: &[(&str, &str)] = &[
    ("sh", "text/x-shellscript"),
    ("bash", "text/x-shellscript"),
    ("dash", "text/x-shellscript"),
    ("ksh", "text/x-shellscript"),
    ("mksh", "text/x-shellscript"),
    ("zsh", "text/x-shellscript"),
    ("ash", "text/x-shellscript"),
    ("csh", "text/x-shellscript"),
    ("tcsh", "text/x-shellscript"),
    ("fish", "text/x-shellscript"),
    ("busybox", "text/x-shellscript"),
    ("python", "text/x-script.python"),
    ("pypy", "text/x-script.python"),
    ("perl", "text/x-perl"),
    ("ruby", "text/x-ruby"),
    ("node", "application/javascript"),
    ("nodejs", "application/javascript"),
    ("deno", "application/javascript"),
    ("php", "text/x-php"),
    ("lua", "text/x-lua"),
    ("tclsh", "text/x-tcl"),
    ("wish", "text/x-tcl"),
    ("expect", "text/x-tcl"),
    ("awk", "text/x-awk"),
    ("gawk", "text/x-awk"),
    ("mawk", "text/x-awk"),
    ("nawk", "text/x-awk"),
    ("make", "text/x-makefile"),
    ("pwsh", "text/x-powershell"),
    ("osascript", "text/x-applescript"),
];

impl<'a> Text<'a> {
    /// The text that this content is, if it is one.
    pub(super) fn of(start: &'a [u8]) -> Option<Text<'a>> {
        let whole = start.len() < super::TEXT;
        let borrowed = |text| Text {
            text: Cow::Borrowed(text),
            whole,
        };
        if let Some(text) = start.strip_prefix(b"\xef\xbb\xbf") {
            return is_8bit(text).then(|| borrowed(text));
        }
        if let Some(units) = start.strip_prefix(b"\xff\xfe\0\0") {
            return utf32(units, u32::from_le_bytes, whole);
        }
        if let Some(units) = start.strip_prefix(b"\0\0\xfe\xff") {
            return utf32(units, u32::from_be_bytes, whole);
        }
        if let Some(units) = start.strip_prefix(b"\xff\xfe") {
            return utf16(units, u16::from_le_bytes, whole);
        }
        if let Some(units) = start.strip_prefix(b"\xfe\xff") {
            return utf16(units, u16::from_be_bytes, whole);
        }
        if is_8bit(start) {
            return Some(borrowed(start));
        }
        // Without a mark at its beginning UTF-16 shows in plain letters with a zero beside each, UTF-32 with three.
        let zeros = |from, step| {
            start.len() >= 16 && start.iter().skip(from).step_by(step).all(|b| *b == 0)
        };
        if zeros(3, 4) && zeros(2, 4) {
            utf32(start, u32::from_le_bytes, whole)
        } else if zeros(0, 4) && zeros(1, 4) {
            utf32(start, u32::from_be_bytes, whole)
        } else if zeros(1, 2) {
            utf16(start, u16::from_le_bytes, whole)
        } else if zeros(0, 2) {
            utf16(start, u16::from_be_bytes, whole)
        } else {
            None
        }
    }

    /// What kind of text it is.
    pub(super) fn mime(&self) -> &'static str {
        let text = &*self.text;
        // An attribute at the head of a Rust file begins so, too; an interpreter has a path.
        if let Some(line) = text.strip_prefix(b"#!").map(<[u8]>::trim_ascii_start)
            && line.starts_with(b"/")
        {
            return script(line);
        }
        if has(text, 0, b"From ") && !mbox(text) {
            return "text/plain";
        }
        if let Some((_, mime)) = STARTS.iter().find(|(start, _)| text.starts_with(start)) {
            return mime;
        }
        if text.starts_with(b"--- ")
            && find(text.get(..SEARCHED).unwrap_or(text), b"\n+++ ").is_some()
        {
            return "text/x-diff";
        }
        let trimmed = text.trim_ascii_start();
        match trimmed.first() {
            Some(b'<') => markup(trimmed),
            Some(b'{' | b'[') if json(trimmed, self.whole) => "application/json",
            _ => "text/plain",
        }
    }
}

/// A line `From name date` with a year in it, as mailboxes have, and not the first words of a sentence.
fn mbox(text: &[u8]) -> bool {
    let line = text.split(|byte| *byte == b'\n').next().unwrap_or(text);
    line.iter().filter(|byte| **byte == b':').count() >= 2 && line.iter().any(u8::is_ascii_digit)
}

fn script(line: &[u8]) -> &'static str {
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or(line);
    let mut words = line
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let base = |word: &[u8]| -> Vec<u8> {
        let name = word.rsplit(|byte| *byte == b'/').next().unwrap_or(word);
        let end = name
            .iter()
            .rposition(|byte| !(byte.is_ascii_digit() || *byte == b'.' || *byte == b'-'));
        name.get(..end.map_or(0, |end| end + 1))
            .unwrap_or(name)
            .to_vec()
    };
    let mut name = words.next().map(base).unwrap_or_default();
    if name == b"env" {
        name = words
            .find(|word| !word.starts_with(b"-") && !word.contains(&b'='))
            .map(base)
            .unwrap_or_default();
    }
    INTERPRETERS
        .iter()
        .find(|(known, _)| known.as_bytes() == name)
        .map_or("text/x-script", |(_, mime)| mime)
}

fn markup(text: &[u8]) -> &'static str {
    let text = text.get(..SEARCHED).unwrap_or(text);
    let lower = text.to_ascii_lowercase();
    let kind = |lower: &[u8]| {
        MARKUP
            .iter()
            .find(|(start, _)| lower.starts_with(start))
            .map(|(_, mime)| *mime)
    };
    if let Some(mime) = kind(&lower) {
        return mime;
    }
    if !lower.starts_with(b"<?xml") {
        // Comments may stand before the first element of a page.
        if lower.starts_with(b"<!--")
            && (find(&lower, b"<html").is_some() || find(&lower, b"<!doctype html").is_some())
        {
            return "text/html";
        }
        return "text/plain";
    }
    // The first element behind declaration, comments and document type.
    let mut rest = lower.get(5..).unwrap_or_default();
    while let Some(open) = rest.iter().position(|byte| *byte == b'<') {
        rest = rest.get(open..).unwrap_or_default();
        if let Some(mime) = kind(rest) {
            return mime;
        }
        let skip = if rest.starts_with(b"<!--") {
            find(rest, b"-->")
        } else if rest.starts_with(b"<!") || rest.starts_with(b"<?") {
            find(rest, b">")
        } else {
            None
        };
        let Some(skip) = skip else {
            break;
        };
        rest = rest.get(skip..).unwrap_or_default();
    }
    "text/xml"
}

/// Whether this is JSON ([RFC 8259](https://www.rfc-editor.org/rfc/rfc8259)) as far as it goes; the end may be missing unless it is the whole content.
fn json(text: &[u8], whole: bool) -> bool {
    #[derive(Clone, Copy, PartialEq)]
    enum Want {
        Value,
        FirstKeyOrEnd,
        Key,
        Colon,
        FirstValueOrEnd,
        CommaOrEnd,
    }
    let mut open: Vec<u8> = Vec::new();
    let mut want = Want::Value;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            continue;
        }
        let value = matches!(want, Want::Value | Want::FirstValueOrEnd);
        want = match byte {
            b'{' if value => {
                open.push(b'}');
                Want::FirstKeyOrEnd
            }
            b'[' if value => {
                open.push(b']');
                Want::FirstValueOrEnd
            }
            b'}' | b']' if open.last() == Some(&byte) => {
                let fits = match want {
                    Want::CommaOrEnd => true,
                    Want::FirstKeyOrEnd => byte == b'}',
                    Want::FirstValueOrEnd => byte == b']',
                    _ => false,
                };
                if !fits {
                    return false;
                }
                open.pop();
                if open.is_empty() {
                    // One value, or one to a line.
                    let rest = text.get(at..).unwrap_or_default().trim_ascii_start();
                    return rest.is_empty() || matches!(rest.first(), Some(b'{' | b'['));
                }
                Want::CommaOrEnd
            }
            b'"' if value || matches!(want, Want::Key | Want::FirstKeyOrEnd) => {
                loop {
                    match text.get(at) {
                        None => return !whole,
                        Some(b'"') => break,
                        Some(b'\\') => at += 2,
                        Some(b'\n') => return false,
                        Some(_) => at += 1,
                    }
                }
                at += 1;
                if value { Want::CommaOrEnd } else { Want::Colon }
            }
            b':' if want == Want::Colon => Want::Value,
            b',' if want == Want::CommaOrEnd => match open.last() {
                Some(b'}') => Want::Key,
                _ => Want::Value,
            },
            b'-' | b'0'..=b'9' if value => {
                let more = |b: &u8| matches!(b, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
                at += text
                    .get(at..)
                    .unwrap_or_default()
                    .iter()
                    .take_while(|b| more(b))
                    .count();
                Want::CommaOrEnd
            }
            b't' | b'f' | b'n' if value => {
                let rest = text.get(at - 1..).unwrap_or_default();
                let Some(word) = [&b"true"[..], b"false", b"null"]
                    .into_iter()
                    .find(|word| rest.starts_with(word) || (!whole && word.starts_with(rest)))
                else {
                    return false;
                };
                at += word.len() - 1;
                Want::CommaOrEnd
            }
            _ => return false,
        };
    }
    !whole
}

/// No control characters but those of texts; other bytes may be any alphabet's.
fn is_8bit(text: &[u8]) -> bool {
    // Without a way out in the middle, so that it runs in vectors.
    let seen = text.iter().fold(0, |seen, byte| seen | control(*byte));
    if seen & CONTROL != 0 {
        return false;
    }
    if text.is_ascii() {
        return true;
    }
    if seen & SHIFT != 0 {
        return false;
    }
    match std::str::from_utf8(text) {
        Ok(_) => true,
        // The last character may be cut.
        Err(e) if e.error_len().is_none() => true,
        Err(_) => is_alphabet(text),
    }
}

const CONTROL: u8 = 1;
const SHIFT: u8 = 2;

/// Bell to carriage return and escape belong to text, and the group separator to the logs of the audit daemon. The two shifts belong to the 7-bit alphabets of ISO 2022.
fn control(byte: u8) -> u8 {
    let text = (7..=13).contains(&byte) | (byte == 27) | (byte == 29);
    let shift = (byte == 14) | (byte == 15);
    let control = ((byte < 0x20) & !text & !shift) | (byte == 127);
    (u8::from(control) * CONTROL) | (u8::from(shift) * SHIFT)
}

/// How much without any control character is text, whatever the rest: in as many random bytes there would be one, all but surely.
const NO_CHANCE: usize = 256;

/// Whether it may be text in another alphabet: long enough not to be so by chance, or else mostly plain letters.
fn is_alphabet(text: &[u8]) -> bool {
    let high = text.iter().filter(|byte| **byte >= 0x80).count();
    let undefined = text
        .iter()
        .filter(|byte| (0x80..0xa0).contains(*byte))
        .count();
    text.len() >= NO_CHANCE
        || (high * 3 <= text.len() * 2 && undefined * 20 <= text.len() && text.len() >= 8)
}

fn utf32<'a>(bytes: &[u8], unit: fn([u8; 4]) -> u32, whole: bool) -> Option<Text<'a>> {
    let units = bytes.as_chunks::<4>().0.iter().map(|four| unit(*four));
    let text: Vec<u8> = units
        .map(|unit| char::from_u32(unit).map(|char| u8::try_from(char).unwrap_or(b'?')))
        .collect::<Option<_>>()?;
    (!text.is_empty() && is_8bit(&text)).then_some(Text {
        text: Cow::Owned(text),
        whole,
    })
}

fn utf16<'a>(bytes: &[u8], unit: fn([u8; 2]) -> u16, whole: bool) -> Option<Text<'a>> {
    let units = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    let mut text = Vec::with_capacity(bytes.len() / 2);
    let mut total = 0usize;
    let mut lost = 0usize;
    for char in char::decode_utf16(units) {
        total += 1;
        match char {
            Ok(char) if char.is_ascii() => text.push(char as u8),
            Ok('\u{fffe}' | '\u{ffff}') | Err(_) => lost += 1,
            Ok(_) => text.push(b'?'),
        }
    }
    // A pair cut at the end is one lost character.
    let is_text = total > 0 && lost <= 1 && is_8bit(&text);
    is_text.then_some(Text {
        text: Cow::Owned(text),
        whole,
    })
}
