//! The keys of `config.ini` as data: where each one applies, what it is by default, what it does.
//!
//! One table serves the parser, the shipped sample and the documentation, so that they cannot come to differ. The
//! defaults here are chosen so that a machine whose user works on it does not notice the Index; each says why.

/// A system that the settings distinguish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Microsoft Windows.
    Windows,
    /// Linux, any distribution.
    Linux,
    /// macOS.
    Mac,
}

impl Platform {
    /// The system this program was built for; every Unix that is not macOS counts as Linux.
    #[must_use]
    pub const fn current() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::Mac
        } else {
            Self::Linux
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Windows => "Windows",
            Self::Linux => "Linux",
            Self::Mac => "macOS",
        }
    }
}

/// Whether a key has a meaning on a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It has, and it is in force with its default.
    Yes,
    /// It has, and it does something only when it is set.
    OnRequest,
    /// It has none there.
    No,
}

/// Which value a key sets; the variants are in the order of [`KEYS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is described in its row of KEYS")]
pub enum Setting {
    CpuUsageLimit,
    CpuViolationThreshold,
    CpuViolationInterval,
    StopAfterCpuViolations,
    TakeSampleOnCpuViolation,
    HashesToCalculate,
    MaxFileSizeToHash,
    FileIndexesPerThrottle,
    FileHashUpdatesPerThrottle,
    RescanInterval,
    ScanFilePermissions,
    TrackChanges,
    LogLevel,
    FilesystemTypesToExclude,
    RecorderRescanInterval,
    RecorderEventsPerRead,
    RecorderDirectory,
    ExcludeFromIndexing,
    ExcludeFromHashing,
    PauseOnBattery,
    IndexOnly,
}

/// One key of `config.ini`.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// What it sets.
    pub setting: Setting,
    /// As it is written in the file; compared without regard to case.
    pub name: &'static str,
    /// Where it applies.
    pub windows: Mark,
    /// Where it applies.
    pub linux: Mark,
    /// Where it applies.
    pub mac: Mark,
    /// This program carries it out on the systems marked [`Mark::No`] too; it is then used, and reported as unusual.
    pub everywhere: bool,
    /// The value when the key is missing or malformed; empty where nothing is set.
    pub default: &'static str,
    /// The value where the key has no meaning.
    pub absent: &'static str,
    /// A value to show in the sample when the default is empty.
    pub example: &'static str,
    /// What it does and why the default is what it is, for the sample and the documentation.
    pub about: &'static str,
}

impl Key {
    /// The mark for a system.
    #[must_use]
    pub const fn mark(&self, platform: Platform) -> Mark {
        match platform {
            Platform::Windows => self.windows,
            Platform::Linux => self.linux,
            Platform::Mac => self.mac,
        }
    }

    /// Whether a value set on this system has an effect.
    #[must_use]
    pub fn applies(&self, platform: Platform) -> bool {
        self.everywhere || self.mark(platform) != Mark::No
    }

    /// The value on this system when the file does not say.
    #[must_use]
    pub fn default_on(&self, platform: Platform) -> &'static str {
        if self.applies(platform) {
            self.default
        } else {
            self.absent
        }
    }
}

/// The row for a key, by any spelling of its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name.eq_ignore_ascii_case(name))
}

/// How many rows of [`KEYS`] are the documented ones; those after them are this program's own.
pub const DOCUMENTED: usize = 19;

const ALL: [Mark; 3] = [Mark::Yes; 3];
const ALL_ON_REQUEST: [Mark; 3] = [Mark::OnRequest; 3];
const MAC: [Mark; 3] = [Mark::No, Mark::No, Mark::OnRequest];
const LINUX: [Mark; 3] = [Mark::No, Mark::OnRequest, Mark::No];
const UNIX: [Mark; 3] = [Mark::No, Mark::OnRequest, Mark::OnRequest];

const fn key(
    setting: Setting,
    name: &'static str,
    [windows, linux, mac]: [Mark; 3],
    default: &'static str,
    example: &'static str,
    about: &'static str,
) -> Key {
    Key {
        setting,
        name,
        windows,
        linux,
        mac,
        everywhere: false,
        default,
        absent: default,
        example,
        about,
    }
}

/// Every key, in the order of the sample.
pub static KEYS: [Key; 21] = [
    key(
        Setting::CpuUsageLimit,
        "CPUUsageLimit",
        ALL,
        "5",
        "",
        "Percent of one processor, averaged over a minute, that the inventory and the hashing may use together. 1 to \
         100, or none for no limit. 5: a user at the machine does not notice it.",
    ),
    Key {
        everywhere: true,
        ..key(
            Setting::CpuViolationThreshold,
            "CPUViolationThreshold",
            MAC,
            "",
            "20",
            "Percent of one processor that counts as a violation. Off unless set. Set it well above CPUUsageLimit: it is the \
             alarm that the limit does not hold.",
        )
    },
    Key {
        everywhere: true,
        ..key(
            Setting::CpuViolationInterval,
            "CPUViolationInterval",
            MAC,
            "60",
            "",
            "Seconds that use above CPUViolationThreshold is tolerated before it is reported. 60: as long as the average \
             that the limit itself is held to.",
        )
    },
    Key {
        everywhere: true,
        ..key(
            Setting::StopAfterCpuViolations,
            "StopAfterCPUViolations",
            MAC,
            "0",
            "",
            "Reported violations after which indexing stops. 0 never stops it: an endpoint without an inventory is the \
             greater harm.",
        )
    },
    Key {
        everywhere: true,
        ..key(
            Setting::TakeSampleOnCpuViolation,
            "TakeSampleOnCPUViolation",
            MAC,
            "false",
            "",
            "Writes what every thread is doing to the log folder when a violation is reported.",
        )
    },
    key(
        Setting::HashesToCalculate,
        "HashesToCalculate",
        ALL,
        "MD5,SHA1,SHA256",
        "",
        "Any of MD5, SHA1, SHA256 and BLAKE3, separated by commas, or none. One reading of the file serves all of them. \
         The three are what lists of known files use.",
    ),
    key(
        Setting::MaxFileSizeToHash,
        "MaxFileSizeToHashMB",
        ALL,
        "32",
        "",
        "Only files smaller than this many MB (of 1,048,576 bytes) are hashed; none for no limit. 32: nearly every \
         executable is smaller, disk images and databases that would cost hours are larger.",
    ),
    key(
        Setting::FileIndexesPerThrottle,
        "FileIndexesPerThrottle",
        ALL,
        "1000",
        "",
        "Files taken into the inventory between two looks at the processor time used. 1000: some hundredths of a second.",
    ),
    key(
        Setting::FileHashUpdatesPerThrottle,
        "FileHashUpdatesPerThrottle",
        ALL,
        "100",
        "",
        "Blocks of 64 KB hashed between two looks at the processor time used. 100: some hundredths of a second.",
    ),
    key(
        Setting::RescanInterval,
        "RescanInterval",
        ALL,
        "3600",
        "",
        "Seconds from the end of one hashing pass to the next pass; s, m, h or d may follow the number. Changes are \
         recorded meanwhile.",
    ),
    key(
        Setting::ScanFilePermissions,
        "ScanFilePermissions",
        ALL_ON_REQUEST,
        "false",
        "",
        "Records the permissions of each file; the sensor Index Query File Permissions needs it. Costs one more call a \
         file, so it is off.",
    ),
    Key {
        absent: "false",
        ..key(
            Setting::TrackChanges,
            "TrackChanges",
            [Mark::Yes, Mark::Yes, Mark::No],
            "true",
            "",
            "Records changes as they happen. Without it they are found by the next walk.",
        )
    },
    key(
        Setting::LogLevel,
        "logging.loggers.root.level",
        ALL,
        "information",
        "",
        "none, fatal, critical, error, warning, notice, information, debug or trace, from fewest to most messages.",
    ),
    key(
        Setting::FilesystemTypesToExclude,
        "FilesystemTypesToExclude",
        LINUX,
        "",
        "vfat,iso9660",
        "Types of local file systems to leave out, separated by commas, as /proc/filesystems names them. Network and \
         pseudo file systems are left out anyway.",
    ),
    key(
        Setting::RecorderRescanInterval,
        "RecorderDBRescanInterval",
        UNIX,
        "",
        "1",
        "Seconds between two readings of the recorder's file events; s, m, h or d may follow the number.",
    ),
    key(
        Setting::RecorderEventsPerRead,
        "RecorderDBEventsPerRead",
        UNIX,
        "",
        "5000",
        "File events read from the recorder at a time.",
    ),
    key(
        Setting::RecorderDirectory,
        "RecorderDirectory",
        UNIX,
        "",
        "/opt/recorder",
        "Folder of the recorder where it is not in its usual place; an absolute path.",
    ),
    key(
        Setting::ExcludeFromIndexing,
        "ExcludeFromIndexing",
        ALL_ON_REQUEST,
        "",
        r"^/srv/scratch(/|$)",
        "A regular expression; a path in which it is found anywhere is not indexed, nor is anything below it when it is \
         a folder. Repeat the key for more expressions, one a line: a comma belongs to the expression.",
    ),
    key(
        Setting::ExcludeFromHashing,
        "ExcludeFromHashing",
        ALL_ON_REQUEST,
        "",
        r"\.(vmdk|qcow2|vdi)$",
        "A regular expression; a path in which it is found anywhere is indexed but not hashed. Repeat the key for more.",
    ),
    key(
        Setting::PauseOnBattery,
        "PauseOnBattery",
        ALL_ON_REQUEST,
        "false",
        "",
        "Rests while the machine runs on its battery.",
    ),
    key(
        Setting::IndexOnly,
        "IndexOnly",
        ALL_ON_REQUEST,
        "",
        "/srv,/home",
        "Folders to index instead of all local file systems: absolute paths, separated by commas.",
    ),
];
