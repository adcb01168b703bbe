//! Keys of SSH against `ssh-keygen`: certificates, private keys, known hosts, and where the server looks for keys; its settings.

use crate::support::{Tree, output, rows};
use sensors::users::{key_files, keys, ssh_server};
use std::process::Command;

fn make(tree: &Tree, kind: &str, name: &str, passphrase: &str, more: &[&str]) {
    let file = tree.at(name);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let arguments = [
        "-q",
        "-t",
        kind,
        "-N",
        passphrase,
        "-C",
        "a comment",
        "-f",
        file.to_str().unwrap(),
    ];
    output("ssh-keygen", &[&arguments[..], more].concat());
}

/// Fingerprints as `ssh-keygen -l` lists them.
fn listed(tree: &Tree, name: &str) -> Vec<String> {
    let told = output("ssh-keygen", &["-lf", tree.at(name).to_str().unwrap()]);
    let second = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
    told.lines().map(second).collect()
}

fn text(tree: &Tree, name: &str) -> String {
    std::fs::read_to_string(tree.at(name)).unwrap()
}

#[test]
fn certificates_have_the_fingerprint_of_their_key() {
    let tree = Tree::new();
    make(&tree, "ed25519", "/ca", "", &[]);
    let mut all = String::new();
    for (kind, more) in [
        ("ed25519", &[][..]),
        ("rsa", &["-b", "2048"]),
        ("ecdsa", &["-b", "521"]),
    ] {
        make(&tree, kind, &format!("/{kind}"), "", more);
        let public = tree.at(&format!("/{kind}.pub"));
        output(
            "ssh-keygen",
            &[
                "-q",
                "-s",
                tree.at("/ca").to_str().unwrap(),
                "-I",
                "id",
                "-n",
                "p",
                public.to_str().unwrap(),
            ],
        );
        all.push_str(&text(&tree, &format!("/{kind}-cert.pub")));
        all.push_str(&text(&tree, &format!("/{kind}.pub")));
    }
    tree.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("/root/.ssh/authorized_keys", &all);
    let found = rows(|s| keys::ssh_authorized_keys(tree.root(), s));
    let ours: Vec<&str> = found.iter().map(|r| r[2].as_str()).collect();
    assert_eq!(ours, listed(&tree, "/root/.ssh/authorized_keys"));
    assert_eq!(ours[0], ours[1], "the same key, signed or not");
    assert!(found[0][1].ends_with("-cert-v01@openssh.com"));
}

#[test]
fn places_of_keys_are_those_of_the_server() {
    let tree = Tree::new();
    make(&tree, "ed25519", "/k", "", &[]);
    let key = text(&tree, "/k.pub");
    tree.file("/etc/passwd", b"root:x:0:0::/root:/bin/sh\nb\xffb:x:7:7::/home/o\xffdd:/bin/sh\n")
        .file(
            "/etc/ssh/sshd_config",
            "AuthorizedKeysFile \"/etc/ssh/key files/%u\" /etc/ssh/by\\ id/%U # no\nInclude \"sshd_config.d/[a-m]*.conf\"\n",
        )
        .file("/etc/ssh/sshd_config.d/a b.conf", "Match User x\n  AuthorizedKeysFile='%h/other keys'\n")
        .file("/etc/ssh/sshd_config.d/z.conf", "AuthorizedKeysFile /never\n")
        .file("/etc/ssh/key files/root", &key)
        .file("/etc/ssh/by id/7", &key)
        .file("/root/other keys", &key)
        .file("/never", &key);
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"home/o\xffdd/.ssh");
    std::fs::create_dir_all(tree.root().join(odd)).unwrap();
    std::fs::write(tree.root().join(odd).join("authorized_keys"), &key).unwrap();
    let found = rows(|s| keys::ssh_authorized_keys(tree.root(), s));
    let mut ours: Vec<(&str, &str)> = found
        .iter()
        .map(|r| (r[0].as_str(), r[5].as_str()))
        .collect();
    ours.sort_unstable();
    assert_eq!(
        ours,
        [
            ("b\u{fffd}b", "/etc/ssh/by id/7"),
            ("b\u{fffd}b", "/home/o\u{fffd}dd/.ssh/authorized_keys"),
            ("root", "/etc/ssh/key files/root"),
            ("root", "/root/other keys"),
        ]
    );
}

#[test]
fn private_keys_are_protected_where_ssh_keygen_asks() {
    let tree = Tree::new();
    tree.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n");
    for (at, (kind, passphrase, form)) in [
        ("ed25519", "", ""),
        ("ed25519", "secret", ""),
        ("ecdsa", "secret", "PEM"),
        ("rsa", "", "PEM"),
        ("rsa", "", "PKCS8"),
        ("rsa", "secret", "PKCS8"),
    ]
    .into_iter()
    .enumerate()
    {
        let form = if form.is_empty() {
            vec![]
        } else {
            vec!["-m", form]
        };
        make(&tree, kind, &format!("/root/.ssh/k{at}"), passphrase, &form);
    }
    tree.file("/root/.ssh/config", "Host x\n").file(
        "/root/.ssh/putty.ppk",
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: x\n",
    );
    let found = rows(|s| key_files::ssh_key_files(tree.root(), "Private Keys", "", s));
    assert_eq!(found.len(), 7, "{found:?}");
    for (at, row) in found[..6].iter().enumerate() {
        let file = tree.at(&format!("/root/.ssh/k{at}"));
        let opened = Command::new("ssh-keygen")
            .args(["-y", "-P", "", "-f"])
            .arg(&file)
            .output()
            .unwrap();
        let protected = if opened.status.success() {
            "False"
        } else {
            "True"
        };
        assert_eq!((&row[0][..], &row[3][..]), ("root", protected), "{row:?}");
        assert_eq!(
            row[2],
            listed(&tree, &format!("/root/.ssh/k{at}.pub"))[0],
            "{row:?}"
        );
        assert_eq!(row[4], "a comment");
    }
    assert_eq!(found[6][1..4], ["ssh-ed25519", "", "False"]);
    // In another folder, and without the public key beside it.
    make(&tree, "ed25519", "/srv/keys/x", "", &[]);
    let expected = listed(&tree, "/srv/keys/x.pub");
    std::fs::remove_file(tree.at("/srv/keys/x.pub")).unwrap();
    let found = rows(|s| key_files::ssh_key_files(tree.root(), "private keys", "/srv/keys", s));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][2], expected[0]);
    let mut sink = crate::support::sink();
    assert!(key_files::ssh_key_files(tree.root(), "Private Keys", "keys", &mut sink).is_err());
}

#[test]
fn hosts_and_their_keys_agree_with_ssh_keygen() {
    let tree = Tree::new();
    make(&tree, "ed25519", "/etc/ssh/ssh_host_ed25519_key", "", &[]);
    make(&tree, "rsa", "/etc/other key", "", &["-b", "2048"]);
    let public = text(&tree, "/etc/ssh/ssh_host_ed25519_key.pub");
    let bare = public.rsplit_once(" a comment").unwrap().0;
    tree.file("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
        .file("/etc/ssh/sshd_config", "HostKey \"/etc/other key\"\n")
        .file(
            "/root/.ssh/known_hosts",
            format!("# c\n[h.example]:2222,192.0.2.1 {bare}\n|1|abc=|def= {bare} c\n@revoked * {bare}\nodd\n"),
        )
        .file("/etc/ssh/ssh_known_hosts", format!("h {bare}\n"));
    let found = rows(|s| key_files::ssh_key_files(tree.root(), "Host Keys", "", s));
    let paths: Vec<&str> = found.iter().map(|r| r[5].as_str()).collect();
    assert_eq!(paths, ["/etc/other key", "/etc/ssh/ssh_host_ed25519_key"]);
    let fingerprint = &listed(&tree, "/etc/ssh/ssh_host_ed25519_key.pub")[0];
    assert_eq!(&found[1][2], fingerprint);
    let found = rows(|s| key_files::ssh_key_files(tree.root(), "Known Hosts", "", s));
    let names: Vec<[&str; 3]> = found
        .iter()
        .map(|r| [&r[0][..], &r[4][..], &r[6][..]])
        .collect();
    assert_eq!(
        names,
        [
            ["", "h", "1"],
            ["root", "[h.example]:2222,192.0.2.1", "2"],
            ["root", "|1|abc=|def=", "3"],
            ["root", "@revoked *", "4"]
        ]
    );
    assert!(found.iter().all(|r| r[2] == *fingerprint));
}

/// The rules are those of sshd_config(5), ssh(1) quoting and glob(7).
#[test]
fn settings_come_in_the_order_in_which_the_server_reads_them() {
    let tree = Tree::new();
    let main = b"Include \"some d/*.conf\" plain\\ one # no\n\"Port\" = 22\nBanner /\xff\nMatch User x\n  Include both\n\
        X11Forwarding yes\nMatch all\nInclude both\n # Port 23\n\nUseDNS\n";
    tree.file("/etc/ssh/sshd_config", main)
        .file("/etc/ssh/plain one", "X11Forwarding=no\n")
        .file(
            "/etc/ssh/both",
            "PermitTTY no\nMatch Host h\nMaxSessions 1\n",
        )
        .file("/etc/ssh/some d/b.conf", "PermitRootLogin yes\n")
        .file("/etc/ssh/some d/a.conf", "Include ../elsewhere/*/c\n")
        .file("/etc/elsewhere/2/c", "LogLevel quiet\n")
        .file("/etc/elsewhere/10/c", "LogLevel debug\n")
        .file("/etc/ssh/some d/.hidden.conf", "Port 1\n")
        .file("/etc/ssh/some d/OTHER.CONF", "Port 2\n");
    let odd: &std::ffi::OsStr = std::os::unix::ffi::OsStrExt::from_bytes(b"x\xff.conf");
    std::fs::write(tree.at("/etc/ssh/some d").join(odd), "Compression no\n").unwrap();
    let told = |wanted: &str| {
        rows(|sink| ssh_server::ssh_server_settings(tree.root(), wanted, sink))
            .into_iter()
            .map(|row| row.join("|"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        told(""),
        [
            "loglevel|debug||/etc/ssh/../elsewhere/10/c",
            "loglevel|quiet||/etc/ssh/../elsewhere/2/c",
            "permitrootlogin|yes||/etc/ssh/some d/b.conf",
            "compression|no||/etc/ssh/some d/x\u{fffd}.conf",
            "x11forwarding|no||/etc/ssh/plain one",
            "port|22||/etc/ssh/sshd_config",
            "banner|/\u{fffd}||/etc/ssh/sshd_config",
            "permittty|no|User x|/etc/ssh/both",
            "maxsessions|1|Host h|/etc/ssh/both",
            "x11forwarding|yes|User x|/etc/ssh/sshd_config",
            "permittty|no||/etc/ssh/both",
            "maxsessions|1|Host h|/etc/ssh/both",
            "usedns|||/etc/ssh/sshd_config",
        ]
    );
    assert_eq!(told("PermitRootLogin").len(), 1);
}

#[test]
fn a_configuration_that_includes_itself_is_told_of() {
    let tree = Tree::new();
    tree.file("/etc/ssh/sshd_config", "Port 22\nInclude sshd_config\n");
    let mut sink = crate::support::sink();
    let failed = ssh_server::ssh_server_settings(tree.root(), "", &mut sink).unwrap_err();
    assert!(
        failed.to_string().contains("include each other"),
        "{failed}"
    );
}
