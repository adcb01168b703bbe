//! Names of owners, capabilities and extended attributes, against what the tools of the system say.

use crate::support::Place;
use index::changes::{Options, Watcher};
use index::config::Config;
use index::query::{Record, permissions_recorded, principal};
use index::round::{Round, unbounded};
use index::store;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;

/// `tool` with these arguments; panics when it fails, `None` when the system does not have it.
fn tool(program: &str, arguments: &[&std::ffi::OsStr]) -> Option<String> {
    match Command::new(program).args(arguments).output() {
        Ok(output) => {
            assert!(output.status.success(), "{program}: {output:?}");
            Some(String::from_utf8(output.stdout).unwrap())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("left out: there is no {program}");
            None
        }
        Err(error) => panic!("{program}: {error}"),
    }
}

fn set(path: &Path, name: &str, value: &[u8]) {
    rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
}

/// Whether this may set what only root may.
fn root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("left out: needs root");
    }
    root
}

fn recording() -> Config {
    Config {
        scan_file_permissions: true,
        ..unbounded()
    }
}

impl Place {
    fn index_permissions(&self) {
        self.round_with(recording())
            .once(String::new(), true, || {})
            .unwrap();
    }

    fn record(&self, path: &Path) -> Record {
        self.records().remove(path.as_os_str().as_bytes()).unwrap()
    }

    /// Names of its attributes, without what the system itself puts on every file.
    fn extended(&self, path: &Path) -> Vec<String> {
        let names = self.record(path).extended.unwrap_or_default();
        names
            .lines()
            .filter(|name| *name != "security.selinux")
            .map(str::to_owned)
            .collect()
    }

    fn recorded(&self) -> bool {
        permissions_recorded(&store::open_to_read(&self.database()).unwrap()).unwrap()
    }
}

/// `struct posix_acl_xattr`: version 2, then tag, permissions and id of each entry; one user more than the mode names.
fn acl() -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in [
        (1_u16, 6_u16, u32::MAX),
        (2, 4, 65_534),
        (4, 4, u32::MAX),
        (0x10, 4, u32::MAX),
        (0x20, 0, u32::MAX),
    ] {
        value.extend(tag.to_le_bytes());
        value.extend(permissions.to_le_bytes());
        value.extend(id.to_le_bytes());
    }
    value
}

#[test]
fn capabilities_are_those_of_getcap() {
    if !root() {
        return;
    }
    let place = Place::new();
    let cases = [
        "cap_net_raw=ep",
        "cap_net_raw,cap_net_admin=p",
        "cap_chown=i",
        "cap_chown=eip cap_net_raw+ep",
        "all=ep",
        "all=ep cap_sys_admin-ep",
        "all=p cap_checkpoint_restore,cap_kill-p",
        "=",
    ];
    let mut files = Vec::new();
    for (number, words) in cases.iter().enumerate() {
        let path = place.write(&format!("bin/{number}"), b"\x7fELF");
        if tool("setcap", &[words.as_ref(), path.as_os_str()]).is_none() {
            return;
        }
        files.push(path);
    }
    // Of a container's root: version 3.
    let container = place.write("bin/container", b"\x7fELF");
    let words: [&std::ffi::OsStr; 4] = [
        "-n".as_ref(),
        "100000".as_ref(),
        "cap_net_raw=ep".as_ref(),
        container.as_os_str(),
    ];
    tool("setcap", &words);
    files.push(container);
    place.index_permissions();
    for path in files {
        let said = tool("getcap", &["-n".as_ref(), path.as_os_str()]).unwrap();
        let said = said
            .trim_end()
            .strip_prefix(path.to_str().unwrap())
            .unwrap();
        let record = place.record(&path);
        assert_eq!(record.capabilities.as_deref(), Some(said.trim_start()));
        assert_eq!(place.extended(&path), ["security.capability"]);
    }
    assert!(place.recorded());
    assert_eq!(place.differences(), []);
}

#[test]
fn attributes_of_every_kind_of_entry() {
    if !root() {
        return;
    }
    let place = Place::new();
    let plain = place.write("plain", b"x");
    let many = place.write("folder/many", b"x");
    let folder = place.tree().join("folder");
    let link = place.tree().join("link");
    std::os::unix::fs::symlink("plain", &link).unwrap();
    set(&many, "user.zone.identifier", b"3");
    set(&many, "user.a,b\nc", b"");
    set(&many, "system.posix_acl_access", &acl());
    set(&folder, "user.on.a.folder", b"1");
    set(&link, "trusted.on.a.link", b"1");
    // Not to be hashed, and still looked at.
    let config = Config {
        max_size_to_hash: Some(0),
        ..recording()
    };
    place
        .round_with(config)
        .once(String::new(), true, || {})
        .unwrap();
    assert_eq!(
        place.extended(&many),
        [
            "system.posix_acl_access",
            "user.a\\x2Cb\\x0Ac",
            "user.zone.identifier"
        ]
    );
    assert_eq!(place.extended(&folder), ["user.on.a.folder"]);
    assert_eq!(place.extended(&link), ["trusted.on.a.link"]);
    assert_eq!(place.extended(&plain), Vec::<String>::new());
}

#[test]
fn the_next_walk_finds_what_was_set_and_removed() {
    let place = Place::new();
    let [set_later, removed, same] = ["set", "removed", "same"].map(|name| place.write(name, name));
    set(&removed, "user.was", b"1");
    set(&same, "user.is", b"1");
    place.index_permissions();
    set(&set_later, "user.is", b"1");
    rustix::fs::removexattr(&removed, "user.was").unwrap();
    place.index_permissions();
    assert_eq!(place.extended(&set_later), ["user.is"]);
    assert_eq!(place.extended(&removed), Vec::<String>::new());
    assert_eq!(place.extended(&same), ["user.is"]);
    // Another file of the same name has what it has.
    std::fs::remove_file(&same).unwrap();
    place.write("same", b"another");
    place.index_permissions();
    assert_eq!(place.extended(&same), Vec::<String>::new());
}

#[test]
fn the_setting_may_come_and_go() {
    let place = Place::new();
    let path = place.write("file", b"x");
    set(&path, "user.one", b"1");
    place.index();
    assert!(!place.recorded());
    assert_eq!(place.record(&path).extended, None);
    // Nothing changed on the disk, and all is to be recorded.
    place.index_permissions();
    assert!(place.recorded());
    assert_eq!(place.extended(&path), ["user.one"]);
    place.index();
    assert!(!place.recorded());
    assert_eq!(
        place.record(&path).extended,
        None,
        "nothing would keep it current"
    );
}

#[test]
fn a_change_is_seen_as_it_happens() {
    if !root() {
        return;
    }
    let place = Place::new();
    let path = place.write("folder/file", b"x");
    let round = place.round_with(recording());
    round.once(String::new(), true, || {}).unwrap();
    let folders = [place.tree()];
    let (mut watcher, failed) = Watcher::start(&folders, &Options::default()).unwrap();
    assert!(failed.is_empty(), "{failed:?}");
    let engine =
        index::engine::Engine::start(store::open(&place.database()).unwrap(), &place.database())
            .unwrap();
    let teller = engine.teller();
    teller
        .call(|writer| writer.record_permissions(true))
        .unwrap();
    let mut apply = |done: &dyn Fn(&Record) -> bool| {
        let until = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !done(&place.record(&path)) {
            assert!(std::time::Instant::now() < until, "no notice came");
            let changes = watcher.next(std::time::Duration::from_secs(1)).unwrap();
            let live = live(&round);
            teller
                .call(move |writer| live.apply(writer, &changes))
                .unwrap();
        }
    };
    set(&path, "user.live", b"1");
    apply(&|record| {
        record
            .extended
            .as_deref()
            .is_some_and(|x| x.contains("user.live"))
    });
    if tool("setcap", &["cap_kill=p".as_ref(), path.as_os_str()]).is_some() {
        apply(&|record| record.capabilities.as_deref() == Some("cap_kill=p"));
    }
    rustix::fs::removexattr(&path, "user.live").unwrap();
    apply(&|record| {
        !record
            .extended
            .as_deref()
            .unwrap_or_default()
            .contains("user.live")
    });
    drop(teller);
    engine.finish().unwrap();
}

fn live(round: &Round) -> index::live::Live {
    let survey = round.survey().unwrap();
    index::live::Live::new(survey.live_rules(1), survey.mount_points, &survey.places)
}

#[test]
fn names_are_those_of_the_account_files() {
    let place = Place::new();
    place.write("file", b"x");
    place.index();
    let connection = store::open_to_read(&place.database()).unwrap();
    let passwd = std::fs::read("/etc/passwd").unwrap();
    let mut known = 0;
    for (id, _) in index::principals::names(&passwd) {
        let id_text = id.to_string();
        let Some(said) = tool(
            "getent",
            &[
                "-s".as_ref(),
                "files".as_ref(),
                "passwd".as_ref(),
                id_text.as_ref(),
            ],
        ) else {
            return;
        };
        let name = principal(&connection, 0, id).unwrap();
        assert_eq!(name.as_deref(), said.split(':').next());
        known += 1;
    }
    assert!(known > 0);
    assert_eq!(
        principal(&connection, 1, 0).unwrap().as_deref(),
        Some("root")
    );
}
