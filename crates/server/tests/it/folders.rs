//! Data folders that are not whole.

use crate::support::World;
use server::store::sqlite::FILE_NAME;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A server's folder, and the authority it had.
async fn stopped() -> (Arc<tempfile::TempDir>, String) {
    let world = World::new().await;
    let authority = world.running.authority_pem.clone();
    (world.stop().await, authority)
}

/// Why a server does not start over this folder, with all causes.
async fn refusal(folder: &Arc<tempfile::TempDir>) -> String {
    let Err(error) = World::over(Arc::clone(folder), |_| {}).await else {
        panic!("a server started over half a folder");
    };
    let mut text = error.to_string();
    let mut cause: Option<&dyn Error> = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// Writes a file that only its owner reads.
fn server_file(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

fn files(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "server.lock")
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn half_a_folder_is_no_new_server() {
    let keys = "identity/keys.json";
    for (lost, emptied, words) in [
        (FILE_NAME, false, ["database", "missing"]),
        (FILE_NAME, true, ["database", "empty"]),
        (keys, false, ["keys", "missing"]),
        (keys, true, ["keys", "empty"]),
    ] {
        let (folder, authority) = stopped().await;
        let path = folder.path().join(lost);
        let held = fs::read(&path).unwrap();
        if emptied {
            fs::write(&path, b"").unwrap();
        } else {
            fs::remove_file(&path).unwrap();
        }
        let before = files(folder.path());
        let text = refusal(&folder).await;
        for word in words.iter().chain(&["backup", "folder"]) {
            assert!(text.contains(word), "`{word}` is missing in: {text}");
        }
        assert_eq!(files(folder.path()), before, "nothing was made");
        // Put back, it is the same server.
        server_file(&path, &held);
        let world = World::over(folder, |_| {}).await.unwrap();
        assert_eq!(world.running.authority_pem, authority);
    }
}

#[tokio::test]
async fn a_folder_that_lost_both_halves_is_no_new_server() {
    let (folder, _) = stopped().await;
    fs::remove_file(folder.path().join(FILE_NAME)).unwrap();
    fs::remove_dir_all(folder.path().join("identity")).unwrap();
    let text = refusal(&folder).await;
    assert!(
        text.contains("missing") && text.contains("backup"),
        "{text}"
    );
}

#[tokio::test]
async fn a_first_start_that_ended_early_begins_again() {
    // The database was made, and nobody is in it yet.
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let clock = server::model::clock::Clock::system();
    drop(server::store::sqlite::SqliteStore::open(folder.path(), clock).unwrap());
    let world = World::over(folder, |_| {}).await.unwrap();
    assert!(world.running.first_password.is_some());
    // Or it was only named.
    let folder = Arc::new(tempfile::tempdir().unwrap());
    fs::write(folder.path().join(FILE_NAME), b"").unwrap();
    let world = World::over(folder, |_| {}).await.unwrap();
    assert!(world.running.first_password.is_some());
}

/// Puts the keys of one server into the folder of another; gives those that were there.
fn exchange_keys(folder: &Path, from: &Path) -> Vec<u8> {
    let keys = folder.join("identity/keys.json");
    let held = fs::read(&keys).unwrap();
    server_file(&keys, &fs::read(from.join("identity/keys.json")).unwrap());
    held
}

#[tokio::test]
async fn keys_of_another_server_are_refused_before_anything_changes() {
    let world = World::new().await;
    let authority = world.running.authority_pem.clone();
    let asked = world.ask("Get Computer Name from all machines").await;
    let folder = world.stop().await;
    let (other, _) = stopped().await;
    let own = exchange_keys(folder.path(), other.path());
    let text = refusal(&folder).await;
    for words in ["do not belong to this database", "keys.json", "backup"] {
        assert!(text.contains(words), "`{words}` is missing in: {text}");
    }
    let clock = server::model::clock::Clock::system();
    let offline = server::identity::offline::Offline::open(folder.path(), None, clock).await;
    assert!(matches!(
        offline.err(),
        Some(server::identity::offline::OfflineError::Origin(_))
    ));
    server_file(&folder.path().join("identity/keys.json"), &own);
    let world = World::over(folder, |_| {}).await.unwrap();
    assert_eq!(world.running.authority_pem, authority);
    let info = world.info(asked.id).await;
    assert!(!info.closed && !info.cancelled, "it still takes answers");
}

#[tokio::test]
async fn older_keys_of_the_same_server_and_a_database_that_knows_none_are_taken() {
    let world = World::new().await;
    let old = fs::read(world.folder.path().join("identity/keys.json")).unwrap();
    let by = crate::support::ada();
    let part = server::model::trust::TrustPart::OrderKey;
    world.identity().rotate(part, &by).await.unwrap();
    let world = world.restart().await;
    let world = world
        .restart_after(|folder| server_file(&folder.join("identity/keys.json"), &old))
        .await;
    // As a database of an earlier version is: it learns its keys, and then knows them.
    let folder = world.stop().await;
    let db = rusqlite::Connection::open(folder.path().join(FILE_NAME)).unwrap();
    assert_eq!(db.execute("DELETE FROM keys_origin", []).unwrap(), 1);
    drop(db);
    let folder = World::over(folder, |_| {}).await.unwrap().stop().await;
    let (other, _) = stopped().await;
    exchange_keys(folder.path(), other.path());
    let text = refusal(&folder).await;
    assert!(text.contains("do not belong to this database"), "{text}");
}

/// Who may write in the folder may put another database into it.
#[tokio::test]
async fn a_folder_that_others_may_write_in_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (folder, _) = stopped().await;
    for mode in [0o777, 0o1777, 0o720] {
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(mode)).unwrap();
        let said = refusal(&folder).await;
        assert!(said.contains("chmod 700"), "{said}");
    }
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    World::over(Arc::clone(&folder), |_| {}).await.unwrap();
}
