//! A definition as people and programs write it, and everything that is wrong with it at once.

use std::fmt;

use serde::Serialize;
use url::Url;

use super::workshop::Author;
use crate::config::{Catalogue, Deprecation, GrantFlow, Visibility};
use crate::store::Definition;
use crate::types::{RedirectUri, ScopeSet, ScopeToken, UriError};

/// Longest name, in characters.
pub const MAX_NAME: usize = 100;
/// Longest description, in characters.
const MAX_DESCRIPTION: usize = 1_000;
/// Longest uninstall instructions, in characters.
const MAX_INSTRUCTIONS: usize = 4_000;
/// Longest URL, in bytes.
pub const MAX_URL: usize = 2_048;
/// Redirect URIs that one app may have.
pub const MAX_URIS: usize = 20;
/// Scopes that one app may ask for: as many as fit into one authorization request.
pub const MAX_SCOPES: usize = 50;

/// Longest lifetime of a client's access tokens, seconds: revocation is live, but keys are rotated.
pub const MAX_TTL: u64 = 24 * 60 * 60;

/// A definition that was not looked at yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Its name for people.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Where its documentation is; empty for none.
    pub documentation_url: String,
    /// What to do when it is no longer wanted.
    pub uninstall_instructions: String,
    /// Where an authorization starts; empty for none.
    pub onboarding_url: String,
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What it asks for.
    pub scopes: Vec<String>,
    /// Lifetime of its clients' access tokens in seconds; none is the configuration's.
    pub access_token_ttl: Option<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    pub require_state: bool,
}

/// A part of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Its name.
    Name,
    /// Its description.
    Description,
    /// Its documentation's address.
    DocumentationUrl,
    /// Its uninstall instructions.
    UninstallInstructions,
    /// Its onboarding address.
    OnboardingUrl,
    /// Its redirect URIs.
    RedirectUris,
    /// Its scopes.
    Scopes,
    /// The lifetime of its clients' access tokens.
    AccessTokenTtl,
    /// Whether its clients' authorization requests must carry `state`.
    RequireState,
}

impl Field {
    /// Every field, in the order in which pages show them.
    pub const ALL: [Self; 9] = [
        Self::Name,
        Self::Description,
        Self::DocumentationUrl,
        Self::UninstallInstructions,
        Self::OnboardingUrl,
        Self::RedirectUris,
        Self::Scopes,
        Self::AccessTokenTtl,
        Self::RequireState,
    ];

    /// Its name in JSON, forms and options.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Description => "description",
            Self::DocumentationUrl => "documentation_url",
            Self::UninstallInstructions => "uninstall_instructions",
            Self::OnboardingUrl => "onboarding_url",
            Self::RedirectUris => "redirect_uris",
            Self::Scopes => "scopes",
            Self::AccessTokenTtl => "access_token_ttl_seconds",
            Self::RequireState => "require_state",
        }
    }

    /// Its name for people.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Name => "Name",
            Self::Description => "Description",
            Self::DocumentationUrl => "Documentation",
            Self::UninstallInstructions => "Uninstall instructions",
            Self::OnboardingUrl => "Onboarding URL",
            Self::RedirectUris => "Redirect URIs",
            Self::Scopes => "Permissions",
            Self::AccessTokenTtl => "Seconds that access tokens live",
            Self::RequireState => "Requests must carry state",
        }
    }
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// Which.
    pub field: Field,
    /// What, with the way out.
    pub fault: Fault,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field.name(), self.fault)
    }
}

/// What can be wrong with a field. What was written is repeated shortened and in quotes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A name that is none.
    #[error("needs 1 to {MAX_NAME} characters in one line")]
    Name,
    /// More characters than this.
    #[error("has more than {0} characters")]
    Long(usize),
    /// Characters that are not seen and change how the rest is read.
    #[error("has control characters, or such as turn the direction of reading")]
    Disguised,
    /// An address that people can't be sent to.
    #[error("is no address that can be opened safely; write https://…")]
    Address,
    /// A redirect URI that is too long.
    #[error("one is longer than {MAX_URL} bytes")]
    LongUri,
    /// A text that is no redirect URI.
    #[error("{written}: {why}")]
    Uri {
        /// What was written.
        written: String,
        /// What is wrong with it.
        why: UriError,
    },
    /// Too many redirect URIs.
    #[error("there are more than {MAX_URIS}")]
    ManyUris,
    /// A scope that the operator gives.
    #[error("{0} is private: ask the operator of this gateway for it")]
    PrivateScope(ScopeToken),
    /// A scope that an authorization code does not give, which is how apps are authorized.
    #[error(
        "{0} is not given to apps: their users authorize them with authorization_code, and that is not in its grants_allowed"
    )]
    NotForApps(ScopeToken),
    /// A scope for the operator's own clients.
    #[error("{0} is kept for the operator's own clients; an app can't have it")]
    InternalScope(ScopeToken),
    /// A scope that is going away, with what to ask for instead.
    #[error("{0} is deprecated{way_out}", way_out = .1.way_out())]
    DeprecatedScope(ScopeToken, Deprecation),
    /// A scope that there is not.
    #[error("there is no scope {0} here")]
    UnknownScope(String),
    /// Too many scopes.
    #[error("there are more than {MAX_SCOPES}; ask for less")]
    ManyScopes,
    /// Tokens that would live too long, or not at all.
    #[error("access tokens live 1 to {MAX_TTL} seconds; leave it empty for the default")]
    Lifetime,
}

impl From<&Definition> for Written {
    fn from(definition: &Definition) -> Self {
        Self {
            name: definition.name.clone(),
            description: definition.description.clone(),
            documentation_url: definition.documentation_url.clone().unwrap_or_default(),
            uninstall_instructions: definition.uninstall_instructions.clone(),
            onboarding_url: definition.onboarding_url.clone().unwrap_or_default(),
            redirect_uris: definition.redirect_uris.iter().map(|u| u.as_str().to_owned()).collect(),
            scopes: definition.scopes.iter().map(ToString::to_string).collect(),
            access_token_ttl: definition.access_token_ttl_seconds,
            require_state: definition.require_state,
        }
    }
}

/// Collects flaws while the fields are read.
#[derive(Default)]
struct Findings(Vec<Flaw>);

impl Findings {
    fn wrong(&mut self, field: Field, fault: Fault) {
        self.0.push(Flaw { field, fault });
    }

    fn text(&mut self, field: Field, text: &str, most: usize) -> String {
        let text = text.replace("\r\n", "\n").trim().to_owned();
        if text.chars().count() > most {
            self.wrong(field, Fault::Long(most));
        } else if text.chars().any(|c| is_disguise(c) && c != '\n') {
            self.wrong(field, Fault::Disguised);
        }
        text
    }

    /// An address that people are sent to: https, or this computer while it is tried.
    fn address(&mut self, field: Field, text: &str) -> Option<String> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        let url = Url::parse(text).ok().filter(|_| text.len() <= MAX_URL && !text.contains(char::is_whitespace));
        let fits = url.is_some_and(|url| {
            let secure = url.scheme() == "https" || RedirectUri::parse(text).is_ok_and(|u| u.is_loopback());
            secure && url.has_host() && url.username().is_empty() && url.password().is_none()
        });
        if !fits {
            self.wrong(field, Fault::Address);
        }
        Some(text.to_owned())
    }

    fn lifetime(&mut self, written: Option<u64>) -> Option<u64> {
        if written.is_some_and(|seconds| !(1..=MAX_TTL).contains(&seconds)) {
            self.wrong(Field::AccessTokenTtl, Fault::Lifetime);
        }
        written
    }

    fn redirect_uris(&mut self, written: &[String]) -> Vec<RedirectUri> {
        let mut uris = Vec::new();
        for text in written.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
            match RedirectUri::parse(text) {
                Ok(uri) if uris.contains(&uri) => {}
                Ok(uri) if text.len() <= MAX_URL => uris.push(uri),
                Ok(_) => self.wrong(Field::RedirectUris, Fault::LongUri),
                Err(why) => self.wrong(Field::RedirectUris, Fault::Uri { written: shortened(text), why }),
            }
        }
        if uris.len() > MAX_URIS {
            self.wrong(Field::RedirectUris, Fault::ManyUris);
        }
        uris
    }

    fn scopes(&mut self, written: &[String], catalogue: &Catalogue, author: Author, held: &ScopeSet) -> ScopeSet {
        let mut scopes = ScopeSet::default();
        for text in written.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
            let scope = ScopeToken::asked(text).ok();
            let entry = scope.as_ref().and_then(|s| catalogue.entry(s));
            match (scope, entry) {
                (Some(scope), Some(entry)) => {
                    // A private scope is given by the operator; whoever was given it may keep it.
                    let open = entry.visibility != Visibility::Private || author == Author::Operator;
                    if held.contains(&scope) {
                        scopes.insert(scope);
                    } else if entry.visibility == Visibility::Internal {
                        self.wrong(Field::Scopes, Fault::InternalScope(scope));
                    } else if !entry.given_by.contains(&GrantFlow::AuthorizationCode) {
                        self.wrong(Field::Scopes, Fault::NotForApps(scope));
                    } else if let Some(deprecation) = &entry.deprecated {
                        self.wrong(Field::Scopes, Fault::DeprecatedScope(scope, deprecation.clone()));
                    } else if open {
                        scopes.insert(scope);
                    } else {
                        self.wrong(Field::Scopes, Fault::PrivateScope(scope));
                    }
                }
                _ => self.wrong(Field::Scopes, Fault::UnknownScope(shortened(text))),
            }
        }
        if scopes.len() > MAX_SCOPES {
            self.wrong(Field::Scopes, Fault::ManyScopes);
        }
        scopes
    }
}

/// What is not seen itself and changes how the rest is read.
fn is_disguise(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// What a stranger wrote, short enough to be repeated.
fn shortened(text: &str) -> String {
    let start: String = text.chars().take(80).filter(|c| !is_disguise(*c)).collect();
    format!("{start:?}")
}

impl Written {
    /// The definition that this is. `held` is what the app asked for before.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn proved(&self, catalogue: &Catalogue, author: Author, held: &ScopeSet) -> Result<Definition, Vec<Flaw>> {
        let mut found = Findings::default();
        let name = self.name.trim().to_owned();
        if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(is_disguise) {
            found.wrong(Field::Name, Fault::Name);
        }
        let definition = Definition {
            name,
            description: found.text(Field::Description, &self.description, MAX_DESCRIPTION),
            documentation_url: found.address(Field::DocumentationUrl, &self.documentation_url),
            uninstall_instructions: found.text(Field::UninstallInstructions, &self.uninstall_instructions, MAX_INSTRUCTIONS),
            onboarding_url: found.address(Field::OnboardingUrl, &self.onboarding_url),
            redirect_uris: found.redirect_uris(&self.redirect_uris),
            scopes: found.scopes(&self.scopes, catalogue, author, held),
            access_token_ttl_seconds: found.lifetime(self.access_token_ttl),
            require_state: self.require_state,
        };
        if found.0.is_empty() { Ok(definition) } else { Err(found.0) }
    }
}
