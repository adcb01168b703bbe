//! Paths inside a pack: relative, with forward slashes, the same on every system.

/// Longest path, in bytes.
pub const MAX_BYTES: usize = 200;
/// Most folders within each other.
const MAX_PARTS: usize = 8;

/// What is wrong with a path inside a pack, if anything is.
///
/// # Errors
/// A sentence for people.
pub fn check(path: &str) -> Result<(), String> {
    let say = |problem: &str| Err(format!("`{path:.80}` {problem}"));
    if path.is_empty() || path.len() > MAX_BYTES {
        return Err(format!(
            "a path inside the pack has 1 to {MAX_BYTES} bytes, this one {}",
            path.len()
        ));
    }
    if path.starts_with(['/', '\\']) || path.get(1..2) == Some(":") {
        return say("is an absolute path; a pack names only files of its own, as `files/name`");
    }
    if path.contains(['\\', ':', '*', '?', '"', '<', '>', '|'])
        || path.chars().any(char::is_control)
    {
        return say(
            "has a character that a path inside a pack must not have; use forward slashes, letters, digits, dots and dashes",
        );
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.contains(&"..") {
        return say("leads out of the pack");
    }
    if parts.iter().any(|p| p.is_empty() || *p == ".") || parts.len() > MAX_PARTS {
        return say("is not a plain path: no empty part, no `.`, at most 8 parts");
    }
    // Names that Windows takes for devices or strips, so that one file would become another.
    let reserved = |part: &str| {
        let stem = part
            .split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        part.ends_with(['.', ' '])
            || part.starts_with(' ')
            || matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
            || ((stem.starts_with("COM") || stem.starts_with("LPT"))
                && stem.len() == 4
                && stem.ends_with(|c: char| c.is_ascii_digit()))
    };
    if parts.iter().any(|p| reserved(p)) {
        return say("has a part that Windows keeps for itself or cannot keep");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn only_plain_relative_paths_are_paths_of_a_pack() {
        for good in [
            "files/a.sh",
            "sensors/Logins.yaml",
            "files/x/y-1_2.bin",
            "pack.yaml",
        ] {
            assert_eq!(check(good), Ok(()));
        }
        for bad in [
            "",
            "/etc/passwd",
            "../x",
            "files/../../x",
            "files//x",
            "./x",
            "C:/x",
            "c:x",
            "\\\\server\\x",
            "files\\x",
            "files/con",
            "files/NUL.txt",
            "files/a.",
            "files/a ",
            "a/b/c/d/e/f/g/h/i",
            "x\0y",
            "files/com1.sh",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
        assert!(check(&"x".repeat(201)).is_err());
    }
}
