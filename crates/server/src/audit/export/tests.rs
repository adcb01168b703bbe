use super::*;
use crate::identity::test_certificate;
use crate::store::sqlite::SqliteStore;
use jiff::Timestamp;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

struct World {
    store: Arc<dyn Store>,
    clock: Clock,
    folder: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::set_to(Timestamp::UNIX_EPOCH);
        let store = Arc::new(SqliteStore::open(folder.path(), clock.clone()).unwrap());
        Self {
            store,
            clock,
            folder,
        }
    }

    async fn note(&self) -> Head {
        let deed = Deed::new(Actor::Server, "test", "");
        self.store.note(deed).await.unwrap();
        self.store.audit_head().await.unwrap()
    }

    async fn export(&self, destinations: Destinations) -> Export {
        Export::start(destinations, Arc::clone(&self.store), self.clock.clone())
            .await
            .unwrap()
    }

    /// Lets time pass until this gives something.
    async fn until<T>(&self, mut look: impl FnMut() -> Option<T>) -> T {
        loop {
            if let Some(found) = look() {
                return found;
            }
            self.clock.advance(EVERY);
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn each_new_head_is_appended_and_the_last_one_at_the_stop() {
    let world = World::new();
    let path = world.folder.path().join("heads");
    let first = world.note().await;
    let export = world
        .export(Destinations {
            file: Some(path.clone()),
            ..Destinations::default()
        })
        .await;
    let heads = || read_heads(&path).unwrap_or_default();
    world.until(|| heads().contains(&first).then_some(())).await;
    let second = world.note().await;
    world
        .until(|| heads().contains(&second).then_some(()))
        .await;
    let last = world.note().await;
    export.stop().await;
    assert_eq!(heads(), [first, second, last]);

    // A crash leaves half a line; what stands before it counts.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"{\"at\":\"1970");
    std::fs::write(&path, &bytes).unwrap();
    assert_eq!(heads().len(), 3);
    bytes.extend_from_slice(b"\n");
    std::fs::write(&path, &bytes).unwrap();
    assert!(matches!(
        read_heads(&path),
        Err(ExportError::Line { line: 4, .. })
    ));
}

#[tokio::test]
async fn a_log_that_lost_or_changed_what_was_exported_is_an_alarm_at_the_start() {
    for (forge, alarmed) in [(0_u8, false), (1, true)] {
        let world = World::new();
        let mut head = world.note().await;
        head.hash[0] ^= forge;
        let path = world.folder.path().join("heads");
        append(&path, head, Timestamp::UNIX_EPOCH).unwrap();
        let destinations = || Destinations {
            file: Some(path.clone()),
            ..Destinations::default()
        };
        world.export(destinations()).await.stop().await;
        let query = AuditQuery {
            action: Some("audit.contradicted".into()),
            limit: 9,
            ..AuditQuery::default()
        };
        let found = world.store.audit_entries(query).await.unwrap();
        assert_eq!(found.len() == 1, alarmed);
    }
    // Cut off altogether.
    let world = World::new();
    let path = world.folder.path().join("heads");
    let gone = Head {
        number: 5,
        hash: [7; 32],
    };
    append(&path, gone, Timestamp::UNIX_EPOCH).unwrap();
    compare(&path, world.store.as_ref()).await.unwrap();
    assert_eq!(world.store.audit_head().await.unwrap().number, 1);
}

#[tokio::test]
async fn both_kinds_of_system_log_get_a_line() {
    let world = World::new();
    let head = world.note().await;
    let expected = format!("audit head 1 {}", hex::encode(head.hash));
    let udp = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut places = vec![Syslog::Udp(udp.local_addr().unwrap().to_string())];
    let mut got = vec![0; 2000];
    #[cfg(unix)]
    let local = {
        let path = world.folder.path().join("log");
        let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
        places.push(Syslog::Local(path));
        socket
    };
    for place in places {
        let is_udp = matches!(place, Syslog::Udp(_));
        let export = world
            .export(Destinations {
                syslog: Some(place),
                ..Destinations::default()
            })
            .await;
        #[cfg(unix)]
        let length = if is_udp {
            udp.recv(&mut got).await.unwrap()
        } else {
            local.recv(&mut got).await.unwrap()
        };
        #[cfg(not(unix))]
        let length = udp.recv(&mut got).await.unwrap();
        let text = std::str::from_utf8(&got[..length]).unwrap();
        assert!(text.ends_with(&expected), "{text}");
        let begin = if is_udp {
            "<86>1 1970-01-01T00:00:00"
        } else {
            "<86>Jan  1 00:00:00 cordon-server["
        };
        assert!(text.starts_with(begin), "{text}");
        export.stop().await;
    }
}

/// Answers one request over TLS with this status and gives what was asked.
async fn answer(
    listener: &tokio::net::TcpListener,
    tls: &tokio_rustls::TlsAcceptor,
    status: &str,
) -> String {
    let (stream, _) = listener.accept().await.unwrap();
    let mut stream = tls.accept(stream).await.unwrap();
    let mut text = String::new();
    let mut piece = [0; 1024];
    while !text.ends_with('}') {
        let length = stream.read(&mut piece).await.unwrap();
        assert!(length > 0, "the request ended early: {text}");
        text.push_str(std::str::from_utf8(&piece[..length]).unwrap());
    }
    let reply = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(reply.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    text
}

#[tokio::test]
async fn a_webhook_gets_the_newest_head_once_it_takes_it() {
    let world = World::new();
    let first = world.note().await;
    let (tls, authority) = test_certificate("localhost");
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!(
        "https://localhost:{}/heads",
        listener.local_addr().unwrap().port()
    );
    let authority = authority.as_bytes();
    assert!(Webhook::new("http://localhost/", None, authority).is_err());
    assert!(Webhook::new(&url, None, b"no certificate").is_err());
    let token = zeroize::Zeroizing::new("a token".to_owned());
    let webhook = Webhook::new(&url, Some(&token), authority).unwrap();
    let export = world
        .export(Destinations {
            webhook: Some(webhook),
            ..Destinations::default()
        })
        .await;
    let asked = answer(&listener, &tls, "503 Busy").await;
    assert!(asked.contains("POST /heads HTTP/1.1\r\n"), "{asked}");
    assert!(
        asked
            .to_lowercase()
            .contains("authorization: bearer a token"),
        "{asked}"
    );
    assert!(asked.contains(&hex::encode(first.hash)), "{asked}");
    // It was refused: the newest is tried again.
    let second = world.note().await;
    let clock = world.clock.clone();
    let time = tokio::spawn(async move {
        loop {
            clock.advance(EVERY);
            tokio::task::yield_now().await;
        }
    });
    let mut asked = answer(&listener, &tls, "204 No Content").await;
    while !asked.contains(&hex::encode(second.hash)) {
        asked = answer(&listener, &tls, "204 No Content").await;
    }
    time.abort();
    export.stop().await;
}
