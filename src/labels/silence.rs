//! New silences of an Alertmanager.

use serde_json::{Map, Value, json};

use super::{Labels, Refused};

/// The silence of `body` with the label among its matchers. All matchers of a silence hold together, so that one more narrows it.
///
/// # Errors
/// When it is no silence, or changes one that exists.
pub(super) fn narrowed(body: &[u8], labels: &Labels) -> Result<Vec<u8>, Refused> {
    let mut silence: Map<String, Value> = serde_json::from_slice(body).map_err(|_| Refused::Silence)?;
    if silence.keys().any(|key| key.eq_ignore_ascii_case("id") && silence[key] != "") {
        return Err(Refused::Silence);
    }
    // Go matches member names in any letters: a twin of ours would win.
    if silence.keys().filter(|key| key.eq_ignore_ascii_case("matchers")).count() != 1 {
        return Err(Refused::Silence);
    }
    let Some(Value::Array(matchers)) = silence.get_mut("matchers") else { return Err(Refused::Silence) };
    if !matchers.iter().all(Value::is_object) {
        return Err(Refused::Silence);
    }
    for label in &labels.0 {
        let is_regex = label.operator() == "=~";
        let ours = json!({ "name": label.name, "value": label.operand(), "isRegex": is_regex, "isEqual": true });
        matchers.retain(|m| *m != ours);
        matchers.push(ours);
    }
    serde_json::to_vec(&silence).map_err(|_| Refused::Silence)
}
