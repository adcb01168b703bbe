//! Files of content through the API: supplied ones, those of packages, and those that are sent ahead.

use super::Web;
use super::content::pack;
use crate::support::World;
use content::digest::Digest;
use reqwest::{Method, StatusCode};
use serde_json::json;

const TOOL: &str = "/content/packs/own/supplied/tool.zip";
const PACKAGE: &str = "/content/objects/package/distribute%20tools";

async fn fetched(web: &Web, sha256: &str) -> Vec<u8> {
    let path = format!("/content/files/{sha256}");
    let response = web.send(Method::GET, &path, None).await;
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.expect("a file").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_and_go_and_outlive_upgrade_and_restart() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin.import(&pack("1.0.0", &[])).await;
    // Larger than a piece on its way in and out.
    let tool: Vec<u8> = (0..3_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let (_, kept) = admin.send_file(Method::PUT, TOOL, tool.clone()).await;
    assert_eq!(
        (kept["sha256"].as_str(), kept["size"].as_u64()),
        (
            Some(Digest::of(&tool).to_hex().as_str()),
            Some(tool.len() as u64)
        )
    );
    let sha256 = kept["sha256"].as_str().expect("a digest").to_owned();
    assert_eq!(fetched(&admin, &sha256).await, tool);
    // A file of the package itself, against what was looked at.
    let seen = admin.get(PACKAGE).await;
    let digest = seen["object"]["sha256"].as_str().expect("a digest");
    let path =
        format!("/content/packages/distribute%20tools/files/config.ini?expected={digest}&why=ours");
    let config = b"[own]\nours = 1\n".to_vec();
    let (status, _) = admin.send_file(Method::PUT, &path, config.clone()).await;
    assert_eq!(status, StatusCode::OK);
    let (status, late) = admin.send_file(Method::PUT, &path, b"late".to_vec()).await;
    assert_eq!(
        (status, late["error"]["code"].as_str()),
        (StatusCode::CONFLICT, Some("changed"))
    );
    admin.import(&pack("1.1.0", &[])).await;
    let world = world.restart().await;
    let mut web = Web::new(&world);
    web.sign_in("admin", super::OWN_PASSWORD).await;
    let package = web.get(PACKAGE).await;
    let files = package["files"].as_array().expect("files");
    let names: Vec<_> = files.iter().map(|file| file["name"].as_str()).collect();
    assert_eq!(names, [Some("config.ini"), Some("tool.zip")]);
    for (at, bytes) in [(0, &config), (1, &tool)] {
        let sha256 = files[at]["file"]["sha256"].as_str().expect("a digest");
        assert_eq!(&fetched(&web, sha256).await, bytes);
    }
    assert_eq!(package["object"]["edited"], json!(true));
    // Another one of its own, and away with it.
    let expected = package["object"]["sha256"].as_str().expect("a digest");
    let path = format!("/content/packages/distribute%20tools/files/more.txt?expected={expected}");
    let (status, _) = web.send_file(Method::PUT, &path, b"more".to_vec()).await;
    assert_eq!(status, StatusCode::OK);
    let with_more = web.get(PACKAGE).await;
    assert_eq!(with_more["files"].as_array().map(Vec::len), Some(3));
    let expected = with_more["object"]["sha256"].as_str().expect("a digest");
    let path = format!("/content/packages/distribute%20tools/files/more.txt?expected={expected}");
    web.ok(Method::DELETE, &path, None).await;
    assert_eq!(web.get(PACKAGE).await["object"], package["object"]);
    web.ok(Method::DELETE, TOOL, None).await;
    let detail = web.get("/content/packs/own").await;
    assert_eq!(detail["pack"]["awaits"], json!(["tool.zip"]));
    web.refused(Method::DELETE, TOOL, None, 404, "not_found")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_asked_for_is_not_kept() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    admin.import(&pack("1.0.0", &[])).await;
    let folder = world.folder.path().join("content");
    let count = || std::fs::read_dir(&folder).expect("a folder").count();
    let before = count();
    for (path, status) in [
        (
            "/content/packs/own/supplied/other.zip",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
        (
            "/content/packs/nobody/supplied/tool.zip",
            StatusCode::NOT_FOUND,
        ),
    ] {
        let (got, refused) = admin.send_file(Method::PUT, path, b"x".to_vec()).await;
        assert_eq!(got, status, "{refused}");
    }
    let seen = admin.get(PACKAGE).await;
    let digest = seen["object"]["sha256"].as_str().expect("a digest");
    for name in ["tool.zip", "..%2Fpasswd", "a%2Fb"] {
        let path = format!("/content/packages/distribute%20tools/files/{name}?expected={digest}");
        let (got, refused) = admin.send_file(Method::PUT, &path, b"x".to_vec()).await;
        assert_eq!(got, StatusCode::UNPROCESSABLE_ENTITY, "{name}: {refused}");
    }
    assert_eq!(count(), before, "nothing of it stays");
    // An edit can only name what is here.
    let text = |digest: &str| {
        format!(
            "name: Filed\ncontent_set: Own\ncolumns: [{{name: Filed}}]\nplatforms: {{linux: {{interpreter: sh, \
             file: {{path: files/filed.sh, sha256: {digest}}}, output: {{delimited: \"|\"}}}}}}\n"
        )
    };
    let script = b"echo filed\n".to_vec();
    let digest = Digest::of(&script).to_hex();
    let edit = json!({"text": text(&digest)});
    let path = "/content/objects/sensor/filed";
    admin
        .refused(Method::PUT, path, Some(edit.clone()), 422, "invalid")
        .await;
    let (status, sent) = admin
        .send_file(Method::POST, "/content/files", script.clone())
        .await;
    assert_eq!(
        (status, sent["sha256"].as_str()),
        (StatusCode::OK, Some(digest.as_str()))
    );
    // Until something names it, nobody fetches it.
    let file = format!("/content/files/{digest}");
    admin
        .refused(Method::GET, &file, None, 404, "not_found")
        .await;
    admin.ok(Method::PUT, path, Some(edit)).await;
    assert_eq!(fetched(&admin, &digest).await, script);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_is_bounded_before_it_is_read() {
    let world = World::new().await;
    let admin = Web::admin(&world).await;
    let count = || {
        std::fs::read_dir(world.folder.path().join("content"))
            .expect("a folder")
            .count()
    };
    let response = admin
        .request(Method::POST, "/api/v1/content/plan")
        .header("content-length", (64_u64 << 20) + 1)
        .header("expect", "100-continue")
        .body(reqwest::Body::from(vec![0_u8; 16]))
        .send()
        .await;
    // Refused by its length; the client may see that as a broken connection.
    if let Ok(response) = response {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    assert_eq!(count(), 0);
    admin.get("/content/packs").await;
}
