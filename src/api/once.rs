//! Creations that may be repeated: with an `Idempotency-Key` the second request gets the answer of the first.
//!
//! The answer is kept for a day, sealed under the deployment's secret, because it may hold a secret that is kept nowhere else.

use std::future::Future;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use super::caller::Caller;
use super::error::ApiError;
use crate::node::Node;
use crate::store::Once;
use crate::types::{Chain, HashedToken};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Longest key, bytes.
const MAX_KEY: usize = 255;
/// How long an answer is kept.
const KEPT: Duration = Duration::from_hours(24);
/// What answers are sealed for.
const PURPOSE: &str = "idempotent-answers";

/// What a creation answered, now or before.
pub(super) struct Repeatable {
    body: Vec<u8>,
    replayed: bool,
}

/// The same where the answer says whether something was made.
pub(super) struct RepeatableAct(pub(super) Repeatable);

impl IntoResponse for RepeatableAct {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        *response.status_mut() = StatusCode::OK;
        response
    }
}

impl IntoResponse for Repeatable {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::CREATED, self.body).into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.replayed {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}

/// Does `work`, or gives the answer that the same request got before. Without a key the work is done each time.
pub(super) async fn once<T: Serialize>(
    caller: &Caller,
    headers: &HeaderMap,
    path: &str,
    request: &(impl Serialize + Sync),
    work: impl Future<Output = Result<T, ApiError>> + Send,
) -> Result<Repeatable, ApiError> {
    let Some(name) = headers.get(KEY) else { return Ok(Repeatable { body: written(&work.await?)?, replayed: false }) };
    let name = name.to_str().ok().filter(|n| (1..=MAX_KEY).contains(&n.len()));
    let name = name.ok_or_else(|| ApiError::invalid(format!("Idempotency-Key is 1 to {MAX_KEY} visible characters")))?;
    let p = &caller.principal;
    let key = HashedToken::of(&[p.org.id.as_str(), p.user.id.as_str(), p.client.id.as_str(), path, name].join("\n"));
    let digest = HashedToken::of(&serde_json::to_string(request).map_err(|_| ApiError::unavailable())?);
    answered(&caller.node, (&key, &digest), work).await
}

/// The same for a key and the digest of what is asked for with it.
async fn answered<T: Serialize>(
    node: &Node,
    (key, digest): (&HashedToken, &HashedToken),
    work: impl Future<Output = Result<T, ApiError>> + Send,
) -> Result<Repeatable, ApiError> {
    let (store, keys, now) = (&node.store, &node.keys, node.now());
    match store.begin_once(key, digest, now, now.plus(KEPT)).await? {
        Once::Mine => {}
        Once::Done(sealed) => {
            let body = keys.reveal(PURPOSE, key.bytes(), &sealed).ok_or_else(ApiError::unavailable)?;
            return Ok(Repeatable { body, replayed: true });
        }
        Once::Differs => return Err(ApiError::unprocessable("this Idempotency-Key was used for another request; use a new one")),
        Once::Busy => {
            let text = "the first request with this Idempotency-Key is under way or broke off; look whether it was done";
            return Err(ApiError::conflict(text));
        }
    }
    match work.await {
        Ok(done) => {
            let body = written(&done)?;
            let sealed = keys.protect(PURPOSE, key.bytes(), body.clone()).map_err(|_| ApiError::unavailable())?;
            // It is done: that it can't be told again is no reason not to tell it now.
            if let Err(error) = store.finish_once(key, &sealed).await {
                tracing::error!(
                    error = %Chain(&error),
                    "an answer could not be kept for whoever repeats a request"
                );
            }
            Ok(Repeatable { body, replayed: false })
        }
        // What was refused changed nothing, so the key is free again.
        Err(refused) if refused.is_refusal() => {
            store.abandon_once(key).await?;
            Err(refused)
        }
        // What broke off may have been done: with a free key the repeated request would do it once more.
        Err(broken) => Err(broken),
    }
}

fn written(value: &impl Serialize) -> Result<Vec<u8>, ApiError> {
    serde_json::to_vec(value).map_err(|_| ApiError::unavailable())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::Fixture;
    use crate::types::{SystemEntropy, TokenKind};

    #[tokio::test]
    async fn only_a_refusal_gives_the_key_back() {
        let fixture = Fixture::start().await;
        let name = || crate::types::PlainToken::generate(TokenKind::Csrf, &SystemEntropy).hashed();
        let (key, digest) = (name(), name());
        let ask = async |outcome: Result<&'static str, ApiError>| {
            answered(&fixture.node, (&key, &digest), async { outcome }).await.map(|done| (done.body, done.replayed))
        };
        let status = |error: ApiError| error.into_response().status();
        for _ in 0..2 {
            assert_eq!(ask(Err(ApiError::conflict("taken"))).await.map_err(status), Err(StatusCode::CONFLICT));
        }
        assert_eq!(ask(Ok("secret")).await.map_err(status), Ok((b"\"secret\"".to_vec(), false)));
        assert_eq!(ask(Ok("another")).await.map_err(status), Ok((b"\"secret\"".to_vec(), true)));

        let key = name();
        let ask = async |outcome: Result<&'static str, ApiError>| {
            answered(&fixture.node, (&key, &digest), async { outcome }).await.map(|done| done.body)
        };
        assert_eq!(ask(Err(ApiError::unavailable())).await.map_err(status), Err(StatusCode::SERVICE_UNAVAILABLE));
        // It may have been done: nobody does it once more unasked.
        assert_eq!(ask(Ok("once more")).await.map_err(status), Err(StatusCode::CONFLICT));
    }
}
