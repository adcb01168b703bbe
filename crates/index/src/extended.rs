//! Extended attributes: their names, and what a file may do beyond its user's rights.
//!
//! They are asked for by name in the open directory, so that neither a long path nor a link put in its place leads
//! elsewhere, and no file has to be opened: directories, links and files that nobody may read have them too. Only
//! entries that are new or whose change time moved are asked; setting an attribute moves it.

pub mod capabilities;

use crate::entry::{Extended, flag};
use crate::stop::Stop;
use crate::stuck;
use crate::walk::{Directory, Found, Open};

/// The attribute that holds capabilities.
#[cfg(any(target_os = "linux", test))]
const CAPABILITY: &str = "security.capability";
/// What the kernel gives at most, of names and of a value.
#[cfg(target_os = "linux")]
const MOST: usize = 64 << 10;

/// What the names say, as the system gives them, each with a zero byte behind it; `None` for no names. `value` gives the
/// value of the attribute with the capabilities.
#[cfg(any(target_os = "linux", test))]
fn read(list: &[u8], value: impl FnOnce() -> Option<Vec<u8>>) -> Option<Extended> {
    let mut names: Vec<String> = list
        .split(|b| *b == 0)
        .filter(|name| !name.is_empty())
        .map(in_line)
        .collect();
    if names.is_empty() {
        return None;
    }
    names.sort_unstable();
    let capabilities = names
        .iter()
        .any(|name| name == CAPABILITY)
        .then(value)
        .flatten()
        .map(|value| capabilities::text(&value));
    Some(Extended {
        names: names.join("\n"),
        capabilities,
    })
}
/// A name that stands in a list with commas or in a line of its own.
#[cfg(any(target_os = "linux", test))]
fn in_line(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for part in crate::text::readable(name).chars() {
        if part.is_control() || part == ',' {
            for byte in part.to_string().bytes() {
                text.push_str(&format!("\\x{byte:02X}"));
            }
        } else {
            text.push(part);
        }
    }
    text
}

/// What a walk keeps between directories.
#[derive(Debug, Default)]
pub struct Gatherer {
    #[cfg(target_os = "linux")]
    buffer: Vec<u8>,
}

#[cfg(target_os = "linux")]
impl Gatherer {
    /// The extended attributes of a name in a directory: `None` when it has none, or is gone.
    pub fn of(&mut self, directory: &Open, name: &[u8]) -> Option<Extended> {
        use std::os::fd::AsRawFd;
        let folder = format!("/proc/self/fd/{}/", directory.as_raw_fd()).into_bytes();
        self.at(&folder, name)
    }

    /// There is no call that takes a directory and a name on every kernel in use; the process' own table of
    /// descriptors leads to the open directory.
    fn at(&mut self, folder: &[u8], name: &[u8]) -> Option<Extended> {
        use rustix::fs::{lgetxattr, llistxattr};
        let path = std::ffi::CString::new([folder, name].concat()).ok()?;
        if self.buffer.is_empty() {
            self.buffer.resize(MOST, 0);
        }
        let length = llistxattr(path.as_c_str(), self.buffer.as_mut_slice()).ok()?;
        let list = self.buffer.get(..length)?;
        read(list, || {
            // Twenty-four bytes at most, if it is what it should be.
            let mut value = [0; 256];
            let length = lgetxattr(path.as_c_str(), CAPABILITY, &mut value).ok()?;
            value.get(..length).map(<[u8]>::to_vec)
        })
    }
}

#[cfg(not(target_os = "linux"))]
impl Gatherer {
    /// None: not built for this system.
    pub fn of(&mut self, _directory: &Open, _name: &[u8]) -> Option<Extended> {
        None
    }
}

impl Gatherer {
    /// Adds to what was found of a directory what extended attributes there are.
    ///
    /// # Errors
    /// [`Stop`] when the thread was given up meanwhile.
    pub fn add(&mut self, directory: &Directory, found: &mut Found) -> Result<(), Stop> {
        let Some(open) = &directory.open else {
            return Ok(());
        };
        let gathered = stuck::call(|| {
            found
                .iter()
                .enumerate()
                // What is mounted on an entry is not asked: it may never answer.
                .filter(|(_, seen)| seen.attributes.flags & flag::MOUNT_POINT == 0)
                .filter_map(|(at, seen)| Some((at, self.of(open, seen.name)?)))
                .collect()
        })?;
        found.set_extended(gathered);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_their_line() {
        let list = b"user.b\0system.posix_acl_access\0user.line\nbreak,comma\0user.\xff\0";
        let found = read(list, || unreachable!()).unwrap();
        assert_eq!(
            found.names,
            "system.posix_acl_access\nuser.\\xFF\nuser.b\nuser.line\\x0Abreak\\x2Ccomma"
        );
        assert_eq!(found.capabilities, None);
        assert_eq!(read(b"", || unreachable!()), None);
    }
}
