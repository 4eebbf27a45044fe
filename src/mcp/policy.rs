//! Which scopes a tool, prompt or resource needs. One decision for calls and for lists.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::types::ScopeBits;

use super::arguments::Condition;
use super::request::Target;
use super::uri::canonical;

/// What a name needs beyond reaching the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// All of these scopes; the empty set lets everybody in who reaches the server.
    Scopes(ScopeBits),
    /// Nobody may.
    Denied,
}

impl Need {
    /// What satisfies both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Scopes(a), Self::Scopes(b)) => Self::Scopes(a | b),
            _ => Self::Denied,
        }
    }
}

/// What a name needs, and what its arguments have to be when it is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// The scopes.
    pub need: Need,
    /// All of these have to hold for a call. For lists they do not count: with other arguments it may be called.
    pub when: Vec<Condition>,
}

impl From<Need> for Rule {
    fn from(need: Need) -> Self {
        Self { need, when: Vec::new() }
    }
}

/// What the policy says to one caller about one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Go ahead.
    Allowed,
    /// These scopes are needed and not held. A challenge asks for what is held and these.
    Missing(ScopeBits),
    /// No scope helps: answer without a challenge, or clients loop.
    Denied,
}

/// Why patterns do not make a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The empty pattern matches nothing.
    #[error("a pattern must not be empty")]
    Empty,
    /// Control characters never reach the policy, so such a pattern matches nothing.
    #[error("the pattern {0:?} has control characters")]
    Control(String),
    /// No URI that is judged is spelled so.
    #[error("the pattern {0:?} is a spelling of a URI that the gate refuses")]
    Spelling(String),
    /// The same pattern twice.
    #[error("the pattern {0:?} is there twice")]
    Repeated(String),
}

/// Patterns over names: `*` stands for any run of characters, everything else for itself.
///
/// An exact name beats every glob, and the glob with most literal characters beats the others. Globs of the same length that
/// match the same name hold together, so that the order in the file never matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamePolicy {
    exact: HashMap<Box<str>, Rule>,
    /// Most literal characters first.
    globs: Vec<Glob>,
    default: Rule,
    spelled: Spelled,
}

/// What names are, and so how they may be spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Spelled {
    /// One name has one spelling.
    Exactly,
    /// URIs: their [`canonical`] spelling counts, and what has none is denied.
    AsUri,
}

impl Spelled {
    /// The spelling that is compared.
    fn compared(self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Exactly => Some(Cow::Borrowed(name)),
            Self::AsUri => canonical(name).map(Cow::Owned),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    literals: usize,
    pattern: Box<str>,
    rule: Rule,
}

impl NamePolicy {
    /// A policy that treats every name alike.
    #[must_use]
    pub fn uniform(default: impl Into<Rule>) -> Self {
        Self { exact: HashMap::new(), globs: Vec::new(), default: default.into(), spelled: Spelled::Exactly }
    }

    /// Builds the policy of `patterns`, with `default` for what none of them matches.
    ///
    /// # Errors
    /// When a pattern is empty, can't match, or is repeated.
    pub fn new<P: AsRef<str>, R: Into<Rule>>(
        patterns: impl IntoIterator<Item = (P, R)>,
        default: impl Into<Rule>,
    ) -> Result<Self, PolicyError> {
        Self::uniform(default).with(patterns)
    }

    /// The same over URIs, however they are spelled. One that readers could take for another is denied, unless there is no pattern:
    /// then all are alike.
    ///
    /// # Errors
    /// As for [`Self::new`], and when a pattern is spelled as no URI that is judged.
    pub fn for_uris<P: AsRef<str>, R: Into<Rule>>(
        patterns: impl IntoIterator<Item = (P, R)>,
        default: impl Into<Rule>,
    ) -> Result<Self, PolicyError> {
        Self { spelled: Spelled::AsUri, ..Self::uniform(default) }.with(patterns)
    }

    fn with<P: AsRef<str>, R: Into<Rule>>(mut self, patterns: impl IntoIterator<Item = (P, R)>) -> Result<Self, PolicyError> {
        for (pattern, rule) in patterns {
            self.add(pattern.as_ref(), rule.into())?;
        }
        self.globs.sort_by(|a, b| b.literals.cmp(&a.literals).then_with(|| a.pattern.cmp(&b.pattern)));
        Ok(self)
    }

    fn add(&mut self, pattern: &str, rule: Rule) -> Result<(), PolicyError> {
        if pattern.is_empty() {
            return Err(PolicyError::Empty);
        }
        if pattern.chars().any(char::is_control) {
            return Err(PolicyError::Control(pattern.to_owned()));
        }
        let pattern = self.spelled.compared(pattern).ok_or_else(|| PolicyError::Spelling(pattern.to_owned()))?;
        let pattern = pattern.as_ref();
        let repeated = if pattern.contains('*') {
            let repeated = self.globs.iter().any(|glob| &*glob.pattern == pattern);
            let literals = pattern.chars().filter(|c| *c != '*').count();
            self.globs.push(Glob { literals, pattern: pattern.into(), rule });
            repeated
        } else {
            self.exact.insert(pattern.into(), rule).is_some()
        };
        if repeated { Err(PolicyError::Repeated(pattern.to_owned())) } else { Ok(()) }
    }

    /// Every pattern with what it needs, then, without a pattern, what all other names need: for people.
    #[must_use]
    pub fn listing(&self) -> Vec<(Option<&str>, &Rule)> {
        let exact = self.exact.iter().map(|(name, rule)| (&**name, rule));
        let globs = self.globs.iter().map(|glob| (&*glob.pattern, &glob.rule));
        let mut patterns: Vec<_> = exact.chain(globs).collect();
        patterns.sort_by_key(|(pattern, _)| *pattern);
        patterns.into_iter().map(|(pattern, rule)| (Some(pattern), rule)).chain([(None, &self.default)]).collect()
    }

    /// Whether what a caller may use depends on what it holds.
    #[must_use]
    pub fn varies(&self) -> bool {
        let asks = |rule: &Rule| matches!(rule.need, Need::Scopes(scopes) if !scopes.is_empty());
        self.listing().into_iter().any(|(_, rule)| asks(rule))
    }

    /// What `name` needs.
    #[must_use]
    pub fn needed(&self, name: &str) -> Need {
        self.deciding(name).map(|rule| rule.need).reduce(Need::and).unwrap_or(Need::Denied)
    }

    /// What has to hold of the arguments of a call to `name`.
    pub fn conditions<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Condition> {
        self.deciding(name).flat_map(|rule| &rule.when)
    }

    /// The rules that decide about `name`: at least one, unless it is denied for how it is spelled.
    fn deciding<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Rule> {
        let alike = self.exact.is_empty() && self.globs.is_empty();
        let spelled = if alike { Some(Cow::Borrowed(name)) } else { self.spelled.compared(name) };
        let unspelled = spelled.is_none();
        let name = spelled.unwrap_or_default();
        let exact = self.exact.get(&*name).filter(|_| !unspelled);
        let globs = if exact.is_some() || unspelled { &[][..] } else { &self.globs[..] };
        let mut matching = globs.iter().filter(move |glob| matches(glob.pattern.as_bytes(), name.as_bytes())).peekable();
        let most = matching.peek().map(|glob| glob.literals);
        let default = (exact.is_none() && most.is_none() && !unspelled).then_some(&self.default);
        let best = matching.take_while(move |glob| Some(glob.literals) == most).map(|glob| &glob.rule);
        exact.into_iter().chain(best).chain(default)
    }
}

/// Whether `text` matches `pattern`. Goes back only to the last `*`, so the cost is at most the product of the lengths.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry = None;
    while t < text.len() {
        // A `*` in the text must not be taken for the pattern's.
        if pattern.get(p) == Some(&b'*') {
            retry = Some((p + 1, t));
            p += 1;
        } else if pattern.get(p) == Some(&text[t]) {
            (p, t) = (p + 1, t + 1);
        } else if let Some((after, from)) = retry {
            retry = Some((after, from + 1));
            (p, t) = (after, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// The policy of one MCP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPolicy {
    /// What it takes to reach the server at all; every target needs it too.
    pub invoke: ScopeBits,
    /// By tool name.
    pub tools: NamePolicy,
    /// By prompt name.
    pub prompts: NamePolicy,
    /// By URI, templates by their text: a policy [for URIs](NamePolicy::for_uris).
    pub resources: NamePolicy,
    /// Whether calls may become tasks. Policies judge the call, and not what is asked of its task later.
    pub tasks: bool,
}

impl ServerPolicy {
    /// A policy for tools; prompts and resources are open to whoever reaches the server, and there are no tasks.
    #[must_use]
    pub fn for_tools(invoke: ScopeBits, tools: NamePolicy) -> Self {
        let open = NamePolicy::uniform(Need::Scopes(ScopeBits::NONE));
        Self { invoke, tools, prompts: open.clone(), resources: open, tasks: false }
    }

    /// Whether lists may show more than their reader may use, were they not filtered.
    #[must_use]
    pub fn hides(&self) -> bool {
        let open = Rule::from(Need::Scopes(ScopeBits::NONE));
        [&self.tools, &self.prompts, &self.resources]
            .into_iter()
            .any(|names| names.default != open || !names.globs.is_empty() || !names.exact.is_empty())
    }

    /// Everything that `target` needs, reaching the server included.
    #[must_use]
    pub fn needed(&self, target: &Target) -> Need {
        let need = match target {
            Target::Tool(name) => self.tools.needed(name),
            Target::Prompt(name) => self.prompts.needed(name),
            Target::Resource(uri) => self.resources.needed(uri),
        };
        need.and(Need::Scopes(self.invoke))
    }

    /// What has to hold of the arguments of a call to `target`. Resources have none.
    pub fn conditions<'a>(&'a self, target: &'a Target) -> impl Iterator<Item = &'a Condition> {
        let (names, name) = match target {
            Target::Tool(name) => (&self.tools, name),
            Target::Prompt(name) => (&self.prompts, name),
            Target::Resource(uri) => (&self.resources, uri),
        };
        names.conditions(name)
    }

    /// The decision, for a call and for an entry of a list alike.
    #[must_use]
    pub fn allows(&self, target: &Target, held: &ScopeBits) -> Verdict {
        match self.needed(target) {
            Need::Denied => Verdict::Denied,
            Need::Scopes(scopes) if held.covers(&scopes) => Verdict::Allowed,
            Need::Scopes(scopes) => Verdict::Missing(scopes.without(held)),
        }
    }
}
