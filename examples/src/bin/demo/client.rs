//! Requests to the workers.

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode};
use cachefence_examples::BoxError;
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A client; a handle, cheap to clone.
#[derive(Clone)]
pub(crate) struct Client(legacy::Client<HttpConnector, Empty<Bytes>>);

impl Client {
    pub(crate) fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    /// Returns the answer of the worker on this port.
    pub(crate) async fn ask(
        &self,
        method: Method,
        port: u16,
        path: &str,
    ) -> Result<(StatusCode, Bytes), BoxError> {
        let uri = format!("http://127.0.0.1:{port}/{path}");
        let request = Request::builder().method(method).uri(uri).body(Empty::new())?;
        let response = self.0.request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }
}
