//! Organizations, users, memberships.

use std::collections::BTreeSet;

use async_trait::async_trait;
use secrecy::{ExposeSecret, SecretString};
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{json, storable, word};
use super::Db;
use super::among::among;
use super::engine::{Engine, Tx};
use super::invited;
use super::operators;
use super::revocation::{Ending, end};
use super::rows::{self, Fields};
use super::sessions::{hold_password, hold_session};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    AccountStore, Created, Membership, NewUser, Org, OrgState, OrgUpdate, PasswordRecord, RevokeReason, StoreError, Subject,
    User, UserState,
};
use crate::types::{HashedToken, OrgId, RoleName, Slug, UserId};

/// The organizations whose administrators see what happens to a user: where it is a member.
async fn orgs_concerned(tx: &mut Tx<'_>, user: &UserId) -> Result<BTreeSet<OrgId>, StoreError> {
    let rows = sqlx::query("SELECT org_id, user_id FROM memberships WHERE user_id = $1")
        .bind(user.as_str())
        .fetch_all(tx.connection())
        .await
        .doing("read memberships")?;
    rows.iter().map(|row| Fields::of(row, "memberships", "user_id").parsed("org_id", OrgId::parse)).collect()
}

async fn write_password(tx: &mut Tx<'_>, user: &UserId, password: &PasswordRecord) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO passwords (user_id, phc, one_time) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET phc = excluded.phc, one_time = excluded.one_time",
    )
    .bind(user.as_str())
    .bind(password.phc.expose_secret())
    .bind(password.one_time)
    .execute(tx.connection())
    .await
    .doing("write a password")
    .map(drop)
}

/// Writes a password, and ends every session of the user but `keep`.
async fn replace_password(
    tx: &mut Tx<'_>,
    id: &UserId,
    password: &PasswordRecord,
    keep: Option<&HashedToken>,
) -> Result<(), StoreError> {
    write_password(tx, id, password).await?;
    // No session's hash is empty: without one to keep, all of them end.
    sqlx::query("DELETE FROM sessions WHERE user_id = $1 AND hash <> $2")
        .bind(id.as_str())
        .bind(keep.map_or(&[][..], |hash| hash.bytes()))
        .execute(tx.connection())
        .await
        .doing("end a user's other sessions")?;
    tx.touch(Subject::User { id: id.clone() });
    record_of_account(tx, id, ControlEvent::done(Operation::PasswordChange).on("user", id.as_str())).await
}

/// Makes a user, unless its address is taken; with its record and feed line.
pub(super) async fn insert_user(tx: &mut Tx<'_>, new: &NewUser) -> Result<Created, StoreError> {
    let user = &new.user;
    let made = sqlx::query(
        "INSERT INTO users (id, email, name, kind, state, created_at) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT DO NOTHING",
    )
    .bind(user.id.as_str())
    .bind(&user.email)
    .bind(&user.name)
    .bind(word(&user.kind)?)
    .bind(word(&user.state)?)
    .bind(user.created_at.millis())
    .execute(tx.connection())
    .await
    .doing("make a user")?;
    if made.rows_affected() == 0 {
        return Ok(Created::Taken);
    }
    if let Some(password) = &new.password {
        write_password(tx, &user.id, password).await?;
    }
    tx.touch(Subject::User { id: user.id.clone() });
    tx.record(None, ControlEvent::done(Operation::UserCreate).on("user", user.id.as_str()));
    Ok(Created::Done)
}

/// Holds an organization: whoever else changes its members waits.
pub(super) async fn hold_org(tx: &mut Tx<'_>, org: &OrgId) -> Result<(), StoreError> {
    sqlx::query("UPDATE orgs SET state = state WHERE id = $1")
        .bind(org.as_str())
        .execute(tx.connection())
        .await
        .doing("lock an organization")
        .map(drop)
}

/// Writes a membership with its record and feed line. Who loses a role loses the invitations with it.
pub(super) async fn insert_membership(tx: &mut Tx<'_>, membership: &Membership) -> Result<(), StoreError> {
    let (org, user) = (&membership.org, &membership.user);
    let roles: BTreeSet<&RoleName> = membership.roles.iter().collect();
    let before = held_roles(tx, org, user).await?;
    sqlx::query(
        "INSERT INTO memberships (org_id, user_id, roles) VALUES ($1, $2, $3) \
         ON CONFLICT (org_id, user_id) DO UPDATE SET roles = excluded.roles",
    )
    .bind(org.as_str())
    .bind(user.as_str())
    .bind(json(&roles)?)
    .execute(tx.connection())
    .await
    .doing("write a membership")?;
    if before.iter().any(|role| !roles.contains(role)) {
        invited::withdraw_of(tx, org, user).await?;
    }
    let names: Vec<_> = roles.iter().map(|r| r.as_str()).collect();
    let event = ControlEvent::done(Operation::MembershipSet).on("user", user.as_str());
    tx.touch(Subject::Membership { org: org.clone(), user: user.clone() });
    let given = roles.into_iter().filter(|role| !before.contains(role)).cloned().collect();
    tx.record(Some(org), event.with_comment(format!("roles: {}", names.join(" "))).with_roles_given(given));
    Ok(())
}

/// The roles that a user has in an organization, which stay so until this transaction commits.
async fn held_roles(tx: &mut Tx<'_>, org: &OrgId, user: &UserId) -> Result<Vec<RoleName>, StoreError> {
    // Writes nothing; locks the membership as it now is.
    let row =
        sqlx::query("UPDATE memberships SET roles = roles WHERE org_id = $1 AND user_id = $2 RETURNING org_id, user_id, roles")
            .bind(org.as_str())
            .bind(user.as_str())
            .fetch_optional(tx.connection())
            .await
            .doing("read a membership")?;
    Ok(row.as_ref().map(rows::membership).transpose()?.map(|m| m.roles).unwrap_or_default())
}

/// Holds a user that is there and not frozen: whoever freezes or thaws at the same time waits for this row.
pub(super) async fn hold_unfrozen(tx: &mut Tx<'_>, id: &UserId) -> Result<bool, StoreError> {
    let held = sqlx::query("UPDATE users SET state = state WHERE id = $1 AND (state <> 'disabled' OR frozen_at IS NULL)")
        .bind(id.as_str())
        .execute(tx.connection())
        .await
        .doing("lock a user")?;
    Ok(held.rows_affected() > 0)
}

/// Switches a user with all that follows from it, unless it already is so.
pub(super) async fn switch_user(tx: &mut Tx<'_>, id: &UserId, state: UserState) -> Result<bool, StoreError> {
    let Some(operation) = write_user_state(tx, id, state).await? else { return Ok(false) };
    let mut concerned = orgs_concerned(tx, id).await?;
    if state == UserState::Disabled {
        sqlx::query("DELETE FROM sessions WHERE user_id = $1")
            .bind(id.as_str())
            .execute(tx.connection())
            .await
            .doing("end a user's sessions")?;
        let ended = end(tx, Ending::User(id), RevokeReason::UserDeactivated).await?;
        concerned.extend(ended.into_iter().map(|grant| grant.org));
        operators::remove(tx, id).await?;
    }
    if state != UserState::Active {
        invited::withdraw_by(tx, id).await?;
    }
    tx.touch(Subject::User { id: id.clone() });
    record_in_each(tx, &concerned, &ControlEvent::done(operation).on("user", id.as_str()));
    Ok(true)
}

/// Writes the state, and says what that was; nothing when the user is not there, or already so.
async fn write_user_state(tx: &mut Tx<'_>, id: &UserId, state: UserState) -> Result<Option<Operation>, StoreError> {
    let at = tx.cause.at.millis();
    let tries: &[(&'static str, Operation)] = match state {
        UserState::Active => &[
            (
                "UPDATE users SET state = 'active', frozen_at = NULL \
                 WHERE id = $1 AND state = 'disabled' AND frozen_at IS NOT NULL",
                Operation::UserThaw,
            ),
            ("UPDATE users SET state = 'active', frozen_at = NULL WHERE id = $1 AND state = 'disabled'", Operation::UserEnable),
        ],
        UserState::Frozen => {
            &[("UPDATE users SET state = 'disabled', frozen_at = $2 WHERE id = $1 AND state = 'active'", Operation::UserFreeze)]
        }
        UserState::Disabled => &[(
            "UPDATE users SET state = 'disabled', frozen_at = NULL \
             WHERE id = $1 AND (state = 'active' OR frozen_at IS NOT NULL)",
            Operation::UserDisable,
        )],
    };
    for (statement, operation) in tries {
        let query = sqlx::query(*statement).bind(id.as_str());
        let query = if *operation == Operation::UserFreeze { query.bind(at) } else { query };
        if query.execute(tx.connection()).await.doing("switch a user")?.rows_affected() > 0 {
            return Ok(Some(*operation));
        }
    }
    Ok(None)
}

/// Writes `event` into the log of each organization, or into the operator's when there is none.
pub(super) fn record_in_each(tx: &mut Tx<'_>, orgs: &BTreeSet<OrgId>, event: &ControlEvent) {
    if orgs.is_empty() {
        tx.record(None, event.clone());
    }
    for org in orgs {
        tx.record(Some(org), event.clone());
    }
}

/// Writes what was done to a user's account: what somebody else did is for the log of each of their organizations to say.
pub(super) async fn record_of_account(tx: &mut Tx<'_>, user: &UserId, event: ControlEvent) -> Result<(), StoreError> {
    if tx.cause.actor.user.as_ref() == Some(user) {
        tx.record(None, event);
        return Ok(());
    }
    let concerned = orgs_concerned(tx, user).await?;
    record_in_each(tx, &concerned, &event);
    Ok(())
}

#[async_trait]
impl AccountStore for Engine {
    async fn create_org(&self, org: &Org, cause: &Cause) -> Result<Created, StoreError> {
        let mut tx = self.begin(cause).await?;
        let made = sqlx::query(
            "INSERT INTO orgs (id, slug, name, tenant, tenants, state, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT DO NOTHING",
        )
        .bind(org.id.as_str())
        .bind(org.slug.as_str())
        .bind(&org.name)
        .bind(&org.tenant)
        .bind(json(&org.tenants)?)
        .bind(word(&org.state)?)
        .bind(org.created_at.millis())
        .execute(tx.connection())
        .await
        .doing("make an organization")?;
        if made.rows_affected() == 0 {
            return Ok(Created::Taken);
        }
        tx.touch(Subject::Org { id: org.id.clone() });
        tx.record(Some(&org.id), ControlEvent::done(Operation::OrgCreate).on("org", org.id.as_str()));
        tx.commit().await?;
        Ok(Created::Done)
    }

    async fn org(&self, id: &OrgId) -> Result<Option<Org>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", org_columns!(), " FROM orgs o WHERE o.id = $1"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an organization")?;
        row.as_ref().map(rows::org).transpose()
    }

    async fn org_by_slug(&self, slug: &Slug) -> Result<Option<Org>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", org_columns!(), " FROM orgs o WHERE o.slug = $1"))
            .bind(slug.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read an organization")?;
        row.as_ref().map(rows::org).transpose()
    }

    async fn orgs(&self) -> Result<Vec<Org>, StoreError> {
        let rows = sqlx::query(concat!("SELECT ", org_columns!(), " FROM orgs o ORDER BY o.slug"))
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list organizations")?;
        rows.iter().map(rows::org).collect()
    }

    async fn update_org(&self, id: &OrgId, change: &OrgUpdate, cause: &Cause) -> Result<Option<Org>, StoreError> {
        let mut tx = self.begin(cause).await?;
        sqlx::query(
            "UPDATE orgs SET name = COALESCE($1, name), tenant = COALESCE($2, tenant), tenants = COALESCE($3, tenants) \
             WHERE id = $4",
        )
        .bind(change.name.as_deref())
        .bind(change.tenant.as_deref())
        .bind(change.tenants.as_ref().map(json).transpose()?)
        .bind(id.as_str())
        .execute(tx.connection())
        .await
        .doing("change an organization")?;
        let row = sqlx::query(concat!("SELECT ", org_columns!(), " FROM orgs o WHERE o.id = $1"))
            .bind(id.as_str())
            .fetch_optional(tx.connection())
            .await
            .doing("read an organization")?;
        let Some(org) = row.as_ref().map(rows::org).transpose()? else { return Ok(None) };
        tx.touch(Subject::Org { id: id.clone() });
        tx.record(Some(id), ControlEvent::done(Operation::OrgUpdate).on("org", id.as_str()));
        tx.commit().await?;
        Ok(Some(org))
    }

    async fn set_org_state(&self, id: &OrgId, state: OrgState, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        let done = sqlx::query("UPDATE orgs SET state = $1 WHERE id = $2 AND state <> $1")
            .bind(word(&state)?)
            .bind(id.as_str())
            .execute(tx.connection())
            .await
            .doing("switch an organization")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        let operation = match state {
            OrgState::Active => Operation::OrgEnable,
            OrgState::Disabled => Operation::OrgDisable,
        };
        tx.touch(Subject::Org { id: id.clone() });
        tx.record(Some(id), ControlEvent::done(operation).on("org", id.as_str()));
        tx.commit().await?;
        Ok(true)
    }

    async fn create_user(&self, new: &NewUser, cause: &Cause) -> Result<Created, StoreError> {
        let mut tx = self.begin(cause).await?;
        if insert_user(&mut tx, new).await? == Created::Done {
            tx.commit().await?;
            return Ok(Created::Done);
        }
        Ok(Created::Taken)
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.id = $1"))
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a user")?;
        row.as_ref().map(rows::user).transpose()
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let row = sqlx::query(concat!("SELECT ", user_columns!(), " FROM users u WHERE u.email = $1"))
            .bind(storable(email))
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a user")?;
        row.as_ref().map(rows::user).transpose()
    }

    async fn org_names(&self, ids: &[OrgId]) -> Result<Vec<(OrgId, String)>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(500) {
            let mut query = QueryBuilder::<Db>::new("SELECT id, name FROM orgs WHERE id IN ");
            among(&mut query, some.iter().map(OrgId::as_str));
            for row in query.build().fetch_all(&mut *self.reader().await?).await.doing("read names of organizations")? {
                let fields = Fields::of(&row, "orgs", "id");
                found.push((fields.parsed("id", OrgId::parse)?, fields.value("name")?));
            }
        }
        Ok(found)
    }

    async fn emails(&self, ids: &[UserId]) -> Result<Vec<(UserId, String)>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for some in ids.chunks(500) {
            let mut query = QueryBuilder::<Db>::new("SELECT id, email FROM users WHERE id IN ");
            among(&mut query, some.iter().map(UserId::as_str));
            query.push(" ORDER BY email");
            for row in query.build().fetch_all(&mut *self.reader().await?).await.doing("read addresses")? {
                let fields = Fields::of(&row, "users", "id");
                found.push((fields.parsed("id", UserId::parse)?, fields.value("email")?));
            }
        }
        Ok(found)
    }

    async fn set_user_state(&self, id: &UserId, state: UserState, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !switch_user(&mut tx, id, state).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn set_unfrozen_user_state(&self, id: &UserId, state: UserState, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !hold_unfrozen(&mut tx, id).await? || !switch_user(&mut tx, id, state).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn password(&self, id: &UserId) -> Result<Option<PasswordRecord>, StoreError> {
        let row = sqlx::query("SELECT user_id, phc, one_time FROM passwords WHERE user_id = $1")
            .bind(id.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a password")?;
        let Some(row) = row else { return Ok(None) };
        let fields = Fields::of(&row, "passwords", "user_id");
        let phc: String = fields.value("phc")?;
        Ok(Some(PasswordRecord { phc: SecretString::from(phc), one_time: fields.value("one_time")? }))
    }

    async fn set_password(&self, id: &UserId, password: &PasswordRecord, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        replace_password(&mut tx, id, password, None).await?;
        tx.commit().await
    }

    async fn change_password(
        &self,
        id: &UserId,
        before: &SecretString,
        password: &PasswordRecord,
        session: &HashedToken,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !hold_password(&mut tx, id, before).await? || !hold_session(&mut tx, id, session).await? {
            return Ok(false);
        }
        replace_password(&mut tx, id, password, Some(session)).await?;
        tx.commit().await?;
        Ok(true)
    }

    async fn set_membership(&self, membership: &Membership, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        hold_org(&mut tx, &membership.org).await?;
        insert_membership(&mut tx, membership).await?;
        tx.commit().await
    }

    async fn remove_membership(&self, org: &OrgId, user: &UserId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        hold_org(&mut tx, org).await?;
        let done = sqlx::query("DELETE FROM memberships WHERE org_id = $1 AND user_id = $2")
            .bind(org.as_str())
            .bind(user.as_str())
            .execute(tx.connection())
            .await
            .doing("remove a membership")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        end(&mut tx, Ending::Member(org, user), RevokeReason::MembershipRemoved).await?;
        invited::withdraw_of(&mut tx, org, user).await?;
        tx.touch(Subject::Membership { org: org.clone(), user: user.clone() });
        tx.record(Some(org), ControlEvent::done(Operation::MembershipRemove).on("user", user.as_str()));
        tx.commit().await?;
        Ok(true)
    }

    async fn membership(&self, org: &OrgId, user: &UserId) -> Result<Option<Membership>, StoreError> {
        let row = sqlx::query("SELECT org_id, user_id, roles FROM memberships WHERE org_id = $1 AND user_id = $2")
            .bind(org.as_str())
            .bind(user.as_str())
            .fetch_optional(&mut *self.reader().await?)
            .await
            .doing("read a membership")?;
        row.as_ref().map(rows::membership).transpose()
    }

    async fn members(&self, org: &OrgId) -> Result<Vec<Membership>, StoreError> {
        let rows = sqlx::query("SELECT org_id, user_id, roles FROM memberships WHERE org_id = $1 ORDER BY user_id")
            .bind(org.as_str())
            .fetch_all(&mut *self.reader().await?)
            .await
            .doing("list members")?;
        rows.iter().map(rows::membership).collect()
    }

    async fn orgs_of(&self, user: &UserId) -> Result<Vec<(Org, Vec<RoleName>)>, StoreError> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            org_columns!(),
            ", m.roles AS m_roles FROM memberships m JOIN orgs o ON o.id = m.org_id \
             WHERE m.user_id = $1 AND o.state = 'active' ORDER BY o.slug"
        ))
        .bind(user.as_str())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list a user's organizations")?;
        rows.iter().map(|row| Ok((rows::org(row)?, Fields::of(row, "memberships", "o_id").json("m_roles")?))).collect()
    }

    async fn note(&self, org: Option<&OrgId>, event: ControlEvent, cause: &Cause) -> Result<(), StoreError> {
        let mut tx = self.begin(cause).await?;
        tx.record(org, event);
        tx.commit().await
    }
}
