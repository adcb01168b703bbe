//! A port with real TLS behind which a test says what it likes.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

/// Serves each connection in a thread of its own. Gives the address and the certificate to believe, PEM.
pub fn listen(
    serve: impl Fn(TcpStream, Arc<rustls::ServerConfig>) -> std::io::Result<()> + Send + Sync + 'static,
) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .expect("TLS 1.3")
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .expect("a certificate and its key");
    let (tls, serve) = (Arc::new(tls), Arc::new(serve));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (tls, serve) = (Arc::clone(&tls), Arc::clone(&serve));
            // Whoever goes away early is no concern of the server's.
            std::thread::spawn(move || drop(serve(stream, tls)));
        }
    });
    (format!("https://127.0.0.1:{port}"), made.cert.pem())
}

/// Writes a profile that leads to this address and believes this authority.
pub fn profile(path: &Path, url: &str, authority: &str) {
    let text = serde_json::json!({"url": url, "authority": authority, "token": "cordon_x"});
    std::fs::write(path, text.to_string()).expect("written");
}
