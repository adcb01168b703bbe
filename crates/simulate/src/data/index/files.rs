//! What the Index of a simulated machine holds: the programs that run there, with the hashes that `Running Processes with Hash` tells of
//! them, what every system has besides, and what was planted.
//!
//! Machines of one kind hold the same, so a file of a thousand endpoints is one row. Moments follow from how far a machine is with its
//! updates; what was planted came hours ago, counted from the half day that it is, so that it stays the same from one question to the next.

use super::super::processes::{Process, contents, processes, released};
use super::super::{Asked, last_part};
use crate::machine::{Machine, Role, System};
use sha2::{Digest, Sha256};

/// When the updates of each level came, seconds since 1970: in March, June and September 2026.
const UPDATED: [i64; 3] = [1_773_100_800, 1_781_568_000, 1_789_948_800];
/// When the Index was brought to the fleet and walked it for the first time: in October 2026.
const WALKED: i64 = 1_791_172_800;
/// Half a day, in seconds.
const HALF_DAY: i64 = 43_200;

/// How a file begins, and what type that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    /// First four bytes in hexadecimal digits.
    pub(super) magic: &'static str,
    pub(super) mime: &'static str,
}

const ELF: Start = Start {
    magic: "7F454C46",
    mime: "application/x-executable",
};
const LIBRARY: Start = Start {
    magic: "7F454C46",
    mime: "application/x-sharedlib",
};
const MZ: Start = Start {
    magic: "4D5A9000",
    mime: "application/vnd.microsoft.portable-executable",
};
const MACHO: Start = Start {
    magic: "CFFAEDFE",
    mime: "application/x-mach-binary",
};
const NOTE: Start = Start {
    magic: "23205468",
    mime: "text/plain",
};
const KEYS: Start = Start {
    magic: "7373682D",
    mime: "text/plain",
};
const ACCOUNTS: Start = Start {
    magic: "726F6F74",
    mime: "text/plain",
};
const SCRIPT: Start = Start {
    magic: "23212F62",
    mime: "text/x-shellscript",
};
const PAGE: Start = Start {
    magic: "3C3F7068",
    mime: "text/x-php",
};
const GZIP: Start = Start {
    magic: "1F8B0808",
    mime: "application/gzip",
};
const ZIP: Start = Start {
    magic: "504B0304",
    mime: "application/zip",
};

/// A file.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// Whole path, with slashes on every system, as the Index tells it.
    pub(super) path: String,
    pub(super) size: u64,
    /// Permissions; none where the system has others.
    pub(super) mode: Option<u32>,
    /// Owner and group by name and number.
    pub(super) owner: (&'static str, u32),
    pub(super) group: (&'static str, u32),
    pub(super) start: Start,
    /// What its hashes are made of.
    pub(super) contents: [u8; 32],
    /// Before it changed, if the Index saw that.
    pub(super) former: Option<[u8; 32]>,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) first_seen: i64,
    pub(super) changed: Option<i64>,
    /// Its modification time before that was set back.
    pub(super) before: Option<i64>,
    /// Whether it was planted.
    pub(super) planted: bool,
}

impl File {
    /// Last change of anything, which nobody can set.
    pub(super) fn metadata_changed(&self) -> i64 {
        let latest = self.changed.unwrap_or(self.created);
        latest.max(self.created)
    }

    pub(super) fn name(&self) -> &str {
        last_part(&self.path)
    }

    pub(super) fn directory(&self) -> &str {
        let (directory, _) = self.path.rsplit_once('/').unwrap_or_default();
        if directory.is_empty() { "/" } else { directory }
    }
}

/// Path, size, permissions, group, beginning.
type Known = (&'static str, u64, u32, &'static str, Start);

const LINUX: &[Known] = &[
    ("/etc/passwd", 2_134, 0o644, "root", ACCOUNTS),
    ("/etc/shadow", 1_290, 0o640, "shadow", ACCOUNTS),
    ("/etc/hosts", 221, 0o644, "root", NOTE),
    ("/etc/crontab", 1_136, 0o644, "root", NOTE),
    ("/etc/sudoers", 1_800, 0o440, "root", NOTE),
    ("/etc/ssh/sshd_config", 3_287, 0o644, "root", NOTE),
    ("/etc/profile.d/local.sh", 96, 0o644, "root", SCRIPT),
    ("/root/.ssh/authorized_keys", 563, 0o600, "root", KEYS),
    ("/usr/bin/bash", 1_446_024, 0o755, "root", ELF),
    ("/usr/bin/cat", 39_384, 0o755, "root", ELF),
    ("/usr/bin/curl", 301_464, 0o755, "root", ELF),
    ("/usr/bin/ls", 142_312, 0o755, "root", ELF),
    ("/usr/bin/passwd", 64_152, 0o4755, "root", ELF),
    ("/usr/bin/ssh", 846_888, 0o755, "root", ELF),
    ("/usr/bin/sudo", 277_936, 0o4755, "root", ELF),
    ("/usr/bin/tar", 432_920, 0o755, "root", ELF),
    ("/usr/bin/wget", 539_600, 0o755, "root", ELF),
    (
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        2_125_328,
        0o755,
        "root",
        LIBRARY,
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libcrypto.so.3",
        5_309_928,
        0o644,
        "root",
        LIBRARY,
    ),
    (
        "/usr/lib/x86_64-linux-gnu/libssl.so.3",
        696_512,
        0o644,
        "root",
        LIBRARY,
    ),
    ("/usr/share/doc/bash/NEWS.gz", 28_731, 0o644, "root", GZIP),
];
const WINDOWS: &[Known] = &[
    ("C:/Windows/System32/cmd.exe", 344_064, 0, "", MZ),
    ("C:/Windows/System32/kernel32.dll", 836_400, 0, "", MZ),
    ("C:/Windows/System32/ntdll.dll", 2_185_096, 0, "", MZ),
    ("C:/Windows/System32/reg.exe", 77_824, 0, "", MZ),
    ("C:/Windows/System32/schtasks.exe", 258_048, 0, "", MZ),
    ("C:/Windows/System32/drivers/etc/hosts", 824, 0, "", NOTE),
    (
        "C:/Windows/System32/WindowsPowerShell/v1.0/powershell.exe",
        450_560,
        0,
        "",
        MZ,
    ),
    ("C:/Program Files/7-Zip/7z.exe", 568_832, 0, "", MZ),
    (
        "C:/Users/Public/Documents/handbook.zip",
        1_884_211,
        0,
        "",
        ZIP,
    ),
];
const MAC: &[Known] = &[
    ("/private/etc/hosts", 213, 0o644, "wheel", NOTE),
    ("/private/etc/ssh/sshd_config", 3_182, 0o644, "wheel", NOTE),
    ("/bin/bash", 1_310_208, 0o555, "wheel", MACHO),
    ("/bin/zsh", 1_361_200, 0o755, "wheel", MACHO),
    ("/usr/bin/curl", 529_984, 0o755, "wheel", MACHO),
    ("/usr/bin/sudo", 1_462_176, 0o4511, "wheel", MACHO),
    ("/usr/lib/dyld", 2_288_880, 0o755, "wheel", MACHO),
];

fn of_role(system: System, role: Role) -> &'static [Known] {
    match (system, role) {
        (System::Linux, Role::Web) => &[
            ("/etc/nginx/nginx.conf", 2_656, 0o644, "root", NOTE),
            ("/var/www/html/index.php", 4_310, 0o644, "www-data", PAGE),
            ("/var/www/html/upload.php", 1_022, 0o644, "www-data", PAGE),
        ],
        (System::Linux, Role::Database) => &[(
            "/etc/postgresql/16/main/postgresql.conf",
            29_965,
            0o644,
            "postgres",
            NOTE,
        )],
        (System::Linux, Role::Build) => &[
            ("/opt/runner/bin/job.sh", 812, 0o755, "builder", SCRIPT),
            ("/usr/bin/gcc-13", 1_024_336, 0o755, "root", ELF),
        ],
        (System::Linux, Role::Containers) => {
            &[("/var/lib/kubelet/config.yaml", 1_071, 0o644, "root", NOTE)]
        }
        (System::Linux, _) => &[(
            "/home/ops/Downloads/photos.zip",
            18_220_145,
            0o644,
            "ops",
            ZIP,
        )],
        (System::Windows, Role::Workstation) => {
            &[("C:/Users/user/Downloads/setup.exe", 7_421_952, 0, "", MZ)]
        }
        (System::MacOs, _) => &[(
            "/Users/ops/Downloads/photos.zip",
            18_220_145,
            0o644,
            "staff",
            ZIP,
        )],
        _ => &[],
    }
}

/// Numbers of owners and groups; the first users of a machine have their own.
fn number(name: &str) -> u32 {
    match name {
        "root" | "wheel" => 0,
        "staff" => 20,
        "www-data" => 33,
        "shadow" => 42,
        "postgres" => 115,
        _ => 1000,
    }
}

fn owned(name: &'static str) -> (&'static str, u32) {
    (name, number(name))
}

/// How programs of a system begin.
fn program(system: System) -> Start {
    match system {
        System::Linux => ELF,
        System::Windows => MZ,
        System::MacOs => MACHO,
    }
}

/// The half day that it is, in seconds since 1970.
pub(super) fn half_day(now: i64) -> i64 {
    now - now.rem_euclid(HALF_DAY)
}

/// All files of a machine, by path.
pub(super) fn files(asked: &Asked<'_>) -> Vec<File> {
    let machine = asked.machine;
    let mut all: Vec<File> = processes(machine)
        .iter()
        .filter(|process| !process.path.is_empty())
        .map(|process| of_process(machine, process, asked.now))
        .collect();
    let common = match machine.system() {
        System::Linux => LINUX,
        System::Windows => WINDOWS,
        System::MacOs => MAC,
    };
    let known = common
        .iter()
        .chain(of_role(machine.system(), machine.role()));
    all.extend(known.map(|known| of_system(machine, known)));
    if machine.planted.rare_process {
        all.push(disguised(machine, asked.now));
    }
    all.sort_by(|a, b| a.path.cmp(&b.path));
    // A program runs more than once, and `bash` may be of the role too.
    all.dedup_by(|a, b| a.path == b.path);
    all
}

fn of_process(machine: &Machine, process: &Process, now: i64) -> File {
    let updated = updated(machine);
    let contents_now = contents(machine, process);
    let size = 20_000 + u64::from(u16::from_be_bytes([contents_now[0], contents_now[1]])) * 37;
    let mut file = File {
        path: process.path.replace('\\', "/"),
        size,
        mode: has_modes(machine).then_some(0o755),
        owner: owned("root"),
        group: owned("root"),
        start: program(machine.system()),
        contents: contents_now,
        former: None,
        created: updated,
        modified: updated,
        first_seen: WALKED,
        changed: None,
        before: None,
        planted: !process.content.is_empty(),
    };
    let lately = half_day(now) - 3_600;
    match process.content {
        "altered" => {
            file.former = Some(contents(machine, &process.as_released()));
            file.changed = Some(lately);
            file.modified = lately;
        }
        // It pretends to have come with the system.
        "rare" => {
            file.owner = owned("nobody");
            file.group = owned("nogroup");
            file.created = lately;
            file.first_seen = lately + 2;
            file.before = Some(lately);
        }
        "odd" => {
            file.created = lately - 120;
            file.modified = lately - 120;
            file.first_seen = lately - 118;
        }
        _ => {}
    }
    file
}

fn of_system(machine: &Machine, known: &Known) -> File {
    let (path, size, mode, group, start) = *known;
    let updated = updated(machine);
    // Programs come with updates, what people write does not.
    let contents = if [ELF, LIBRARY, MZ, MACHO].contains(&start) {
        released(machine, path)
    } else {
        Sha256::digest(path).into()
    };
    let home = path.contains("/ops/");
    File {
        path: path.to_owned(),
        size,
        mode: has_modes(machine).then_some(mode),
        owner: owned(match group {
            "www-data" | "postgres" | "builder" => group,
            _ if home => "ops",
            _ => "root",
        }),
        group: owned(group),
        start,
        contents,
        former: None,
        created: updated,
        modified: updated,
        first_seen: WALKED,
        changed: None,
        before: None,
        planted: false,
    }
}

/// What the planted program came in: a program that is called a picture.
fn disguised(machine: &Machine, now: i64) -> File {
    let lately = half_day(now) - 3_660;
    File {
        path: match machine.system() {
            System::Linux => "/tmp/.font-unix/cache.png",
            System::Windows => "C:/Users/Public/cache.png",
            System::MacOs => "/private/tmp/.cache/cache.png",
        }
        .to_owned(),
        size: 1_204_224,
        mode: has_modes(machine).then_some(0o644),
        owner: owned("nobody"),
        group: owned("nogroup"),
        start: program(machine.system()),
        contents: Sha256::digest(b"disguised").into(),
        former: None,
        created: lately,
        modified: lately,
        first_seen: lately + 2,
        changed: None,
        before: None,
        planted: true,
    }
}

fn updated(machine: &Machine) -> i64 {
    UPDATED[usize::from(machine.patch) % UPDATED.len()]
}

fn has_modes(machine: &Machine) -> bool {
    machine.system() != System::Windows
}
