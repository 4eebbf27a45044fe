//! What principals have in common, kept once.
//!
//! A million tokens come of fewer users, far fewer clients and organizations, and a handful of scopes. Each principal that had its own
//! copy of them would be most of what the cache holds.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Effective;
use crate::store::{Client, Org, User};
use crate::types::{ClientId, OrgId, ResourceId, ScopeSet, UserId};

/// Things of one kind that are kept. With more they are forgotten, and kept anew by who comes next.
const MOST: usize = 65_536;

/// What was handed out before, by what it is known by.
#[derive(Debug)]
struct Pool<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Pool<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone + PartialEq> Pool<K, V> {
    /// The one that is equal to `value`; whether it was here before.
    fn share(&self, key: K, value: V) -> (V, bool) {
        let mut known = self.0.lock();
        if let Some(one) = known.get(&key).filter(|one| **one == value) {
            return (one.clone(), true);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, value.clone());
        (value, false)
    }
}

/// The same for what may be large, or chosen by strangers: it lives no longer than the principals that have it, and they are counted.
#[derive(Debug)]
struct Living<K, T>(Mutex<HashMap<K, Weak<T>>>);

impl<K, T> Default for Living<K, T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, T: PartialEq> Living<K, T> {
    fn share(&self, key: K, value: T) -> (Arc<T>, bool) {
        let mut known = self.0.lock();
        if let Some(one) = known.get(&key).and_then(Weak::upgrade).filter(|one| **one == value) {
            return (one, true);
        }
        if known.len() >= MOST {
            known.clear();
        }
        let one = Arc::new(value);
        known.insert(key, Arc::downgrade(&one));
        (one, false)
    }
}

/// The pools of a verifier.
#[derive(Debug, Default)]
pub(super) struct Common {
    users: Living<UserId, User>,
    orgs: Living<OrgId, Org>,
    clients: Living<ClientId, Client>,
    effective: Pool<Effective, Arc<Effective>>,
    scopes: Pool<ScopeSet, ScopeSet>,
    audiences: Pool<Arc<[ResourceId]>, Arc<[ResourceId]>>,
}

/// Who is behind a token, each shared with the others that they are behind.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) user: Arc<User>,
    pub(super) org: Arc<Org>,
    pub(super) client: Arc<Client>,
    /// Bytes that only this token takes so far.
    pub(super) weight: usize,
}

impl Common {
    pub(super) fn people(&self, user: User, org: Org, client: Client) -> Shared {
        let ((user, old_user), (org, old_org), (client, old_client)) = (
            self.users.share(user.id.clone(), user),
            self.orgs.share(org.id.clone(), org),
            self.clients.share(client.id.clone(), client),
        );
        let weights =
            [(old_user, weight_of_user(&user)), (old_org, weight_of_org(&org)), (old_client, weight_of_client(&client))];
        let weight = weights.iter().filter(|(old, _)| !old).map(|(_, weight)| weight).sum();
        Shared { user, org, client, weight }
    }

    pub(super) fn effective(&self, effective: Effective) -> Arc<Effective> {
        self.effective.share(effective, Arc::new(effective)).0
    }

    pub(super) fn scopes(&self, scopes: ScopeSet) -> ScopeSet {
        self.scopes.share(scopes.clone(), scopes).0
    }

    pub(super) fn audience(&self, audience: Arc<[ResourceId]>) -> Arc<[ResourceId]> {
        self.audiences.share(Arc::clone(&audience), audience).0
    }
}

fn weight_of_user(user: &User) -> usize {
    size_of::<User>() + user.id.as_str().len() + user.email.len() + user.name.len()
}

fn weight_of_org(org: &Org) -> usize {
    let tenants: usize = org.tenants.values().map(|tenant| 64 + tenant.len()).sum();
    size_of::<Org>() + org.name.len() + org.tenant.len() + tenants
}

/// Most of what a client is may have been chosen by a stranger: a list of redirect URIs, say.
fn weight_of_client(client: &Client) -> usize {
    let uris: usize = client.redirect_uris.iter().map(|uri| 32 + uri.as_str().len()).sum();
    let scopes = client.scopes.as_ref().map_or(0, |scopes| scopes.len() * 64);
    size_of::<Client>() + client.name.len() + uris + scopes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_equal_is_kept_once() {
        let common = Common::default();
        let twice = [(); 2].map(|()| common.scopes(ScopeSet::parse("a b").expect("scopes")));
        assert!(std::ptr::eq(twice[0].iter().next().expect("a"), twice[1].iter().next().expect("a")), "the same set");
        assert_ne!(common.scopes(ScopeSet::parse("a").expect("scopes")), twice[0]);
    }

    #[test]
    fn what_has_changed_is_not_taken_for_what_it_was() {
        let pool: Pool<u8, Arc<str>> = Pool::default();
        assert_eq!(pool.share(1, "old".into()), ("old".into(), false));
        assert_eq!(pool.share(1, "new".into()), ("new".into(), false));
        assert_eq!(pool.share(1, "new".into()), ("new".into(), true));
    }

    #[test]
    fn what_no_principal_has_is_not_kept() {
        let living: Living<u8, String> = Living::default();
        let (one, _) = living.share(1, "a".to_owned());
        let (other, known) = living.share(1, "a".to_owned());
        assert!(known && Arc::ptr_eq(&one, &other));
        let weak = Arc::downgrade(&one);
        drop((one, other));
        assert_eq!(weak.strong_count(), 0);
        assert!(!living.share(1, "a".to_owned()).1, "it is made anew");
    }

    #[test]
    fn hostile_variety_does_not_grow_a_pool() {
        let pool: Pool<usize, usize> = Pool::default();
        for n in 0..=MOST {
            pool.share(n, n);
        }
        assert_eq!(pool.0.lock().len(), 1);
    }
}
