//! A text that people look for.

use sqlx::QueryBuilder;

use super::super::values::like;
use super::Db;
use crate::types::{OrgId, Timestamp};

/// A text as the patterns that find it wherever it occurs, ignoring case; SQLite knows the case of A to Z alone.
pub(super) struct Sought {
    /// In small letters.
    pub(super) small: String,
    /// As it was written: so SQLite finds letters that it has no small ones for.
    pub(super) written: String,
}

impl Sought {
    /// The patterns of a text. Those of none match everything.
    pub(super) fn of(text: &str) -> Self {
        Self { small: like(&text.to_lowercase(), "%", "%"), written: like(text, "%", "%") }
    }

    /// Adds `(… OR …)`: it occurs in one of these columns.
    pub(super) fn within(&self, query: &mut QueryBuilder<Db>, columns: &[&'static str]) {
        for (n, column) in columns.iter().enumerate() {
            query.push(if n == 0 { "(LOWER(" } else { " OR LOWER(" }).push(column).push(") LIKE ").push_bind(self.small.clone());
            query.push(r" ESCAPE '\'");
            if !self.written.is_ascii() {
                query.push(" OR ").push(column).push(" LIKE ").push_bind(self.written.clone()).push(r" ESCAPE '\'");
            }
        }
        query.push(")");
    }

    /// Adds `(… OR …)`: a grant, known as `g`, of a member in whose name or address it occurs, or of a scope that it occurs in.
    fn within_grant(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push("(g.user_id IN (SELECT u.id FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = ");
        query.push_bind(org.as_str().to_owned()).push(" AND ");
        self.within(query, &["u.email", "u.name"]);
        query.push(")");
        // Scopes are a list in JSON, whose own characters are none of theirs.
        if !self.written.contains(['"', '[', ']', ',', ' ']) {
            query.push(" OR ");
            self.within(query, &["g.scopes"]);
        }
        query.push(")");
    }

    /// Adds ` AND (…)`: grants, known as `g`, in whose user, client or scopes it occurs.
    pub(super) fn of_grants(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push(" AND (g.client_id IN (SELECT c.id FROM org_clients o JOIN clients c ON c.id = o.client_id WHERE o.org_id = ");
        query.push_bind(org.as_str().to_owned()).push(" AND ");
        self.within(query, &["c.name", "c.id"]);
        query.push(") OR ");
        self.within_grant(query, org);
        query.push(")");
    }

    /// Adds ` AND (…)`: clients, known as `c`, in whose name or id it occurs, or in the user or the scopes of a live grant.
    pub(super) fn of_clients(&self, query: &mut QueryBuilder<Db>, org: &OrgId, at: Timestamp) {
        query.push(" AND (");
        self.within(query, &["c.name", "c.id"]);
        query.push(" OR c.id IN (SELECT g.client_id FROM grants g WHERE g.org_id = ").push_bind(org.as_str().to_owned());
        living(query, at);
        query.push(" AND ");
        self.within_grant(query, org);
        query.push("))");
    }
}

/// Adds ` AND …`: grants, known as `g`, that live.
pub(super) fn living(query: &mut QueryBuilder<Db>, at: Timestamp) {
    query.push(" AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > ").push_bind(at.millis()).push(")");
}
