//! Who did what a person is shown, as far as that is theirs to know.

use std::collections::{BTreeSet, HashSet};

use super::Names;
use crate::node::Node;
use crate::record::{AuditRecord, ControlEvent, Event, Operation};
use crate::store::{AuditRow, StoreError};
use crate::types::{OrgId, UserId};

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doer<'a> {
    /// The reader, or a member of the organization in whose log it is: the address.
    Known(&'a str),
    /// Whoever makes the application.
    Maker,
    /// The operator.
    Operator,
}

/// Those who did what some records say. Addresses are told of members alone: others, who publish an application or operate the
/// gateway, are strangers to whoever reads.
#[derive(Debug)]
pub struct Doers {
    reader: UserId,
    names: Names,
    members: HashSet<(OrgId, UserId)>,
}

impl Doers {
    /// Looks them up for `reader`.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn of(node: &Node, reader: &UserId, rows: &[AuditRow]) -> Result<Self, StoreError> {
        let placed = rows.iter().filter_map(|row| row.record.org.clone().zip(row.record.actor.user.clone()));
        let placed: BTreeSet<(OrgId, UserId)> = placed.filter(|(_, user)| user != reader).collect();
        let mut members = HashSet::new();
        for (org, user) in placed {
            if node.store.membership(&org, &user).await?.is_some() {
                members.insert((org, user));
            }
        }
        let mut known: Vec<UserId> = members.iter().map(|(_, user)| user.clone()).collect();
        known.push(reader.clone());
        let mut names = Names::default();
        names.learn(node, known.iter()).await?;
        Ok(Self { reader: reader.clone(), names, members })
    }

    /// Who did this; `None` when nobody is on record, or somebody who is no member any more.
    #[must_use]
    pub fn who<'a>(&'a self, record: &'a AuditRecord) -> Option<Doer<'a>> {
        let user = record.actor.user.as_ref().filter(|user| **user != self.reader);
        let Some(user) = user else { return self.nobody_else(record) };
        if of_account(record) {
            return Some(Doer::Operator);
        }
        if record.org.as_ref().is_some_and(|org| self.members.contains(&(org.clone(), user.clone()))) {
            return Some(Doer::Known(self.names.of(user)));
        }
        stranger(record)
    }

    fn nobody_else<'a>(&'a self, record: &'a AuditRecord) -> Option<Doer<'a>> {
        match &record.actor.user {
            Some(reader) => Some(Doer::Known(self.names.of(reader))),
            None => of_account(record).then_some(Doer::Operator),
        }
    }
}

/// Whether it is something that nobody but the operator does to the account of another.
fn of_account(record: &AuditRecord) -> bool {
    matches!(&record.event, Event::Control(event) if matches!(event.operation, Operation::Logout | Operation::PasswordChange))
}

/// Who does this and is no member.
fn stranger<'a>(record: &AuditRecord) -> Option<Doer<'a>> {
    let Event::Control(event) = &record.event else { return None };
    match event.operation {
        Operation::GrantNarrow | Operation::GrantRevokeClient => Some(Doer::Maker),
        Operation::GrantRevokeAdmin if event.comment.as_deref() == Some(ControlEvent::CLIENT_REMOVED) => Some(Doer::Maker),
        Operation::GrantRevokePolicy => Some(Doer::Operator),
        _ => None,
    }
}
