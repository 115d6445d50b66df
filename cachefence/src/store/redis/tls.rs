//! TLS: whom to trust, who to be, and what went wrong.

use std::fmt;
use std::io;
use std::sync::Arc;

use redis::ConnectionAddr;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{AlertDescription, CertificateError, ClientConfig, RootCertStore};
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;

use super::stream::{Socket, Stream};
use crate::error::InvalidOption;

/// How TLS is spoken with a Redis server: see [`Redis::tls`](crate::Redis::tls).
///
/// By default the server's certificate has to be signed by an authority that this system trusts, and to be for the
/// host of the URL, and no client certificate is shown. TLS 1.3 and 1.2 are spoken, by `rustls` with `ring`,
/// whatever the process has installed as its own default. There is no way to leave the verification out.
///
/// All PEM is read when the cache is built; nothing reads it again when a file changes.
///
/// # Examples
///
/// ```no_run
/// use cachefence::{CacheFence, Redis, Tls};
/// use std::fs;
///
/// # #[tokio::main] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tls = Tls::new()
///     .ca_pem(fs::read("/etc/cache/ca.pem")?)
///     .client_pem(fs::read("/etc/cache/app.pem")?, fs::read("/etc/cache/app.key")?)
///     .server_name("cache.internal");
/// let cache = CacheFence::connect(Redis::server("rediss://10.0.0.7:6380/0").tls(tls)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Default)]
#[must_use = "it does nothing until it is given to `Redis::tls`"]
pub struct Tls {
    ca: Option<Vec<u8>>,
    client: Option<(Vec<u8>, Vec<u8>)>,
    server_name: Option<String>,
}

impl Tls {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the authorities in `pem`, one or more certificates, and no longer those of the system.
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.ca = Some(pem.as_ref().to_vec());
        self
    }

    /// Shows a client certificate, for a server that demands one: `certificates` is the PEM of the certificate,
    /// followed by those of the intermediate authorities, and `key` that of its private key (PKCS #8, PKCS #1 or
    /// SEC 1, not encrypted).
    pub fn client_pem(mut self, certificates: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Self {
        self.client = Some((certificates.as_ref().to_vec(), key.as_ref().to_vec()));
        self
    }

    /// The name, or IP address, for which the server's certificate has to be, where that is not the host of the
    /// URL.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// What makes TLS connections to `server`; does no I/O.
    pub(super) fn connector(self, server: &ConnectionAddr) -> Result<Connector, InvalidOption> {
        let is_given = self.server_name.is_some();
        let name = match (self.server_name, server) {
            (Some(name), _) => name,
            (None, ConnectionAddr::Tcp(host, _)) => host.clone(),
            (None, _) => return Err(invalid("is not for sockets on this machine")),
        };
        let name = server_name(name)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let client = self.client.map(|(certificates, key)| client(&provider, &certificates, &key));
        let client = client.transpose()?;
        let mut connector = Connector { name, is_given, provider, client, config: Arc::default() };
        if let Some(pem) = self.ca {
            let config = connector
                .config(authorities(&pem)?)
                .map_err(|error| invalid(format!("cannot be spoken as it is set: {error}")))?;
            connector.config = Arc::new(OnceCell::new_with(Some(config)));
        }
        Ok(connector)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

/// The authorities in `pem`.
fn authorities(pem: &[u8]) -> Result<RootCertStore, InvalidOption> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, "ca_pem")? {
        roots.add(certificate).map_err(|error| {
            invalid(format!(
                "has a certificate in `ca_pem` that cannot be trusted as an authority: {error}"
            ))
        })?;
    }
    Ok(roots)
}

/// The client certificate in `certificates`, and its key.
fn client(
    provider: &CryptoProvider,
    certificates: &[u8],
    key: &[u8],
) -> Result<Arc<CertifiedKey>, InvalidOption> {
    let chain = self::certificates(certificates, "client_pem")?;
    // The error may quote a line of the key.
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        invalid(
            "has no private key in the second argument of `client_pem`: give PEM that begins with \
             `-----BEGIN PRIVATE KEY-----`, not encrypted",
        )
    })?;
    let certified = CertifiedKey::from_der(chain, key, provider).map_err(|_| {
        invalid("has a key in `client_pem` that is not the one of the certificate, or of an unknown kind")
    })?;
    Ok(Arc::new(certified))
}

/// The certificates in `pem`, of which there is at least one.
fn certificates(pem: &[u8], option: &str) -> Result<Vec<CertificateDer<'static>>, InvalidOption> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    // The error may quote a line of what is no certificate but a key.
    read.ok().filter(|certificates| !certificates.is_empty()).ok_or_else(|| {
        invalid(format!(
            "has no readable certificate in `{option}`: give the PEM itself, which begins with \
             `-----BEGIN CERTIFICATE-----`, not the path of its file"
        ))
    })
}

fn invalid(problem: impl Into<std::borrow::Cow<'static, str>>) -> InvalidOption {
    InvalidOption::new("tls", problem)
}

/// What makes TLS connections to one server.
pub(super) struct Connector {
    name: ServerName<'static>,
    /// Whether the name is the one of [`Tls::server_name`], and not the server's host.
    is_given: bool,
    /// Ours, and not the one of the process, of which there may be none, or two.
    provider: Arc<CryptoProvider>,
    client: Option<Arc<CertifiedKey>>,
    /// Made with the first connection where the system's authorities count, because reading them is I/O.
    config: Arc<OnceCell<Arc<ClientConfig>>>,
}

/// The name or IP address that a certificate is for.
fn server_name(name: String) -> Result<ServerName<'static>, InvalidOption> {
    ServerName::try_from(name).map_err(|_| {
        invalid(
            "has a server name that no certificate can be for: give a host name or an IP address",
        )
    })
}

/// Why there is no TLS connection, as the end of a sentence about the server.
pub(super) type Refused = String;

impl Connector {
    /// A connector for the node of the same cluster at `host`.
    pub(super) fn to(&self, host: &str) -> Result<Self, InvalidOption> {
        let name = if self.is_given { self.name.clone() } else { server_name(host.to_owned())? };
        let (provider, config) = (Arc::clone(&self.provider), Arc::clone(&self.config));
        let (is_given, client) = (self.is_given, self.client.clone());
        Ok(Self { name, is_given, provider, client, config })
    }

    /// Speaks TLS over `socket`.
    pub(super) async fn connect(&self, socket: Socket) -> Result<Stream, Refused> {
        let received = socket.received();
        let config = self.config.get_or_try_init(|| self.with_roots_of_system()).await?;
        let connector = TlsConnector::from(Arc::clone(config));
        let connected = connector.connect(self.name.clone(), socket).await;
        match connected {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(_) if received.first().is_some_and(|first| !is_tls(first)) => {
                Err("does not speak TLS at this port: write `redis://`, or give its TLS port".to_owned())
            }
            Err(error) => Err(self.explain(&error).unwrap_or_else(|| {
                format!(
                    "ended the connection during the TLS handshake ({}): is this its TLS port? If not, write \
                     `redis://`",
                    error.kind()
                )
            })),
        }
    }

    async fn with_roots_of_system(&self) -> Result<Arc<ClientConfig>, Refused> {
        const HOW: &str =
            "install them (`ca-certificates`), or name the authority with `Tls::ca_pem`";
        let loaded = spawn_blocking(rustls_native_certs::load_native_certs).await;
        let found =
            loaded.map_err(|_| "was not asked, because the runtime shuts down".to_owned())?;
        let mut roots = RootCertStore::empty();
        let (trusted, _) = roots.add_parsable_certificates(found.certs);
        if trusted == 0 {
            let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
            return Err(format!(
                "cannot be trusted: this system has no root certificates{why}; {HOW}"
            ));
        }
        self.config(roots).map_err(|error| format!("cannot be spoken to by TLS: {error}"))
    }

    fn config(&self, roots: RootCertStore) -> Result<Arc<ClientConfig>, rustls::Error> {
        let config = ClientConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots);
        let mut config = match &self.client {
            Some(key) => {
                let key = SingleCertAndKey::from(Arc::clone(key));
                config.with_client_cert_resolver(Arc::new(key))
            }
            None => config.with_no_client_auth(),
        };
        // A server refuses sessions that it no longer knows, which costs a round trip where one was to be saved.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    /// What a TLS `error` says, if it is one.
    pub(super) fn explain(&self, error: &io::Error) -> Option<Refused> {
        let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
        let name = self.name.to_str();
        Some(match error {
            rustls::Error::InvalidCertificate(why) => {
                format!("showed a certificate that {}", untrusted(why, &name))
            }
            rustls::Error::AlertReceived(alert) => self.alerted(*alert),
            rustls::Error::InvalidMessage(_) => {
                "does not speak TLS at this port: write `redis://`, or give its TLS port".to_owned()
            }
            error => format!("could not agree on TLS: {error}"),
        })
    }

    fn alerted(&self, alert: AlertDescription) -> Refused {
        use AlertDescription::{
            AccessDenied, BadCertificate, CertificateExpired, CertificateRequired,
            CertificateRevoked, CertificateUnknown, DecryptError, HandshakeFailure,
            ProtocolVersion, UnknownCA, UnsupportedCertificate,
        };
        match alert {
            CertificateRequired => self.demands(),
            HandshakeFailure | BadCertificate if self.client.is_none() => self.demands(),
            ProtocolVersion => {
                "speaks neither TLS 1.3 nor TLS 1.2: allow one of them (`tls-protocols`)".to_owned()
            }
            AccessDenied
            | BadCertificate
            | CertificateExpired
            | CertificateRevoked
            | CertificateUnknown
            | DecryptError
            | UnknownCA
            | UnsupportedCertificate => format!(
                "refused our client certificate ({alert:?}): check what `Tls::client_pem` was given, and which \
                 authority the server trusts"
            ),
            alert => format!("refused the TLS handshake ({alert:?})"),
        }
    }

    /// What may be the matter with a server that ends the connection without a word after the handshake.
    pub(super) fn demands(&self) -> Refused {
        match self.client {
            None => "demands a client certificate: give it one with `Tls::client_pem`".to_owned(),
            Some(_) => "ended the connection after the TLS handshake: check whether it trusts the authority of the \
                        certificate in `Tls::client_pem`"
                .to_owned(),
        }
    }
}

/// Why a certificate is not trusted, and what to do.
fn untrusted(why: &CertificateError, name: &str) -> String {
    const DAY: u64 = 24 * 60 * 60;
    match why {
        CertificateError::UnknownIssuer => format!(
            "is signed by an unknown issuer (for `{name}`): trust that authority with `Tls::ca_pem`"
        ),
        CertificateError::BadSignature => format!(
            "is signed by an unknown issuer, which has the name of a trusted one and another key (for `{name}`): \
             trust that authority with `Tls::ca_pem`"
        ),
        CertificateError::Expired => format!("has expired (for `{name}`): renew it"),
        CertificateError::ExpiredContext { time, not_after } => {
            let days = time.as_secs().saturating_sub(not_after.as_secs()) / DAY;
            format!("expired {days} days ago (for `{name}`): renew it, or set this machine's clock")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            format!("is not valid yet (for `{name}`): is this machine's clock right?")
        }
        CertificateError::NotValidForName => {
            format!("is not for `{name}`: give the name that it is for with `Tls::server_name`")
        }
        CertificateError::NotValidForNameContext { presented, .. } => format!(
            "is not for `{name}` but for {}: connect by that name, or give it with `Tls::server_name`",
            if presented.is_empty() { "no name".to_owned() } else { presented.join(", ") }
        ),
        why => format!("cannot be trusted (for `{name}`): {why}"),
    }
}

/// Whether the first byte of a stream is one of TLS: the type of a record.
pub(super) fn is_tls(first: u8) -> bool {
    (20..=24).contains(&first)
}
