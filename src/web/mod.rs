//! What every handler that a browser or client talks to shares: who called, parameters, cookies, sessions, forged-form
//! protection, security headers, and pages as answers.

mod cookies;
mod forgery;
mod form;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod harden;
mod log_file;
mod missing;
mod opened;
mod params;
mod peer;
mod refused;
mod registered;
mod session;
mod trouble;
mod whole;

pub use cookies::{cookie, expired_cookie, new_cookie};
pub use forgery::{FormToken, from_our_pages};
pub use form::Form;
pub use harden::{harden, page, page_leading_to};
pub use log_file::{Cut, LogFile, LogReader};
pub use missing::missing;
pub use opened::opened;
pub use params::{ParamError, Params, decode_component};
pub use peer::{Peer, network};
pub use refused::{refused_change, settled_refusal};
pub use registered::registration;
pub use session::{
    AnySession, FRESH, SESSION_COOKIE, SignedIn, ended_session_cookie, session_cookie, signed_in, started_session,
};
pub use trouble::{Trouble, brand, frame};
pub use whole::whole_form;

/// Largest form that a page or endpoint reads, bytes.
pub const MAX_FORM: usize = 64 * 1024;

/// Reads a whole body of at most `limit` bytes; `None` when it is larger or breaks off.
pub async fn body_within(body: axum::body::Body, limit: usize) -> Option<bytes::Bytes> {
    axum::body::to_bytes(body, limit).await.ok()
}

/// Sends the browser elsewhere with a GET, whatever it came with (RFC 9700 §4.12: never 307 after credentials).
///
/// `to` is a path on this origin or a redirect target that was proved; a text that can't stand in a header leads nowhere.
#[must_use]
pub fn see_other(to: &str) -> axum::response::Response {
    let mut response = axum::response::Response::new(axum::body::Body::empty());
    if let Ok(location) = http::HeaderValue::from_str(to) {
        *response.status_mut() = http::StatusCode::SEE_OTHER;
        response.headers_mut().insert(http::header::LOCATION, location);
    } else {
        *response.status_mut() = http::StatusCode::BAD_REQUEST;
    }
    response
}
