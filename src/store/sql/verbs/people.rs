//! Who belongs to an organization.

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::QueryBuilder;

use super::super::fault::Doing;
use super::super::values::{json, like, word};
use super::accounts::{hold_org, hold_unfrozen, insert_membership, insert_user, switch_user};
use super::engine::{Engine, Tx};
use super::invited;
use super::revocation::{Ending, end};
use super::rows::{self, Fields};
use super::sought::Sought;
use super::{Db, Row};
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    Accepted, Accepting, Bounds, Created, Guarded, Invitation, MemberSearch, Membership, NewUser, PeopleStore, RevokeReason,
    ServiceMade, ServiceSwitched, StoreError, Subject, User, UserKind, UserState,
};
use crate::types::{HashedToken, InvitationId, OrgId, RoleName, Timestamp, UserId};

/// A member as the guard sees it.
struct Known {
    user: UserId,
    roles: Vec<RoleName>,
    person: bool,
}

/// Every member, with the organization locked: whoever else takes something from its members waits.
async fn hold_members(tx: &mut Tx<'_>, org: &OrgId) -> Result<Vec<Known>, StoreError> {
    hold_org(tx, org).await?;
    let rows = sqlx::query(
        "SELECT m.user_id AS user_id, m.roles AS roles, u.kind AS kind, u.state AS state FROM memberships m \
         JOIN users u ON u.id = m.user_id WHERE m.org_id = $1",
    )
    .bind(org.as_str())
    .fetch_all(tx.connection())
    .await
    .doing("read members")?;
    let known = |row: &Row| {
        let fields = Fields::of(row, "memberships", "user_id");
        let (kind, state): (UserKind, UserState) = (fields.word("kind")?, fields.word("state")?);
        Ok(Known {
            user: fields.parsed("user_id", UserId::parse)?,
            roles: fields.json("roles")?,
            person: kind == UserKind::Person && state == UserState::Active,
        })
    };
    rows.iter().map(known).collect()
}

/// Whether a member may come to hold `roles` by this change: whoever makes it reaches every role that moves, and somebody else
/// administers, or the member goes on to, or nobody did before.
fn guard(members: &[Known], user: &UserId, roles: &[RoleName], bounds: &Bounds<'_>) -> Guarded {
    let holds = |roles: &[RoleName]| roles.iter().any(|role| bounds.administrators.contains(role));
    let administers = |known: &&Known| known.person && holds(&known.roles);
    let Some(member) = members.iter().find(|known| known.user == *user) else { return Guarded::Absent };
    let (given, taken) = (without(roles, &member.roles), without(&member.roles, roles));
    if !is_within(members, &[given, taken].concat(), bounds) {
        return Guarded::BeyondReach;
    }
    let others = members.iter().filter(administers).any(|known| known.user != *user);
    if others || !administers(&member) || holds(roles) { Guarded::Done } else { Guarded::LastAdministrator }
}

/// Whether whoever makes a change may give and take these roles, by those that they have themselves.
fn is_within(members: &[Known], moved: &[RoleName], bounds: &Bounds<'_>) -> bool {
    let Some((changer, reach)) = bounds.changer else { return true };
    let own = members.iter().find(|known| known.user == *changer).map_or(&[][..], |known| &known.roles);
    reach.covers(own, moved)
}

/// Whether a user is a service user that no other active organization has.
async fn is_own_service(tx: &mut Tx<'_>, org: &OrgId, user: &UserId) -> Result<bool, StoreError> {
    let row = sqlx::query(
        "SELECT COUNT(*) AS many FROM users u WHERE u.id = $1 AND u.kind = 'service' AND NOT EXISTS (SELECT 1 FROM memberships m \
         JOIN orgs o ON o.id = m.org_id WHERE m.user_id = u.id AND m.org_id <> $2 AND o.state = 'active')",
    )
    .bind(user.as_str())
    .bind(org.as_str())
    .fetch_one(tx.connection())
    .await
    .doing("look whose a service user is")?;
    Ok(Fields::of(&row, "users", "many").count("many")? > 0)
}

fn without(roles: &[RoleName], others: &[RoleName]) -> Vec<RoleName> {
    roles.iter().filter(|role| !others.contains(role)).cloned().collect()
}

fn invitation(row: &Row) -> Result<Invitation, StoreError> {
    let f = Fields::of(row, "invitations", "id");
    Ok(Invitation {
        id: f.parsed("id", InvitationId::parse)?,
        org: f.parsed("org_id", OrgId::parse)?,
        email: f.value("email")?,
        roles: f.json("roles")?,
        invited_by: f.maybe_parsed("invited_by", UserId::parse)?,
        created_at: f.time("created_at")?,
        expires_at: f.time("expires_at")?,
    })
}

/// Where an invitation is into.
async fn place(tx: &mut Tx<'_>, secret: &HashedToken) -> Result<Option<OrgId>, StoreError> {
    let row = sqlx::query("SELECT id, org_id FROM invitations WHERE hash = $1")
        .bind(&secret.bytes()[..])
        .fetch_optional(tx.connection())
        .await
        .doing("read an invitation")?;
    row.map(|row| Fields::of(&row, "invitations", "id").parsed("org_id", OrgId::parse)).transpose()
}

/// Takes an invitation out of those that are open; of all callers one gets it.
async fn close(tx: &mut Tx<'_>, secret: &HashedToken) -> Result<Option<Invitation>, StoreError> {
    let row = sqlx::query(
        "UPDATE invitations SET closed_at = $1 WHERE hash = $2 AND closed_at IS NULL AND expires_at > $1 \
         RETURNING id, org_id, email, roles, invited_by, created_at, expires_at",
    )
    .bind(tx.cause.at.millis())
    .bind(&secret.bytes()[..])
    .fetch_optional(tx.connection())
    .await
    .doing("take an invitation")?;
    row.as_ref().map(invitation).transpose()
}

/// Withdraws what is open for an address or under an id, with a record for each.
async fn withdraw(tx: &mut Tx<'_>, org: &OrgId, (id, email): (Option<&InvitationId>, Option<&str>)) -> Result<bool, StoreError> {
    let rows = sqlx::query(
        "UPDATE invitations SET closed_at = $1 WHERE org_id = $2 AND (id = $3 OR email = $4) AND closed_at IS NULL \
         AND expires_at > $1 RETURNING id, org_id",
    )
    .bind(tx.cause.at.millis())
    .bind(org.as_str())
    .bind(id.map(InvitationId::as_str))
    .bind(email)
    .fetch_all(tx.connection())
    .await
    .doing("withdraw an invitation")?;
    invited::record(tx, &rows)?;
    Ok(!rows.is_empty())
}

/// Puts somebody into the organization with the roles they have there and those of the invitation.
async fn join(tx: &mut Tx<'_>, invitation: &Invitation, user: &UserId) -> Result<(), StoreError> {
    let row = sqlx::query("SELECT org_id, user_id, roles FROM memberships WHERE org_id = $1 AND user_id = $2")
        .bind(invitation.org.as_str())
        .bind(user.as_str())
        .fetch_optional(tx.connection())
        .await
        .doing("read a membership")?;
    let before = row.as_ref().map(rows::membership).transpose()?;
    let mut roles: BTreeSet<RoleName> = invitation.roles.iter().cloned().collect();
    roles.extend(before.into_iter().flat_map(|m| m.roles));
    let membership = Membership { org: invitation.org.clone(), user: user.clone(), roles: roles.into_iter().collect() };
    insert_membership(tx, &membership).await
}

/// Whether the user is active, and stays so until this transaction commits.
async fn hold_user(tx: &mut Tx<'_>, user: &UserId, email: &str) -> Result<bool, StoreError> {
    let held =
        sqlx::query("UPDATE users SET state = state WHERE id = $1 AND email = $2 AND state = 'active' AND kind = 'person'")
            .bind(user.as_str())
            .bind(email)
            .execute(tx.connection())
            .await
            .doing("lock a user")?;
    Ok(held.rows_affected() > 0)
}

fn member(row: &Row) -> Result<(User, Vec<RoleName>), StoreError> {
    Ok((rows::user(row)?, Fields::of(row, "memberships", "u_id").json("m_roles")?))
}

/// Adds ` AND …` for everything that the search narrows by.
fn narrow(query: &mut QueryBuilder<Db>, search: &MemberSearch) -> Result<(), StoreError> {
    if !search.text.is_empty() {
        query.push(" AND ");
        Sought::of(&search.text).within(query, &["u.email", "u.name"]);
    }
    if let Some(kind) = &search.kind {
        query.push(" AND u.kind = ").push_bind(word(kind)?);
    }
    if let Some(state) = &search.state {
        query.push(concat!(" AND ", user_state!(), " = ")).push_bind(word(state)?);
    }
    if let Some(role) = &search.role {
        // A list of names in JSON: nothing in a name is written otherwise there.
        query.push(" AND m.roles LIKE ").push_bind(like(&json(role)?, "%", "%")).push(r" ESCAPE '\'");
    }
    Ok(())
}

#[async_trait]
impl PeopleStore for Engine {
    async fn member_page(
        &self,
        org: &OrgId,
        search: &MemberSearch,
        (offset, limit): (u32, u32),
    ) -> Result<Vec<(User, Vec<RoleName>)>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT ",
            user_columns!(),
            ", m.roles AS m_roles FROM (SELECT u.id FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = "
        ));
        query.push_bind(org.as_str().to_owned());
        narrow(&mut query, search)?;
        query.push(" ORDER BY u.email LIMIT ").push_bind(i64::from(limit)).push(" OFFSET ").push_bind(i64::from(offset));
        query.push(") AS of_page JOIN users u ON u.id = of_page.id JOIN memberships m ON m.user_id = u.id AND m.org_id = ");
        query.push_bind(org.as_str().to_owned()).push(" ORDER BY u.email");
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("list members")?;
        rows.iter().map(member).collect()
    }

    async fn find_members(
        &self,
        org: &OrgId,
        search: &MemberSearch,
        after: Option<&UserId>,
        limit: u32,
    ) -> Result<Vec<(User, Vec<RoleName>)>, StoreError> {
        let mut query = QueryBuilder::<Db>::new(concat!(
            "SELECT ",
            user_columns!(),
            ", m.roles AS m_roles FROM memberships m JOIN users u ON u.id = m.user_id WHERE m.org_id = "
        ));
        query.push_bind(org.as_str().to_owned());
        if let Some(after) = after {
            query.push(" AND m.user_id < ").push_bind(after.as_str().to_owned());
        }
        narrow(&mut query, search)?;
        query.push(" ORDER BY m.user_id DESC LIMIT ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await.doing("search members")?;
        rows.iter().map(member).collect()
    }

    async fn change_member(&self, membership: &Membership, bounds: &Bounds<'_>, cause: &Cause) -> Result<Guarded, StoreError> {
        let mut tx = self.begin(cause).await?;
        let members = hold_members(&mut tx, &membership.org).await?;
        let guarded = guard(&members, &membership.user, &membership.roles, bounds);
        if guarded == Guarded::Done {
            insert_membership(&mut tx, membership).await?;
            tx.commit().await?;
        }
        Ok(guarded)
    }

    async fn dismiss_member(
        &self,
        org: &OrgId,
        user: &UserId,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<Guarded, StoreError> {
        let mut tx = self.begin(cause).await?;
        let members = hold_members(&mut tx, org).await?;
        let guarded = guard(&members, user, &[], bounds);
        if guarded == Guarded::Done {
            sqlx::query("DELETE FROM memberships WHERE org_id = $1 AND user_id = $2")
                .bind(org.as_str())
                .bind(user.as_str())
                .execute(tx.connection())
                .await
                .doing("remove a membership")?;
            end(&mut tx, Ending::Member(org, user), RevokeReason::MembershipRemoved).await?;
            invited::withdraw_of(&mut tx, org, user).await?;
            tx.touch(Subject::Membership { org: org.clone(), user: user.clone() });
            tx.record(Some(org), ControlEvent::done(Operation::MembershipRemove).on("user", user.as_str()));
            tx.commit().await?;
        }
        Ok(guarded)
    }

    async fn add_service(
        &self,
        user: &User,
        membership: &Membership,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<ServiceMade, StoreError> {
        let mut tx = self.begin(cause).await?;
        let members = hold_members(&mut tx, &membership.org).await?;
        if !is_within(&members, &membership.roles, bounds) {
            return Ok(ServiceMade::BeyondReach);
        }
        if insert_user(&mut tx, &NewUser { user: user.clone(), password: None }).await? == Created::Taken {
            return Ok(ServiceMade::Taken);
        }
        insert_membership(&mut tx, membership).await?;
        tx.commit().await?;
        Ok(ServiceMade::Done)
    }

    async fn switch_service(
        &self,
        org: &OrgId,
        user: &UserId,
        to: UserState,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<ServiceSwitched, StoreError> {
        let mut tx = self.begin(cause).await?;
        let members = hold_members(&mut tx, org).await?;
        let Some(member) = members.iter().find(|known| known.user == *user) else { return Ok(ServiceSwitched::Absent) };
        if !is_own_service(&mut tx, org, user).await? {
            return Ok(ServiceSwitched::NotOwn);
        }
        if !is_within(&members, &member.roles, bounds) {
            return Ok(ServiceSwitched::BeyondReach);
        }
        if !hold_unfrozen(&mut tx, user).await? {
            return Ok(ServiceSwitched::Frozen);
        }
        if switch_user(&mut tx, user, to).await? {
            tx.commit().await?;
        }
        Ok(ServiceSwitched::Done)
    }

    async fn invite(
        &self,
        invitation: &Invitation,
        secret: &HashedToken,
        bounds: &Bounds<'_>,
        cause: &Cause,
    ) -> Result<bool, StoreError> {
        let roles: BTreeSet<&RoleName> = invitation.roles.iter().collect();
        let mut tx = self.begin(cause).await?;
        let members = hold_members(&mut tx, &invitation.org).await?;
        if !is_within(&members, &invitation.roles, bounds) {
            return Ok(false);
        }
        withdraw(&mut tx, &invitation.org, (None, Some(&invitation.email))).await?;
        sqlx::query(
            "INSERT INTO invitations (hash, id, org_id, email, roles, invited_by, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&secret.bytes()[..])
        .bind(invitation.id.as_str())
        .bind(invitation.org.as_str())
        .bind(&invitation.email)
        .bind(json(&roles)?)
        .bind(invitation.invited_by.as_ref().map(UserId::as_str))
        .bind(invitation.created_at.millis())
        .bind(invitation.expires_at.millis())
        .execute(tx.connection())
        .await
        .doing("invite")?;
        let event = ControlEvent::done(Operation::InvitationCreate).on("invitation", invitation.id.as_str());
        let names: Vec<_> = roles.iter().map(|role| role.as_str()).collect();
        tx.record(Some(&invitation.org), event.with_comment(format!("roles: {}", names.join(" "))));
        tx.commit().await?;
        Ok(true)
    }

    async fn invitations(&self, org: &OrgId, at: Timestamp) -> Result<Vec<Invitation>, StoreError> {
        let rows = sqlx::query(
            "SELECT id, org_id, email, roles, invited_by, created_at, expires_at FROM invitations \
             WHERE org_id = $1 AND closed_at IS NULL AND expires_at > $2 ORDER BY created_at DESC, id DESC",
        )
        .bind(org.as_str())
        .bind(at.millis())
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list invitations")?;
        rows.iter().map(invitation).collect()
    }

    async fn find_invitations(
        &self,
        org: &OrgId,
        at: Timestamp,
        after: Option<&(Timestamp, InvitationId)>,
        limit: u32,
    ) -> Result<Vec<Invitation>, StoreError> {
        let (time, id) = after.map_or((i64::MAX, ""), |(time, id)| (time.millis(), id.as_str()));
        let rows = sqlx::query(
            "SELECT id, org_id, email, roles, invited_by, created_at, expires_at FROM invitations WHERE org_id = $1 \
             AND closed_at IS NULL AND expires_at > $2 AND (created_at, id) < ($3, $4) ORDER BY created_at DESC, id DESC LIMIT $5",
        )
        .bind(org.as_str())
        .bind(at.millis())
        .bind(time)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(&mut *self.reader().await?)
        .await
        .doing("list invitations")?;
        rows.iter().map(invitation).collect()
    }

    async fn invitation(&self, secret: &HashedToken, at: Timestamp) -> Result<Option<Invitation>, StoreError> {
        let row = sqlx::query(
            "SELECT id, org_id, email, roles, invited_by, created_at, expires_at FROM invitations \
             WHERE hash = $1 AND closed_at IS NULL AND expires_at > $2",
        )
        .bind(&secret.bytes()[..])
        .bind(at.millis())
        .fetch_optional(&mut *self.reader().await?)
        .await
        .doing("read an invitation")?;
        row.as_ref().map(invitation).transpose()
    }

    async fn withdraw_invitation(&self, org: &OrgId, id: &InvitationId, cause: &Cause) -> Result<bool, StoreError> {
        let mut tx = self.begin(cause).await?;
        if !withdraw(&mut tx, org, (Some(id), None)).await? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    async fn accept_invitation(&self, secret: &HashedToken, who: &Accepting, cause: &Cause) -> Result<Accepted, StoreError> {
        let mut tx = self.begin(cause).await?;
        // The organization before the invitation, as whoever takes something from a member does: roles that go meanwhile are gone.
        let Some(org) = place(&mut tx, secret).await? else { return Ok(Accepted::Gone) };
        hold_org(&mut tx, &org).await?;
        let Some(invitation) = close(&mut tx, secret).await? else { return Ok(Accepted::Gone) };
        let user = match who {
            Accepting::Known(user) => {
                if !hold_user(&mut tx, user, &invitation.email).await? {
                    return Ok(Accepted::Gone);
                }
                user
            }
            Accepting::New(new) => {
                if new.user.email != invitation.email || insert_user(&mut tx, new).await? == Created::Taken {
                    return Ok(Accepted::Taken);
                }
                &new.user.id
            }
        };
        join(&mut tx, &invitation, user).await?;
        let event = ControlEvent::done(Operation::InvitationAccept).on("invitation", invitation.id.as_str());
        tx.record(Some(&invitation.org), event);
        tx.commit().await?;
        Ok(Accepted::Done)
    }
}
