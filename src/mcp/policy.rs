//! Which scopes a tool, prompt or resource needs. One decision for calls and for lists.

use std::collections::HashMap;

use crate::types::ScopeBits;

use super::request::Target;

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
    exact: HashMap<Box<str>, Need>,
    /// Most literal characters first.
    globs: Vec<Glob>,
    default: Need,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Glob {
    literals: usize,
    pattern: Box<str>,
    need: Need,
}

impl NamePolicy {
    /// A policy that treats every name alike.
    #[must_use]
    pub fn uniform(default: Need) -> Self {
        Self { exact: HashMap::new(), globs: Vec::new(), default }
    }

    /// Builds the policy of `patterns`, with `default` for what none of them matches.
    ///
    /// # Errors
    /// When a pattern is empty, can't match, or is repeated.
    pub fn new<P: AsRef<str>>(patterns: impl IntoIterator<Item = (P, Need)>, default: Need) -> Result<Self, PolicyError> {
        let mut policy = Self::uniform(default);
        for (pattern, need) in patterns {
            policy.add(pattern.as_ref(), need)?;
        }
        policy.globs.sort_by(|a, b| b.literals.cmp(&a.literals).then_with(|| a.pattern.cmp(&b.pattern)));
        Ok(policy)
    }

    fn add(&mut self, pattern: &str, need: Need) -> Result<(), PolicyError> {
        if pattern.is_empty() {
            return Err(PolicyError::Empty);
        }
        if pattern.chars().any(char::is_control) {
            return Err(PolicyError::Control(pattern.to_owned()));
        }
        let repeated = if pattern.contains('*') {
            let repeated = self.globs.iter().any(|glob| &*glob.pattern == pattern);
            let literals = pattern.chars().filter(|c| *c != '*').count();
            self.globs.push(Glob { literals, pattern: pattern.into(), need });
            repeated
        } else {
            self.exact.insert(pattern.into(), need).is_some()
        };
        if repeated { Err(PolicyError::Repeated(pattern.to_owned())) } else { Ok(()) }
    }

    /// Every pattern with what it needs, then, without a pattern, what all other names need: for people.
    #[must_use]
    pub fn listing(&self) -> Vec<(Option<&str>, Need)> {
        let exact = self.exact.iter().map(|(name, need)| (&**name, *need));
        let globs = self.globs.iter().map(|glob| (&*glob.pattern, glob.need));
        let mut patterns: Vec<_> = exact.chain(globs).collect();
        patterns.sort_by_key(|(pattern, _)| *pattern);
        patterns.into_iter().map(|(pattern, need)| (Some(pattern), need)).chain([(None, self.default)]).collect()
    }

    /// What `name` needs.
    #[must_use]
    pub fn needed(&self, name: &str) -> Need {
        if let Some(need) = self.exact.get(name) {
            return *need;
        }
        let mut matching = self.globs.iter().filter(|glob| matches(glob.pattern.as_bytes(), name.as_bytes()));
        let Some(first) = matching.next() else { return self.default };
        matching.take_while(|glob| glob.literals == first.literals).fold(first.need, |need, glob| need.and(glob.need))
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
    /// By URI, templates by their text.
    pub resources: NamePolicy,
}

impl ServerPolicy {
    /// A policy for tools; prompts and resources are open to whoever reaches the server.
    #[must_use]
    pub fn for_tools(invoke: ScopeBits, tools: NamePolicy) -> Self {
        let open = NamePolicy::uniform(Need::Scopes(ScopeBits::NONE));
        Self { invoke, tools, prompts: open.clone(), resources: open }
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
