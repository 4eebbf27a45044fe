//! Templates: what they may name, and what of them can stand in a header.

use super::Findings;
use crate::config::error::KeyPath;
use crate::types::{Placeholder, Template, TemplateError};

/// Reads a template in which each of `known` may be named.
pub(super) fn template(text: &str, known: &[Placeholder], at: &KeyPath, found: &mut Findings<'_>) -> Option<Template> {
    match Template::parse(text, known) {
        Ok(template) => return Some(template),
        Err(TemplateError::Unknown(names)) => {
            let known: Vec<_> = known.iter().map(ToString::to_string).collect();
            for name in names {
                found.error(at, format!("unknown placeholder {name}"), format!("known: {}", known.join(", ")));
            }
        }
        Err(error @ TemplateError::Brace(_)) => found.error(at, error, "close or remove it"),
    }
    None
}

/// Refuses text that no header carries to its end as it is.
pub(super) fn sendable(text: &str, at: &KeyPath, found: &mut Findings<'_>) {
    if !text.bytes().all(|b| (0x20..=0x7E).contains(&b)) || text.trim() != text {
        found.error(at, "has characters that no header may have", "use printable ASCII");
    }
}
