//! How far roles reach.

use super::*;
use crate::config::{Catalogue, Risk, ScopeEntry, Visibility};
use crate::types::{ScopeSet, ScopeToken};

#[test]
fn roles_reach_as_far_as_what_they_permit() {
    let entry = |name: &str| {
        let words = ("Words".to_owned(), "Things".to_owned());
        ScopeEntry::new(ScopeToken::parse(name).expect("a scope"), words, Risk::Low, Visibility::Public)
    };
    let catalogue =
        Catalogue::new(["logs:read", "metrics:read", OwnScope::MembersWrite.as_str()].map(entry).to_vec()).expect("few scopes");
    let bits = |text: &str| catalogue.bits(&ScopeSet::parse(text).expect("scopes"));
    let role = |name: &str| RoleName::parse(name).expect("a role");
    let permits = [
        ("admin", "logs:read metrics:read members:write"),
        ("clerk", "members:write"),
        ("logs", "logs:read"),
        ("metrics", "metrics:read"),
        ("both", "logs:read metrics:read"),
    ];
    let roles = Roles(permits.map(|(name, text)| (role(name), bits(text))).into(), Vec::new(), ScopeBits::NONE);
    let reach = RoleReach { roles: &roles, needed: bits(OwnScope::MembersWrite.as_str()) };
    let covers = |own: &[&str], moved: &[&str]| {
        let named = |names: &[&str]| names.iter().map(|n| role(n)).collect::<Vec<_>>();
        reach.covers(&named(own), &named(moved))
    };
    assert!(covers(&["admin"], &["admin", "both"]) && covers(&["clerk"], &[]) && covers(&["clerk"], &["forgotten"]));
    assert!(covers(&["clerk", "logs", "metrics"], &["both"]), "two roles together reach what neither does alone");
    assert!(!covers(&["clerk", "logs"], &["both"]) && !covers(&["logs"], &["logs"]) && !covers(&[], &[]));
    assert!(reach.administers(&role("clerk")) && !reach.administers(&role("both")));
}
