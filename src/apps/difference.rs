//! What differs between two definitions.

use super::written::{Field, Written};
use crate::store::Definition;

/// What a field loses and gains. A text is replaced whole; lists lose and gain entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Which.
    pub field: Field,
    /// What is no longer there.
    pub removed: Vec<String>,
    /// What is new.
    pub added: Vec<String>,
}

fn values(written: &Written, field: Field) -> Vec<String> {
    let text = match field {
        Field::Name => &written.name,
        Field::Description => &written.description,
        Field::DocumentationUrl => &written.documentation_url,
        Field::UninstallInstructions => &written.uninstall_instructions,
        Field::OnboardingUrl => &written.onboarding_url,
        Field::RedirectUris => return written.redirect_uris.clone(),
        Field::Scopes => return written.scopes.clone(),
        Field::AccessTokenTtl => return written.access_token_ttl.iter().map(ToString::to_string).collect(),
        Field::RequireState => return written.require_state.then(|| "true".to_owned()).into_iter().collect(),
    };
    Some(text).filter(|t| !t.is_empty()).into_iter().cloned().collect()
}

/// How `after` differs from `before`; empty when it does not, or only in the order of its redirect URIs.
#[must_use]
pub fn difference(before: &Definition, after: &Definition) -> Vec<Change> {
    let (before, after) = (Written::from(before), Written::from(after));
    let mut changes = Vec::new();
    for field in Field::ALL {
        let (old, new) = (values(&before, field), values(&after, field));
        let only = |these: &[String], others: &[String]| these.iter().filter(|v| !others.contains(v)).cloned().collect();
        let change = Change { field, removed: only(&old, &new), added: only(&new, &old) };
        if !(change.removed.is_empty() && change.added.is_empty()) {
            changes.push(change);
        }
    }
    changes
}
