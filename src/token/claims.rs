//! The claims of our access tokens (RFC 9068 §2.2).

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::types::{ClientId, GrantId, OrgId, ResourceId, ScopeSet, UserId};

/// The claims of an access token. Unknown claims are ignored, a claim given twice is refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// The user on whose behalf it speaks.
    pub sub: UserId,
    /// The resources that it is for.
    #[serde(with = "one_or_many")]
    pub aud: Arc<[ResourceId]>,
    /// When it ends, seconds since the epoch. Always a number: a string would have slipped through comparisons elsewhere.
    pub exp: i64,
    /// When it was issued, seconds since the epoch.
    pub iat: i64,
    /// Its own id.
    pub jti: String,
    /// The client that it was issued to.
    pub client_id: ClientId,
    /// What it may be used for.
    #[serde(with = "space_delimited")]
    pub scope: ScopeSet,
    /// The organization that it is bound to.
    pub org: OrgId,
    /// The grant that it comes from.
    pub grant: GrantId,
}

mod space_delimited {
    use super::{Deserialize, Deserializer, ScopeSet, Serializer};
    use serde::de::Error;

    pub(super) fn serialize<S: Serializer>(scopes: &ScopeSet, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(scopes)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<ScopeSet, D::Error> {
        ScopeSet::parse(&String::deserialize(d)?).map_err(D::Error::custom)
    }
}

/// `aud` may be one string or a list (RFC 7519 §4.1.3).
mod one_or_many {
    use super::{Arc, Deserialize, Deserializer, ResourceId, Serialize, Serializer};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Audience {
        One(ResourceId),
        Many(Vec<ResourceId>),
    }

    pub(super) fn serialize<S: Serializer>(aud: &[ResourceId], s: S) -> Result<S::Ok, S::Error> {
        match aud {
            [one] => one.serialize(s),
            many => many.serialize(s),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Arc<[ResourceId]>, D::Error> {
        Ok(match Audience::deserialize(d)? {
            Audience::One(one) => Arc::new([one]),
            Audience::Many(many) => many.into(),
        })
    }
}
