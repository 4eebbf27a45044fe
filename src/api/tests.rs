//! The document, the rules that the gate holds, and what is routed say the same.

mod ways;

use std::collections::BTreeMap;

use axum::response::IntoResponse;
use http::StatusCode;

use super::error::ApiError;
use crate::apps::{AppError, Need, Refusal};
use crate::config::own_api::{MOUNT, Needs, RULES};
use crate::types::ScopeSet;

type Operations = BTreeMap<(String, String), Vec<String>>;

fn documented() -> Operations {
    let document = serde_json::to_value(super::document()).expect("a document");
    let mut operations = Operations::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let scopes = operation["security"][0]["token"].as_array().expect("a security requirement");
            let scopes = scopes.iter().map(|s| s.as_str().expect("text").to_owned()).collect();
            assert!(operation["responses"]["403"].is_object(), "{method} {path}");
            operations.insert((method.to_uppercase(), path.clone()), scopes);
        }
    }
    operations
}

#[test]
fn every_operation_has_a_rule_with_the_scope_that_it_documents() {
    let mut rules = Operations::new();
    for rule in RULES {
        let scopes = match rule.needs {
            Needs::Nothing => continue,
            Needs::Token => Vec::new(),
            Needs::Scope(scope) => vec![scope.to_string()],
        };
        rules.insert((rule.method.to_owned(), format!("{MOUNT}{}", rule.pattern)), scopes);
    }
    assert_eq!(documented(), rules);
    assert_eq!(rules.len(), RULES.len() - 1, "all but the document itself need a token");
}

#[test]
fn no_reference_of_the_document_leads_nowhere() {
    let document = serde_json::to_value(super::document()).expect("a document");
    let text = document.to_string();
    let mut seen = 0;
    for reference in text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let pointer = reference.strip_prefix('#').expect("inside the document");
        assert!(document.pointer(pointer).is_some(), "{reference}");
        seen += 1;
    }
    assert!(seen > 20, "only {seen} references");
}

#[test]
fn every_number_of_seconds_has_a_documented_end() {
    for document in [super::document(), crate::admin::document()] {
        let document = serde_json::to_value(document).expect("a document");
        let schemas = document["components"]["schemas"].as_object().expect("schemas");
        let properties =
            schemas.iter().flat_map(|(name, s)| s["properties"].as_object().into_iter().flatten().map(move |p| (name, p)));
        let spans: Vec<_> = properties.filter(|(_, (field, _))| field.ends_with("_seconds") || *field == "lives").collect();
        assert!(spans.len() > 4, "{spans:?}");
        for (name, (field, schema)) in spans {
            assert!(schema["maximum"].is_u64(), "{name}.{field}: {schema}");
        }
    }
}

#[test]
fn every_operation_documents_what_the_gate_may_answer_for_it() {
    use crate::gateway::denial::Denial;
    use crate::gateway::hygiene::Reason;

    let denials = [
        Denial::NoToken,
        Denial::Rate { of: crate::gateway::denial::Counting::User, wait: std::time::Duration::from_secs(1) },
        Denial::Concurrency,
        Denial::BodyTooLarge,
        Denial::LengthRequired,
        Denial::BodyBroken,
        Denial::Stale,
        Denial::Journal,
        Denial::Overloaded,
    ];
    let heads =
        [Reason::HostUnknown, Reason::TargetTooLong, Reason::HeadersTooLarge, Reason::CredentialTooLong, Reason::HostMissing];
    let codes: Vec<_> = denials.iter().map(Denial::status).chain(heads.map(Reason::status)).collect();
    let document = serde_json::to_value(super::document()).expect("a document");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let responses = &operation["responses"];
            for code in &codes {
                assert!(responses[code.as_str()].is_object(), "{method} {path}: {code}");
            }
            for code in ["429", "503"] {
                let wait = &responses[code]["headers"]["Retry-After"]["schema"];
                assert_eq!(wait["type"], "integer", "{method} {path}: {code}");
            }
        }
    }
}

#[test]
fn what_may_be_repeated_says_how_a_repeated_answer_is_told() {
    let document = serde_json::to_value(super::document()).expect("a document");
    let mut seen = 0;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let mut parameters = operation["parameters"].as_array().into_iter().flatten();
            let takes_a_key = parameters.any(|p| p["name"] == "Idempotency-Key");
            for (code, response) in operation["responses"].as_object().expect("responses") {
                let header = &response["headers"]["Idempotency-Replayed"]["schema"]["type"];
                let told = takes_a_key && code.starts_with('2');
                assert_eq!(header == "boolean", told, "{method} {path}: {code}");
                seen += usize::from(told);
            }
        }
    }
    assert!(seen > 10, "{seen} operations");
}

/// What the API answers to a refusal of an app's.
async fn answered(refusal: Refusal) -> (StatusCode, serde_json::Value) {
    let response = ApiError::from(AppError::from(refusal)).into_response();
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.expect("a body");
    (status, serde_json::from_slice(&body).expect("JSON"))
}

#[tokio::test]
async fn what_is_frozen_is_a_conflict_told_in_words() {
    let (status, problem) = answered(Refusal::Frozen).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &"conflict".into()));
    assert!(problem["detail"].as_str().is_some_and(|d| d.contains("ask them to thaw it")), "{problem}");
}

#[tokio::test]
async fn a_private_scope_without_approval_is_named_among_what_is_missing() {
    let missing = Need::Approvals(ScopeSet::parse("api_keys:write").expect("a scope"));
    let (status, problem) = answered(Refusal::Unready(vec![missing])).await;
    let one = &problem["missing"][0];
    assert_eq!((status, &one["need"], &one["met"]), (StatusCode::CONFLICT, &"approvals".into(), &false.into()));
    assert!(one["sentence"].as_str().is_some_and(|s| s.contains("Not approved: api_keys:write.")), "{problem}");
}
