//! What the gateway asks of others over HTTP: one client, made in one way.
//!
//! Only URLs of the operator's own configuration are asked, so that addresses inside its network are none to refuse; where such a
//! URL points to is not the operator's any more, so that no redirect is followed.

use std::time::Duration;

use reqwest::redirect::Policy;

/// The longest that any answer is waited for.
pub const LONGEST: Duration = Duration::from_mins(1);

/// A client whose requests take at most `patience`, the answer's body included. Certificates are verified against the system's.
///
/// # Errors
/// When the system's certificates can't be read.
pub fn client(patience: Duration) -> reqwest::Result<reqwest::Client> {
    let agent = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
    reqwest::Client::builder().timeout(patience).redirect(Policy::none()).user_agent(agent).build()
}
