//! What clients say to the authorization server, for whoever looks for bytes that fool it.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};

use super::client_auth::{Presented, presented};
use super::endpoints::understood;
use super::{ask, pkce};
use crate::store::GrantType;
use crate::types::{RedirectUri, Timestamp};
use crate::web::Params;

/// The first line is an `Authorization`, the rest a form. Whoever is told is named in one place, and is who that place says.
pub fn client_authentication(data: &[u8]) {
    let (head, body) = data.iter().position(|b| *b == b'\n').map_or((data, &b""[..]), |at| (&data[..at], &data[at + 1..]));
    let (Ok(value), Ok(params)) = (HeaderValue::from_bytes(head), Params::parse(body)) else { return };
    let headers = if head.is_empty() { HeaderMap::new() } else { HeaderMap::from_iter([(AUTHORIZATION, value)]) };
    let form = |name| params.one(name).ok().flatten();
    match presented(&headers, &params) {
        Ok(Presented::Secret { id, secret, basic: true }) => {
            let text = std::str::from_utf8(head).expect("visible text");
            let pair = STANDARD.decode(text.split_once(' ').expect("a scheme").1.trim()).expect("base64");
            assert!(form("client_secret").is_none() && form("client_id").is_none_or(|named| named == id.as_str()));
            // What needs no decoding is taken as it is.
            if !pair.contains(&b'%') && !pair.contains(&b'+') {
                assert_eq!(pair, format!("{id}:{secret}").into_bytes());
            }
        }
        Ok(Presented::Secret { id, secret, basic: false }) => {
            assert_eq!((form("client_id"), form("client_secret")), (Some(id.as_str()), Some(secret.as_str())));
            assert!(head.is_empty());
        }
        Ok(Presented::Name(id)) => assert!(form("client_id").is_none_or(|named| named == id.as_str())),
        Err(_) => {}
    }
}

/// A client that is taken can be shown and matched, and can do no more than strangers may.
pub fn registration(data: &[u8]) {
    let Ok(client) = understood(data, Timestamp::from_millis(0)) else { return };
    let open = [GrantType::AuthorizationCode, GrantType::RefreshToken, GrantType::DeviceCode];
    assert!(client.grant_types.iter().all(|kind| open.contains(kind)));
    assert!(client.scopes.is_none() && client.subject.is_none() && client.org.is_none());
    assert!(!client.name.trim().is_empty() && !client.name.chars().any(char::is_control));
    for uri in &client.redirect_uris {
        assert_eq!(RedirectUri::parse(uri.as_str()).as_ref(), Ok(uri));
    }
    assert!(!client.redirect_uris.is_empty() || !client.grant_types.contains(&GrantType::AuthorizationCode));
}

/// A verifier proves the challenge that was made from it, and no other.
pub fn pkce(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (verifier, challenge) = text.split_once('\n').unwrap_or((text, ""));
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
    let made = URL_SAFE_NO_PAD.encode(digest);
    assert!(pkce::is_challenge(&made));
    assert_eq!(pkce::proves(verifier, &made), pkce::is_verifier(verifier));
    assert_eq!(pkce::proves(verifier, challenge), pkce::is_verifier(verifier) && challenge == made);
    if pkce::is_challenge(challenge) {
        assert_eq!(URL_SAFE_NO_PAD.encode(URL_SAFE_NO_PAD.decode(challenge).expect("base64url")), challenge);
    }
    let _ = ask::scope_param(Some(text));
}
