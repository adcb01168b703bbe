//! A server that gives one reply to everything.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub struct Fixed {
    /// `https://127.0.0.1:…`
    pub url: String,
    /// Its certificate, PEM.
    pub authority: String,
    folder: tempfile::TempDir,
}

impl Fixed {
    /// One that replies with this status line, header lines, and body.
    pub fn start(status: &str, headers: &[&str], body: &str) -> Self {
        let length = format!("content-length: {}", body.len());
        let mut head = vec![format!("HTTP/1.1 {status}")];
        head.extend(headers.iter().map(|h| (*h).to_owned()));
        head.extend([length, String::new(), body.to_owned()]);
        Self::saying(head.join("\r\n").into_bytes())
    }

    /// One that says these bytes to each request, and ends the connection.
    pub fn saying(bytes: Vec<u8>) -> Self {
        let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
        let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .expect("TLS 1.3")
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key.into())
            .expect("a certificate and its key");
        let tls = Arc::new(tls);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (tls, bytes) = (Arc::clone(&tls), bytes.clone());
                // Whoever goes away early is no concern of the server's.
                std::thread::spawn(move || drop(serve(stream, tls, &bytes)));
            }
        });
        Self {
            url: format!("https://127.0.0.1:{port}"),
            authority: made.cert.pem(),
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A profile that leads to it.
    pub fn profile(&self) -> PathBuf {
        self.profile_of(&self.url, &self.authority)
    }

    /// One that leads to this address, and believes this authority.
    pub fn profile_of(&self, url: &str, authority: &str) -> PathBuf {
        let path = self.folder.path().join("profile.json");
        let text = serde_json::json!({"url": url, "authority": authority, "token": "cordon_x"});
        std::fs::write(&path, text.to_string()).expect("written");
        path
    }

    /// Its folder, for files of a test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}

fn serve(
    stream: std::net::TcpStream,
    tls: Arc<rustls::ServerConfig>,
    bytes: &[u8],
) -> std::io::Result<()> {
    let session = rustls::ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(rustls::StreamOwned::new(session, stream));
    let mut length = 0_u64;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line == "\r\n" {
            break;
        }
    }
    std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink())?;
    let out = stream.get_mut();
    out.write_all(bytes)?;
    out.conn.send_close_notify();
    out.flush()
}
