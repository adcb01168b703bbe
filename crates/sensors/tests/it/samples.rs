//! Real files with known content. They lie outside the repository, so a clone may lack them: each test then says
//! so and checks nothing more; the same readers are tested elsewhere on files that the tests make themselves.

use sensors::containers::docker;
use sensors::software::dpkg;
use sensors::users::utmp::{self, Layout};
use sensors::users::{accounts, ssh_keys};

fn sample(path: &str) -> Option<Vec<u8>> {
    let here = std::env::current_dir().unwrap();
    let place = here
        .ancestors()
        .map(|folder| folder.join("shared/data"))
        .find(|folder| folder.join("MANIFEST.tsv").is_file());
    let Some(place) = place else {
        eprintln!("no shared/data beside the repository: {path} was not checked");
        return None;
    };
    Some(std::fs::read(place.join(path)).unwrap_or_else(|e| panic!("{path}: {e}")))
}

#[test]
fn login_records() {
    for (path, layout, count) in [
        ("utmp/utmp", Layout::Short, 14),
        ("utmp/utmp_x86_64", Layout::Short, 6),
        // Two of four places hold what no program writes; in the next one two were never written.
        ("utmp/utmp_corrupted", Layout::Short, 2),
        ("utmp/wtmp.1", Layout::Short, 2),
        ("utmp/utmp_aarch64", Layout::Long, 6),
    ] {
        let Some(bytes) = sample(path) else { return };
        assert_eq!(utmp::read(&bytes, layout).0.len(), count, "{path}");
        assert_eq!(Layout::of(&bytes), layout, "{path}");
    }
    let Some(bytes) = sample("utmp/wtmp.1") else {
        return;
    };
    let first = &utmp::read(&bytes, Layout::Short).0[0];
    assert_eq!((first.kind, first.pid), (utmp::USER, 20060));
    assert_eq!(
        (&first.user[..], &first.line[..]),
        (&b"userA"[..], &b"pts/32"[..])
    );
    assert_eq!(first.address.unwrap().to_string(), "10.10.122.1");
    // 2011-12-01T17:36:38.432935Z
    assert_eq!((first.seconds, first.micros), (1_322_760_998, 432_935));
    let Some(bytes) = sample("utmp/utmp_aarch64") else {
        return;
    };
    let boot = &utmp::read(&bytes, Layout::Long).0[2];
    assert_eq!((boot.kind, &boot.user[..]), (utmp::BOOT, &b"reboot"[..]));
    assert_eq!(boot.address.unwrap().to_string(), "4.3.2.1");
    assert_eq!(
        sensors::text::moment(boot.seconds, 0),
        "2026-07-03T14:57:58Z"
    );
}

#[test]
fn accounts_and_keys() {
    let Some(bytes) = sample("linux_config/passwd") else {
        return;
    };
    assert_eq!(accounts::accounts(&bytes).count(), 21);
    let Some(bytes) = sample("linux_config/group") else {
        return;
    };
    assert_eq!(accounts::groups(&bytes).count(), 44);
    let Some(bytes) = sample("linux_config/authorized_keys") else {
        return;
    };
    let keys: Vec<_> = ssh_keys::keys(&bytes).collect();
    assert_eq!(keys.len(), 5);
    assert_eq!(keys[1].comment, b"foocomputer");
    assert_eq!(
        keys[3].options,
        b"command=\"/usr/local/bin/validate-rsync\",restrict"
    );
    assert_eq!(
        keys[4].options,
        b"opt1,opt2=arg2,opt3=\"arg3 with spaces\",opt4"
    );
    assert!(keys.iter().all(|k| k.fingerprint.starts_with("SHA256:")));
}

#[test]
fn packages_and_containers() {
    let Some(bytes) = sample("packages/dpkg_status") else {
        return;
    };
    let packages: Vec<_> = dpkg::parse(&bytes).collect();
    assert_eq!(packages.len(), 6);
    assert_eq!(
        (&packages[0].name[..], &packages[0].version[..]),
        (&b"adduser"[..], &b"3.118ubuntu5"[..])
    );
    let Some(bytes) = sample("docker/config.json") else {
        return;
    };
    let container = docker::parse(&bytes, None).unwrap();
    assert_eq!(
        container.id,
        "e7d0b7ea5ccf08366e2b0c8afa2318674e8aefe802315378125d2bb83fe3110c"
    );
    assert_eq!(
        (container.name.as_str(), container.state.as_str()),
        ("desperate_galileo", "running")
    );
    assert_eq!(
        (container.pid, container.command.trim()),
        (Some(143_648), "/bin/bash")
    );
}
