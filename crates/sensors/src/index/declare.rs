//! The declarations of the family.

use super::CATEGORY;
use crate::framework::LARGE;
use ::index::status::State;
use question::catalogue::ValueType::{Boolean, DataSize, DateTime, Hash, Integer, Text, Version};
use question::catalogue::{Limits, Platforms, Sensor};
use std::time::Duration;

/// Files that an answer holds when the question does not say how many.
const LIMIT: &str = "100";
/// Reach into the past when the question does not say how far.
const HOURS: &str = "24";

fn sensor(name: &str, description: &str) -> Sensor {
    Sensor::new(name, CATEGORY, description)
        .platforms(Platforms::ALL)
        .max_age(0)
        .limits(Limits {
            // A pattern that begins with a wildcard reads every name of the database, magic mismatch every record.
            wall: Duration::from_secs(120),
            cpu: Duration::from_secs(60),
            ..Limits::default()
        })
}

const PATH_HELP: &str = "Pattern for the directory a file lies in, or for its whole path.";
const NAME_HELP: &str = "Pattern for the file's name.";

/// The seven patterns of the searches, in the order in which they are given by place.
fn patterns(sensor: Sensor) -> Sensor {
    let pattern = |sensor: Sensor, key: &str, help: &str| {
        let help = format!("{help} `*` stands for any characters, `?` for one.");
        sensor.parameter(key, Text, Some("*"), &[], &help)
    };
    let mut sensor = sensor;
    for (key, help) in [
        (super::keys::DIRECTORY, PATH_HELP),
        (super::keys::NAME, NAME_HELP),
        (
            super::keys::SIZE,
            "Pattern for the size in bytes, as decimal digits: `10??`.",
        ),
        (
            super::keys::MD5,
            "Pattern for the MD5 in hexadecimal digits: `1c7b*`.",
        ),
        (
            super::keys::SHA1,
            "Pattern for the SHA-1 in hexadecimal digits.",
        ),
        (
            super::keys::SHA256,
            "Pattern for the SHA-256 in hexadecimal digits.",
        ),
        (
            super::keys::MAGIC,
            "Pattern for the first four bytes in hexadecimal digits: `7F454C46`, `4D5A*`.",
        ),
    ] {
        sensor = pattern(sensor, key, help);
    }
    sensor
}

fn place(sensor: Sensor) -> Sensor {
    sensor
        .parameter(super::keys::DIRECTORY, Text, Some("*"), &[], PATH_HELP)
        .parameter(super::keys::NAME, Text, Some("*"), &[], NAME_HELP)
}

/// Rows of files: as many as there are, when the question wants no limit.
fn large(sensor: Sensor) -> Sensor {
    let limits = Limits {
        memory: LARGE,
        ..sensor.limits
    };
    sensor.limits(limits)
}

fn limit(sensor: Sensor, key: &str) -> Sensor {
    large(sensor).parameter(
        key,
        Integer,
        Some(LIMIT),
        &[],
        "Most files in the answer of one endpoint; 0 for no limit.",
    )
}

fn hours(sensor: Sensor, help: &str) -> Sensor {
    sensor.parameter(super::keys::HOURS, Integer, Some(HOURS), &[], help)
}

fn searched(sensor: Sensor) -> Sensor {
    limit(patterns(sensor), super::keys::LIMIT)
}

fn words() -> String {
    // An agent that answers has the Index in it.
    let words: Vec<&str> = State::ALL
        .iter()
        .filter(|state| **state != State::NotInstalled)
        .map(|state| state.name())
        .collect();
    words.join(", ")
}

pub(super) fn status() -> Sensor {
    sensor(
        "Index Status",
        "What the Index of the endpoint is doing, in one of a few words, so that a fleet has few rows.",
    )
    .column("Status", Text, &format!("One of: {}.", words()))
    .one_row()
    .example("Get Index Status from all machines")
}

pub(super) fn status_details() -> Sensor {
    sensor(
        "Index Status Details",
        "Progress and reasons behind Index Status. Its numbers differ between endpoints: ask it of few.",
    )
    .column("Status", Text, "As in Index Status.")
    .key("Status")
    .column("Detail", Text, "Reason or last state, where there is one.")
    .column("Percent", Integer, "How far the hashing pass is.")
    .column("Entries", Integer, "Entries in the inventory, or met so far.")
    .column("Files Hashed", Integer, "Files that this pass hashed.")
    .column("Files To Hash", Integer, "Files that this pass has to hash.")
    .column("Version", Version, "Version of the program that indexes.")
    .column("Process", Integer, "Process that indexes; empty for none.")
    .column("Updated", DateTime, "When the process said this.")
    .column(
        "Not Watched",
        Text,
        "File systems whose changes are found by the next walk only, with the reason.",
    )
    .one_row()
}

pub(super) fn has_latest_tools() -> Sensor {
    sensor(
        "Index Has Latest Tools",
        "Version of the Index on the endpoint, and whether a package has to be deployed to bring it to the agent's version.",
    )
    .column("Version Number", Version, "Version of the program that indexes, or would.")
    .column("Package Required", Text, "`No`, or the package that is needed.")
    .one_row()
}

pub(super) fn path_using_name() -> Sensor {
    searched(sensor(
        "Index Query File Path Using Name",
        "Paths of the files that fit.",
    ))
    .column("Path", Text, "Whole path.")
    .example(r#"Get Index Query File Path Using Name[*, "authorized_keys"] from all machines"#)
}

pub(super) fn path_and_hash() -> Sensor {
    let sensor = searched(sensor(
        "Index Query File Path and Hash",
        "Paths and hashes of the files that fit.",
    ))
    .column("Path", Text, "Whole path.")
    .key("Path");
    hashes(sensor)
        .column("Hash State", Text, STATE)
        .alias("Index Query File Path Using Hash")
        .example(r#"Get Index Query File Path and Hash["/usr/sbin", "sshd"] from all machines"#)
}

const STATE: &str = "hashed, or why there is no hash: pending, too large, excluded, locked, changing, denied, read error, no answer, gone; no content for what is no regular file.";

fn hashes(sensor: Sensor) -> Sensor {
    sensor
        .column("MD5", Hash, "MD5, where it is calculated.")
        .column("SHA1", Hash, "SHA-1, where it is calculated.")
        .column("SHA256", Hash, "SHA-256, where it is calculated.")
}

pub(super) fn exists() -> Sensor {
    patterns(sensor(
        "Index Query File Exists",
        "Whether the Index holds a file that fits. A file that waits for its hashes fits no pattern for hashes yet; Index Status tells whether hashing goes on.",
    ))
    .column("Exists", Text, "Yes or No.")
    .one_row()
    .example(r#"Get Index Query File Exists["/tmp/*", *, *, *, *, *, "7F454C46"] from all machines"#)
}

pub(super) fn hash_recently_changed() -> Sensor {
    let sensor = hours(
        patterns(sensor(
            "Index Query File Hash Recently Changed",
            "Files whose content was found to differ from before within the last hours, latest first. Files that are new, or whose former hashes are unknown, are not among them.",
        )),
        "Changes found within so many hours.",
    );
    let sensor = limit(sensor, super::keys::MAX_ROWS)
        .parameter(
            super::keys::FORMER,
            Integer,
            Some("1"),
            &["0", "1"],
            "1 to show the former hashes; 0 to leave them empty, so that endpoints that came to the same content from different ones share a row.",
        )
        .alias("Index Query File Hash Recently Changed with Path and Size")
        .column("Path", Text, "Whole path.")
        .key("Path")
        .column("Size", DataSize, "Size in bytes, now.");
    hashes(sensor)
        .column("Former MD5", Hash, "MD5 before the change.")
        .column("Former SHA1", Hash, "SHA-1 before the change.")
        .column("Former SHA256", Hash, "SHA-256 before the change.")
        .example(r#"Get Index Query File Hash Recently Changed[*, *, *, *, *, *, "7F454C46", 48] from all machines"#)
}

pub(super) fn count() -> Sensor {
    patterns(sensor(
        "Index Query File Count",
        "How many files of the Index fit.",
    ))
    .column("Count", Integer, "Number of files.")
    .one_row()
    .example(r#"Get Index Query File Count["/tmp/*"] from all machines"#)
}

pub(super) fn permissions() -> Sensor {
    searched(sensor(
        "Index Query File Permissions",
        "Permissions and owners of the files that fit. Needs ScanFilePermissions in the configuration of the Index.",
    ))
    .column("Path", Text, "Whole path.")
    .key("Path")
    .column("Permissions", Text, "As ls(1) shows them: -rwsr-xr-x.")
    .column("Mode", Text, "The same in octal digits: 4755.")
    .column("Owner", Text, "Name of the owner, or the id when it has no name.")
    .column("Group", Text, "Name of the group, or the id when it has no name.")
    .column("Owner ID", Integer, "Number of the owner.")
    .column("Group ID", Integer, "Number of the group.")
    .column("Immutable", Boolean, "Whether nobody can change it.")
    .column("Append Only", Boolean, "Whether it can only grow.")
    .column("Capabilities", Text, "What it may do beyond its user's rights, as getcap(8) prints it.")
    .column("Extended Attributes", Text, "Names of its extended attributes, with commas between them.")
    .example(r#"Get Index Query File Permissions having Index Query File Permissions:Mode starts with 4 from all machines"#)
    .example(r#"Get Index Query File Permissions["/usr/bin", "sudo"] from all machines"#)
}

fn detailed(name: &str, description: &str) -> Sensor {
    let sensor = searched(sensor(name, description))
        .column("Path", Text, "Whole path.")
        .key("Path")
        .column(
            "Type",
            Text,
            "file, link, fifo, socket, block device, character device or other.",
        )
        .column("Size", DataSize, "Size in bytes.")
        .column(
            "Created",
            DateTime,
            "When it came into being; empty when the file system does not keep it.",
        )
        .column(
            "Last Modified",
            DateTime,
            "Last change of the content, as the file system says; it can be set at will.",
        )
        .column(
            "Metadata Changed",
            DateTime,
            "Last change of anything, kept by the system alone.",
        )
        .column("First Seen", DateTime, "When the Index first saw it.")
        .column(
            "Content Changed",
            DateTime,
            "When the Index last found its hashes to differ from before.",
        );
    hashes(sensor)
        .column("BLAKE3", Hash, "BLAKE3, where it is calculated.")
        .column(
            "Magic Number",
            Text,
            "The first four bytes in hexadecimal digits.",
        )
        .column("MIME Type", Text, "Type by content.")
        .column("Hash State", Text, STATE)
        .column("Hard Links", Integer, "Number of its names.")
        .column("Link Target", Text, "Where a symbolic link leads.")
}

pub(super) fn details() -> Sensor {
    detailed(
        "Index Query File Details",
        "All that the Index knows of the files that fit.",
    )
    .example(
        r#"Get Index Query File Details["/usr/sbin", "sshd", *, *, *, *, *, 5] from all machines"#,
    )
}

pub(super) fn details_using_name() -> Sensor {
    detailed(
        "Index Query File Details Using Name",
        "All that the Index knows of the files that fit; the way down from Index Query File Path Using Name.",
    )
    .example(r#"Get Index Query File Details Using Name[*, "authorized_keys"] from all machines"#)
}

pub(super) fn details_by_last_modified() -> Sensor {
    detailed(
        "Index Query File Details by Last Modified",
        "All that the Index knows of the files that fit; those modified last when there are more than the limit.",
    )
    .example(r#"Get Index Query File Details by Last Modified["/etc/*", *, *, *, *, *, *, 20] from all machines"#)
}

pub(super) fn details_sort_by_largest() -> Sensor {
    detailed(
        "Index Query File Details Using Name Sort By Largest",
        "All that the Index knows of the files that fit; the largest when there are more than the limit.",
    )
    .example(r#"Get Index Query File Details Using Name Sort By Largest[*, "*.zip"] from all machines"#)
}

pub(super) fn blacklist_matches() -> Sensor {
    large(sensor(
        "Index Query Find Blacklist Matches",
        "Files whose hash stands in the endpoint's blacklist (`cordon index blacklist FILE`).",
    ))
    .column("Path", Text, "Whole path.")
    .key("Path")
    .column("Hash", Hash, "The hash that is listed.")
    .column("Hash Type", Text, "MD5, SHA1 or SHA256.")
    .column("Known Good", Boolean, "Whether the file also stands in the endpoint's list of known-good files: then one of the two lists is wrong.")
}

pub(super) fn first_seen() -> Sensor {
    let sensor = hours(
        sensor(
            "Index Query First Seen",
            "Files that the Index saw for the first time within the last hours, latest first. Right after its first inventory that is every file.",
        ),
        "Seen for the first time within so many hours.",
    );
    limit(place(sensor), super::keys::LIMIT)
        .column("Path", Text, "Whole path.")
        .key("Path")
        .column("Size", DataSize, "Size in bytes.")
        .column("First Seen", DateTime, "When the Index first saw it.")
        .column("SHA256", Hash, "SHA-256, where it is calculated.")
        .column(
            "Magic Number",
            Text,
            "The first four bytes in hexadecimal digits.",
        )
        .column("Hash State", Text, STATE)
        .example(r#"Get Index Query First Seen[2, "/usr/*"] from all machines"#)
}

pub(super) fn new_executables_since() -> Sensor {
    let sensor = sensor(
        "Index Query New Executables Since",
        "Programs that are new or have a new content since a moment: files with permission to be executed, and files that begin like a program or script. Files of the endpoint's list of known-good files are left out.",
    )
    .parameter(
        super::keys::SINCE,
        DateTime,
        None,
        &[],
        "The moment, in UTC: `2026-11-22` or `2026-11-22T18:00:00Z`.",
    );
    limit(place(sensor), super::keys::LIMIT)
        .column("Path", Text, "Whole path.")
        .key("Path")
        .column("Reason", Text, "New File or Changed Content.")
        .column("Size", DataSize, "Size in bytes.")
        .column("SHA256", Hash, "SHA-256, where it is calculated.")
        .column(
            "Magic Number",
            Text,
            "The first four bytes in hexadecimal digits.",
        )
        .column("MIME Type", Text, "Type by content.")
        .example(
            r#"Get Index Query New Executables Since["2026-11-22T18:00:00Z"] from all machines"#,
        )
}

pub(super) fn magic_mismatch() -> Sensor {
    limit(
        place(sensor(
            "Index Query Magic Mismatch",
            "Files whose content is not what the extension of their name promises, such as a program that is called a picture. Empty files and content of no known type are left out.",
        )),
        super::keys::LIMIT,
    )
    .column("Path", Text, "Whole path.")
    .key("Path")
    .column("MIME Type", Text, "Type by content.")
    .column("Magic Number", Text, "The first four bytes in hexadecimal digits.")
    .column("Size", DataSize, "Size in bytes.")
    .column("SHA256", Hash, "SHA-256, where it is calculated.")
    .example(r#"Get Index Query Magic Mismatch["/home/*"] from all machines"#)
}

pub(super) fn timestomped() -> Sensor {
    limit(
        place(sensor(
            "Index Query Timestomped",
            "Files whose modification time was set back while the Index looked on, or lies more than five minutes in the future.",
        )),
        super::keys::LIMIT,
    )
    .column("Path", Text, "Whole path.")
    .column("Reason", Text, "Set Back, In The Future, or Out Of Range: before 1677, or none at all.")
    .key("Path")
    .column("Last Modified", DateTime, "Modification time now.")
    .column("Before", DateTime, "Modification time before it was set back.")
    .column("Metadata Changed", DateTime, "Last change of anything, kept by the system alone.")
    .column("Size", DataSize, "Size in bytes.")
    .column("SHA256", Hash, "SHA-256, where it is calculated.")
}
