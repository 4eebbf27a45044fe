//! Silences of an Alertmanager: new ones, those that have an id, and whose one is.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::answer::Unfiltered;
use super::{Label, Labels, Refused, text};

#[cfg(test)]
mod tests;

/// A silence that a request names by id. Whose it is, only its Alertmanager knows. The matchers of an id never change: a silence
/// that gets others gets a new id, so that what was found out stays true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    id: String,
    path: String,
}

impl Named {
    /// The silence that a path ends in.
    pub(super) fn by_path(path: &str) -> Result<Self, Refused> {
        let id = path.rsplit('/').next().filter(|id| is_id(id)).ok_or(Refused::Silence)?;
        Ok(Self { id: id.to_owned(), path: path.to_owned() })
    }

    /// The silence that a body for `path` names.
    fn by_body(path: &str, id: &str) -> Result<Self, Refused> {
        let above = path.strip_suffix("/silences").filter(|_| is_id(id)).ok_or(Refused::Silence)?;
        Ok(Self { id: id.to_owned(), path: format!("{above}/silence/{id}") })
    }

    /// Where the Alertmanager shows it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether it touches nothing but what `labels` select, by what the Alertmanager shows of it.
    ///
    /// # Errors
    /// When that is not this silence.
    pub fn is_confined(&self, shown: &[u8], labels: &Labels) -> Result<bool, Unfiltered> {
        let silence: Value = serde_json::from_slice(shown).map_err(|_| Unfiltered::Form)?;
        if silence["id"] != *self.id || !silence["matchers"].is_array() {
            return Err(Unfiltered::Form);
        }
        Ok(is_confined(&silence, labels))
    }
}

/// An id as every Alertmanager makes them (RFC 9562 §4). Anything else would be a path of the caller's choice.
fn is_id(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(i, b)| if matches!(i, 8 | 13 | 18 | 23) { b == b'-' } else { b.is_ascii_hexdigit() })
}

/// Whether a silence touches nothing but what `labels` select: all of its matchers hold together, so that one is enough for each.
/// One that can touch nothing at all is nobody's: whoever made it wrote another's value into it.
pub(super) fn is_confined(silence: &Value, labels: &Labels) -> bool {
    let matchers = silence["matchers"].as_array().map_or(&[][..], Vec::as_slice);
    labels.0.iter().all(|label| {
        let left: Vec<_> = matchers.iter().filter_map(|matcher| left(matcher, label)).collect();
        left.iter().any(|values| values.is_subset(&label.values)) && !left.iter().any(|values| values.is_disjoint(&label.values))
    })
}

/// The values that a matcher leaves the label, where they can be listed.
fn left(matcher: &Value, label: &Label) -> Option<BTreeSet<String>> {
    let (name, value) = (matcher["name"].as_str()?, matcher["value"].as_str()?);
    // Before there was `isEqual`, every matcher was one.
    let equal = matcher.get("isEqual").is_none_or(|is| *is == true);
    if name != label.name || !equal {
        return None;
    }
    match &matcher["isRegex"] {
        Value::Bool(false) => Some(BTreeSet::from([value.to_owned()])),
        Value::Bool(true) => text::literals(value),
        _ => None,
    }
}

/// The silence of `body` with the labels among its matchers, and the one that it replaces. All matchers of a silence hold together,
/// so that one more narrows it.
///
/// # Errors
/// When it is no silence, or one of alerts that the labels exclude.
pub(super) fn narrowed(path: &str, body: &[u8], labels: &Labels) -> Result<(Vec<u8>, Option<Named>), Refused> {
    let mut silence: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Refused::Silence)?;
    // Go matches member names in any letters, and takes `ſ` for `s`: a twin of ours would win.
    let twins = |name: &str| silence.keys().filter(|key| key.eq_ignore_ascii_case(name)).count();
    if !silence.keys().all(|key| key.is_ascii()) || twins("matchers") != 1 || twins("id") > 1 {
        return Err(Refused::Silence);
    }
    let replaced = match silence.iter().find(|(key, _)| key.eq_ignore_ascii_case("id")) {
        None => None,
        Some((_, Value::String(id))) if id.is_empty() => None,
        Some((key, Value::String(id))) if key == "id" => Some(Named::by_body(path, id)?),
        Some(_) => return Err(Refused::Silence),
    };
    let Some(Value::Array(matchers)) = silence.get_mut("matchers") else { return Err(Refused::Silence) };
    if !matchers.iter().all(Value::is_object) {
        return Err(Refused::Silence);
    }
    for label in &labels.0 {
        if matchers.iter().filter_map(|matcher| left(matcher, label)).any(|values| values.is_disjoint(&label.values)) {
            return Err(Refused::SilenceOfOthers);
        }
        let is_regex = label.operator() == "=~";
        let ours = json!({ "name": label.name, "value": label.operand(), "isRegex": is_regex, "isEqual": true });
        // Other matchers, or the same in another order, would make a changed silence a new one.
        if !matchers.contains(&ours) {
            matchers.push(ours);
        }
    }
    serde_json::to_vec(&silence).map(|body| (body, replaced)).map_err(|_| Refused::Silence)
}
