//! One audit record with every field.

use askama::Template;

use super::{Decision, Frame};
use crate::pages::texts::Text;
use crate::pages::{DisplayName, When};

/// `/orgs/{org}/audit/{id}`.
#[derive(Clone, Debug, Template)]
#[template(path = "record.html")]
pub struct AuditRecordPage {
    /// The surrounding page, with a viewer.
    pub frame: Frame,
    /// Organization name.
    pub organization: DisplayName,
    /// `/orgs/{org}/audit`.
    pub path: String,
    /// Record id.
    pub id: String,
    /// The record in one line, "`tools/call query_logs` on loki".
    pub title: Text,
    /// When it happened.
    pub at: When,
    /// Outcome.
    pub decision: Decision,
    /// For denials: why, and what would mend it.
    pub explanation: Option<Explanation>,
    /// Every field, grouped.
    pub groups: Vec<FieldGroup>,
    /// Records around it.
    pub neighbours: Vec<Neighbour>,
    /// The record as stored, indented.
    pub raw: String,
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// One sentence.
    pub why: Text,
    /// Scopes or permissions that were missing.
    pub missing: Vec<String>,
    /// What would let the next one through.
    pub advice: Text,
}

/// Fields that belong together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldGroup {
    /// "Actor", "Request", "Authorization".
    pub title: Text,
    /// Its fields.
    pub fields: Vec<RecordField>,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordField {
    /// In words, "Through".
    pub label: Text,
    /// Its path in the record, `actor.app_uid`.
    pub name: String,
    /// What it holds.
    pub value: FieldValue,
}

/// A value that leads to a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldLink {
    /// Path.
    pub href: String,
    /// The value.
    pub text: String,
}

/// What a field holds, for how to print it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// What somebody wrote or is called.
    Text(String),
    /// Words of ours.
    Words(Text),
    /// An identifier, path or hash.
    Code(String),
    /// A moment.
    Time(When),
    /// Leads elsewhere on this origin.
    Link(FieldLink),
    /// Not recorded.
    Absent,
}

/// A way to related records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// "Same grant".
    pub label: Text,
    /// What they share, `grant_9` or an email.
    pub of: String,
    /// A filtered list.
    pub href: String,
}
