//! Who did what a person is shown, as far as that is theirs to know.

use std::collections::{BTreeSet, HashSet};

use super::Names;
use crate::node::Node;
use crate::record::{AuditRecord, ControlEvent, Event, Operation};
use crate::store::{AuditRow, StoreError};
use crate::types::{GrantId, OrgId, UserId};

/// Who did something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doer<'a> {
    /// The reader, or a member of the organization in whose log it is: the address.
    Known(&'a str),
    /// Somebody of the organization that owns the application.
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
    /// Who is no member where the grant is, and makes its application.
    makers: HashSet<(GrantId, UserId)>,
    /// Who is neither, and may open the operator's pages.
    operators: HashSet<UserId>,
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
        let mut doers = Self { reader: reader.clone(), names, members, makers: HashSet::new(), operators: HashSet::new() };
        doers.learn_strangers(node, rows).await?;
        Ok(doers)
    }

    /// Learns who of those that are no members makes the application of a grant, or operates the gateway.
    async fn learn_strangers(&mut self, node: &Node, rows: &[AuditRow]) -> Result<(), StoreError> {
        let strange = |record: &AuditRecord| {
            let user = record.actor.user.clone().filter(|user| *user != self.reader && of_makers(record))?;
            let member = record.org.as_ref().is_some_and(|org| self.members.contains(&(org.clone(), user.clone())));
            grant_of(record).filter(|_| !member).map(|grant| (grant, user))
        };
        let asked: BTreeSet<(GrantId, UserId)> = rows.iter().filter_map(|row| strange(&row.record)).collect();
        for (grant, user) in asked {
            let owner = node.store.grant_facts(&grant).await?.and_then(|facts| facts.client.org);
            let makes = match &owner {
                Some(owner) => node.store.membership(owner, &user).await?.is_some(),
                None => false,
            };
            if makes {
                self.makers.insert((grant, user));
            } else if !self.operators.contains(&user) && node.store.is_operator(&user).await? {
                self.operators.insert(user);
            }
        }
        Ok(())
    }

    /// Who did this; `None` when nobody is on record, or somebody who is no member, neither there nor where the application is
    /// made, and does not operate the gateway: perhaps no more.
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
        self.stranger(record, user)
    }

    /// Who this is, who is no member.
    fn stranger<'a>(&'a self, record: &AuditRecord, user: &UserId) -> Option<Doer<'a>> {
        let Event::Control(event) = &record.event else { return None };
        if event.operation == Operation::GrantRevokePolicy {
            return Some(Doer::Operator);
        }
        let grant = grant_of(record).filter(|_| of_makers(record))?;
        if self.makers.contains(&(grant, user.clone())) {
            return Some(Doer::Maker);
        }
        self.operators.contains(user).then_some(Doer::Operator)
    }

    fn nobody_else<'a>(&'a self, record: &'a AuditRecord) -> Option<Doer<'a>> {
        match &record.actor.user {
            Some(reader) => Some(Doer::Known(self.names.of(reader))),
            None if of_account(record) => Some(Doer::Operator),
            None => (record.hides_its_actor() && of_makers(record)).then_some(Doer::Maker),
        }
    }
}

/// Whether it is something that nobody but the operator does to the account of another.
fn of_account(record: &AuditRecord) -> bool {
    matches!(&record.event, Event::Control(event) if matches!(event.operation, Operation::Logout | Operation::PasswordChange))
}

/// Whether it is something that is done to a grant by changing its application.
fn of_makers(record: &AuditRecord) -> bool {
    let Event::Control(event) = &record.event else { return false };
    match event.operation {
        Operation::GrantNarrow | Operation::GrantRevokeClient => true,
        Operation::GrantRevokeAdmin => event.comment.as_deref() == Some(ControlEvent::CLIENT_REMOVED),
        _ => false,
    }
}

/// The grant that an event is about.
#[must_use]
pub fn grant_of(record: &AuditRecord) -> Option<GrantId> {
    let Event::Control(event) = &record.event else { return None };
    let target = event.target.as_ref().filter(|(kind, _)| kind == "grant").and_then(|(_, id)| GrantId::parse(id).ok());
    target.or_else(|| record.actor.grant.clone())
}
