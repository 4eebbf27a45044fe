//! What stands around the pages: a journal, apps that are tried, a browser.

use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use http::{HeaderMap, StatusCode};
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};

use crate::account::{AuditFlush, Called, Refused, Sent, StandIn, Unanswered};
use crate::oauth;
use crate::store::Client;
use crate::web::Peer;

/// A journal that is always up to date, and counts who asked.
#[derive(Default)]
pub(crate) struct Counted(pub(crate) AtomicUsize);

#[async_trait]
impl AuditFlush for Counted {
    async fn flush(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Stands in for apps as a running gateway does, but for the network: what is called is noted, and answered from memory.
pub(crate) struct Rehearsed {
    trials: oauth::Trials,
    pub(crate) calls: Mutex<Vec<(Sent, String)>>,
}

impl Rehearsed {
    pub(super) fn new(trials: oauth::Trials) -> Self {
        Self { trials, calls: Mutex::default() }
    }
}

#[async_trait]
impl StandIn for Rehearsed {
    async fn redeem(&self, client: Client, form: &str, peer: &Peer) -> Result<SecretString, Refused> {
        let refused =
            |e: oauth::OAuthError| Refused { code: e.code().wire().0.to_owned(), description: e.description().to_owned() };
        self.trials.redeem(client, form, peer).await.map_err(refused)
    }

    async fn call(&self, sent: Sent, token: &SecretString) -> Result<Called, Unanswered> {
        let token = token.expose_secret();
        self.calls.lock().push((sent.clone(), token.to_owned()));
        if sent.target.contains("unanswered") {
            return Err(Unanswered("nobody answers".into()));
        }
        let mut headers =
            HeaderMap::from_iter([(http::header::CONTENT_TYPE, http::HeaderValue::from_static("application/json"))]);
        headers.insert("mcp-session-id", http::HeaderValue::from_static("a-session"));
        let body = format!(r#"{{"status":"</code><script>x</script>","echo":"Bearer {token}"}}"#).into_bytes();
        Ok(Called { status: StatusCode::OK, headers, body, cut: false, millis: 7 })
    }
}

/// A signed-in browser.
pub(crate) struct Browser {
    pub(crate) cookie: String,
    pub(crate) csrf: String,
}

impl Browser {
    /// A browser in which nobody is signed in.
    pub(crate) fn nobody() -> Self {
        Self { cookie: String::new(), csrf: String::new() }
    }

    /// The secret of its session.
    pub(crate) fn secret(&self) -> &str {
        self.cookie.split_once('=').map(|(_, secret)| secret).unwrap_or_default()
    }
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}
