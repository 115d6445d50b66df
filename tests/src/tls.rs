//! Certificates made for a test, and a server that speaks TLS with them.

use std::fs;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use tempfile::TempDir;

use crate::builder::Certificates;
use crate::{RedisServer, RedisServerBuilder, port};

/// An authority that signs certificates, for this test alone.
#[derive(Debug)]
pub struct Authority {
    /// Its own certificate.
    pub pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its private key.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
}

impl Authority {
    /// A new authority.
    ///
    /// # Panics
    ///
    /// When no certificate can be made.
    #[must_use]
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "the authority of a test");
        let key = KeyPair::generate().expect("a key");
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for these names and addresses.
    ///
    /// # Panics
    ///
    /// When no certificate can be made for them.
    #[must_use]
    pub fn sign(&self, names: &[&str]) -> Identity {
        self.sign_params(&Self::params(names))
    }

    /// A certificate that has expired in 2021.
    ///
    /// # Panics
    ///
    /// As [`sign`](Self::sign).
    #[must_use]
    pub fn sign_expired(&self, names: &[&str]) -> Identity {
        let mut params = Self::params(names);
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(2021, 1, 1);
        self.sign_params(&params)
    }

    fn params(names: &[&str]) -> CertificateParams {
        let names: Vec<_> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).expect("names for a certificate");
        // All authorities have one name, so who trusts two of them has to be told which one this is of.
        params.use_authority_key_identifier_extension = true;
        params
    }

    fn sign_params(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

/// A server that speaks TLS on a port of its own, and plain on that of the harness.
#[derive(Debug)]
pub struct TlsServer {
    /// The server, with its plain port.
    pub server: RedisServer,
    /// The port for TLS, on 127.0.0.1.
    pub port: u16,
    _files: TempDir,
}

impl TlsServer {
    /// Starts a server that shows `identity`. With `clients`, it demands a certificate of that authority. `None` where
    /// the server was built without TLS; a line then says that the test is left out.
    ///
    /// # Panics
    ///
    /// As [`RedisServerBuilder::start`].
    pub fn start(
        builder: RedisServerBuilder,
        identity: &Identity,
        clients: Option<&Authority>,
    ) -> Option<Self> {
        if lacks_parameter() {
            return not_run();
        }
        let files = tempfile::Builder::new().prefix("cachefence-tls-").tempdir();
        let files = files.expect("a temporary directory");
        let write = |name: &str, pem: &str| {
            let path = files.path().join(name);
            fs::write(&path, pem).expect("a file");
            path.to_str().expect("a path in UTF-8").to_owned()
        };
        let port = port::free();
        let mut builder = builder
            .args(["--tls-port", &port.to_string()])
            .args(["--tls-cert-file", &write("server.pem", &identity.certificate)])
            .args(["--tls-key-file", &write("server.key", &identity.key)]);
        builder = match clients {
            Some(authority) => builder
                .args(["--tls-ca-cert-file", &write("clients.pem", &authority.pem)])
                .args(["--tls-auth-clients", "yes"]),
            None => builder.args(["--tls-auth-clients", "no"]),
        };
        match RedisServer::start_with(builder) {
            Ok(server) => Some(Self { server, port, _files: files }),
            Err(reason) if reason.contains(UNSUPPORTED) => not_run(),
            Err(reason) => panic!("{reason}"),
        }
    }

    /// The URL of the TLS port.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rediss://127.0.0.1:{}", self.port)
    }
}

/// The files of servers that show a certificate of `authority` for 127.0.0.1, and trust those of `others` too. `None`
/// where servers are built without TLS; a line then says that the test is left out.
pub(crate) fn certificates(authority: &Authority, others: &[&Authority]) -> Option<Certificates> {
    let authorities = others.iter().fold(authority.pem.clone(), |pems, other| pems + &other.pem);
    let certificates = Certificates { identity: authority.sign(&["127.0.0.1"]), authorities };
    if lacks_parameter() {
        return not_run();
    }
    match RedisServer::start_with(RedisServer::builder().tls(certificates.clone())) {
        Err(reason) if reason.contains(UNSUPPORTED) => not_run(),
        _ => Some(certificates),
    }
}

/// What Redis 7 and later says if it was built without TLS, and is to speak it.
const UNSUPPORTED: &str = "Failed finding TLS support";

/// Whether this is a Redis 6.2 that was built without TLS.
fn lacks_parameter() -> bool {
    RedisServer::start().cli(&["CONFIG", "GET", "tls-port"]).is_empty()
}

fn not_run<T>() -> Option<T> {
    println!("NOT RUN: the server was built without TLS");
    None
}
