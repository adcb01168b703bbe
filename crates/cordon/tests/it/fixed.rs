//! A server that gives one reply to everything.

use crate::stand_in;
use std::io::{BufRead, BufReader, Read, Write};
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
        let (url, authority) = stand_in::listen(move |stream, tls| serve(stream, tls, &bytes));
        Self {
            url,
            authority,
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
        stand_in::profile(&path, url, authority);
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
