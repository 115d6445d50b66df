//! The page, and what it asks for.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::{get, post};
use axum::{Json, Router};
use cachefence_examples::BoxError;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::args::DEFAULT_PORT;
use crate::board::View;
use crate::buttons::Controls;

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
        .route("/api/expire", post(expire))
        .route("/api/invalidate", post(invalidate))
        .route("/api/kill-leader", post(kill_leader))
        .route("/api/redis", post(redis))
        .route("/api/slow", post(slow))
        .route("/api/failing", post(failing))
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

async fn expire(State(controls): Shared) -> Said {
    said(controls.board.buttons().expire.why, controls.expire()).await
}

async fn invalidate(State(controls): Shared) -> Said {
    said(controls.board.buttons().invalidate.why, controls.invalidate()).await
}

async fn kill_leader(State(controls): Shared) -> Said {
    said(controls.board.buttons().kill_leader.why, controls.kill_leader()).await
}

async fn redis(State(controls): Shared) -> Said {
    said(controls.board.buttons().redis.why, controls.redis()).await
}

async fn slow(State(controls): Shared) -> Said {
    said("", async { controls.slow() }).await
}

async fn failing(State(controls): Shared) -> Said {
    said("", async { controls.failing() }).await
}

/// The answer to a button: a sentence.
type Said = (StatusCode, Json<Sentence>);

#[derive(Serialize)]
struct Sentence {
    said: String,
}

/// Does what a button is for, unless there is a reason `why_not`.
async fn said(why_not: &str, act: impl Future<Output = Result<String, BoxError>>) -> Said {
    let (status, said) = if why_not.is_empty() {
        match act.await {
            Ok(said) => (StatusCode::OK, said),
            Err(error) => (StatusCode::CONFLICT, error.to_string()),
        }
    } else {
        (StatusCode::CONFLICT, why_not.to_owned())
    };
    (status, Json(Sentence { said }))
}

#[cfg(test)]
mod tests {
    use super::PAGE;

    #[test]
    fn the_page_is_small_and_asks_nobody_else() {
        assert!(PAGE.len() <= 60 * 1024, "{} bytes", PAGE.len());
        for (at, _) in PAGE.match_indices("http") {
            let address = &PAGE[at..];
            assert!(address.starts_with("http://www.w3.org/2000/svg"), "{}", &address[..40]);
        }
    }

    #[test]
    fn the_page_shows_the_function_that_runs() {
        let words = |text: &str| text.split_whitespace().collect::<String>();
        let page = words(&PAGE.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&"));
        let source = include_str!("worker/fenced.rs");
        let start = source.find("#[cachefence(").expect("an attribute");
        let shown = words(&source[start..source[start..].find("}\n").expect("an end") + start]);
        assert!(page.contains(&shown.replace("pub(crate)", "")), "{shown}");
    }
}
