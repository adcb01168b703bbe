//! File capabilities: `struct vfs_cap_data` of linux/capability.h, in words as getcap(8) prints them.

/// Names of capabilities by number, as capabilities(7) has them.
const NAMES: [&str; 41] = [
    "cap_chown",
    "cap_dac_override",
    "cap_dac_read_search",
    "cap_fowner",
    "cap_fsetid",
    "cap_kill",
    "cap_setgid",
    "cap_setuid",
    "cap_setpcap",
    "cap_linux_immutable",
    "cap_net_bind_service",
    "cap_net_broadcast",
    "cap_net_admin",
    "cap_net_raw",
    "cap_ipc_lock",
    "cap_ipc_owner",
    "cap_sys_module",
    "cap_sys_rawio",
    "cap_sys_chroot",
    "cap_sys_ptrace",
    "cap_sys_pacct",
    "cap_sys_admin",
    "cap_sys_boot",
    "cap_sys_nice",
    "cap_sys_resource",
    "cap_sys_time",
    "cap_sys_tty_config",
    "cap_mknod",
    "cap_lease",
    "cap_audit_write",
    "cap_audit_control",
    "cap_setfcap",
    "cap_mac_override",
    "cap_mac_admin",
    "cap_syslog",
    "cap_wake_alarm",
    "cap_block_suspend",
    "cap_audit_read",
    "cap_perfmon",
    "cap_bpf",
    "cap_checkpoint_restore",
];

const EFFECTIVE: u8 = 1;
const PERMITTED: u8 = 2;
const INHERITABLE: u8 = 4;

/// What a file may do beyond its user's rights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// One bit for each capability that its process gets.
    pub permitted: u64,
    /// One bit for each that it may keep.
    pub inheritable: u64,
    /// Whether they hold from its start, without being asked for.
    pub effective: bool,
    /// The user that is root where they hold: not 0 for those of a container.
    pub root: u32,
}

impl Capabilities {
    /// From the value of the attribute `security.capability`; `None` when it is of no known shape.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (words, rest) = value.as_chunks::<4>();
        if !rest.is_empty() {
            return None;
        }
        let words: Vec<u32> = words.iter().map(|word| u32::from_le_bytes(*word)).collect();
        let (magic, words) = words.split_first()?;
        let (low, high, root) = match (magic >> 24, words) {
            (1, [permitted, inheritable]) => ([*permitted, *inheritable], [0, 0], 0),
            (2, [p, i, more_p, more_i]) => ([*p, *i], [*more_p, *more_i], 0),
            (3, [p, i, more_p, more_i, root]) => ([*p, *i], [*more_p, *more_i], *root),
            _ => return None,
        };
        let [permitted, inheritable] = [0, 1].map(|at: usize| {
            u64::from(*high.get(at).unwrap_or(&0)) << 32 | u64::from(*low.get(at).unwrap_or(&0))
        });
        Some(Self {
            permitted,
            inheritable,
            effective: magic & 1 == 1,
            root,
        })
    }

    /// In which sets a capability is.
    fn sets(&self, number: u32) -> u8 {
        let bit = |set: u64| set >> number & 1 == 1;
        let (permitted, inheritable) = (bit(self.permitted), bit(self.inheritable));
        let effective = self.effective && (permitted || inheritable);
        u8::from(effective) * EFFECTIVE
            + u8::from(permitted) * PERMITTED
            + u8::from(inheritable) * INHERITABLE
    }
}

/// As `getcap -n` prints it: what most capabilities have in common first (left out when that is nothing), then each
/// group that differs.
impl std::fmt::Display for Capabilities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let used = 64 - (self.permitted | self.inheritable).leading_zeros();
        let all = used.max(NAMES.len() as u32);
        let group = |sets: u8| (0..all).filter(move |number| self.sets(*number) == sets);
        let mut common = 7;
        for sets in (0..7).rev() {
            if group(sets).count() >= group(common).count() {
                common = sets;
            }
        }
        let mut parts = Vec::new();
        for sets in (0..8_u8).rev().filter(|sets| *sets != common) {
            let names: Vec<String> = group(sets).map(name).collect();
            if names.is_empty() {
                continue;
            }
            let (more, less) = (sets & !common, common & !sets);
            let mut part = names.join(",");
            if more > 0 {
                let sign = if common == 0 && parts.is_empty() {
                    '='
                } else {
                    '+'
                };
                part.push(sign);
                part.push_str(&letters(more));
            }
            if less > 0 {
                part.push('-');
                part.push_str(&letters(less));
            }
            parts.push(part);
        }
        if common > 0 || parts.is_empty() {
            parts.insert(0, format!("={}", letters(common)));
        }
        write!(f, "{}", parts.join(" "))?;
        if self.root > 0 {
            write!(f, " [rootid={}]", self.root)?;
        }
        Ok(())
    }
}

fn letters(sets: u8) -> String {
    [(EFFECTIVE, 'e'), (INHERITABLE, 'i'), (PERMITTED, 'p')]
        .iter()
        .filter(|(bit, _)| sets & bit > 0)
        .map(|(_, letter)| *letter)
        .collect()
}

/// Capabilities of kernels to come are numbers.
fn name(number: u32) -> String {
    NAMES
        .get(number as usize)
        .map_or_else(|| number.to_string(), |name| (*name).to_owned())
}

/// The attribute's value in words; one that is of no known shape is shown as it is, as far as it matters.
#[must_use]
pub fn text(value: &[u8]) -> String {
    match Capabilities::parse(value) {
        Some(capabilities) => capabilities.to_string(),
        None => format!(
            "not understood: {}",
            crate::text::hex(value.get(..32).unwrap_or(value))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As the kernel stores it.
    fn stored(revision: u32, effective: bool, words: &[u32]) -> Vec<u8> {
        let magic = revision << 24 | u32::from(effective);
        std::iter::once(&magic)
            .chain(words)
            .flat_map(|word| word.to_le_bytes())
            .collect()
    }

    #[test]
    fn golden_bytes() {
        // As `setcap cap_net_raw=ep` leaves them on a disk.
        let ping = [
            1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        assert_eq!(text(&ping), "cap_net_raw=ep");
        let raw = 1 << 13;
        assert_eq!(text(&stored(1, true, &[raw, 0])), "cap_net_raw=ep");
        assert_eq!(text(&stored(2, false, &[raw, 0, 0, 0])), "cap_net_raw=p");
        assert_eq!(text(&stored(2, false, &[0, raw, 0, 0])), "cap_net_raw=i");
        assert_eq!(
            text(&stored(3, true, &[raw, 0, 1 << 8, 0, 100_000])),
            "cap_net_raw,cap_checkpoint_restore=ep [rootid=100000]"
        );
        assert_eq!(text(&stored(2, true, &[0, 0, 0, 0])), "=");
        assert_eq!(text(&stored(2, true, &[u32::MAX, 0, 0x1ff, 0])), "=ep");
        assert_eq!(
            text(&stored(2, true, &[u32::MAX ^ 1, 0, 0x1ff, 0])),
            "=ep cap_chown-ep"
        );
        assert_eq!(
            text(&stored(2, true, &[1 | raw, raw, 0, 0])),
            "cap_net_raw=eip cap_chown+ep"
        );
        assert_eq!(
            text(&stored(2, true, &[1, 0, 1 << 20, 0])),
            "cap_chown,52=ep"
        );
    }

    #[test]
    fn other_shapes_are_shown_as_they_are() {
        assert_eq!(text(b""), "not understood: ");
        assert_eq!(text(&[1, 0, 0, 2]), "not understood: 01000002");
        for wrong in [
            stored(4, true, &[0, 0, 0, 0]),
            stored(2, true, &[0, 0, 0]),
            stored(1, true, &[0, 0, 0, 0]),
            stored(3, true, &[0, 0, 0, 0]),
            vec![0xff; 4096],
        ] {
            assert_eq!(Capabilities::parse(&wrong), None);
            assert!(text(&wrong).len() < 100);
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_stays_short(value: Vec<u8>) {
            prop_assert!(text(&value).len() < 2000);
        }

        /// Every capability is named at most once, and exactly where it differs from what is common.
        #[test]
        fn every_set_is_in_the_words(permitted: u64, inheritable: u64, effective: bool) {
            let of = Capabilities { permitted, inheritable, effective, root: 0 };
            let words = of.to_string();
            let mut common = 0;
            let mut sets = [None; 64];
            let bits = |letters: &str| letters.chars().fold(0, |all, letter| all | match letter {
                'e' => EFFECTIVE, 'p' => PERMITTED, _ => INHERITABLE,
            });
            for part in words.split(' ') {
                let at = part.find(['=', '+', '-']).unwrap();
                let (names, signs) = part.split_at(at);
                if names.is_empty() {
                    common = bits(&signs[1..]);
                    continue;
                }
                let mut now = common;
                let (more, less) = signs.split_once('-').unwrap_or((signs, ""));
                now = (now | bits(more.trim_start_matches(['=', '+']))) & !bits(less);
                for word in names.split(',') {
                    let number = NAMES.iter().position(|n| *n == word).unwrap_or_else(|| word.parse().unwrap());
                    prop_assert!(sets[number].replace(now).is_none());
                }
            }
            let used = (64 - (permitted | inheritable).leading_zeros()).max(41);
            for number in 0..used {
                prop_assert_eq!(sets[number as usize].unwrap_or(common), of.sets(number), "{} in {}", number, words);
            }
        }
    }
}
