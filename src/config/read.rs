//! From text to [`RawConfig`], with everything that is wrong with its form.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ConfigError, KeyPath};
use super::shape;

/// A document that was read as far as it could be.
pub(super) struct Reading<T> {
    /// What could be read; `None` when the text is not TOML, or lacks what nothing can stand in for.
    pub(super) document: Option<T>,
    /// What is wrong with its form.
    pub(super) errors: Vec<ConfigError>,
    /// Paths of what is missing from `document` because it was reported.
    pub(super) dropped: Vec<String>,
}

/// Reads a TOML text as a `T`. Keys of `stand_ins` take the place of required keys at the top that are missing or wrong.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(text: &str, schema: &Value, stand_ins: &[(&str, &str)]) -> Reading<T> {
    let table = match syntax(text) {
        Ok(table) => table,
        Err(errors) => return Reading { document: None, errors, dropped: Vec::new() },
    };
    let mut value = plain(toml::Value::Table(table));
    let shape::Findings { mut errors, dropped } = shape::check(schema, &mut value);
    if let Value::Object(top) = &mut value {
        for (key, text) in stand_ins {
            top.entry(*key).or_insert_with(|| Value::from(*text));
        }
    }
    let document = match serde_json::from_value(value) {
        Ok(document) => Some(document),
        // The schema came from the same types, so this only happens to what was reported.
        Err(error) => {
            if errors.is_empty() {
                errors.push(ConfigError::new("the file", error, "mend it"));
            }
            None
        }
    };
    Reading { document, errors, dropped }
}

fn syntax(text: &str) -> Result<toml::Table, Vec<ConfigError>> {
    let (_, mut faults) = toml::de::DeTable::parse_recoverable(text);
    if faults.is_empty() {
        return toml::from_str(text).map_err(|e| vec![fault(text, &e)]);
    }
    faults.sort_by_key(|e| e.span().map_or(0, |s| s.start));
    Err(faults.iter().map(|e| fault(text, e)).collect())
}

fn fault(text: &str, error: &toml::de::Error) -> ConfigError {
    let start = error.span().map_or(0, |s| s.start).min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line = 1 + before.matches('\n').count();
    let column = 1 + before.chars().rev().take_while(|c| *c != '\n').count();
    let problem = error.message().trim().replace('\n', ", ");
    ConfigError::new(format!("line {line}, column {column}"), problem, "the file must be TOML")
}

/// TOML as JSON. Dates become tables, so that none passes as text.
fn plain(value: toml::Value) -> Value {
    match value {
        toml::Value::String(s) => s.into(),
        toml::Value::Integer(i) => i.into(),
        toml::Value::Float(f) => serde_json::Number::from_f64(f).map_or_else(|| Value::from(f64::MAX), Value::from),
        toml::Value::Boolean(b) => b.into(),
        toml::Value::Datetime(d) => serde_json::json!({ "date": d.to_string() }),
        toml::Value::Array(items) => items.into_iter().map(plain).collect(),
        toml::Value::Table(table) => table.into_iter().map(|(k, v)| (k, plain(v))).collect::<serde_json::Map<_, _>>().into(),
    }
}

/// The schema of a document, as JSON.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    schemars::schema_for!(T).to_value()
}

/// The schema of the configuration.
pub(super) static CONFIG_SCHEMA: LazyLock<Value> = LazyLock::new(schema_of::<super::raw::RawConfig>);

/// A key path from text, for errors about whole sections.
pub(super) fn top(key: &str) -> KeyPath {
    KeyPath::root().key(key)
}
