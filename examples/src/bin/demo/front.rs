//! The page, and what it asks for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use cachefence_examples::{BoxError, one_line};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::args::DEFAULT_PORT;
use crate::board::View;
use crate::buttons::{Controls, Press};

const PAGE: &str = include_str!("page.html");

/// The page's port; a free one where the default is taken and none was asked for.
pub(crate) async fn listen(port: Option<u16>) -> Result<TcpListener, BoxError> {
    let bind = |port| TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    if let Some(port) = port {
        return bind(port).await.map_err(|error| format!("port {port}: {error}").into());
    }
    if let Ok(listener) = bind(DEFAULT_PORT).await {
        return Ok(listener);
    }
    println!("port {DEFAULT_PORT} is taken, so a free one is used");
    Ok(bind(0).await?)
}

pub(crate) fn router(controls: Arc<Controls>) -> Router {
    Router::new()
        .route("/", get(|| async { Html(PAGE) }))
        .route("/api/state", get(state))
        .route("/api/{button}", post(press))
        .with_state(controls)
}

/// What the page has already: the number of the last sample, and of the last event.
#[derive(Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
    #[serde(default)]
    events: u64,
}

type Shared = State<Arc<Controls>>;

async fn state(State(controls): Shared, Query(known): Query<Since>) -> Json<View> {
    Json(controls.board.view(known.since, known.events))
}

/// The answer to a button.
#[derive(Serialize)]
struct Said {
    said: String,
}

async fn press(
    State(controls): Shared,
    Path(press): Path<Press>,
    headers: HeaderMap,
) -> (StatusCode, Json<Said>) {
    let (status, said) = if is_foreign(&headers) {
        (StatusCode::FORBIDDEN, "Only the demo's own page presses its buttons.".to_owned())
    } else {
        match controls.press(press).await {
            Ok(said) => (StatusCode::OK, said),
            Err(error) => (StatusCode::CONFLICT, one_line(error.as_ref())),
        }
    };
    (status, Json(Said { said }))
}

/// Whether a page of another site sends the request: browsers name the site of the page in `Origin`.
fn is_foreign(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(ORIGIN) else { return false };
    let host = headers.get(HOST).map_or(&b""[..], |host| host.as_bytes());
    origin.as_bytes().strip_prefix(b"http://") != Some(host)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderMap;
    use axum::http::header::{HOST, HeaderValue, ORIGIN};

    use super::PAGE;

    #[test]
    fn the_page_asks_nobody_else() {
        for (at, _) in PAGE.match_indices("http") {
            let address = &PAGE[at..];
            assert!(address.starts_with("http://www.w3.org/2000/svg"), "{}", &address[..40]);
        }
    }

    #[test]
    fn the_page_shows_the_functions_that_run() {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        let page = words(&PAGE.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
        for (source, first, last) in [
            (include_str!("../../naive.rs"), "async fn revenue(", "\n    }\n"),
            (include_str!("worker/fenced.rs"), "#[cachefence(", "\n}\n"),
        ] {
            let function = &source[source.find(first).expect("a function")..];
            let end = function.find(last).expect("an end") + last.len();
            let shown = words(&function[..end].replace("pub(crate)", ""));
            assert!(page.contains(&shown), "{shown}");
        }
    }

    #[test]
    fn pages_of_other_sites_press_no_button() {
        let is_foreign = |origin: &[&'static str], host: &[&'static str]| {
            let mut headers = HeaderMap::new();
            headers.extend(origin.iter().map(|it| (ORIGIN, HeaderValue::from_static(it))));
            headers.extend(host.iter().map(|it| (HOST, HeaderValue::from_static(it))));
            super::is_foreign(&headers)
        };
        assert!(!is_foreign(&["http://localhost:7878"], &["localhost:7878"]));
        assert!(!is_foreign(&[], &["localhost:7878"]));
        for origin in ["http://example.com", "http://localhost:80", "null"] {
            assert!(is_foreign(&[origin], &["localhost:7878"]), "{origin}");
        }
        assert!(is_foreign(&["null"], &[]));
    }
}
