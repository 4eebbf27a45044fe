//! What entries of the catalogue say of one another.

use std::collections::BTreeMap;

use super::Findings;
use super::apis::Proved;
use super::scopes::known;
use crate::config::error::KeyPath;
use crate::config::matrix::needing;
use crate::config::raw::RawScope;
use crate::config::read::top;
use crate::config::written::Written;
use crate::config::{Catalogue, Deprecation, ScopeEntry, Visibility};
use crate::types::{ScopeSet, ScopeToken};

/// The entries with what their drafts say of others, once all of them are known.
pub(super) fn tied(
    drafts: &BTreeMap<String, RawScope>,
    mut entries: Vec<ScopeEntry>,
    found: &mut Findings<'_>,
) -> Vec<ScopeEntry> {
    // Too many are an error of their own, and then nothing is known of any.
    let Some(plain) = Catalogue::new(entries.clone()) else { return entries };
    for entry in &mut entries {
        let Some(draft) = drafts.get(entry.name.as_str()) else { continue };
        let at = top("scopes").key(entry.name.as_str());
        entry.implies = implied(draft, entry, &at.key("implies"), &plain, found);
        entry.requires = requirement(draft, &at.key("requires_permission"), &plain, found);
        entry.deprecated = deprecation(entry, drafts, &at.key("replaced_by"), &plain, found);
    }
    if let Some(tied) = Catalogue::new(entries.clone()) {
        whole(&tied, found);
        straight(&tied, found);
    }
    entries
}

/// Private scopes are given one by one, by name: nothing brings them along. Internal ones come with internal ones.
fn implied(draft: &RawScope, entry: &ScopeEntry, at: &KeyPath, plain: &Catalogue, found: &mut Findings<'_>) -> ScopeSet {
    let Some(list) = &draft.implies else { return ScopeSet::default() };
    let scopes = known(list, at, plain, found);
    let private = |scope: &&ScopeToken| plain.entry(scope).is_some_and(|e| e.visibility == Visibility::Private);
    for scope in scopes.iter().filter(private) {
        let text = format!("{scope} is private and can't come with another scope");
        found.error(at, text, "take it out: the operator gives it by name");
    }
    let internal = |scope: &ScopeToken| plain.entry(scope).is_some_and(|e| e.visibility == Visibility::Internal);
    for scope in scopes.iter().filter(|scope| entry.visibility != Visibility::Internal && internal(scope)) {
        found.error(at, format!("{scope} is internal, and {} is not", entry.name), "take it out, or make both internal");
    }
    scopes
}

fn requirement(draft: &RawScope, at: &KeyPath, plain: &Catalogue, found: &mut Findings<'_>) -> Option<ScopeToken> {
    let Written(scope) = draft.requires_permission.as_ref()?;
    if plain.entry(scope).is_none() {
        let way_out = format!("add [scopes.{:?}], or name another", scope.as_str());
        found.unknown(&["scopes", "apis"], at, format!("unknown scope {:?}", scope.as_str()), way_out);
    }
    Some(scope.clone())
}

/// What requires itself, over others or not, would be held by nobody.
fn straight(catalogue: &Catalogue, found: &mut Findings<'_>) {
    for entry in catalogue.entries() {
        let mut way = vec![&entry.name];
        while let Some(next) = way.last().and_then(|last| catalogue.entry(last)?.requires.as_ref()) {
            if way.contains(&next) {
                break;
            }
            way.push(next);
        }
        let closes = way.last().and_then(|last| catalogue.entry(last)?.requires.as_ref()) == Some(&entry.name);
        if closes && way.iter().min() == Some(&&entry.name) {
            let text = way.iter().chain([&&entry.name]).map(|scope| scope.as_str()).collect::<Vec<_>>().join(" -> ");
            let at = top("scopes").key(entry.name.as_str()).key("requires_permission");
            found.error(at, format!("goes in a circle: {text}"), "take one of them out");
        }
    }
}

/// What replaces a scope is there, and stays.
fn deprecation(
    entry: &ScopeEntry,
    drafts: &BTreeMap<String, RawScope>,
    at: &KeyPath,
    plain: &Catalogue,
    found: &mut Findings<'_>,
) -> Option<Deprecation> {
    let draft = drafts.get(entry.name.as_str())?;
    let fading = |draft: &RawScope| draft.deprecated == Some(true);
    let replaced_by = draft.replaced_by.as_ref().map(|Written(scope)| scope.clone());
    if let Some(other) = &replaced_by {
        let theirs = drafts.get(other.as_str());
        if !fading(draft) {
            found.error(at, format!("replaces {}, which is not deprecated", entry.name), "add deprecated = true, or take it out");
        } else if plain.entry(other).is_none() {
            let way_out = format!("add [scopes.{:?}], or name another", other.as_str());
            found.unknown(&["scopes", "apis"], at, format!("unknown scope {:?}", other.as_str()), way_out);
        } else if *other == entry.name || theirs.is_some_and(fading) {
            found.error(at, format!("{other} is deprecated itself"), "name one that stays");
        }
    }
    fading(draft).then_some(Deprecation { replaced_by })
}

/// Warns of what still needs scopes that are going away, or brings them to those who didn't ask.
pub(super) fn fading(catalogue: &Catalogue, apis: &[Proved], found: &mut Findings<'_>) {
    for entry in catalogue.entries() {
        let Some(deprecation) = &entry.deprecated else { continue };
        let (name, at) = (&entry.name, top("scopes").key(entry.name.as_str()).key("deprecated"));
        let bits = catalogue.bits(&std::iter::once(name.clone()).collect());
        let needing: Vec<_> = apis.iter().flat_map(|proved| needing(&proved.api, name, &bits)).collect();
        let instead = deprecation.replaced_by.as_ref().map(|other| format!(": let them need {other}")).unwrap_or_default();
        if !needing.is_empty() {
            found.warn(&at, format!("{name} is deprecated and still needed by {}{instead}", needing.join(", ")));
        }
        for other in catalogue.entries().iter().filter(|other| other.implies.contains(name)) {
            found.warn(&at, format!("{name} is deprecated and still comes with {}", other.name));
        }
    }
}

/// What a scope brings is read in one place: no circles, and nothing that only another entry names.
fn whole(catalogue: &Catalogue, found: &mut Findings<'_>) {
    for entry in catalogue.entries() {
        let at = top("scopes").key(entry.name.as_str()).key("implies");
        if let Some(circle) = circle(catalogue, entry) {
            // Each circle is said once, at the first of its names.
            if circle.iter().min() == Some(&entry.name) {
                let way = circle.iter().chain([&entry.name]).map(ScopeToken::as_str).collect::<Vec<_>>().join(" -> ");
                found.error(at, format!("goes in a circle: {way}"), "take one of them out");
            }
            continue;
        }
        for through in entry.implies.iter() {
            let further = catalogue.entry(through).map(|e| e.implies.difference(&entry.implies)).unwrap_or_default();
            for scope in further.iter().filter(|scope| **scope != entry.name) {
                let text = format!("leaves out {scope}, which {through} implies");
                found.error(&at, text, "name it too: what comes with a scope is all in its own list");
            }
        }
    }
}

/// The shortest way from an entry back to itself, without its end.
fn circle(catalogue: &Catalogue, entry: &ScopeEntry) -> Option<Vec<ScopeToken>> {
    let mut ways = vec![vec![entry.name.clone()]];
    let mut seen = ScopeSet::default();
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way.last().and_then(|last| catalogue.entry(last)).iter().flat_map(|e| e.implies.iter()) {
                if *next == entry.name {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way.iter().cloned().chain([next.clone()]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}
