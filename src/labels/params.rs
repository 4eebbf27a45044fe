//! Where a request names what it selects: parameters of its URL and of its form.

use std::sync::Arc;

use http::Method;
use url::form_urlencoded::{Serializer, parse};

use super::answer::{AnswerFilter, Listed};
use super::{Labels, Named, Refused, logql, promql, silence};
use crate::config::Enforce;
use crate::types::Memory;

/// Most parameters of a request.
const MAX_PARAMETERS: usize = 1_000;

/// What a request brings.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path below the mount.
    pub path: &'a str,
    /// Its query, without `?`.
    pub query: Option<&'a str>,
    /// Its body, when there is one.
    pub body: Option<&'a [u8]>,
    /// Whether the body is a form (`application/x-www-form-urlencoded`) of a POST.
    pub is_form: bool,
    /// Where what is held of its answer is taken from.
    pub memory: &'a Arc<Memory>,
}

/// What is forwarded instead.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// Its query.
    pub query: Option<String>,
    /// Its body; `None` when there was none.
    pub body: Option<Vec<u8>>,
    /// What the answer must lose.
    pub answer: Option<AnswerFilter>,
    /// The silence that it reads, ends or replaces: it must be the organization's.
    pub silence: Option<Named>,
}

/// Narrows a request to one organization.
///
/// # Errors
/// When that can't be done.
pub fn enforce(how: Option<Enforce>, labels: &Labels, asked: &Asked<'_>) -> Result<Rewritten, Refused> {
    let how = how.ok_or(Refused::Route)?;
    if how == Enforce::AlertmanagerSilence {
        let (body, silence) = silence::narrowed(asked.path, asked.body.unwrap_or_default(), labels)?;
        let query = Form::read(asked.query.unwrap_or_default())?.written();
        return Ok(Rewritten { query, body: Some(body), answer: None, silence });
    }
    let mut pair = Both::read(asked)?;
    let (mut answer, mut silence) = (None, None);
    let filter = |listed| Some(AnswerFilter::new(listed, labels.clone(), asked.memory));
    match how {
        Enforce::Nothing | Enforce::AlertmanagerSilence => {}
        Enforce::PromqlQuery => pair.query(|q| promql::query(q, labels))?.ok_or(Refused::Missing)?,
        Enforce::PromqlExemplars => {
            pair.query(|q| promql::query(q, labels))?.ok_or(Refused::Missing)?;
            answer = filter(Listed::Exemplars);
        }
        Enforce::LogqlQuery => pair.query(|q| logql::query(q, labels))?.ok_or(Refused::Missing)?,
        Enforce::LogqlStreams => pair.query(|q| logql::streams(q, labels))?.ok_or(Refused::Missing)?,
        Enforce::LogqlOptional => {
            if pair.query(|q| logql::streams(q, labels))?.is_none() {
                pair.url.push("query", format!("{{{labels}}}"));
            }
        }
        Enforce::PromqlMatch => pair.several(labels, promql::selector)?,
        Enforce::LogqlSeries => pair.several(labels, logql::selector)?,
        Enforce::PromqlRules => answer = filter(Listed::Rules),
        Enforce::PromqlAlerts => answer = filter(Listed::Alerts),
        // Filters hold together, so that one more narrows whatever the others select.
        Enforce::AlertmanagerFilter => labels.0.iter().for_each(|label| pair.url.push("filter", label.to_string())),
        Enforce::AlertmanagerSilences => {
            // It compares with the text of a silence's matcher, whatever that matches: the answer is looked at as well, and what
            // would keep out a matcher of several values is not sent.
            labels.0.iter().filter(|l| l.operator() == "=").for_each(|label| pair.url.push("filter", label.to_string()));
            answer = filter(Listed::Silences);
        }
        Enforce::AlertmanagerSilenceId => {
            silence = Some(Named::by_path(asked.path)?);
            answer = filter(Listed::Silence).filter(|_| *asked.method == Method::GET);
        }
    }
    let body = pair.body.map(|b| b.written().unwrap_or_default().into_bytes());
    Ok(Rewritten { query: pair.url.written(), body, answer, silence })
}

/// Parameters in their order.
#[derive(Debug, Default)]
struct Form(Vec<(String, String)>);

impl Form {
    fn read(text: &str) -> Result<Self, Refused> {
        let pairs: Vec<_> =
            parse(text.as_bytes()).take(MAX_PARAMETERS + 1).map(|(k, v)| (k.into_owned(), v.into_owned())).collect();
        if pairs.len() > MAX_PARAMETERS { Err(Refused::TooLarge) } else { Ok(Self(pairs)) }
    }

    fn push(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    fn written(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| Serializer::new(String::new()).extend_pairs(&self.0).finish())
    }
}

/// The parameters of the URL and those of the body. Servers disagree which come first, so that what must be there once must be
/// there once in both together.
struct Both {
    url: Form,
    body: Option<Form>,
}

impl Both {
    fn read(asked: &Asked<'_>) -> Result<Self, Refused> {
        let body = match asked.body.filter(|b| !b.is_empty()) {
            None => None,
            Some(_) if !asked.is_form => return Err(Refused::NotAForm),
            Some(bytes) => Some(Form::read(std::str::from_utf8(bytes).map_err(|_| Refused::NotAForm)?)?),
        };
        Ok(Self { url: Form::read(asked.query.unwrap_or_default())?, body })
    }

    fn values<'a>(&'a mut self, names: &'static [&'static str]) -> impl Iterator<Item = &'a mut String> {
        let pairs = self.url.0.iter_mut().chain(self.body.iter_mut().flat_map(|b| b.0.iter_mut()));
        pairs.filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value)
    }

    /// Rewrites the one parameter `query`; `None` when there is none.
    fn query(&mut self, with: impl Fn(&str) -> Result<String, Refused>) -> Result<Option<()>, Refused> {
        let mut values = self.values(&["query"]);
        let Some(value) = values.next() else { return Ok(None) };
        if values.next().is_some() {
            return Err(Refused::Repeated);
        }
        *value = with(value)?;
        Ok(Some(()))
    }

    /// Rewrites every selector. Prometheus and Thanos read `match[]` alone, `VictoriaMetrics` and Loki `match` as well and select what
    /// either does. So there is a `match[]` whatever else is there: without one, what `match` selects, else all of the organization's.
    fn several(&mut self, labels: &Labels, with: fn(&str, &Labels) -> Result<String, Refused>) -> Result<(), Refused> {
        let every = self.rewrite(&["match[]"], |selector| with(selector, labels))?;
        let mut elsewhere = self.rewrite(&["match"], |selector| with(selector, labels))?;
        if every.is_empty() {
            if elsewhere.is_empty() {
                elsewhere.push(format!("{{{labels}}}"));
            }
            for selector in elsewhere {
                self.url.push("match[]", selector);
            }
        }
        Ok(())
    }

    /// Rewrites every parameter of these names, and says what they are now.
    fn rewrite(
        &mut self,
        names: &'static [&'static str],
        with: impl Fn(&str) -> Result<String, Refused>,
    ) -> Result<Vec<String>, Refused> {
        let rewritten = self.values(names).map(|value| {
            *value = with(value)?;
            Ok(value.clone())
        });
        rewritten.collect()
    }
}
