//! Holds a file against the schema of [`super::raw`]: every misspelt key and every value of the wrong kind, each with its path.
//! What was reported is taken out, so that the rest can still be proved.

use serde_json::{Map, Value};

use super::error::{ConfigError, KeyPath};
use super::written;

/// What a check found.
pub(super) struct Findings {
    /// What is wrong.
    pub(super) errors: Vec<ConfigError>,
    /// Paths of what was taken out; what refers to it can't be judged.
    pub(super) dropped: Vec<String>,
}

/// Checks `value` against `schema`, a JSON schema as schemars makes them.
pub(super) fn check(schema: &Value, value: &mut Value) -> Findings {
    let none = Map::new();
    let defs = schema.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let mut checker = Checker { defs, findings: Findings { errors: Vec::new(), dropped: Vec::new() } };
    checker.visit(schema, value, &KeyPath::root());
    checker.findings
}

/// Follows references of `schema` into `defs`.
pub(super) fn resolve<'s>(defs: &'s Map<String, Value>, mut schema: &'s Value) -> &'s Value {
    while let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        match target.strip_prefix("#/$defs/").and_then(|name| defs.get(name)) {
            Some(next) => schema = next,
            None => break,
        }
    }
    schema
}

/// The alternatives of a schema, without the null of optional values.
pub(super) fn variants(schema: &Value) -> Option<Vec<&Value>> {
    let all = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    Some(all.iter().filter(|v| v.get("type").and_then(Value::as_str) != Some("null")).collect())
}

/// The words that a schema allows, when it allows only certain words.
pub(super) fn words(defs: &Map<String, Value>, schema: &Value) -> Option<Vec<String>> {
    let schema = resolve(defs, schema);
    let text = |v: &Value| v.as_str().map(ToOwned::to_owned);
    if let Some(one) = schema.get("const") {
        return text(one).map(|word| vec![word]);
    }
    if let Some(list) = schema.get("enum").and_then(Value::as_array) {
        return list.iter().filter(|v| !v.is_null()).map(text).collect();
    }
    let parts: Option<Vec<_>> = variants(schema)?.into_iter().map(|v| words(defs, v)).collect();
    parts.map(|p| p.concat())
}

/// JSON types that a schema allows, without null.
pub(super) fn types(defs: &Map<String, Value>, schema: &Value) -> Vec<String> {
    let schema = resolve(defs, schema);
    let own = match schema.get("type") {
        Some(Value::String(one)) => vec![one.clone()],
        Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect(),
        _ if schema.get("const").is_some_and(Value::is_string) => vec!["string".to_owned()],
        _ => variants(schema).unwrap_or_default().into_iter().flat_map(|v| types(defs, v)).collect(),
    };
    own.into_iter().filter(|t| t != "null").collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    Whole,
    Broken,
}

struct Checker<'s> {
    defs: &'s Map<String, Value>,
    findings: Findings,
}

impl<'s> Checker<'s> {
    fn visit(&mut self, schema: &'s Value, value: &mut Value, at: &KeyPath) -> Fit {
        let schema = resolve(self.defs, schema);
        if let Some(words) = words(self.defs, schema) {
            return self.word(&words, value, at);
        }
        if let Some(variants) = variants(schema) {
            return self.variant(&variants, value, at);
        }
        let allowed = types(self.defs, schema);
        if !allowed.iter().any(|t| t == kind(value)) {
            return self.refuse(at, format!("is {}", name(kind(value))), format!("expected {}", names(&allowed)));
        }
        match value {
            Value::Object(table) => self.table(schema, table, at),
            Value::Array(items) => self.list(schema, items, at),
            Value::String(text) => self.text(schema, text, at),
            Value::Number(number) => self.number(schema, number, at),
            Value::Bool(_) | Value::Null => Fit::Whole,
        }
    }

    fn refuse(&mut self, at: &KeyPath, problem: String, way_out: String) -> Fit {
        let at = if at.is_root() { "the file".to_owned() } else { at.to_string() };
        self.findings.errors.push(ConfigError::new(at, problem, way_out));
        Fit::Broken
    }

    fn drop_at(&mut self, at: &KeyPath) {
        self.findings.dropped.push(at.to_string());
    }

    fn word(&mut self, words: &[String], value: &Value, at: &KeyPath) -> Fit {
        if value.as_str().is_some_and(|v| words.iter().any(|w| w == v)) {
            return Fit::Whole;
        }
        let quoted: Vec<_> = words.iter().map(|w| format!("{w:?}")).collect();
        self.refuse(at, format!("{value} is not known here"), format!("use {}", quoted.join(" or ")))
    }

    fn variant(&mut self, variants: &[&'s Value], value: &mut Value, at: &KeyPath) -> Fit {
        if let [only] = variants {
            return self.visit(only, value, at);
        }
        if let Some(tag) = self.tag(variants)
            && let Value::Object(table) = value
        {
            let of = |v: &Value| v["properties"][&tag]["const"].clone();
            let Some(written) = table.get(&tag) else {
                return self.refuse(&at.key(&tag), "is missing".to_owned(), format!("use {}", self.tags(variants, &tag)));
            };
            let chosen = variants.iter().map(|v| resolve(self.defs, v)).find(|v| of(v) == *written);
            return match chosen {
                Some(chosen) => self.table(chosen, table, at),
                None => self.refuse(
                    &at.key(&tag),
                    format!("{written} is not known here"),
                    format!("use {}", self.tags(variants, &tag)),
                ),
            };
        }
        let fits = |v: &&&Value| types(self.defs, v).iter().any(|t| t == kind(value));
        if let Some(chosen) = variants.iter().find(fits) {
            return self.visit(chosen, value, at);
        }
        let expected: Vec<_> = variants.iter().flat_map(|v| types(self.defs, v)).collect();
        self.refuse(at, format!("is {}", name(kind(value))), format!("expected {}", names(&expected)))
    }

    /// The property that tells tables of `variants` apart.
    fn tag(&self, variants: &[&Value]) -> Option<String> {
        let constants = |v: &Value| -> Vec<String> {
            let properties = resolve(self.defs, v).get("properties").and_then(Value::as_object);
            properties.into_iter().flatten().filter(|(_, p)| p.get("const").is_some()).map(|(k, _)| k.clone()).collect()
        };
        let first = constants(variants.first()?);
        first.into_iter().find(|tag| variants.iter().all(|v| constants(v).contains(tag)))
    }

    fn tags(&self, variants: &[&Value], tag: &str) -> String {
        let all = variants.iter().map(|v| resolve(self.defs, v)["properties"][tag]["const"].to_string());
        all.collect::<Vec<_>>().join(" or ")
    }

    fn table(&mut self, schema: &'s Value, table: &mut Map<String, Value>, at: &KeyPath) -> Fit {
        let properties = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties").filter(|s| s.is_object());
        let required: Vec<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let mut fit = Fit::Whole;
        let mut keys: Vec<String> = table.keys().cloned().collect();
        keys.sort();
        for key in keys {
            let below = at.key(&key);
            let entry = properties.and_then(|p| p.get(&key)).or(others);
            let (Some(entry), Some(value)) = (entry, table.get_mut(&key)) else {
                let known: Vec<_> = properties.into_iter().flatten().map(|(k, _)| k.as_str()).collect();
                self.refuse(&below, "unknown key".to_owned(), format!("known here: {}", known.join(", ")));
                table.remove(&key);
                continue;
            };
            if self.visit(entry, value, &below) == Fit::Broken {
                self.drop_at(&below);
                table.remove(&key);
                if required.contains(&key.as_str()) {
                    fit = Fit::Broken;
                }
            } else if value.is_null() {
                table.remove(&key);
            }
        }
        for key in required.into_iter().filter(|k| !table.contains_key(*k)) {
            let below = at.key(key);
            // A required key that was taken out was reported already.
            if !self.findings.dropped.contains(&below.to_string()) {
                let wanted = properties.and_then(|p| p.get(key)).map_or_else(String::new, |s| self.wanted(s));
                fit = self.refuse(&below, "is missing".to_owned(), format!("add {key} = {wanted}"));
            }
        }
        fit
    }

    fn wanted(&self, schema: &Value) -> String {
        let schema = resolve(self.defs, schema);
        let format = schema.get("format").and_then(Value::as_str).and_then(written::expected);
        format.map_or_else(|| names(&types(self.defs, schema)), ToOwned::to_owned)
    }

    fn list(&mut self, schema: &'s Value, items: &mut [Value], at: &KeyPath) -> Fit {
        let Some(element) = schema.get("items") else { return Fit::Whole };
        for (i, item) in items.iter_mut().enumerate() {
            let below = at.index(i);
            if self.visit(element, item, &below) == Fit::Broken {
                self.drop_at(&below);
                *item = Value::Null;
            }
        }
        Fit::Whole
    }

    fn text(&mut self, schema: &Value, text: &str, at: &KeyPath) -> Fit {
        let format = schema.get("format").and_then(Value::as_str);
        match format.and_then(|f| written::check(f, text)) {
            Some(Err((problem, expected))) => self.refuse(at, format!("{text:?} {problem}"), format!("expected {expected}")),
            Some(Ok(())) | None => Fit::Whole,
        }
    }

    fn number(&mut self, schema: &Value, number: &serde_json::Number, at: &KeyPath) -> Fit {
        let least = schema.get("minimum").and_then(Value::as_i64).unwrap_or(i64::MIN);
        let most = match schema.get("format").and_then(Value::as_str) {
            Some("uint32") => i64::from(u32::MAX),
            _ => i64::MAX,
        };
        if number.as_i64().is_some_and(|n| (least..=most).contains(&n)) {
            Fit::Whole
        } else {
            self.refuse(at, format!("{number} is out of range"), format!("expected a whole number from {least} to {most}"))
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_i64() || n.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What TOML calls a JSON type.
pub(super) fn name(json: &str) -> &'static str {
    match json {
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number with a fraction",
        "string" => "text",
        "array" => "a list",
        "object" => "a table",
        _ => "nothing",
    }
}

fn names(json: &[String]) -> String {
    let mut all: Vec<_> = json.iter().map(|t| name(t)).collect();
    all.dedup();
    all.join(" or ")
}
