//! Machines drawn from a seed: the same seed and number always give the same machine.
//!
//! Most of what a machine answers depends only on its kind (system, release, role, patch level); machines of one kind share rows. A few
//! machines carry something that a hunter should find.

use std::collections::HashMap;

/// A number drawn from others, evenly spread.
pub(crate) fn draw(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    })
}

/// Whether an event of this share happens, by a drawn number.
pub(crate) fn happens(share: f64, drawn: u64) -> bool {
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits are a fraction that a float holds exactly"
    )]
    let fraction = (drawn >> 11) as f64 / (1_u64 << 53) as f64;
    fraction < share
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum System {
    Linux,
    Windows,
    MacOs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Web,
    Database,
    Build,
    Containers,
    Workstation,
    Directory,
    Files,
}

/// A release of a system, how common it is, and on what it runs.
pub(crate) struct Release {
    pub(crate) system: System,
    pub(crate) name: &'static str,
    pub(crate) versions: [&'static str; 3],
    pub(crate) kernels: [&'static str; 3],
    share: u64,
    roles: &'static [Role],
}

const SERVERS: &[Role] = &[
    Role::Web,
    Role::Web,
    Role::Database,
    Role::Build,
    Role::Containers,
];
const DESKS: &[Role] = &[Role::Workstation];

/// 62 % Linux, 30 % Windows, 8 % macOS.
pub(crate) const RELEASES: &[Release] = &[
    Release {
        system: System::Linux,
        name: "Ubuntu 24.04 LTS",
        versions: ["24.04.1", "24.04.2", "24.04.3"],
        kernels: ["6.8.0-41-generic", "6.8.0-57-generic", "6.8.0-71-generic"],
        share: 24,
        roles: SERVERS,
    },
    Release {
        system: System::Linux,
        name: "Ubuntu 22.04 LTS",
        versions: ["22.04.3", "22.04.4", "22.04.5"],
        kernels: [
            "5.15.0-94-generic",
            "5.15.0-119-generic",
            "5.15.0-151-generic",
        ],
        share: 14,
        roles: SERVERS,
    },
    Release {
        system: System::Linux,
        name: "Debian GNU/Linux 12 (bookworm)",
        versions: ["12.5", "12.8", "12.11"],
        kernels: ["6.1.0-18-amd64", "6.1.0-28-amd64", "6.1.0-37-amd64"],
        share: 14,
        roles: SERVERS,
    },
    Release {
        system: System::Linux,
        name: "Rocky Linux 9",
        versions: ["9.3", "9.4", "9.6"],
        kernels: [
            "5.14.0-362.8.1.el9_3",
            "5.14.0-427.13.1.el9_4",
            "5.14.0-570.17.1.el9_6",
        ],
        share: 8,
        roles: &[Role::Database, Role::Containers],
    },
    Release {
        system: System::Linux,
        name: "Fedora Linux 42",
        versions: ["42", "42", "42"],
        kernels: ["6.14.0-63.fc42", "6.15.4-200.fc42", "6.16.3-200.fc42"],
        share: 2,
        roles: DESKS,
    },
    Release {
        system: System::Windows,
        name: "Windows 11 Pro",
        versions: ["10.0.22631.4037", "10.0.26100.3194", "10.0.26100.4652"],
        kernels: ["10.0.22631", "10.0.26100", "10.0.26100"],
        share: 18,
        roles: DESKS,
    },
    Release {
        system: System::Windows,
        name: "Windows 10 Enterprise",
        versions: ["10.0.19045.4170", "10.0.19045.5011", "10.0.19045.5854"],
        kernels: ["10.0.19045", "10.0.19045", "10.0.19045"],
        share: 6,
        roles: DESKS,
    },
    Release {
        system: System::Windows,
        name: "Windows Server 2022 Standard",
        versions: ["10.0.20348.2322", "10.0.20348.2849", "10.0.20348.3692"],
        kernels: ["10.0.20348", "10.0.20348", "10.0.20348"],
        share: 6,
        roles: &[Role::Directory, Role::Files, Role::Web],
    },
    Release {
        system: System::MacOs,
        name: "macOS 15 Sequoia",
        versions: ["15.1", "15.3.2", "15.6"],
        kernels: ["24.1.0", "24.3.0", "24.6.0"],
        share: 6,
        roles: DESKS,
    },
    Release {
        system: System::MacOs,
        name: "macOS 14 Sonoma",
        versions: ["14.4", "14.6.1", "14.7.6"],
        kernels: ["23.4.0", "23.6.0", "23.6.0"],
        share: 2,
        roles: DESKS,
    },
];

/// What a planted machine carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Planted {
    /// A process from a temporary folder that runs nowhere else.
    pub(crate) rare_process: bool,
    /// A program of the system with another content than everywhere else.
    pub(crate) altered_program: bool,
    /// A listening port and a connection outwards that do not belong there.
    pub(crate) odd_port: bool,
    /// An administrator that nobody knows.
    pub(crate) extra_admin: bool,
}

/// How many machines carry each of them.
pub(crate) const PLANTED: [usize; 4] = [3, 1, 2, 5];

/// One machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) n: u32,
    pub(crate) seed: u64,
    release: u8,
    role: u8,
    pub(crate) patch: u8,
    pub(crate) planted: Planted,
    /// Identifier of the endpoint that it is, once it is one.
    pub(crate) endpoint: Option<[u8; 32]>,
}

impl Machine {
    pub(crate) fn new(seed: u64, n: u32) -> Self {
        let total: u64 = RELEASES.iter().map(|r| r.share).sum();
        let mut at = draw(&[seed, u64::from(n), 1]) % total;
        let mut release = 0;
        for (number, candidate) in (0..).zip(RELEASES) {
            release = number;
            if at < candidate.share {
                break;
            }
            at -= candidate.share;
        }
        // Most machines are up to date, some lag behind.
        let patch = match draw(&[seed, u64::from(n), 2]) % 10 {
            0 => 0,
            1..4 => 1,
            _ => 2,
        };
        Self {
            n,
            seed,
            release,
            role: u8::try_from(draw(&[seed, u64::from(n), 3]) % 64).unwrap_or(0),
            patch,
            planted: Planted::default(),
            endpoint: None,
        }
    }

    /// A number of this machine alone, for one purpose.
    pub(crate) fn own(&self, purpose: u64) -> u64 {
        draw(&[self.seed, u64::from(self.n), purpose])
    }
    pub(crate) fn release(&self) -> &'static Release {
        // `release` comes from an enumeration of the list.
        &RELEASES[usize::from(self.release) % RELEASES.len()]
    }
    pub(crate) fn system(&self) -> System {
        self.release().system
    }
    pub(crate) fn role(&self) -> Role {
        let roles = self.release().roles;
        roles[usize::from(self.role) % roles.len()]
    }
    pub(crate) fn version(&self) -> &'static str {
        self.release().versions[usize::from(self.patch) % 3]
    }
    pub(crate) fn kernel(&self) -> &'static str {
        self.release().kernels[usize::from(self.patch) % 3]
    }
    /// Machines with the same number answer the same wherever only the kind matters.
    pub(crate) fn kind(&self) -> u32 {
        u32::from(self.release) * 1000 + self.role() as u32 * 10 + u32::from(self.patch)
    }
    /// `linux`, `windows` or `macos`.
    pub(crate) fn platform(&self) -> &'static str {
        match self.system() {
            System::Linux => "linux",
            System::Windows => "windows",
            System::MacOs => "macos",
        }
    }
    pub(crate) fn hostname(&self) -> String {
        let site = ["ber", "lyo", "osl", "tur", "gdn"][(self.own(10) % 5) as usize];
        let role = match self.role() {
            Role::Web => "web",
            Role::Database => "db",
            Role::Build => "build",
            Role::Containers => "node",
            Role::Directory => "dc",
            Role::Files => "file",
            Role::Workstation => match self.system() {
                System::MacOs => "mac",
                _ => "pc",
            },
        };
        let name = format!("{site}-{role}-{:05}", self.n);
        match self.system() {
            System::Windows => name.to_uppercase(),
            _ => format!("{name}.example.org"),
        }
    }
}

/// The machines that carry something, chosen by the seed. Programs are planted on Linux while there is any: that is where this fleet's
/// hunters look first.
pub(crate) fn plant(seed: u64, machines: u32) -> HashMap<u32, Planted> {
    let mut planted: HashMap<u32, Planted> = HashMap::new();
    if machines == 0 {
        return planted;
    }
    for (kind, wanted) in (0_u64..).zip(PLANTED) {
        let mut chosen = 0;
        // A prime stride visits every machine, spread over the fleet, unless it divides their number.
        let stride = if machines.is_multiple_of(7919) {
            1
        } else {
            7919
        };
        for only_linux in [true, false] {
            let start = draw(&[seed, 99, kind]) % u64::from(machines);
            for step in 0..u64::from(machines) {
                if chosen == wanted {
                    break;
                }
                let at = (start + step * stride) % u64::from(machines);
                let Ok(n) = u32::try_from(at) else { continue };
                if only_linux != (Machine::new(seed, n).system() == System::Linux) {
                    continue;
                }
                let held = planted.entry(n).or_default();
                let flag = match kind {
                    0 => &mut held.rare_process,
                    1 => &mut held.altered_program,
                    2 => &mut held.odd_port,
                    _ => &mut held.extra_admin,
                };
                if !*flag {
                    *flag = true;
                    chosen += 1;
                }
            }
        }
    }
    planted.retain(|_, p| *p != Planted::default());
    planted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mix_is_what_it_says() {
        let count = |system| {
            (0..10_000)
                .filter(|n| Machine::new(5, *n).system() == system)
                .count()
        };
        let (linux, windows, mac) = (
            count(System::Linux),
            count(System::Windows),
            count(System::MacOs),
        );
        assert!((5900..6500).contains(&linux), "{linux}");
        assert!((2700..3300).contains(&windows), "{windows}");
        assert!((600..1000).contains(&mac), "{mac}");
    }

    #[test]
    fn planting_gives_the_wanted_numbers() {
        for machines in [1, 3, 100, 1000, 7919] {
            let planted = plant(3, machines);
            let count = |f: fn(&Planted) -> bool| planted.values().filter(|p| f(p)).count();
            let counts = [
                count(|p| p.rare_process),
                count(|p| p.altered_program),
                count(|p| p.odd_port),
                count(|p| p.extra_admin),
            ];
            assert_eq!(counts, PLANTED.map(|w| w.min(machines as usize)));
        }
        assert_eq!(plant(3, 1000), plant(3, 1000));
    }

    #[test]
    fn shares_are_kept() {
        let hits = (0..10_000).filter(|i| happens(0.25, draw(&[*i]))).count();
        assert!((2300..2700).contains(&hits), "{hits}");
        assert!(!happens(0.0, 0));
        assert!(happens(1.0, u64::MAX));
    }
}
