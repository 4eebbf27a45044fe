//! Identifiers. Each kind is its own type; generated ones start with what they identify and sort by creation time.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Builder;

use super::{Entropy, Timestamp};

/// Why a text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}: expected {rule}")]
pub struct IdError {
    what: &'static str,
    rule: &'static str,
}

impl IdError {
    /// What would be one, for a message that names the thing by itself.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        self.rule
    }
}

fn uuid_v7(at: Timestamp, entropy: &dyn Entropy) -> uuid::Uuid {
    let mut random = [0_u8; 10];
    entropy.fill(&mut random);
    let millis = u64::try_from(at.millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
}

/// Gives out UUIDs of version 7 without drawing randomness for each: a nonce of the process, then a counter. Unique, sorted by
/// time, and guessable, so for names only, never for secrets.
#[derive(Debug)]
pub struct IdSource {
    nonce: [u8; 6],
    next: AtomicU32,
}

impl IdSource {
    /// A source with a nonce of its own.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut nonce = [0_u8; 6];
        entropy.fill(&mut nonce);
        Self { nonce, next: AtomicU32::new(0) }
    }

    /// The next UUID.
    #[must_use]
    pub fn next(&self, at: Timestamp) -> uuid::Uuid {
        let mut tail = [0_u8; 10];
        tail[..6].copy_from_slice(&self.nonce);
        tail[6..].copy_from_slice(&self.next.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Builder::from_unix_timestamp_millis(u64::try_from(at.millis()).unwrap_or(0), &tail).into_uuid()
    }
}

/// Characters that need no escaping in a URL, a form, a header or a log line.
fn unreserved(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'~' | b'-'))
}

/// What `VictoriaMetrics` takes in a path, or in `AccountID`, for all tenants together, in place of one.
pub const ALL_TENANTS: &str = "multitenant";

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an identifier that came from outside.
            ///
            /// # Errors
            /// When the text breaks the kind's rule.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(IdError { what: stringify!($name), rule: $rule }) }
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
            }
        }
    };
}

macro_rules! generated_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        text_id!($(#[$doc])* $name, "1 to 128 characters of A-Z a-z 0-9 . _ ~ -", |t| (1..=128).contains(&t.len()) && unreserved(t));

        impl $name {
            /// A new identifier: the kind's prefix, then a UUID of version 7.
            #[must_use]
            pub fn generate(at: Timestamp, entropy: &dyn Entropy) -> Self {
                Self::of(uuid_v7(at, entropy))
            }

            /// The identifier of this kind that carries `uuid`.
            #[must_use]
            pub fn of(uuid: uuid::Uuid) -> Self {
                let mut text = [0_u8; $prefix.len() + 32];
                text[..$prefix.len()].copy_from_slice($prefix.as_bytes());
                uuid.simple().encode_lower(&mut text[$prefix.len()..]);
                Self(std::str::from_utf8(&text).expect("a prefix and hex digits are ASCII").into())
            }
        }
    };
}

generated_id!(/// An organization (tenant).
    OrgId, "org_");
generated_id!(/// A person or service user.
    UserId, "usr_");
generated_id!(/// A client, as RFC 6749 §2.2 calls it.
    ClientId, "cl_");
generated_id!(/// What consent creates and revocation ends.
    GrantId, "gr_");
generated_id!(/// An authorization request that was frozen until its user decides.
    AuthRequestId, "ar_");
generated_id!(/// An API key: its name in lists and records, which is no secret.
    ApiKeyId, "ak_");
generated_id!(/// An app: what an organization publishes clients of.
    AppId, "app_");
generated_id!(/// One request, as answers, logs and audit records name it (`X-Request-Id`).
    RequestId, "req_");
generated_id!(/// One audit record.
    RecordId, "rec_");
generated_id!(/// One running process of a deployment.
    NodeId, "node_");
generated_id!(/// An invitation into an organization.
    InvitationId, "inv_");
generated_id!(/// What one process has sealed of the audit log.
    ChainId, "chain_");
generated_id!(/// A signing key (`kid` of RFC 7517 §4.5).
    KeyId, "key_");

impl ApiKeyId {
    /// Whether a text is an id that was generated for an API key. No other name of a credential looks like one.
    #[must_use]
    pub fn is_generated(text: &str) -> bool {
        text.strip_prefix("ak_").is_some_and(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}

text_id!(/// What an app is known by at every site: a UUID that its manifest carries.
AppUuid, "a UUID in lower case, with hyphens", |t| {
    uuid::Uuid::parse_str(t).is_ok_and(|u| u.hyphenated().encode_lower(&mut uuid::Uuid::encode_buffer()) == t)
});

impl AppUuid {
    /// A new one, of version 4.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut random = [0_u8; 16];
        entropy.fill(&mut random);
        Self(Builder::from_random_bytes(random).into_uuid().hyphenated().to_string().into())
    }
}

text_id!(/// The short name of an organization in URLs.
Slug, "1 to 63 characters of a-z 0-9 -, starting and ending with a letter or digit", |t| {
    (1..=63).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !t.starts_with('-')
        && !t.ends_with('-')
});
text_id!(/// The name of a mounted API.
ApiName, "1 to 63 characters of a-z 0-9 . _ -", |t| {
    (1..=63).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
});
text_id!(/// The stable name of a route, as audit and metrics carry it.
RouteId, "1 to 127 characters of a-z 0-9 . _ : -", |t| {
    (1..=127).contains(&t.len())
        && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b':' | b'-'))
});
text_id!(/// The name of a role.
RoleName, "1 to 63 characters of a-z 0-9 _ -", |t| {
    (1..=63).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'))
});

#[cfg(test)]
mod tests {
    use super::super::SeededEntropy;
    use super::*;

    #[test]
    fn generated_ids_say_their_kind_and_sort_by_time() {
        let entropy = SeededEntropy::new(7);
        let first = GrantId::generate(Timestamp::from_millis(1_000_000), &entropy);
        let second = GrantId::generate(Timestamp::from_millis(1_000_001), &entropy);
        assert!(first < second && first.as_str().starts_with("gr_"), "{first} {second}");
        assert_eq!(GrantId::parse(first.as_str()), Ok(first));
    }

    #[test]
    fn foreign_text_is_refused() {
        let long = "x".repeat(129);
        for bad in ["", "a b", "a/b", "a%20", "é", "a\n", long.as_str()] {
            assert!(ClientId::parse(bad).is_err(), "{bad:?}");
        }
        for bad in ["-a", "a-", "A", ""] {
            assert!(Slug::parse(bad).is_err(), "{bad:?}");
        }
        let uuid = AppUuid::generate(&SeededEntropy::new(7)).to_string();
        assert!(AppUuid::parse(&uuid).is_ok());
        for bad in [uuid.to_uppercase(), uuid.replace('-', ""), format!("{{{uuid}}}"), String::new()] {
            assert!(AppUuid::parse(&bad).is_err(), "{bad:?}");
        }
    }
}
