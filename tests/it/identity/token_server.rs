//! An authorization server that gives tokens for assertions, as each test wants it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

#[derive(Clone, Copy)]
pub enum Behave {
    /// Issues a token that lives so many seconds.
    Grant(u64),
    /// Refuses with this status and code.
    Refuse(u16, &'static str),
    /// Issues one behind so many spaces.
    Padded(usize),
    /// Points somewhere else.
    Redirect,
    /// Does not answer.
    Silent,
}

#[derive(Clone, Debug)]
pub struct Got {
    pub host: String,
    pub authorization: Option<String>,
    pub form: HashMap<String, String>,
}

pub struct Server {
    pub address: SocketAddr,
    got: Mutex<Vec<Got>>,
    behave: Mutex<Behave>,
    /// A request is answered when it gets one of these.
    pub turns: Semaphore,
}

impl Server {
    pub async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let server = Arc::new(Self {
            address: listener.local_addr().expect("an address"),
            got: Mutex::default(),
            behave: Mutex::new(Behave::Grant(600)),
            turns: Semaphore::new(Semaphore::MAX_PERMITS),
        });
        let router = Router::new().route("/token", post(token)).with_state(Arc::clone(&server));
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub fn behave(&self, behave: Behave) {
        *self.behave.lock() = behave;
    }

    pub fn count(&self) -> usize {
        self.got.lock().len()
    }

    pub fn last(&self) -> Got {
        self.got.lock().last().cloned().expect("a request")
    }

    /// The keys of an API whose upstream wants its tokens.
    pub fn keys(&self, more: &str) -> String {
        Self::keys_at(&format!("http://{}/token", self.address), more)
    }

    pub fn keys_at(endpoint: &str, more: &str) -> String {
        format!(
            "exchange = {{ token_endpoint = \"{endpoint}\", issuer = \"https://idp.test\", client_id = \"gate\", timeout = \"1s\", {more} }}"
        )
    }
}

async fn token(State(server): State<Arc<Server>>, headers: HeaderMap, Form(form): Form<HashMap<String, String>>) -> Response {
    let host = headers.get("host").map(|v| v.to_str().expect("text").to_owned()).unwrap_or_default();
    let authorization = headers.get("authorization").map(|v| v.to_str().expect("text").to_owned());
    let number = {
        let mut got = server.got.lock();
        got.push(Got { host, authorization, form });
        got.len()
    };
    let _turn = server.turns.acquire().await;
    let behave = *server.behave.lock();
    match behave {
        Behave::Grant(lives) => axum::Json(serde_json::json!({
            "access_token": format!("upstream-{number}"),
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "token_type": "Bearer",
            "expires_in": lives,
        }))
        .into_response(),
        Behave::Refuse(status, code) => {
            (StatusCode::from_u16(status).expect("a status"), axum::Json(serde_json::json!({ "error": code }))).into_response()
        }
        Behave::Padded(spaces) => {
            let issued = "\"issued_token_type\":\"urn:ietf:params:oauth:token-type:access_token\",\"token_type\":\"Bearer\"";
            let text = format!("{}{{\"access_token\":\"upstream-{number}\",{issued},\"expires_in\":600}}", " ".repeat(spaces));
            ([("content-type", "application/json")], text).into_response()
        }
        Behave::Redirect => (StatusCode::TEMPORARY_REDIRECT, [("location", "/token")]).into_response(),
        Behave::Silent => std::future::pending().await,
    }
}

pub const SECRET: &str = "client_secret = \"env:HOOK\"";
