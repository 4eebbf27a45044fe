//! Who may administer: whoever can read the node's data directory.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use super::error::AdminError;
use crate::types::{HashedToken, PlainToken, TokenKind};

/// Lets requests with the bearer secret pass.
pub(super) async fn bearer(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    if admits(&state.token, request.headers()) {
        return next.run(request).await;
    }
    tracing::warn!("an administration request without the admin secret was refused");
    AdminError::unauthorized().into_response()
}

/// One `Authorization` field with the scheme `Bearer` (RFC 6750 §2.1) and the secret, compared by hash in constant time.
fn admits(expected: &HashedToken, headers: &HeaderMap) -> bool {
    let mut fields = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(field), None) = (fields.next(), fields.next()) else { return false };
    let Some((scheme, credential)) = field.to_str().ok().and_then(|f| f.split_once(' ')) else { return false };
    if !scheme.eq_ignore_ascii_case("bearer") {
        return false;
    }
    let Some(presented) = PlainToken::presented(TokenKind::Admin, credential.trim()) else { return false };
    verify_slices_are_equal(expected.bytes(), presented.hashed().bytes()).is_ok()
}
