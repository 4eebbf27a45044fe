//! An app on its way to another site: JSON with a version, without secrets and without client ids.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::Refusal;
use super::written::Written;
use crate::store::{ClientKind, Definition};
use crate::types::AppUuid;

/// The version of the format that is written, and the only one that is read.
pub const MANIFEST_VERSION: u32 = 1;
/// Longest name of an unknown field that is repeated, characters.
const MAX_SHOWN: usize = 64;
/// Largest manifest that is read, bytes.
pub const MAX_MANIFEST: usize = 64 << 10;

/// An app manifest. The app that it makes has clients and secrets of its own; only `app_uuid` stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// 1.
    pub manifest_version: u32,
    /// What the app is known by at every site.
    #[schema(value_type = String)]
    pub app_uuid: AppUuid,
    /// Its name for people.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Where its documentation is.
    #[serde(default)]
    pub documentation_url: Option<String>,
    /// What to do when it is no longer wanted.
    #[serde(default)]
    pub uninstall_instructions: String,
    /// Where an authorization starts.
    #[serde(default)]
    pub onboarding_url: Option<String>,
    /// Where answers may go.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// What it asks for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Its clients.
    pub client: ManifestClient,
}

/// The fields of a manifest, and whether each has it.
const FIELDS: &[(&str, bool)] = &[
    ("manifest_version", true),
    ("app_uuid", true),
    ("name", true),
    ("description", false),
    ("documentation_url", false),
    ("uninstall_instructions", false),
    ("onboarding_url", false),
    ("redirect_uris", false),
    ("scopes", false),
    ("client", true),
];

/// Why a text is no manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestFault {
    /// It is too long.
    #[error("it has more than {MAX_MANIFEST} bytes")]
    Large,
    /// It is of another version of the format.
    #[error("it has the format {0}, and this gateway reads {MANIFEST_VERSION}")]
    Format(u32),
    /// It is no JSON.
    #[error("{why}")]
    NoJson {
        /// Where it stops being JSON; the first line is 1.
        line: usize,
        /// Where in that line.
        column: usize,
        /// The parser's words, for programs and their makers.
        why: String,
    },
    /// It has a field that manifests don't have.
    #[error("it has the unknown field {0}")]
    Unknown(String),
    /// It lacks a field that every manifest has.
    #[error("it lacks the field {0}")]
    Missing(&'static str),
    /// One of its fields can't have the value that it has.
    #[error("{why}")]
    Unfit {
        /// Where the value ends; the first line is 1.
        line: usize,
        /// Where in that line.
        column: usize,
        /// The parser's words, for programs and their makers.
        why: String,
    },
}

impl ManifestFault {
    fn of(text: &str, error: &serde_json::Error) -> Self {
        let (line, column, why) = (error.line(), error.column(), error.to_string());
        let fields = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => return Self::Unfit { line, column, why },
            Err(_) => return Self::NoJson { line, column, why },
        };
        let unknown = fields.keys().find(|name| !FIELDS.iter().any(|(known, _)| known == name));
        let missing = FIELDS.iter().find(|(name, needed)| *needed && !fields.contains_key(*name));
        match (unknown, missing) {
            (Some(name), _) => Self::Unknown(name.chars().take(MAX_SHOWN).collect()),
            (None, Some(&(name, _))) => Self::Missing(name),
            (None, None) => Self::Unfit { line, column, why },
        }
    }
}

/// What a manifest says of an app's clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestClient {
    /// `confidential` or `public` (RFC 6749 §2.1).
    #[schema(value_type = String)]
    pub kind: ClientKind,
    /// Lifetime of their access tokens in seconds, when they have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 86_400)]
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether their authorization requests must carry `state`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_state: bool,
}

impl Manifest {
    /// The manifest of a definition.
    #[must_use]
    pub fn of(uuid: &AppUuid, definition: &Definition, kind: ClientKind) -> Self {
        let written = Written::from(definition);
        Self {
            manifest_version: MANIFEST_VERSION,
            app_uuid: uuid.clone(),
            name: written.name,
            description: written.description,
            documentation_url: definition.documentation_url.clone(),
            uninstall_instructions: written.uninstall_instructions,
            onboarding_url: definition.onboarding_url.clone(),
            redirect_uris: written.redirect_uris,
            scopes: written.scopes,
            client: ManifestClient {
                kind,
                access_token_ttl_seconds: written.access_token_ttl,
                require_state: written.require_state,
            },
        }
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// When it is too large, of another version of the format, or has a field that this version does not know.
    pub fn read(text: &str) -> Result<Self, Refusal> {
        /// The version alone, so that a newer format is told from a broken one.
        #[derive(Deserialize)]
        struct Version {
            manifest_version: u32,
        }
        let unreadable = |error: serde_json::Error| Refusal::Manifest(ManifestFault::of(text, &error));
        if text.len() > MAX_MANIFEST {
            return Err(Refusal::Manifest(ManifestFault::Large));
        }
        let version: Version = serde_json::from_str(text).map_err(unreadable)?;
        match version.manifest_version {
            MANIFEST_VERSION => serde_json::from_str(text).map_err(unreadable),
            other => Err(Refusal::Manifest(ManifestFault::Format(other))),
        }
    }

    /// The manifest as a file, ending in a line break.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Strings, numbers and lists always serialize.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    pub(super) fn written(&self) -> Written {
        Written {
            name: self.name.clone(),
            description: self.description.clone(),
            documentation_url: self.documentation_url.clone().unwrap_or_default(),
            uninstall_instructions: self.uninstall_instructions.clone(),
            onboarding_url: self.onboarding_url.clone().unwrap_or_default(),
            redirect_uris: self.redirect_uris.clone(),
            scopes: self.scopes.clone(),
            access_token_ttl: self.client.access_token_ttl_seconds,
            require_state: self.client.require_state,
        }
    }
}
