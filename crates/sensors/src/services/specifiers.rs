//! Specifiers in units, `%n` and the like (systemd.unit(5)), as far as they are the same for everybody who looks.

use super::environment::assignments;
use super::places::User;
use crate::disk;
use crate::framework::Notes;
use crate::text;
use std::cell::OnceCell;
use std::collections::HashMap;
use std::path::Path;

/// What specifiers say that is the same for all units of a manager. Files are read when first needed.
pub struct Facts<'a> {
    root: &'a Path,
    notes: &'a Notes,
    user: Option<&'a User>,
    /// Whether it is the manager of users, where things differ for each of them.
    everybody: bool,
    release: OnceCell<HashMap<Vec<u8>, Vec<u8>>>,
    host: OnceCell<Vec<u8>>,
}

impl<'a> Facts<'a> {
    /// For the units of a user's manager, of that of all users, or of the system's.
    #[must_use]
    pub fn new(root: &'a Path, notes: &'a Notes, user: Option<&'a User>, everybody: bool) -> Self {
        Self {
            root,
            notes,
            user,
            everybody,
            release: OnceCell::new(),
            host: OnceCell::new(),
        }
    }

    /// Puts in what specifiers stand for. One that is not known, or differs for each user, stays as it is written.
    #[must_use]
    pub fn expand(&self, text: &[u8], name: &str, fragment: &Path) -> Vec<u8> {
        let mut made = Vec::with_capacity(text.len());
        let mut bytes = text.iter();
        while let Some(byte) = bytes.next() {
            if *byte != b'%' {
                made.push(*byte);
                continue;
            }
            match bytes.next() {
                Some(b'%') => made.push(b'%'),
                Some(letter) => match self.value(*letter, name, fragment) {
                    Some(value) => made.extend(value),
                    None => made.extend([b'%', *letter]),
                },
                None => made.push(b'%'),
            }
        }
        made
    }

    fn value(&self, letter: u8, name: &str, fragment: &Path) -> Option<Vec<u8>> {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
        let last = prefix.rsplit('-').next().unwrap_or(prefix);
        Some(match letter {
            b'n' => name.into(),
            b'N' => stem.into(),
            b'p' => prefix.into(),
            b'P' => unescape(prefix),
            b'i' => instance.into(),
            b'I' => unescape(instance),
            b'j' => last.into(),
            b'J' => unescape(last),
            b'f' => {
                let path = if instance.is_empty() {
                    prefix
                } else {
                    instance
                };
                path_of(path)
            }
            b'y' => disk::cell(fragment),
            b'Y' => disk::cell(fragment.parent()?),
            b'H' | b'q' => self.host().to_vec(),
            b'l' => self.host().split(|b| *b == b'.').next()?.to_vec(),
            b'm' => self.first_line("/etc/machine-id")?,
            b'b' => {
                let mut id = self.first_line("/proc/sys/kernel/random/boot_id")?;
                id.retain(|b| *b != b'-');
                id
            }
            b'v' => self.first_line("/proc/sys/kernel/osrelease")?,
            b'o' => self.of_release(b"ID"),
            b'w' => self.of_release(b"VERSION_ID"),
            b'W' => self.of_release(b"VARIANT_ID"),
            b'B' => self.of_release(b"BUILD_ID"),
            b'M' => self.of_release(b"IMAGE_ID"),
            b'A' => self.of_release(b"IMAGE_VERSION"),
            b'T' => b"/tmp".to_vec(),
            b'V' => b"/var/tmp".to_vec(),
            other => self.place(other, name)?,
        })
    }

    /// Whose manager it is, and its folders.
    fn place(&self, letter: u8, name: &str) -> Option<Vec<u8>> {
        if self.everybody {
            return None;
        }
        if let Some(user) = self.user {
            let below = |path: &str| disk::cell(&user.home.join(path));
            return match letter {
                b'u' => Some(user.name.clone()),
                b'U' => Some(user.uid?.to_string().into()),
                b'h' => Some(disk::cell(&user.home)),
                b't' => Some(format!("/run/user/{}", user.uid?).into()),
                b'd' => Some(format!("/run/user/{}/credentials/{name}", user.uid?).into()),
                b'E' => Some(below(".config")),
                b'C' => Some(below(".cache")),
                _ => None,
            };
        }
        Some(match letter {
            b'u' | b'g' => b"root".to_vec(),
            b'U' | b'G' => b"0".to_vec(),
            b'h' => b"/root".to_vec(),
            b't' => b"/run".to_vec(),
            b'd' => format!("/run/credentials/{name}").into(),
            b'E' => b"/etc".to_vec(),
            b'C' => b"/var/cache".to_vec(),
            b'S' => b"/var/lib".to_vec(),
            b'L' => b"/var/log".to_vec(),
            _ => return None,
        })
    }

    fn first_line(&self, path: &str) -> Option<Vec<u8>> {
        let bytes = disk::start_of(&disk::below(self.root, path), 4096, self.notes)?;
        Some(text::lines(&bytes).next()?.trim_ascii().to_vec())
    }

    fn host(&self) -> &[u8] {
        self.host.get_or_init(|| {
            self.first_line("/proc/sys/kernel/hostname")
                .or_else(|| self.first_line("/etc/hostname"))
                .unwrap_or_default()
        })
    }

    fn of_release(&self, key: &[u8]) -> Vec<u8> {
        let release = self.release.get_or_init(|| {
            let read = |path| {
                disk::read_if_there(&disk::below(self.root, path), disk::CONFIG_MAX, self.notes)
            };
            let bytes = read("/etc/os-release").or_else(|| read("/usr/lib/os-release"));
            assignments(&bytes.unwrap_or_default()).collect()
        });
        release.get(key).cloned().unwrap_or_default()
    }
}

/// `-` stands for a slash, `\x2d` for a dash.
fn unescape(name: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let code = rest
            .strip_prefix(br"\x")
            .and_then(|r| std::str::from_utf8(r.get(..2)?).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(byte) = code {
            plain.push(byte);
            rest = rest.get(4..).unwrap_or_default();
        } else {
            plain.push(if *first == b'-' { b'/' } else { *first });
            rest = after;
        }
    }
    plain
}

fn path_of(name: &str) -> Vec<u8> {
    let mut path = unescape(name);
    if path.first() != Some(&b'/') {
        path.insert(0, b'/');
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_name() {
        let notes = Notes::default();
        let facts = Facts::new(Path::new("/none"), &notes, None, false);
        let expand = |text: &str| {
            let made = facts.expand(text.as_bytes(), r"a-b@c-d\x2de.service", Path::new("/x/a"));
            String::from_utf8(made).unwrap()
        };
        assert_eq!(
            expand("%n %N %p %P"),
            r"a-b@c-d\x2de.service a-b@c-d\x2de a-b a/b"
        );
        assert_eq!(expand("%i %I %j %f"), r"c-d\x2de c/d-e b /c/d-e");
        assert_eq!(expand("%% %y %Y %! %"), "% /x/a /x %! %");
        assert_eq!(expand("%u %h %t %S"), "root /root /run /var/lib");
    }
}
