//! A server that knows one question with as many rows as wanted, made up while they are sent.

use crate::stand_in;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::sync::Arc;

pub struct Torrent {
    /// Names this server.
    pub profile: PathBuf,
    _folder: tempfile::TempDir,
}

impl Torrent {
    /// An answer of this many rows.
    pub fn start(rows: u64) -> Self {
        Self::new(rows, None)
    }

    /// An answer that breaks off after this many rows.
    pub fn broken_after(rows: u64) -> Self {
        Self::new(rows * 2, Some(rows))
    }

    fn new(rows: u64, breaks: Option<u64>) -> Self {
        let (url, authority) =
            stand_in::listen(move |stream, tls| serve(stream, tls, rows, breaks));
        let folder = tempfile::tempdir().expect("a folder");
        let profile = folder.path().join("profile.json");
        stand_in::profile(&profile, &url, &authority);
        Self {
            profile,
            _folder: folder,
        }
    }
}

const QUESTION: &str = r#"{"id":7,"text":"Get Running Processes from all machines","asked_by":"ada",
"asked_at":"2026-11-22T22:00:00Z","expires_at":"2026-11-22T22:10:00Z","cancelled":false,"closed":true,
"plan":{"tables":[{"title":"Running Processes","columns":[{"name":"Name","sensor":"Running Processes","value_type":"text"}],
"parts":[{"select":0,"many":true,"width":1}]}]},"coverage":{"answered":1},"rows":1,"rows_cut":0,"order":1,
"kept":false,"tail":{"by":[],"count":null},"answers_removed_at":null}"#;

fn serve(
    stream: std::net::TcpStream,
    tls: Arc<rustls::ServerConfig>,
    rows: u64,
    breaks: Option<u64>,
) -> std::io::Result<()> {
    let session = rustls::ServerConnection::new(tls).map_err(std::io::Error::other)?;
    let mut stream = BufReader::with_capacity(64 << 10, rustls::StreamOwned::new(session, stream));
    loop {
        let mut request = String::new();
        while !request.ends_with("\r\n\r\n") {
            if stream.read_line(&mut request)? == 0 {
                return Ok(());
            }
        }
        let out = stream.get_mut();
        if !request.contains("/export") {
            let length = QUESTION.len();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
            );
            out.write_all(head.as_bytes())?;
            out.write_all(QUESTION.as_bytes())?;
            out.flush()?;
            continue;
        }
        out.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")?;
        let mut chunk = Vec::new();
        for row in 0..rows {
            writeln!(
                chunk,
                r#"{{"table":"Running Processes","values":{{"Name":"process {row}"}},"machines":{{"count":1}}}}"#
            )?;
            if row + 1 == rows {
                writeln!(
                    chunk,
                    r#"{{"question":{{"id":7,"text":"Get Running Processes from all machines"}},"coverage":{{"answered":1}},"rows_cut":0,"problems":[]}}"#
                )?;
            }
            if chunk.len() > 32 << 10 || row + 1 == rows || breaks == Some(row) {
                write!(out, "{:x}\r\n", chunk.len())?;
                out.write_all(&chunk)?;
                out.write_all(b"\r\n")?;
                chunk.clear();
            }
            if breaks == Some(row) {
                return out.flush();
            }
        }
        out.write_all(b"0\r\n\r\n")?;
        out.flush()?;
    }
}
