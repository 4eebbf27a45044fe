//! A text that people look for.

use std::collections::BTreeMap;

use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::like;
use super::Db;
use super::among::among;
use super::engine::Engine;
use super::rows::Fields;
use crate::store::StoreError;
use crate::types::{ClientId, OrgId, Timestamp};

/// Grants up to which those that match are gathered and sorted. Beyond, a page of them is soon full along the order that the list
/// is in.
const FEW: i64 = if cfg!(test) { 2 } else { 2_000 };

/// Grants of the users that match up to which their clients are gathered. Beyond, a look at each client is soon over.
const MOST_OF_USERS: i64 = if cfg!(test) { 2 } else { 1_000 };

/// Different letters beyond ASCII whose case is ignored; the rest of a text that has more are found as they are in small. SQLite
/// takes no expression that is a thousand calls deep.
const MOST_CAPITALS: usize = 100;

/// How the grants that match are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reach {
    /// No grant matches.
    Nothing,
    /// Those that match, then the order.
    Few,
    /// In the order, as far as the page needs.
    Many,
}

/// The clients that the users who match have authorized.
pub(super) enum Authorized {
    /// These, which are all.
    Few(Vec<ClientId>),
    /// More grants match than are gathered.
    Many,
}

/// Letters that are small as others are, beside their capitals.
const ALIKE: &[(char, &str)] = &[('\u{1e9e}', "\u{df}"), ('\u{3c2}', "\u{3c3}"), ('\u{130}', "i\u{307}")];

/// A text as the pattern that finds it wherever it occurs, ignoring case.
///
/// `LOWER` knows the letters A to Z alone, on SQLite and in the collation "C" of PostgreSQL. So each other letter of the text that
/// has a capital is made small in the column too, and both engines find the same.
pub(super) struct Sought {
    /// In small letters.
    pattern: String,
    /// What its small letters beyond ASCII are, each by its capital or whatever else is small as they are.
    capitals: BTreeMap<char, String>,
}

/// The capital of a small letter, where it is one character that this letter alone belongs to.
fn capital(small: char) -> Option<char> {
    let mut capitals = small.to_uppercase();
    let (capital, rest) = (capitals.next()?, capitals.next());
    (rest.is_none() && capital != small && capital.to_lowercase().eq([small])).then_some(capital)
}

impl Sought {
    /// The pattern of a text. That of none matches everything.
    pub(super) fn of(text: &str) -> Self {
        // Letter by letter: a text in small letters as a whole would end its words in a sigma that no capital is small as.
        let mut small: String = text.chars().flat_map(char::to_lowercase).collect();
        for (letter, as_small) in ALIKE {
            small = small.replace(*letter, as_small);
        }
        let mut capitals: BTreeMap<char, String> =
            small.chars().filter(|c| !c.is_ascii()).filter_map(|c| Some((capital(c)?, c.to_string()))).collect();
        capitals.extend(ALIKE.iter().filter(|(_, as_small)| small.contains(as_small)).map(|(c, s)| (*c, (*s).to_owned())));
        while capitals.len() > MOST_CAPITALS {
            capitals.pop_last();
        }
        Self { pattern: like(&small, "%", "%"), capitals }
    }

    /// Adds `(… OR …)`: it occurs in one of these columns.
    pub(super) fn within(&self, query: &mut QueryBuilder<Db>, columns: &[&'static str]) {
        for (n, column) in columns.iter().enumerate() {
            query.push(if n == 0 { "(" } else { " OR " });
            self.matches(query, column);
        }
        query.push(")");
    }

    fn matches(&self, query: &mut QueryBuilder<Db>, column: &'static str) {
        query.push("REPLACE(".repeat(self.capitals.len())).push("LOWER(").push(column).push(")");
        for (capital, small) in &self.capitals {
            query.push(", ").push_bind(capital.to_string()).push(", ").push_bind(small.clone()).push(")");
        }
        query.push(" LIKE ").push_bind(self.pattern.clone()).push(r" ESCAPE '\'");
    }

    /// Adds `(…)`: the members in whose name or address it occurs.
    fn members(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push("(SELECT u.id FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = ");
        query.push_bind(org.as_str().to_owned()).push(" AND ");
        self.within(query, &["u.email", "u.name"]);
        query.push(")");
    }

    /// Adds `(…)`: the clients that the organization ever authorized in whose name or id it occurs.
    fn clients(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push("(SELECT c.id FROM org_clients o JOIN clients c ON c.id = o.client_id WHERE o.org_id = ");
        query.push_bind(org.as_str().to_owned()).push(" AND ");
        self.within(query, &["c.name", "c.id"]);
        query.push(")");
    }

    /// Adds `(…)`: the scopes of the organization's grants that it occurs in. Each name is one step along the key, however many
    /// grants have it.
    fn scopes(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push("(WITH RECURSIVE n(scope) AS (SELECT MIN(x.scope) FROM granted_scopes x WHERE x.org_id = ");
        query.push_bind(org.as_str().to_owned());
        query.push(" UNION ALL SELECT (SELECT MIN(y.scope) FROM granted_scopes y WHERE y.org_id = ");
        query.push_bind(org.as_str().to_owned());
        query.push(
            " AND y.scope > n.scope) FROM n WHERE n.scope IS NOT NULL) SELECT n.scope FROM n WHERE n.scope IS NOT NULL AND ",
        );
        self.matches(query, "n.scope");
        query.push(")");
    }

    /// Adds `SELECT …`: the ids of the grants in whose user, client or scopes it occurs, some of them repeatedly.
    fn grants(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push("SELECT f.id FROM grants f WHERE f.org_id = ").push_bind(org.as_str().to_owned()).push(" AND f.user_id IN ");
        self.members(query, org);
        query.push(" UNION ALL SELECT f.id FROM grants f WHERE f.org_id = ").push_bind(org.as_str().to_owned());
        query.push(" AND f.client_id IN ");
        self.clients(query, org);
        query.push(" UNION ALL SELECT s.grant_id FROM granted_scopes s WHERE s.org_id = ").push_bind(org.as_str().to_owned());
        query.push(" AND s.scope IN ");
        self.scopes(query, org);
    }

    /// How the grants that match are best read.
    pub(super) async fn reach(&self, engine: &Engine, org: &OrgId) -> Result<Reach, StoreError> {
        let mut query = QueryBuilder::<Db>::new("SELECT COUNT(*) FROM (");
        self.grants(&mut query, org);
        query.push(" LIMIT ").push_bind(FEW + 1).push(") AS found");
        let many: i64 =
            query.build_query_scalar().fetch_one(&mut *engine.reader().await?).await.doing("count what a text is found in")?;
        Ok(if many == 0 {
            Reach::Nothing
        } else if many <= FEW {
            Reach::Few
        } else {
            Reach::Many
        })
    }

    /// Adds the condition on grants of the organization, known as `g`, in whose user, client or scopes it occurs. Those that are few
    /// are not said to be the organization's besides: that would lead an engine to all of its grants.
    pub(super) fn of_grants(&self, query: &mut QueryBuilder<Db>, org: &OrgId, reach: Reach) {
        match reach {
            Reach::Nothing => drop(query.push("1 = 0")),
            Reach::Few => {
                query.push("g.id IN (");
                self.grants(query, org);
                query.push(")");
            }
            Reach::Many => {
                query.push("g.org_id = ").push_bind(org.as_str().to_owned()).push(" AND (g.user_id IN ");
                self.members(query, org);
                query.push(" OR g.client_id IN ");
                self.clients(query, org);
                query.push(" OR EXISTS (SELECT 1 FROM granted_scopes s WHERE s.org_id = ").push_bind(org.as_str().to_owned());
                query.push(" AND s.client_id = g.client_id AND s.grant_id = g.id AND s.scope IN ");
                self.scopes(query, org);
                query.push("))");
            }
        }
    }

    /// The clients of the living grants in whose user it occurs, gathered from those users' grants in one go. They are not looked
    /// for where the users have many: each client is soon found to have one of those then.
    pub(super) async fn authorized(&self, engine: &Engine, org: &OrgId, at: Timestamp) -> Result<Authorized, StoreError> {
        let rows = self.authorizing(org, at).build().fetch_all(&mut *engine.reader().await?).await;
        let (mut many, mut clients) = (0, Vec::new());
        for row in &rows.doing("gather the clients of users")? {
            let fields = Fields::of(row, "grants", "id");
            many += fields.count("many")?;
            if fields.count("living")? > 0 {
                clients.push(fields.parsed("id", ClientId::parse)?);
            }
        }
        Ok(if many > MOST_OF_USERS.unsigned_abs() { Authorized::Many } else { Authorized::Few(clients) })
    }

    /// The clients of the first grants of the users in whose name or address it occurs: how many of those each has, and how many of
    /// them live. The joins say the order: users as long as there is room for grants, each with theirs.
    pub(super) fn authorizing(&self, org: &OrgId, at: Timestamp) -> QueryBuilder<Db> {
        let mut query = QueryBuilder::<Db>::new("SELECT g.client_id AS id, COUNT(*) AS many, COUNT(*) FILTER (WHERE TRUE");
        living(&mut query, at);
        query.push(
            ") AS living FROM (SELECT f.id FROM memberships m CROSS JOIN users u CROSS JOIN grants f \
             WHERE u.id = m.user_id AND f.user_id = m.user_id AND m.org_id = ",
        );
        query.push_bind(org.as_str().to_owned()).push(" AND f.org_id = ").push_bind(org.as_str().to_owned()).push(" AND ");
        self.within(&mut query, &["u.email", "u.name"]);
        query.push(" LIMIT ").push_bind(MOST_OF_USERS + 1).push(") AS t JOIN grants g ON g.id = t.id GROUP BY g.client_id");
        query
    }

    /// Adds ` OR EXISTS …`: a key of a client, known as `c`, works on behalf of a user in whom it occurs, or for a scope.
    fn of_keys(&self, query: &mut QueryBuilder<Db>, org: &OrgId) {
        query.push(
            " OR EXISTS (SELECT 1 FROM api_keys a JOIN users h ON h.id = a.user_id WHERE a.client_id = c.id AND a.org_id = ",
        );
        query.push_bind(org.as_str().to_owned()).push(" AND a.disabled_at IS NULL AND ");
        // Scopes are a list in JSON, whose own characters are none of theirs.
        let of_json = self.pattern.contains(['"', '[', ']', ',', ' ']);
        self.within(query, if of_json { &["h.email", "h.name"] } else { &["h.email", "h.name", "a.scopes"] });
        query.push(")");
    }

    /// Adds ` AND (…)`: clients, known as `c`, in whose name or id it occurs, or in the user or the scopes of a live grant or key. Each
    /// scope of a client is one step along its key, so these are asked about before any grant is read.
    pub(super) fn of_clients(&self, query: &mut QueryBuilder<Db>, org: &OrgId, at: Timestamp, authorized: &Authorized) {
        query.push(" AND (");
        self.within(query, &["c.name", "c.id"]);
        self.of_keys(query, org);
        query.push(" OR EXISTS (SELECT 1 FROM granted_scopes s JOIN grants g ON g.id = s.grant_id WHERE s.org_id = ");
        query.push_bind(org.as_str().to_owned()).push(" AND s.client_id = c.id");
        living(query, at);
        query.push(" AND s.scope IN ");
        self.scopes(query, org);
        query.push(")");
        match authorized {
            Authorized::Few(clients) if clients.is_empty() => {}
            Authorized::Few(clients) => {
                query.push(" OR c.id IN ");
                among(query, clients.iter().map(ClientId::as_str));
            }
            Authorized::Many => {
                query.push(" OR EXISTS (SELECT 1 FROM grants g WHERE g.org_id = ").push_bind(org.as_str().to_owned());
                query.push(" AND g.client_id = c.id");
                living(query, at);
                query.push(" AND g.user_id IN ");
                self.members(query, org);
                query.push(")");
            }
        }
        query.push(")");
    }
}

/// Adds ` AND …`: grants, known as `g`, that live.
pub(super) fn living(query: &mut QueryBuilder<Db>, at: Timestamp) {
    query.push(" AND g.revoked_at IS NULL AND (g.expires_at IS NULL OR g.expires_at > ").push_bind(at.millis()).push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_have_their_capitals_where_one_is_theirs_alone() {
        assert_eq!(
            [capital('\u{e4}'), capital('\u{3c3}'), capital('\u{df}'), capital('\u{3c2}')],
            [Some('\u{c4}'), Some('\u{3a3}'), None, None]
        );
        let sought = Sought::of("\u{c4}nd \u{e4}ND");
        assert_eq!((sought.pattern.as_str(), sought.capitals.len()), ("%\u{e4}nd \u{e4}nd%", 1));
        for (one, other, more) in [("\u{df}", "\u{1e9e}", 1), ("\u{3c3}", "\u{3c2}", 2), ("i\u{307}", "\u{130}", 1)] {
            let (one, other) = (Sought::of(one), Sought::of(other));
            assert_eq!((&one.pattern, &one.capitals), (&other.pattern, &other.capitals), "the same is found");
            assert_eq!(one.capitals.len(), more, "{:?}", one.capitals);
        }
        let endless: String = ('\u{100}'..'\u{24f}').collect();
        assert_eq!(Sought::of(&endless).capitals.len(), MOST_CAPITALS);
    }
}
