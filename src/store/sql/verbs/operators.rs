//! Operators, and searches over all organizations.

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{storable, word};
use super::engine::{Engine, Tx};
use super::rows::{self, Fields};
use super::sought::Sought;
use super::{Db, Row};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Client, ClientSearch, Counted, Holding, OperatorStore, Org, OrgSummary, Resting, StoreError, User, UserSearch, UserSummary,
};
use crate::types::{API_KEYS_WRITE, ClientId, RoleName, Timestamp, UserId};

/// Adds `(… OR …)`: a text occurs in one of these columns, or is the id in `id`. An empty one is found everywhere.
fn anywhere(query: &mut QueryBuilder<Db>, text: &str, columns: &[&'static str], id: &'static str) {
    query.push("(");
    Sought::of(text).within(query, columns);
    query.push(" OR ").push(id).push(" = ").push_bind(storable(text)).push(")");
}

/// Takes the operator's pages from a user; `false` when they were not theirs.
pub(super) async fn remove(tx: &mut Tx<'_>, user: &UserId) -> Result<bool, StoreError> {
    let done = sqlx::query("DELETE FROM operators WHERE user_id = $1")
        .bind(user.as_str())
        .execute(tx.connection())
        .await
        .doing("remove an operator")?;
    if done.rows_affected() > 0 {
        tx.record(None, ControlEvent::done(Operation::OperatorRemove).on("user", user.as_str()));
    }
    Ok(done.rows_affected() > 0)
}

fn org_summary(row: &Row) -> Result<OrgSummary, StoreError> {
    let fields = Fields::of(row, "orgs", "o_id");
    Ok(OrgSummary { org: rows::org(row)?, members: fields.count("members")?, clients: fields.count("clients")? })
}

fn user_summary(row: &Row) -> Result<UserSummary, StoreError> {
    let fields = Fields::of(row, "users", "u_id");
    Ok(UserSummary { user: rows::user(row)?, orgs: fields.count("orgs")?, operator: fields.count("operates")? > 0 })
}

/// Live grants, keys that work and installations, of which kind each and in which organization; `$1` is when.
macro_rules! stakes {
    ($grants:literal, $keys:literal, $installs:expr) => {
        concat!(
            "(SELECT 'grant' AS kind, user_id, org_id FROM grants WHERE revoked_at IS NULL \
             AND (expires_at IS NULL OR expires_at > $1) AND ",
            $grants,
            " UNION ALL SELECT 'key', user_id, org_id FROM api_keys WHERE disabled_at IS NULL AND ",
            $keys,
            $installs,
            ") AS stakes"
        )
    };
}

/// The same counted.
macro_rules! counted {
    () => {
        "COUNT(*) FILTER (WHERE kind = 'grant') AS grants, COUNT(DISTINCT CASE WHEN kind = 'grant' THEN user_id END) AS users, \
         COUNT(*) FILTER (WHERE kind = 'key') AS api_keys"
    };
}

macro_rules! resting {
    ($grants:literal, $keys:literal, $installs:expr) => {
        concat!("SELECT ", counted!(), ", COUNT(DISTINCT org_id) AS orgs FROM ", stakes!($grants, $keys, $installs))
    };
}

/// Where the app of the client `$2` is installed, as stakes.
macro_rules! installed {
    () => {
        " UNION ALL SELECT 'install', NULL, i.org_id FROM clients c JOIN installs i ON i.app_id = c.app_id \
         WHERE c.id = $2 AND NOT i.for_trial AND (c.stage = 'published' OR c.org_id = i.org_id)"
    };
}

#[async_trait]
impl OperatorStore for Engine {
    async fn operators(&self) -> Result<Vec<User>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            user_columns!(),
            " FROM operators p JOIN users u ON u.id = p.user_id ORDER BY u.email"
        ))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list operators")?;
        rows.iter().map(rows::user).collect()
    }

    async fn is_operator(&self, user: &UserId) -> Result<bool, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT p.user_id FROM operators p JOIN users u ON u.id = p.user_id WHERE p.user_id = $1 AND u.state = 'active'",
        )
        .bind(user.as_str())
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read an operator")?;
        Ok(found.is_some())
    }

    async fn add_operator(&self, user: &UserId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query(
            "INSERT INTO operators (user_id, since) SELECT u.id, $2 FROM users u \
             WHERE u.id = $1 AND u.state = 'active' AND u.kind = 'person' ON CONFLICT DO NOTHING",
        )
        .bind(user.as_str())
        .bind(cause.at.millis())
        .execute(tx.connection())
        .await
        .doing("add an operator")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        tx.record(None, ControlEvent::done(Operation::OperatorAdd).on("user", user.as_str()));
        tx.commit().await?;
        Ok(true)
    }

    async fn remove_operator(&self, user: &UserId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = remove(&mut tx, user).await?;
        if done {
            tx.commit().await?;
        }
        Ok(done)
    }

    async fn find_orgs(&self, text: &str, (offset, limit): (u32, u32)) -> Result<Vec<OrgSummary>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT ",
            org_columns!(),
            ", (SELECT COUNT(*) FROM memberships m WHERE m.org_id = o.id) AS members, \
             (SELECT COUNT(*) FROM clients c WHERE c.org_id = o.id AND c.deleted_at IS NULL) AS clients FROM orgs o WHERE "
        ));
        anywhere(&mut query, text, &["o.slug", "o.name"], "o.id");
        query.push(" ORDER BY o.slug LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(i64::from(offset));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("search organizations")?;
        rows.iter().map(org_summary).collect()
    }

    async fn find_users(&self, search: &UserSearch, (offset, limit): (u32, u32)) -> Result<Vec<UserSummary>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT ",
            user_columns!(),
            ", (SELECT COUNT(*) FROM memberships m WHERE m.user_id = u.id) AS orgs, \
             (SELECT COUNT(*) FROM operators p WHERE p.user_id = u.id) AS operates FROM users u WHERE "
        ));
        anywhere(&mut query, &search.text, &["u.email", "u.name"], "u.id");
        if let Some(org) = &search.org {
            query.push(" AND EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = u.id AND m.org_id = ");
            query.push_bind(org.as_str().to_owned()).push(")");
        }
        query.push(" ORDER BY u.email LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(i64::from(offset));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("search users")?;
        rows.iter().map(user_summary).collect()
    }

    async fn find_clients(&self, search: &ClientSearch, (offset, limit): (u32, u32)) -> Result<Vec<Client>, StoreError> {
        let mut query =
            QueryBuilder::<Db>::new(concat!("SELECT ", client_columns!(), " FROM clients c WHERE c.deleted_at IS NULL AND "));
        anywhere(&mut query, &search.text, &["c.name"], "c.id");
        if let Some(org) = &search.org {
            query.push(" AND c.org_id = ").push_bind(org.as_str().to_owned());
        }
        if let Some(state) = &search.state {
            query.push(" AND CASE WHEN c.state = 'disabled' AND c.frozen_at IS NOT NULL THEN 'frozen' ELSE c.state END = ");
            query.push_bind(word(state)?);
        }
        query.push(" ORDER BY c.created_at DESC, c.id DESC LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ");
        query.push_bind(i64::from(offset));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("search clients")?;
        rows.iter().map(rows::client).collect()
    }

    async fn every_org_of(&self, user: &UserId) -> Result<Vec<(Org, Vec<RoleName>)>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            org_columns!(),
            ", m.roles AS m_roles FROM memberships m JOIN orgs o ON o.id = m.org_id WHERE m.user_id = $1 ORDER BY o.slug"
        ))
        .bind(user.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list a user's organizations")?;
        rows.iter().map(|row| Ok((rows::org(row)?, Fields::of(row, "memberships", "o_id").json("m_roles")?))).collect()
    }

    async fn holders(&self, client: &ClientId, at: Timestamp, limit: u32) -> Result<Vec<Holding>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            org_columns!(),
            ", h.grants, h.users, h.api_keys FROM (SELECT org_id, ",
            counted!(),
            " FROM ",
            stakes!("client_id = $2", "client_id = $2", installed!()),
            " GROUP BY org_id) AS h JOIN orgs o ON o.id = h.org_id ORDER BY h.grants DESC, h.api_keys DESC, o.slug LIMIT $3"
        ))
        .bind(at.millis())
        .bind(client.as_str())
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list who authorized a client")?;
        let holding = |row| {
            let fields = Fields::of(row, "grants", "o_id");
            let (grants, users) = (fields.count("grants")?, fields.count("users")?);
            Ok(Holding { org: rows::org(row)?, grants, users, keys: fields.count("api_keys")? })
        };
        rows.iter().map(holding).collect()
    }

    async fn resting(&self, on: Counted<'_>, at: Timestamp) -> Result<Resting, StoreError> {
        let statement = match on {
            Counted::Org(_) => resting!("org_id = $2", "org_id = $2", ""),
            Counted::User(_) => resting!("user_id = $2", "user_id = $2", ""),
            Counted::Client(_) => resting!("client_id = $2", "client_id = $2", installed!()),
            Counted::App(_) => resting!(
                "client_id IN (SELECT id FROM clients WHERE app_id = $2)",
                "app_id = $2",
                " UNION ALL SELECT 'install', NULL, org_id FROM installs WHERE app_id = $2 AND NOT for_trial"
            ),
            // A scope has no character that JSON escapes: it stands there as it is, in quotation marks. Keys rest on one scope.
            Counted::Holding(..) => {
                resting!(
                    "client_id IN (SELECT id FROM clients WHERE app_id = $2 OR id = $2) AND REPLACE(scopes, $3, '') <> scopes",
                    "app_id = $2 AND $4",
                    ""
                )
            }
        };
        let query = sqlx::query(statement).bind(at.millis());
        let query = match on {
            Counted::Org(id) => query.bind(id.as_str()),
            Counted::User(id) => query.bind(id.as_str()),
            Counted::Client(id) => query.bind(id.as_str()),
            Counted::App(id) => query.bind(id.as_str()),
            Counted::Holding(holder, scope) => {
                query.bind(holder.as_str()).bind(format!("\"{scope}\"")).bind(scope.as_str() == API_KEYS_WRITE)
            }
        };
        let row = query.fetch_one(&mut *self.reader().await?).await.doing("count what rests on something")?;
        let fields = Fields::of(&row, "grants", "grants");
        let (grants, users) = (fields.count("grants")?, fields.count("users")?);
        Ok(Resting { grants, users, orgs: fields.count("orgs")?, keys: fields.count("api_keys")? })
    }
}
