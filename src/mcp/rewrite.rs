//! Takes out of a list answer what the caller may not use. Edits the text in place: what stays, stays byte for byte.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::types::ScopeBits;

use super::filter::FilterError;
use super::headers::Era;
use super::listening::{Listening, Lists};
use super::policy::{ServerPolicy, Verdict};
use super::request::Target;
use super::scan::Key;
use super::tasks::{self, Fate, Owned};

/// The first notification of a subscription, as JSON.
const ACKNOWLEDGED: &str = "\"notifications/subscriptions/acknowledged\"";

/// The lists that are filtered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListKind {
    /// `tools/list`.
    Tools,
    /// `prompts/list`.
    Prompts,
    /// `resources/list`.
    Resources,
    /// `resources/templates/list`; a template is judged by its text, each URI made from it again when it is read.
    ResourceTemplates,
}

impl ListKind {
    const ALL: [Self; 4] = [Self::Tools, Self::Prompts, Self::Resources, Self::ResourceTemplates];

    /// The list that `method` asks for.
    #[must_use]
    pub fn of_method(method: &str) -> Option<Self> {
        match method {
            "tools/list" => Some(Self::Tools),
            "prompts/list" => Some(Self::Prompts),
            "resources/list" => Some(Self::Resources),
            "resources/templates/list" => Some(Self::ResourceTemplates),
            _ => None,
        }
    }

    const fn member(self) -> &'static str {
        match self {
            Self::Tools => "tools",
            Self::Prompts => "prompts",
            Self::Resources => "resources",
            Self::ResourceTemplates => "resourceTemplates",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::Tools | Self::Prompts => "name",
            Self::Resources => "uri",
            Self::ResourceTemplates => "uriTemplate",
        }
    }

    fn target(self, text: &str) -> Option<Target> {
        match self {
            Self::Tools => Target::tool(text),
            Self::Prompts => Target::prompt(text),
            Self::Resources | Self::ResourceTemplates => Target::resource(text),
        }
    }
}

/// By what an answer is filtered.
pub(super) struct Rules<'p> {
    pub policy: &'p ServerPolicy,
    pub held: &'p ScopeBits,
    pub era: Era,
    /// What the stream is told of by us.
    pub listening: Option<&'p Listening>,
    /// Whether its server has accepted it.
    pub accepted: &'p Cell<bool>,
    /// Whose tasks are whose, where they are open.
    pub tasks: Option<&'p dyn Owned>,
}

/// Filters every list in `text`, a message or a batch of them. `None` when nothing has to change.
pub(super) fn rewrite(text: &str, rules: &Rules<'_>) -> Result<Option<String>, FilterError> {
    let mut edits = Edits::of(text);
    if text.trim_start().starts_with('[') {
        for message in items(text)? {
            rules.message(message.get(), &mut edits)?;
        }
    } else {
        rules.message(text, &mut edits)?;
    }
    Ok(edits.apply())
}

impl Rules<'_> {
    fn message(&self, message: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
        let members = Members::read(message)?;
        if let Some(own) = self.tasks
            && tasks::seal(own, &members, edits)? == Fate::Goes
        {
            return edits.nothing(message);
        }
        if let (Some(listening), Some(ACKNOWLEDGED)) = (self.listening, members.of("method")) {
            self.accepted.set(true);
            let params = members.of("params").map(Members::read).transpose()?;
            if let Some(agreed) = params.as_ref().and_then(|p| p.of("notifications")).filter(|n| n.starts_with('{')) {
                let flags = listening.lists.names().map(|list| format!("{list}ListChanged"));
                return flags.into_iter().try_for_each(|flag| switch_on(agreed, &flag, edits));
            }
        }
        match members.of("result").filter(|result| result.starts_with('{')) {
            Some(result) => self.result(result, edits),
            None => Ok(()),
        }
    }

    fn result(&self, result: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
        let members = Members::read(result)?;
        if let Some(capabilities) = members.of("capabilities").filter(|c| c.starts_with('{')) {
            self.offer(capabilities, edits)?;
        }
        let mut listed = false;
        for kind in ListKind::ALL {
            let Some(list) = members.of(kind.member()) else { continue };
            listed = true;
            // Some servers write an empty list so.
            if list != "null" {
                self.list(kind, list, edits)?;
            }
        }
        if !listed {
            return Ok(());
        }
        // The list depends on the caller from here on, so no cache may share it (MCP 2026-07-28 "Caching").
        match members.of("cacheScope") {
            Some("\"private\"") => {}
            Some(scope) => edits.replace(scope, "\"private\"".to_owned()),
            None if self.era == Era::Modern => edits.replace(&result[1..1], "\"cacheScope\":\"private\",".to_owned()),
            None => {}
        }
        Ok(())
    }

    /// Offers the notifications that we send in place of a server that may have none, and no tasks where they are closed.
    fn offer(&self, capabilities: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
        let offered = Members::read(capabilities)?;
        if !self.policy.tasks {
            tasks::close(&offered, edits)?;
        }
        let lists = Lists::of(self.policy).names();
        lists
            .filter_map(|list| offered.of(list).filter(|c| c.starts_with('{')))
            .try_for_each(|c| switch_on(c, "listChanged", edits))
    }

    fn list(&self, kind: ListKind, list: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
        let items = items(list)?;
        let kept: Vec<&str> = items.iter().map(|item| item.get()).filter(|item| self.shows(kind, item)).collect();
        if kept.len() < items.len() {
            edits.replace(list, format!("[{}]", kept.join(",")));
        }
        Ok(())
    }

    /// Whether the caller sees `item`. What has no readable name can't be called either, so it goes.
    fn shows(&self, kind: ListKind, item: &str) -> bool {
        let Ok(members) = Members::read(item) else { return false };
        if kind == ListKind::Tools && !self.policy.tasks && tasks::is_required(&members) {
            return false;
        }
        let name = members.of(kind.key()).and_then(|raw| serde_json::from_str::<String>(raw).ok());
        let target = name.and_then(|name| kind.target(&name));
        target.is_some_and(|target| self.policy.allows(&target, self.held) == Verdict::Allowed)
    }
}

/// Makes the member `flag` of `object` true.
fn switch_on(object: &str, flag: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
    let members = Members::read(object)?;
    match members.of(flag) {
        Some("true") => {}
        Some(other) => edits.replace(other, "true".to_owned()),
        None => {
            let comma = if members.0.is_empty() { "" } else { "," };
            edits.replace(&object[1..1], format!("\"{flag}\":true{comma}"));
        }
    }
    Ok(())
}

pub(super) fn items(list: &str) -> Result<Vec<&RawValue>, FilterError> {
    serde_json::from_str(list).map_err(|_| FilterError::Unreadable)
}

/// Replacements in one text, none inside another.
pub(super) struct Edits<'t> {
    text: &'t str,
    list: Vec<(Range<usize>, String)>,
}

impl<'t> Edits<'t> {
    /// None yet.
    pub(super) const fn of(text: &'t str) -> Self {
        Self { text, list: Vec::new() }
    }

    /// Replaces `part`, which must be a slice of the text.
    pub(super) fn replace(&mut self, part: &str, by: String) {
        let start = self.start(part);
        self.list.push((start..start + part.len(), by));
    }

    fn start(&self, part: &str) -> usize {
        part.as_ptr().addr() - self.text.as_ptr().addr()
    }

    /// Leaves nothing of a message, which must be all of the text: a stream may tell of what its reader must not see.
    fn nothing(&mut self, message: &str) -> Result<(), FilterError> {
        if message.trim().len() != self.text.trim().len() {
            return Err(FilterError::Unreadable);
        }
        self.list = vec![(0..self.text.len(), String::new())];
        Ok(())
    }

    /// Takes a member out of its object, with its name and one comma. One of each object at most.
    pub(super) fn remove_member(&mut self, value: &str) {
        let bytes = self.text.as_bytes();
        let (at, mut to) = (self.start(value), self.start(value) + value.len());
        let mut from = name_before(bytes, at);
        let blank = |b: &u8| b.is_ascii_whitespace();
        to += bytes[to..].iter().take_while(|b| blank(b)).count();
        if bytes.get(to) == Some(&b',') {
            to += 1;
        } else {
            from -= bytes[..from].iter().rev().take_while(|b| blank(b)).count();
            from -= usize::from(from > 0 && bytes[from - 1] == b',');
        }
        self.list.push((from..to, String::new()));
    }

    pub(super) fn apply(mut self) -> Option<String> {
        if self.list.is_empty() {
            return None;
        }
        self.list.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(self.text.len());
        let mut done = 0;
        for (range, by) in self.list {
            text.push_str(&self.text[done..range.start]);
            text.push_str(&by);
            done = range.end;
        }
        text.push_str(&self.text[done..]);
        Some(text)
    }
}

/// Where the name of the value at `at` begins: a quote before which stands no escape.
fn name_before(text: &[u8], at: usize) -> usize {
    let is_quote = |i: usize| text[i] == b'"' && text[..i].iter().rev().take_while(|b| **b == b'\\').count() % 2 == 0;
    let mut quotes = (0..at).rev().filter(|i| is_quote(*i));
    quotes.nth(1).unwrap_or(at)
}

/// The members of one object, values untouched.
pub(super) struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Members<'a> {
    /// Reads an object; one member twice is an error, for readers differ on which one counts.
    pub(super) fn read(text: &'a str) -> Result<Self, FilterError> {
        let members: Self = serde_json::from_str(text).map_err(|_| FilterError::Unreadable)?;
        let mut names: Vec<&str> = members.0.iter().map(|(name, _)| name.as_ref()).collect();
        names.sort_unstable();
        if names.windows(2).any(|pair| pair[0] == pair[1]) { Err(FilterError::Unreadable) } else { Ok(members) }
    }

    pub(super) fn of(&self, name: &str) -> Option<&'a str> {
        self.0.iter().find(|(member, _)| member == name).map(|(_, raw)| raw.get())
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        d.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key_seed(Key)? {
            members.push((key, map.next_value()?));
        }
        Ok(Members(members))
    }
}
