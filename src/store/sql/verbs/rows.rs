//! Rows as domain values. A row that holds what we never write is a fault, named by table, column and key.

use std::fmt;
use std::time::Duration;

use serde::de::DeserializeOwned;
use sqlx::{Decode, Row as _, Type};

use super::super::values::read_word;
use super::{Db, Row};
use crate::store::{
    ApiKey, ApiKeyState, App, AppClient, Approvals, Client, ClientPolicy, Grant, GrantFacts, GrantState, Maturity, Membership,
    Org, StoreError, Stored, User,
};
use crate::types::{ApiKeyId, AppId, AppUuid, ClientId, GrantId, HashedToken, OrgId, ScopeToken, Slug, Timestamp, UserId};

/// A row being read.
pub(super) struct Fields<'r> {
    row: &'r Row,
    table: &'static str,
    key: &'static str,
}

impl<'r> Fields<'r> {
    /// Reads `row` of `table`, whose faults are told by the column `key`.
    pub(super) const fn of(row: &'r Row, table: &'static str, key: &'static str) -> Self {
        Self { row, table, key }
    }

    /// The fault of a column.
    pub(super) fn inconsistent(&self, column: &'static str) -> StoreError {
        let key = self.row.try_get::<String, _>(self.key).ok();
        let row = key.or_else(|| self.row.try_get::<i64, _>(self.key).ok().map(|n| n.to_string()));
        StoreError::Inconsistent { table: self.table, column, row: row.unwrap_or_else(|| "an unreadable key".into()) }
    }

    /// A plain value.
    pub(super) fn value<T>(&self, column: &'static str) -> Result<T, StoreError>
    where
        T: Decode<'r, Db> + Type<Db>,
    {
        self.row.try_get(column).map_err(|_| self.inconsistent(column))
    }

    /// A text, whatever its bytes are.
    pub(super) fn stored(&self, column: &'static str) -> Result<Stored, StoreError> {
        if let Ok(text) = self.row.try_get::<&str, _>(column) {
            return Ok(text.into());
        }
        self.row.try_get_unchecked::<Vec<u8>, _>(column).map(Stored::of).map_err(|_| self.inconsistent(column))
    }

    /// A value with a grammar.
    pub(super) fn parsed<T, E: fmt::Debug>(
        &self,
        column: &'static str,
        parse: fn(&str) -> Result<T, E>,
    ) -> Result<T, StoreError> {
        parse(self.value(column)?).map_err(|_| self.inconsistent(column))
    }

    /// A value with a grammar, or none.
    pub(super) fn maybe_parsed<T, E: fmt::Debug>(
        &self,
        column: &'static str,
        parse: fn(&str) -> Result<T, E>,
    ) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(column)?;
        text.map(|t| parse(t).map_err(|_| self.inconsistent(column))).transpose()
    }

    /// An enum of plain words.
    pub(super) fn word<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        read_word(self.value(column)?).map_err(|_| self.inconsistent(column))
    }

    /// A list, map or record.
    pub(super) fn json<T: DeserializeOwned>(&self, column: &'static str) -> Result<T, StoreError> {
        serde_json::from_str(self.value(column)?).map_err(|_| self.inconsistent(column))
    }

    /// A list, map or record, or none.
    pub(super) fn maybe_json<T: DeserializeOwned>(&self, column: &'static str) -> Result<Option<T>, StoreError> {
        let text: Option<&str> = self.value(column)?;
        text.map(|t| serde_json::from_str(t).map_err(|_| self.inconsistent(column))).transpose()
    }

    /// An instant.
    pub(super) fn time(&self, column: &'static str) -> Result<Timestamp, StoreError> {
        self.value(column).map(Timestamp::from_millis)
    }

    /// An instant, or none.
    pub(super) fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.value::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    /// A number that is never negative.
    pub(super) fn count(&self, column: &'static str) -> Result<u64, StoreError> {
        u64::try_from(self.value::<i64>(column)?).map_err(|_| self.inconsistent(column))
    }

    /// A hash.
    pub(super) fn hash(&self, column: &'static str) -> Result<HashedToken, StoreError> {
        HashedToken::from_stored(self.value(column)?).ok_or_else(|| self.inconsistent(column))
    }
}

/// Columns `o_*`.
pub(super) fn org(row: &Row) -> Result<Org, StoreError> {
    let f = Fields::of(row, "orgs", "o_id");
    Ok(Org {
        id: f.parsed("o_id", OrgId::parse)?,
        slug: f.parsed("o_slug", Slug::parse)?,
        name: f.value("o_name")?,
        tenant: f.value("o_tenant")?,
        tenants: f.json("o_tenants")?,
        state: f.word("o_state")?,
        created_at: f.time("o_created_at")?,
    })
}

/// Columns `u_*`.
pub(super) fn user(row: &Row) -> Result<User, StoreError> {
    let f = Fields::of(row, "users", "u_id");
    Ok(User {
        id: f.parsed("u_id", UserId::parse)?,
        email: f.value("u_email")?,
        name: f.value("u_name")?,
        kind: f.word("u_kind")?,
        state: f.word("u_state")?,
        created_at: f.time("u_created_at")?,
    })
}

/// Columns of `memberships`.
pub(super) fn membership(row: &Row) -> Result<Membership, StoreError> {
    let f = Fields::of(row, "memberships", "user_id");
    Ok(Membership { org: f.parsed("org_id", OrgId::parse)?, user: f.parsed("user_id", UserId::parse)?, roles: f.json("roles")? })
}

/// Columns `c_*`.
pub(super) fn client(row: &Row) -> Result<Client, StoreError> {
    let f = Fields::of(row, "clients", "c_id");
    let ttl: Option<i64> = f.value("c_access_token_ttl")?;
    let ttl = ttl.map(|ms| u64::try_from(ms).map_err(|_| f.inconsistent("c_access_token_ttl"))).transpose()?;
    Ok(Client {
        id: f.parsed("c_id", ClientId::parse)?,
        org: f.maybe_parsed("c_org_id", OrgId::parse)?,
        app: match f.maybe_parsed("c_app_id", AppId::parse)? {
            Some(app) => Some(AppClient { app, stage: f.word("c_stage")? }),
            None => None,
        },
        name: f.value("c_name")?,
        kind: f.word("c_kind")?,
        origin: f.word("c_origin")?,
        auth: f.word("c_auth")?,
        redirect_uris: f.json("c_redirect_uris")?,
        grant_types: f.json("c_grant_types")?,
        scopes: f.maybe_json("c_scopes")?,
        subject: f.maybe_parsed("c_subject_id", UserId::parse)?,
        resources: f.json("c_resources")?,
        require_state: f.value("c_require_state")?,
        access_token_ttl: ttl.map(Duration::from_millis),
        state: f.word("c_state")?,
        created_at: f.time("c_created_at")?,
    })
}

/// Columns `a_*`.
pub(super) fn app(row: &Row) -> Result<App, StoreError> {
    let f = Fields::of(row, "apps", "a_id");
    Ok(App {
        id: f.parsed("a_id", AppId::parse)?,
        org: f.parsed("a_org_id", OrgId::parse)?,
        uuid: f.parsed("a_uuid", AppUuid::parse)?,
        draft: f.json("a_draft")?,
        revision: f.count("a_revision")?,
        maturity: if f.value("a_stable")? { Maturity::Stable } else { Maturity::InWork },
        state: f.word("a_state")?,
        draft_client: f.parsed("a_draft_client", ClientId::parse)?,
        published_client: f.maybe_parsed("a_published_client", ClientId::parse)?,
        version: u32::try_from(f.count("a_version")?).map_err(|_| f.inconsistent("a_version"))?,
        created_at: f.time("a_created_at")?,
        changed_at: f.time("a_changed_at")?,
    })
}

/// Columns `g_*`.
pub(super) fn grant(row: &Row) -> Result<Grant, StoreError> {
    let f = Fields::of(row, "grants", "g_id");
    let state = match f.maybe_time("g_revoked_at")? {
        Some(at) => {
            let detail: Option<&str> = f.value("g_revoke_detail")?;
            GrantState::Revoked { at, reason: f.word(if detail.is_some() { "g_revoke_detail" } else { "g_revoke_reason" })? }
        }
        None => GrantState::Live,
    };
    Ok(Grant {
        id: f.parsed("g_id", GrantId::parse)?,
        org: f.parsed("g_org_id", OrgId::parse)?,
        user: f.parsed("g_user_id", UserId::parse)?,
        client: f.parsed("g_client_id", ClientId::parse)?,
        scopes: f.json("g_scopes")?,
        selectors: f.maybe_json("g_selectors")?.unwrap_or_default(),
        resources: f.json("g_resources")?,
        state,
        created_at: f.time("g_created_at")?,
        expires_at: f.maybe_time("g_expires_at")?,
        last_used_at: f.maybe_time("g_last_used_at")?,
    })
}

/// Columns of `policy_columns!`.
pub(super) fn policy(row: &Row) -> Result<ClientPolicy, StoreError> {
    let f = Fields::of(row, "client_policies", "p_stance");
    Ok(ClientPolicy { stance: f.word("p_stance")?, scopes: f.maybe_json("p_scopes")? })
}

/// The column of `approvals_column!`.
pub(super) fn approvals(row: &Row) -> Result<Approvals, StoreError> {
    let f = Fields::of(row, "scope_requests", "c_id");
    let wrong = || f.inconsistent("s_approvals");
    let Some(text) = f.value::<Option<&str>>("s_approvals")? else { return Ok(Approvals::default()) };
    let mut words = text.split(' ');
    let mut all = Vec::new();
    while let Some(scope) = words.next() {
        let scope = ScopeToken::parse(scope).map_err(|_| wrong())?;
        let until = words.next().and_then(|w| w.parse().ok()).ok_or_else(wrong)?;
        all.push((scope, Timestamp::from_millis(until)));
    }
    Ok(Approvals(all))
}

/// Columns `k_*`.
pub(super) fn api_key(row: &Row) -> Result<ApiKey, StoreError> {
    let f = Fields::of(row, "api_keys", "k_id");
    let state = match f.maybe_time("k_disabled_at")? {
        // A detail says more than the reason, which is among those that were there from the first.
        Some(at) if f.value::<Option<&str>>("k_disable_detail")?.is_some() => {
            ApiKeyState::Disabled { at, reason: f.word("k_disable_detail")? }
        }
        Some(at) => ApiKeyState::Disabled { at, reason: f.word("k_disable_reason")? },
        None => ApiKeyState::Live,
    };
    Ok(ApiKey {
        id: f.parsed("k_id", ApiKeyId::parse)?,
        last4: f.value("k_last4")?,
        name: f.value("k_name")?,
        org: f.parsed("k_org_id", OrgId::parse)?,
        app: f.parsed("k_app_id", AppId::parse)?,
        client: f.parsed("k_client_id", ClientId::parse)?,
        grant: f.parsed("k_grant_id", GrantId::parse)?,
        user: f.parsed("k_user_id", UserId::parse)?,
        scopes: f.json("k_scopes")?,
        resources: f.json("k_resources")?,
        created_at: f.time("k_created_at")?,
        last_used_at: f.maybe_time("k_last_used_at")?,
        state,
    })
}

/// Everything that `select_facts!` reads.
pub(super) fn facts(row: &Row) -> Result<GrantFacts, StoreError> {
    Ok(GrantFacts {
        grant: grant(row)?,
        user: user(row)?,
        org: org(row)?,
        client: client(row)?,
        policy: policy(row)?,
        approvals: approvals(row)?,
        roles: Fields::of(row, "memberships", "g_id").maybe_json("m_roles")?,
    })
}
