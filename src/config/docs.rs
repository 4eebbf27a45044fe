//! The JSON schema and the reference page, made from the types of [`super::raw`].

use std::fmt::Write;

use serde_json::{Map, Value};

use super::read::CONFIG_SCHEMA;
use super::{shape, written};

/// The JSON schema of the file.
#[must_use]
pub fn schema() -> String {
    let text = serde_json::to_string_pretty(&*CONFIG_SCHEMA).unwrap_or_default();
    text + "\n"
}

/// The reference page, Markdown.
#[must_use]
pub fn reference() -> String {
    let none = Map::new();
    let schema = &*CONFIG_SCHEMA;
    let defs = schema.get("$defs").and_then(Value::as_object).unwrap_or(&none);
    let mut page = Page { defs, sections: Vec::new(), text: String::new() };
    page.text.push_str("# Configuration reference\n\n");
    page.text
        .push_str("Made from the types in `src/config/raw.rs`; `TOLLGATE_BLESS=1 cargo test --lib config` writes it anew.\n");
    page.text.push_str("`gateway.example.toml` beside this page shows every key in use.\n\n");
    page.section("", schema);
    while !page.sections.is_empty() {
        for (path, schema) in std::mem::take(&mut page.sections) {
            page.section(&path, schema);
        }
    }
    page.text
}

struct Page<'s> {
    defs: &'s Map<String, Value>,
    /// Tables that were named and not yet described.
    sections: Vec<(String, &'s Value)>,
    text: String,
}

impl<'s> Page<'s> {
    /// `path` ends in `[]` when it is a list of tables.
    fn section(&mut self, path: &str, schema: &'s Value) {
        let schema = shape::resolve(self.defs, schema);
        let name = path.trim_end_matches("[]");
        if name.len() < path.len() {
            self.line(&format!("## `[[{name}]]`\n"));
        } else if !name.is_empty() {
            self.line(&format!("## `{name}`\n"));
        }
        self.line(&format!("{}\n", text(schema)));
        match shape::variants(schema) {
            Some(variants) => {
                for variant in variants {
                    self.line(&format!("{}\n", text(variant)));
                    self.table(name, variant);
                }
            }
            None => self.table(name, schema),
        }
    }

    fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    fn table(&mut self, section: &str, schema: &'s Value) {
        let required: Vec<_> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        self.line("| key | value | default | |\n|---|---|---|---|");
        for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let path = if section.is_empty() { key.clone() } else { format!("{section}.{key}") };
            let default = match property.get("default") {
                _ if required.contains(&key.as_str()) => "required".to_owned(),
                Some(Value::Object(_) | Value::Null) | None => String::new(),
                Some(default) => format!("`{default}`"),
            };
            let value = self.value(&path, property).replace('|', "\\|");
            let own = [text(property), text(shape::resolve(self.defs, property))].into_iter().find(|t| !t.is_empty());
            let about = own.unwrap_or(if property.get("const").is_some() { "Chooses this form." } else { "" });
            let about = about.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|");
            let _ = writeln!(self.text, "| `{key}` | {value} | {default} | {about} |");
        }
        self.text.push('\n');
    }

    /// What a key takes; tables get a section of their own.
    fn value(&mut self, path: &str, property: &'s Value) -> String {
        let property = self.only(property);
        if let Some(words) = shape::words(self.defs, property) {
            return words.iter().map(|w| format!("`\"{w}\"`")).collect::<Vec<_>>().join(" or ");
        }
        if let Some(variants) = shape::variants(property) {
            if variants.iter().all(|v| shape::types(self.defs, v) == ["object"]) {
                self.sections.push((path.to_owned(), property));
                return "a table".to_owned();
            }
            return variants.into_iter().map(|v| self.value(path, v)).collect::<Vec<_>>().join(" or ");
        }
        if let Some(items) = property.get("items") {
            let below = self.only(items);
            if below.get("properties").is_some() {
                self.sections.push((format!("{path}[]"), below));
                return "a list of tables".to_owned();
            }
            return format!("a list of: {}", self.value(path, below));
        }
        if let Some(entry) = property.get("additionalProperties").filter(|e| e.is_object()) {
            let below = self.only(entry);
            if below.get("properties").is_some() {
                self.sections.push((format!("{path}.NAME"), below));
                return "tables by name".to_owned();
            }
            return format!("a table, each value: {}", self.value(path, below));
        }
        if property.get("properties").is_some() {
            self.sections.push((path.to_owned(), property));
            return "a table".to_owned();
        }
        let format = property.get("format").and_then(Value::as_str).and_then(written::expected);
        let types = shape::types(self.defs, property);
        format.map_or_else(|| types.iter().map(|t| shape::name(t)).collect::<Vec<_>>().join(" or "), ToOwned::to_owned)
    }

    /// The schema behind references and optional values.
    fn only(&self, schema: &'s Value) -> &'s Value {
        let schema = shape::resolve(self.defs, schema);
        match shape::variants(schema).as_deref() {
            Some([only]) => self.only(only),
            _ => schema,
        }
    }
}

fn text(schema: &Value) -> &str {
    schema.get("description").and_then(Value::as_str).unwrap_or_default()
}
