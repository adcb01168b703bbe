//! What the API says when what is stored is damaged: never only that the server failed.

use super::Web;
use crate::support::World;
use reqwest::Method;
use rusqlite::{Connection, OpenFlags};
use server::model::actor::Actor;
use server::model::audit::Deed;
use server::store::sqlite::FILE_NAME;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Writes over every page of the audit log that has entries.
fn damage(path: &Path) {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    let pages: Vec<i64> = db
        .prepare("SELECT pageno FROM dbstat WHERE name = 'audit' AND pagetype = 'leaf'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<rusqlite::Result<_>>()
        .unwrap();
    assert!(pages.len() > 50, "{} pages", pages.len());
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    // The newest entries stay: the server reads and follows them.
    for page in &pages[..pages.len() - 5] {
        file.seek(SeekFrom::Start((page.unsigned_abs() - 1) * 4096))
            .unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn damage_is_told_with_its_kind_and_what_to_do() {
    // A sweep reads old entries, and whichever reader did that has their pages in memory.
    let world = World::configured(|config| config.retention.every = None).await;
    let token = Web::admin(&world).await.token(&["admin", "read"]).await;
    let store = Arc::clone(&world.running.services.store);
    let notes = (0..2000).map(|n| {
        let detail = serde_json::json!({ "text": "x".repeat(300), "n": n });
        store.note(Deed::new(Actor::Server, "test", "something").with(detail))
    });
    for noted in futures_util::future::join_all(notes).await {
        noted.unwrap();
    }
    drop(store);
    // After a restart the log is empty, and nobody has the old pages in memory.
    let world = world.restart().await;
    let web = Web::new(&world).with_bearer(token.bearer.as_deref().unwrap());
    web.get("/me").await;
    damage(&world.folder.path().join(FILE_NAME));
    for path in ["/audit?before=900&limit=100", "/audit/verify"] {
        let value = web.refused(Method::GET, path, None, 500, "damaged").await;
        let text = value["error"]["message"].as_str().unwrap();
        for word in [
            "damaged",
            "cordon server check",
            "cordon server salvage",
            "backup",
        ] {
            assert!(text.contains(word), "`{word}` is missing in: {text}");
        }
    }
}
