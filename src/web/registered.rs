//! How clients came here, for the pages of those who decide about them.

use crate::pages::views::{Registered, Registration};
use crate::pages::{When, plain};
use crate::store::{Client, ClientKind, ClientOrigin, GrantType};
use crate::types::Timestamp;

/// How a client signs in and where it is answered.
#[must_use]
pub fn registration(client: &Client, now: Timestamp) -> Registration {
    let how = match (client.origin, &client.app, &client.org) {
        (ClientOrigin::Dynamic, ..) => Registered::ByItself,
        (ClientOrigin::Administrator, Some(_), _) => Registered::WithApp,
        (ClientOrigin::Administrator, None, Some(_)) => Registered::ByOwner,
        (ClientOrigin::Administrator, None, None) => Registered::ByOperator,
    };
    Registration {
        how,
        at: When::new(client.created_at, now),
        has_secret: client.kind == ClientKind::Confidential,
        grant_types: client.grant_types.iter().map(|grant| word(*grant).to_owned()).collect(),
        redirect_uris: client.redirect_uris.iter().map(|uri| plain(uri.as_str())).collect(),
    }
}

/// As the token endpoint is told it.
const fn word(grant: GrantType) -> &'static str {
    match grant {
        GrantType::AuthorizationCode => "authorization_code",
        GrantType::RefreshToken => "refresh_token",
        GrantType::ClientCredentials => "client_credentials",
        GrantType::DeviceCode => "device_code",
    }
}
