//! Whose profile is used, what its token may do, and how it follows the server's authorities.

use crate::support::{OWN_PASSWORD, Server, cordon, said, text, with};
use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

#[test]
fn a_profile_in_the_working_directory_is_used_only_when_it_is_the_users_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let here = folder.path().join("here");
    let dot = here.join(".cordon");
    std::fs::create_dir_all(&dot).expect("made");
    std::fs::copy(profile, dot.join("profile.json")).expect("copied");
    std::fs::set_permissions(&dot, Permissions::from_mode(0o755)).expect("set");
    let list = || {
        cordon()
            .arg("endpoints")
            .current_dir(&here)
            .env("HOME", &here)
            .env_remove("XDG_CONFIG_HOME")
            .output()
            .expect("it runs")
    };
    let used = list();
    assert!(used.status.success(), "{used:?}");
    assert!(
        said(&used).contains("with the profile .cordon/profile.json"),
        "{used:?}"
    );
    for (place, mode) in [(dot.clone(), 0o777), (dot.join("profile.json"), 0o666)] {
        std::fs::set_permissions(&place, Permissions::from_mode(mode)).expect("set");
        let refused = list();
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(
            said(&refused).contains("is not used") && said(&refused).contains("others may write"),
            "{refused:?}"
        );
        std::fs::set_permissions(&place, Permissions::from_mode(0o700)).expect("set");
    }
    assert!(list().status.success());
}

#[test]
fn a_token_may_no_more_than_was_asked_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    server.profile();
    let narrow = folder.path().join("narrow.json");
    let mut login = cordon()
        .args(["login", &server.http, "--authority"])
        .arg(server.data.join("authority.pem"))
        .arg("--profile")
        .arg(&narrow)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("login starts");
    writeln!(login.stdin.take().expect("piped"), "{OWN_PASSWORD}").expect("written");
    let output = login.wait_with_output().expect("login ends");
    assert!(text(&output).contains("may read and ask."), "{output:?}");
    let listed = with(&narrow, &["endpoints"]);
    assert!(listed.status.success(), "{listed:?}");
    let refused = with(&narrow, &["token", "create"]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(said(&refused).contains("--admin"), "{refused:?}");
}

#[test]
fn a_profile_follows_a_replaced_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let certificates = || {
        let text = std::fs::read_to_string(&profile).expect("a profile");
        text.matches("BEGIN CERTIFICATE").count()
    };
    let status = with(&profile, &["trust", "status"]);
    assert!(
        said(&status).contains("No replacement is under way"),
        "{status:?}"
    );
    let left = folder.path().join("left.json");
    std::fs::copy(&profile, &left).expect("copied");

    let rotated = with(&profile, &["trust", "rotate", "authority"]);
    assert!(rotated.status.success(), "{rotated:?}");
    assert!(
        text(&rotated).contains("old, still believed"),
        "{rotated:?}"
    );
    let again = with(&profile, &["trust", "rotate", "authority"]);
    assert_eq!(again.status.code(), Some(2), "one at a time: {again:?}");
    assert!(said(&again).contains("authorities changed"), "{again:?}");
    assert_eq!(certificates(), 2);

    let dropped = with(&profile, &["trust", "drop", "authority"]);
    assert!(dropped.status.success(), "{dropped:?}");
    let after = with(&profile, &["endpoints"]);
    assert!(after.status.success(), "{after:?}");
    assert_eq!(certificates(), 1);
    assert!(
        with(&profile, &["endpoints"]).stderr.is_empty(),
        "said once"
    );

    // One that was not used meanwhile cannot know the new authority, and says what to do.
    let stranger = with(&left, &["endpoints"]);
    assert_eq!(stranger.status.code(), Some(2), "{stranger:?}");
    assert!(said(&stranger).contains("cordon login"), "{stranger:?}");
}

#[test]
fn a_profile_without_a_place_changes_no_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").expect("written");
    let password = server.password.clone().expect("a first start");
    let login = |profile: Option<&Path>| {
        let mut login = cordon();
        login
            .args(["login", &server.http, "--authority"])
            .arg(server.data.join("authority.pem"))
            .env_remove("HOME")
            .env_remove("XDG_CONFIG_HOME");
        if let Some(profile) = profile {
            login.arg("--profile").arg(profile);
        }
        let mut login = login
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("login starts");
        // It may have ended before it read them.
        let passwords = format!("{password}\n{OWN_PASSWORD}\n");
        drop(
            login
                .stdin
                .take()
                .expect("piped")
                .write_all(passwords.as_bytes()),
        );
        login.wait_with_output().expect("login ends")
    };
    for (place, why) in [
        (None, "no place for the profile"),
        (Some(file.join("profile.json")), "cannot make"),
        (Some(folder.path().to_owned()), "is a folder"),
    ] {
        let refused = login(place.as_deref());
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(said(&refused).contains(why), "{refused:?}");
        assert!(server.data.join("one-time-password").exists());
    }
    let kept = folder.path().join("profile.json");
    let signed_in = login(Some(&kept));
    assert!(signed_in.status.success(), "{signed_in:?}");
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(
        left.len(),
        3,
        "server, file and profile, nothing staged: {left:?}"
    );
}
