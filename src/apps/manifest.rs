//! An app on its way to another site: JSON with a version, without secrets and without client ids.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::Refusal;
use super::written::Written;
use crate::store::{ClientKind, Definition};
use crate::types::AppUuid;

/// The version of the format that is written, and the only one that is read.
pub const MANIFEST_VERSION: u32 = 1;
/// Largest manifest that is read, bytes.
const MAX_BYTES: usize = 64 << 10;

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

/// What a manifest says of an app's clients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ManifestClient {
    /// `confidential` or `public` (RFC 6749 §2.1).
    #[schema(value_type = String)]
    pub kind: ClientKind,
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
            client: ManifestClient { kind },
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
        let refused = |why: String| Refusal::Manifest(why);
        if text.len() > MAX_BYTES {
            return Err(refused(format!("it has more than {MAX_BYTES} bytes")));
        }
        let version: Version = serde_json::from_str(text).map_err(|e| refused(e.to_string()))?;
        let manifest = match version.manifest_version {
            MANIFEST_VERSION => serde_json::from_str::<Self>(text).map_err(|e| refused(e.to_string()))?,
            other => return Err(refused(format!("it has the format {other}, and this gateway reads {MANIFEST_VERSION}"))),
        };
        Ok(manifest)
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
        }
    }
}
