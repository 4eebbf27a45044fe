//! Forms of our own pages.

use axum::body::Body;
use http::HeaderMap;

use super::{AnySession, MAX_FORM, Trouble, body_within, from_our_pages};
use crate::config::Config;

/// A form that a page of ours sent in this session. Unlike an OAuth request it may name a field several times: that is how a list
/// of ticked boxes arrives.
#[derive(Debug)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a form.
    ///
    /// # Errors
    /// When it came from elsewhere, or from a page of another session.
    pub async fn read(config: &Config, headers: &HeaderMap, body: Body, who: &AnySession) -> Result<Self, Trouble> {
        if !from_our_pages(headers, &config.issuer) {
            return Err(Trouble::forged());
        }
        let body = body_within(body, MAX_FORM).await.ok_or_else(Trouble::forged)?;
        let form = Self(url::form_urlencoded::parse(&body).into_owned().collect());
        if who.csrf.matches(form.one("csrf")) { Ok(form) } else { Err(Trouble::forged()) }
    }

    /// The value of a field that is not empty and occurs once.
    #[must_use]
    pub fn one<'f>(&'f self, name: &'f str) -> Option<&'f str> {
        let mut values = self.all(name);
        let first = values.next()?;
        if values.next().is_some() { None } else { Some(first) }
    }

    /// Every value of a field, but for empty ones.
    pub fn all<'f>(&'f self, name: &'f str) -> impl Iterator<Item = &'f str> {
        self.0.iter().filter(move |(n, v)| n == name && !v.is_empty()).map(|(_, v)| v.as_str())
    }

    /// Whether this button was pressed.
    #[must_use]
    pub fn has(&self, button: &str) -> bool {
        self.0.iter().any(|(name, _)| name == button)
    }

    /// What follows `prefix` in the name of the button that was pressed.
    #[must_use]
    pub fn pressed(&self, prefix: &str) -> Option<&str> {
        self.0.iter().find_map(|(name, _)| name.strip_prefix(prefix))
    }
}
