//! Starting: what stands in the way leaves nothing behind.

use crate::support::catalogue;
use server::Config;
use server::start::StartError;

#[tokio::test]
async fn a_taken_port_leaves_the_folder_as_it_was() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let config = || Config::local(folder.path().to_owned(), catalogue());
    for config in [
        Config {
            http: address,
            ..config()
        },
        Config {
            agents: address,
            ..config()
        },
    ] {
        let error = server::start(config).await.err().expect("refused");
        assert!(matches!(error, StartError::Listen { .. }), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
    drop(taken);
    let running = server::start(Config {
        http: address,
        ..config()
    });
    assert!(running.await.unwrap().first_password.is_some());
}
