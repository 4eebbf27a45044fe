//! From [`RawConfig`] to [`Config`], or to everything that is wrong with its meaning.

mod apis;
mod authorizer;
mod hooks;
mod identity;
mod limits;
mod links;
mod mounts;
mod policy;
mod routes;
mod scopes;
mod sections;
mod services;
mod sites;
mod templates;
mod tenancy;
mod upstreams;

use std::fmt::Display;
use std::net::IpAddr;
use std::path::Path;

use secrecy::SecretString;
use url::{Host, Url};

use super::error::{ConfigError, KeyPath, Warning};
use super::raw::RawConfig;
use super::secrets::Environment;
use super::{Config, secrets};

/// What proving needs besides the file.
pub(super) struct Surroundings<'a> {
    pub(super) env: &'a dyn Environment,
    pub(super) generation: u64,
    /// Paths of what is missing from the document because its form was wrong.
    pub(super) dropped: &'a [String],
}

/// What is wrong is among the findings already.
struct Reported;

/// What is collected on the way.
pub(super) struct Findings<'a> {
    env: &'a dyn Environment,
    dropped: &'a [String],
    errors: Vec<ConfigError>,
    warnings: Vec<Warning>,
}

impl Findings<'_> {
    fn error(&mut self, path: impl Display, problem: impl Display, way_out: impl Display) {
        self.errors.push(ConfigError::new(path, problem, way_out));
    }

    fn warn(&mut self, path: impl Display, text: impl Display) {
        self.warnings.push(Warning::new(path, text));
    }

    /// The value, or nothing and the error.
    fn keep<T>(&mut self, result: Result<T, ConfigError>) -> Option<T> {
        result.map_err(|e| self.errors.push(e)).ok()
    }

    /// The secret that one of two keys points at: `name` at a variable, `name_file` at a file. `None` when neither is there.
    fn secret(
        &mut self,
        given: (Option<&str>, Option<&Path>),
        at: &KeyPath,
        name: &str,
    ) -> Result<Option<SecretString>, Reported> {
        let read = secrets::either(self.env, given, (at, name), &mut self.warnings);
        self.keep(read).ok_or(Reported)
    }

    /// The URL of something that we ask over HTTP. Its text may hold a token and is not repeated. `bare` is what to warn of where
    /// it is asked without TLS on another machine.
    fn address(&mut self, text: &str, at: &KeyPath, (what, bare): (&str, &str)) -> Option<Url> {
        let url = Url::parse(text).ok().filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host());
        let Some(url) = url.filter(|u| u.username().is_empty() && u.password().is_none() && u.fragment().is_none()) else {
            let way_out = "write an http or https URL without user and fragment";
            self.error(at, format!("is not the URL of {what}"), way_out);
            return None;
        };
        let here = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        if url.scheme() == "http" && !here {
            self.warn(at, bare);
        }
        Some(url)
    }

    /// A name that nothing has. Silent when an element of the list `of` was reported: it may have been the one.
    fn unknown(&mut self, of: &[&str], path: impl Display, problem: impl Display, way_out: impl Display) {
        let element = |path: &String| {
            of.iter().any(|list| {
                let rest = path.strip_prefix(list);
                rest.is_some_and(|r| r.is_empty() || (r.starts_with(['[', '.']) && !r[1..].trim_matches('"').contains('.')))
            })
        };
        if !self.dropped.iter().any(element) {
            self.error(path, problem, way_out);
        }
    }
}

/// Proves `raw`.
///
/// # Errors
/// Everything that is wrong with it.
pub(super) fn prove(raw: &RawConfig, around: &Surroundings<'_>) -> Result<(Config, Vec<Warning>), Vec<ConfigError>> {
    let mut found = Findings { env: around.env, dropped: around.dropped, errors: Vec::new(), warnings: Vec::new() };
    let root = KeyPath::root();
    let packs = apis::packs(raw, &mut found);
    let catalogue = scopes::catalogue(raw, &packs, &mut found);
    let roles = scopes::roles(raw, &catalogue, &mut found);
    let upstreams = upstreams::all(raw, &mut found);
    let apis = apis::all(raw, (&packs, &catalogue, &upstreams), &mut found);
    upstreams::reachable(raw, &apis, &mut found);
    let mounts = mounts::table(&apis, &mut found);
    let narrowable = scopes::narrowable(&apis);
    let role_selectors = scopes::role_selectors(raw, &catalogue.scopes(&narrowable), &mut found);
    let services = services::table(&apis, &mut found);
    let listen = sections::listen(raw, &mut found);
    sections::certificates(raw, (&apis, &listen), &mut found);
    let store_url = sections::store(raw, &root, &mut found);
    let secret = sections::secret(raw, &root, &mut found);
    let oauth = sections::oauth(&raw.oauth, &root.key("oauth"), &mut found);
    let audit = sections::audit(&raw.audit, &root.key("audit"), &mut found);
    let hooks = hooks::all(raw, &mut found);
    let authorizer = authorizer::policy(raw, &mut found);
    authorizer::unfiltered(&authorizer, &apis, &mut found);
    let sites = sites::all(raw, &mut found);
    scopes::unused(raw, &packs, (&catalogue, &apis), &mut found);
    links::fading(&catalogue, &apis, &mut found);
    let (Some(store_url), Some(secret), Some(mounts), true) = (store_url, secret, mounts, found.errors.is_empty()) else {
        return Err(found.errors);
    };
    let config = Config {
        generation: around.generation,
        issuer: raw.public_url.0.clone(),
        listen,
        store_url,
        data_dir: raw.data.dir.clone(),
        secret,
        catalogue,
        roles,
        role_selectors,
        narrowable,
        upstreams,
        apis: apis.into_iter().map(|p| p.api).collect(),
        mounts,
        services,
        oauth,
        audit,
        hooks,
        authorizer,
        sites,
    };
    Ok((config, found.warnings))
}

/// Names for an error, few enough to be read.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let all: Vec<_> = names.into_iter().collect();
    let shown = all.iter().take(20).copied().collect::<Vec<_>>().join(", ");
    if all.is_empty() {
        "none".to_owned()
    } else if all.len() > 20 {
        format!("{shown}, …")
    } else {
        shown
    }
}
