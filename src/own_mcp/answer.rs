//! What tools share: schemas, answers, refusals.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, JsonObject, Tool, ToolAnnotations};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::store::StoreError;
use crate::types::Chain;

/// An answer: data for programs, and the same in words for people and models.
pub(super) struct Answer {
    text: String,
    data: Value,
}

/// Why a tool gives no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// What was asked can't be answered; the text says why and what to do, for whoever asked.
    #[error("{0}")]
    Refused(String),
    /// The store can't be asked.
    #[error("The gateway's store can't be used at the moment. Try again shortly.")]
    Store(#[from] StoreError),
}

impl Answer {
    pub(super) fn new(text: String, data: &impl Serialize) -> Self {
        Self { text, data: serde_json::to_value(data).unwrap_or_default() }
    }
}

/// The outcome of a tool as MCP says it: a refusal is a result too, so that the model reads it.
pub(super) fn result(outcome: Result<Answer, Fault>) -> CallToolResult {
    match outcome {
        Ok(answer) => {
            let mut result = CallToolResult::structured(answer.data);
            result.content = vec![ContentBlock::text(answer.text)];
            result
        }
        Err(fault) => {
            if let Fault::Store(error) = &fault {
                tracing::error!(error = %Chain(error), "a tool could not be served");
            }
            CallToolResult::error(vec![ContentBlock::text(fault.to_string())])
        }
    }
}

/// The arguments of a call.
pub(super) fn arguments<T: DeserializeOwned>(given: Option<JsonObject>) -> Result<T, Fault> {
    let given = Value::Object(given.unwrap_or_default());
    serde_json::from_value(given)
        .map_err(|e| Fault::Refused(format!("The arguments can't be read: {e}. See the tool's input schema.")))
}

/// A tool that takes `In` and answers `Out`, and changes nothing.
pub(super) fn tool<In: JsonSchema, Out: JsonSchema>(name: &'static str, title: &str, description: &'static str) -> Tool {
    let input = schema::<In>(SchemaSettings::draft2020_12());
    let output = schema::<Out>(SchemaSettings::draft2020_12().for_serialize());
    let hints = ToolAnnotations::with_title(title).read_only(true).destructive(false).idempotent(true).open_world(false);
    Tool::new(name, description, input).with_title(title).with_raw_output_schema(output).with_annotations(hints)
}

/// Whole in itself and without what validators of older drafts stumble over: no `$schema`, no references, no number formats.
fn schema<T: JsonSchema>(mut settings: SchemaSettings) -> Arc<JsonObject> {
    settings.meta_schema = None;
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    strip(&mut schema);
    let mut object = schema.as_object().cloned().unwrap_or_default();
    object.remove("title");
    object.remove("description");
    object.entry("properties").or_insert_with(|| Value::Object(JsonObject::new()));
    Arc::new(object)
}

fn strip(schema: &mut Schema) {
    let numeric = schema.get("format").and_then(Value::as_str).is_some_and(|f| f.starts_with("uint") || f.starts_with("int"));
    if numeric {
        schema.remove("format");
    }
    schemars::transform::transform_subschemas(&mut strip, schema);
}

/// An RFC 3339 instant.
pub(super) fn instant(at: crate::types::Timestamp) -> String {
    at.to_string()
}
