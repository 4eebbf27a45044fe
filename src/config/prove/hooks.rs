//! Who is told of security events.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretSlice};

use super::Findings;
use crate::config::error::KeyPath;
use crate::config::raw::{RawConfig, RawHook};
use crate::config::read::top;
use crate::config::{Hook, HookEvent, HookTarget, List};
use crate::types::Slug;

/// What Standard Webhooks puts before a secret.
const PREFIX: &str = "whsec_";

/// Every hook that has a name of its own.
pub(super) fn all(raw: &RawConfig, found: &mut Findings<'_>) -> Vec<Arc<Hook>> {
    let mut names = BTreeSet::new();
    let mut hooks = Vec::new();
    for (i, hook) in raw.hooks.numbered() {
        let at = top("hooks").index(i);
        let name = &hook.name.0;
        if !names.insert(name) {
            found.error(at.key("name"), format!("there is another hook {name}"), "give each hook its own name");
        }
        hooks.extend(one(hook, &at, found).map(Arc::new));
    }
    hooks
}

fn one(raw: &RawHook, at: &KeyPath, found: &mut Findings<'_>) -> Option<Hook> {
    let organization = raw.organization.as_deref().and_then(|slug| {
        let bad = || format!("{slug:?} is not the short name of an organization");
        Slug::parse(slug).map_err(|e| found.error(at.key("organization"), bad(), e)).ok()
    });
    let events = raw.events.as_ref().map_or_else(|| HookEvent::ALL.into(), |list| list.iter().copied().collect::<BTreeSet<_>>());
    if raw.events.as_ref().is_some_and(List::is_empty) {
        found.error(at.key("events"), "is empty: nothing would be told", "name some, or leave the key out for all of them");
    }
    let target = match (&raw.url, &raw.command) {
        (Some(url), None) => webhook(raw, url, at, found),
        (None, Some(command)) => program(raw, command, at, found),
        (Some(_), Some(_)) => {
            found.error(at.key("command"), "contradicts url", "make it two hooks");
            None
        }
        (None, None) => {
            found.error(at, "tells nobody", "add url = \"https://…\", or command = [\"/path/to/program\"]");
            None
        }
    };
    Some(Hook { name: raw.name.0.clone(), target: target?, organization, events })
}

fn webhook(raw: &RawHook, url: &str, at: &KeyPath, found: &mut Findings<'_>) -> Option<HookTarget> {
    let text = found.secret((raw.secret.as_deref(), raw.secret_file.as_deref()), at, "secret");
    let what = ("a webhook", "is posted to without TLS: whoever sits between reads who authorized what");
    let url = found.address(url, &at.key("url"), what);
    let Some(text) = text.ok()? else {
        let way_out = "add secret_file = \"PATH\" or secret = \"env:NAME\"; to make one: echo whsec_$(openssl rand -base64 32)";
        found.error(at, "has no secret, and its receiver could not tell who posts", way_out);
        return None;
    };
    let bytes = text.expose_secret().strip_prefix(PREFIX).and_then(|t| STANDARD.decode(t).ok());
    let Some(bytes) = bytes.filter(|b| (24..=64).contains(&b.len())) else {
        let key = if raw.secret.is_some() { "secret" } else { "secret_file" };
        let way_out = "make it with: echo whsec_$(openssl rand -base64 32)";
        found.error(at.key(key), "does not hold whsec_ and 24 to 64 bytes in base64", way_out);
        return None;
    };
    Some(HookTarget::Webhook { url: url?, secret: SecretSlice::from(bytes) })
}

fn program(raw: &RawHook, command: &[String], at: &KeyPath, found: &mut Findings<'_>) -> Option<HookTarget> {
    for (key, given) in [("secret", raw.secret.is_some()), ("secret_file", raw.secret_file.is_some())] {
        if given {
            found.error(at.key(key), "signs what is posted, and a command is not", "remove it, or give url instead of command");
        }
    }
    let at = at.key("command");
    let Some((program, arguments)) = command.split_first() else {
        found.error(at, "is empty", "name a program by its absolute path");
        return None;
    };
    let path = Path::new(program);
    if !path.is_absolute() || !path.is_file() {
        found.error(at.index(0), format!("{program:?} is not the absolute path of a file"), "name a program that is there");
        return None;
    }
    Some(HookTarget::Command { program: path.to_owned(), arguments: arguments.to_vec() })
}
