//! What the extension of a file name promises about its content.
//!
//! A responder looks for programs that pass for pictures and archives that pass for logs, not for a `.dat` that is something after all. So only extensions with one
//! clear meaning promise anything, each format is taken with all names that [`super::mime`] may give it, and an empty file breaks no promise. Where one extension has
//! several meanings, all of them are kept.

/// A list of types, with that of empty files at its head.
macro_rules! types {
    ($($mime:expr),* $(,)?) => { &["inode/x-empty", $($mime),*] };
}

/// All kinds of text, and what is written as text; then further types.
macro_rules! text {
    ($($mime:expr),* $(,)?) => {
        types![
            "text/plain", "text/html", "text/xml", "application/json", "text/x-shellscript", "text/x-script", "text/x-script.python", "text/x-perl", "text/x-ruby",
            "application/javascript", "text/x-php", "text/x-lua", "text/x-tcl", "text/x-awk", "text/x-makefile", "text/x-powershell", "text/x-applescript",
            "text/x-msdos-batch", "text/x-ms-regedit", "text/x-diff", "text/x-tex", "text/x-texinfo", "text/troff", "text/vcard", "text/calendar", "text/vtt", "text/rtf",
            "message/rfc822", "application/mbox", "application/x-pem-file", "application/postscript", "application/pgp-signature", "application/pgp-keys",
            "application/pgp-encrypted", "application/x-mswinurl", "audio/x-mpegurl", "image/svg+xml", "image/x-xpixmap", "application/x-font-type1", "model/off", "model/ply",
            $($mime),*
        ]
    };
}

type Types = &'static [&'static str];

const TEXT: Types = text![];
const PROGRAM: Types = types![
    "application/vnd.microsoft.portable-executable",
    "application/x-dosexec"
];
const OPEN_OFFICE_WORD: &str =
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
const OPEN_OFFICE_SHEET: &str = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const OPEN_OFFICE_SLIDES: &str =
    "application/vnd.openxmlformats-officedocument.presentationml.presentation";
const OPEN_OFFICE: &str = "application/vnd.openxmlformats-officedocument";
const OLE: &str = "application/x-ole-storage";
const ELF: [&str; 6] = [
    "application/x-executable",
    "application/x-pie-executable",
    "application/x-sharedlib",
    "application/x-object",
    "application/x-coredump",
    "application/x-elf",
];

/// Extensions in lower case, sorted, and what they promise.
#[rustfmt::skip]
static NAMES: &[(&str, Types)] = &[
    ("7z", types!["application/x-7z-compressed"]),
    ("aac", types!["audio/x-hx-aac-adts", "audio/mpeg", "audio/x-m4a", "video/mp4"]),
    ("aiff", types!["audio/x-aiff"]),
    ("apk", types!["application/vnd.android.package-archive", "application/java-archive", "application/zip", "application/gzip", "application/x-tar"]),
    ("avi", types!["video/x-msvideo"]),
    ("avif", types!["image/avif"]),
    ("bash", TEXT),
    ("bat", TEXT),
    ("bmp", types!["image/bmp"]),
    ("bz2", types!["application/x-bzip2"]),
    ("c", TEXT),
    ("cab", types!["application/vnd.ms-cab-compressed", "application/x-installshield"]),
    ("cc", TEXT),
    ("cer", text!["application/pkix-cert"]),
    ("chm", types!["application/vnd.ms-htmlhelp"]),
    ("class", types!["application/java-vm"]),
    ("cmd", TEXT),
    ("conf", TEXT),
    ("cpio", types!["application/x-cpio"]),
    ("cpl", PROGRAM),
    ("cpp", TEXT),
    ("crt", text!["application/pkix-cert"]),
    ("crx", types!["application/x-chrome-extension", "application/zip"]),
    ("cs", TEXT),
    ("css", TEXT),
    ("csv", TEXT),
    ("deb", types!["application/vnd.debian.binary-package"]),
    ("desktop", TEXT),
    ("dex", types!["application/x-dex"]),
    ("djvu", types!["image/vnd.djvu"]),
    ("dll", PROGRAM),
    ("doc", text!["application/msword", OLE, OPEN_OFFICE_WORD, "application/encrypted"]),
    ("docm", types![OPEN_OFFICE_WORD, OPEN_OFFICE, "application/zip", "application/encrypted", OLE]),
    ("docx", types![OPEN_OFFICE_WORD, OPEN_OFFICE, "application/zip", "application/encrypted", OLE]),
    ("efi", PROGRAM),
    ("emf", types!["image/emf"]),
    ("eml", TEXT),
    ("epub", types!["application/epub+zip", "application/zip"]),
    ("evt", types!["application/x-ms-evt"]),
    ("evtx", types!["application/x-ms-evtx"]),
    ("exe", PROGRAM),
    ("flac", types!["audio/flac", "audio/mpeg"]),
    ("flv", types!["video/x-flv"]),
    ("gif", types!["image/gif"]),
    ("go", TEXT),
    ("gz", types!["application/gzip", "application/x-compress"]),
    ("h", TEXT),
    ("heic", types!["image/heic", "image/heif"]),
    ("hpp", TEXT),
    ("htm", TEXT),
    ("html", TEXT),
    ("ico", types!["image/vnd.microsoft.icon", "image/png", "image/bmp"]),
    ("ini", TEXT),
    ("iso", types!["application/x-iso9660-image", "application/x-raw-disk-image", "application/octet-stream"]),
    ("jar", types!["application/java-archive", "application/zip", "application/vnd.android.package-archive"]),
    ("java", TEXT),
    ("jpeg", types!["image/jpeg"]),
    ("jpg", types!["image/jpeg"]),
    ("js", TEXT),
    ("json", TEXT),
    ("ko", types![ELF[3]]),
    ("lnk", types!["application/x-ms-shortcut"]),
    ("log", TEXT),
    ("lua", text!["application/x-luac"]),
    ("lz4", types!["application/x-lz4"]),
    ("lzma", types!["application/x-lzma"]),
    ("m4a", types!["audio/x-m4a", "video/mp4"]),
    ("md", TEXT),
    ("mid", types!["audio/midi"]),
    ("mkv", types!["video/x-matroska", "video/webm"]),
    ("mov", types!["video/quicktime", "video/mp4"]),
    ("mp3", types!["audio/mpeg"]),
    ("mp4", types!["video/mp4", "video/quicktime", "audio/x-m4a", "video/3gpp"]),
    ("msi", types!["application/x-msi", OLE]),
    ("msp", types!["application/x-msi", OLE]),
    ("ocx", PROGRAM),
    ("odp", types!["application/vnd.oasis.opendocument.presentation", "application/zip"]),
    ("ods", types!["application/vnd.oasis.opendocument.spreadsheet", "application/zip"]),
    ("odt", types!["application/vnd.oasis.opendocument.text", "application/zip"]),
    ("ogg", types!["audio/ogg", "video/ogg", "application/ogg"]),
    ("otf", types!["application/vnd.ms-opentype", "font/sfnt"]),
    ("parquet", types!["application/vnd.apache.parquet"]),
    ("pcap", types!["application/vnd.tcpdump.pcap", "application/x-pcapng"]),
    ("pcapng", types!["application/x-pcapng", "application/vnd.tcpdump.pcap"]),
    ("pdf", types!["application/pdf"]),
    ("pem", text!["application/pkix-cert"]),
    ("pf", types!["application/x-ms-prefetch", "text/plain"]),
    ("php", TEXT),
    ("pl", TEXT),
    ("pm", TEXT),
    ("png", types!["image/png", "image/vnd.microsoft.icon"]),
    ("ppt", types!["application/vnd.ms-powerpoint", OLE, OPEN_OFFICE_SLIDES, "application/encrypted"]),
    ("pptm", types![OPEN_OFFICE_SLIDES, OPEN_OFFICE, "application/zip", "application/encrypted", OLE]),
    ("pptx", types![OPEN_OFFICE_SLIDES, OPEN_OFFICE, "application/zip", "application/encrypted", OLE]),
    ("ps1", TEXT),
    ("psd", types!["image/vnd.adobe.photoshop"]),
    ("psd1", TEXT),
    ("psm1", TEXT),
    ("pst", types!["application/vnd.ms-outlook-pst"]),
    ("py", TEXT),
    ("pyc", types!["application/x-bytecode.python"]),
    ("pyi", TEXT),
    ("qcow2", types!["application/x-qemu-disk"]),
    ("rar", types!["application/x-rar"]),
    ("rb", TEXT),
    ("reg", TEXT),
    ("rpm", types!["application/x-rpm"]),
    ("rs", TEXT),
    ("rst", TEXT),
    ("rtf", TEXT),
    ("scr", PROGRAM),
    ("sh", TEXT),
    ("so", text![ELF[2], ELF[1], ELF[0], "application/x-mach-binary"]),
    ("sql", TEXT),
    ("sqlite", types!["application/vnd.sqlite3"]),
    ("sqlite3", types!["application/vnd.sqlite3"]),
    ("svg", TEXT),
    ("swf", types!["application/vnd.adobe.flash.movie"]),
    ("tar", types!["application/x-tar"]),
    ("tgz", types!["application/gzip"]),
    ("tif", types!["image/tiff"]),
    ("tiff", types!["image/tiff"]),
    ("toml", TEXT),
    ("tsv", TEXT),
    ("ttc", types!["font/collection"]),
    ("ttf", types!["font/sfnt", "application/vnd.ms-opentype", "font/collection"]),
    ("txt", TEXT),
    ("vbs", TEXT),
    ("vhdx", types!["application/x-vhdx"]),
    ("wasm", types!["application/wasm"]),
    ("wav", types!["audio/x-wav"]),
    ("webm", types!["video/webm", "video/x-matroska"]),
    ("webp", types!["image/webp"]),
    ("whl", types!["application/zip"]),
    ("wim", types!["application/x-ms-wim"]),
    ("wma", types!["video/x-ms-asf"]),
    ("wmf", types!["image/wmf"]),
    ("wmv", types!["video/x-ms-asf"]),
    ("woff", types!["font/woff"]),
    ("woff2", types!["font/woff2"]),
    ("xls", text!["application/vnd.ms-excel", OLE, OPEN_OFFICE_SHEET, "application/encrypted"]),
    ("xlsm", types![OPEN_OFFICE_SHEET, OPEN_OFFICE, "application/zip", "application/encrypted", OLE]),
    ("xlsx", types![OPEN_OFFICE_SHEET, OPEN_OFFICE, "application/zip", "application/encrypted", OLE]),
    ("xml", TEXT),
    ("xpi", types!["application/zip", "application/java-archive"]),
    ("xpm", TEXT),
    ("xz", types!["application/x-xz"]),
    ("yaml", TEXT),
    ("yml", TEXT),
    ("zip", types![
        "application/zip", "application/java-archive", "application/vnd.android.package-archive", "application/epub+zip", OPEN_OFFICE, OPEN_OFFICE_WORD, OPEN_OFFICE_SHEET,
        OPEN_OFFICE_SLIDES, "application/vsix", "application/x-ios-app", "application/vnd.google-earth.kmz",
    ]),
    ("zsh", TEXT),
    ("zst", types!["application/zstd"]),
];

/// The longest extension there is a promise for.
const LONGEST: usize = 8;

/// The content types that are no surprise in a file of this name (its last component); None where the name promises nothing.
pub fn expected_mimes(file_name: &[u8]) -> Option<&'static [&'static str]> {
    let dot = file_name.iter().rposition(|byte| *byte == b'.')?;
    // A name that is nothing but its extension is a hidden file.
    if dot == 0 || is_trash_record(file_name, dot) {
        return None;
    }
    let extension = file_name.get(dot + 1..)?;
    let mut lower = [0; LONGEST];
    let lower = lower.get_mut(..extension.len())?;
    for (to, from) in lower.iter_mut().zip(extension) {
        *to = from.to_ascii_lowercase();
    }
    let found = NAMES
        .binary_search_by(|(name, _)| name.as_bytes().cmp(lower))
        .ok()?;
    NAMES.get(found).map(|(_, types)| *types)
}

/// The recycle bin of Windows keeps where a file came from in another of the same extension, `$I` and six characters in place of `$R` and the same six.
fn is_trash_record(file_name: &[u8], dot: usize) -> bool {
    dot == 8 && file_name.starts_with(b"$I")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_fits() {
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.iter().all(|(name, _)| name.len() <= LONGEST));
    }
}
