//! Proving the log.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;

use super::Local;
use crate::admin::error::AdminError;
use crate::admin::model::{AuditKeyView, VerifyAsked, VerifyStep};
use crate::audit::{Asked, verify as walk};
use crate::record::{ControlEvent, Operation};
use crate::store::AuditKey;

/// Steps that wait to be told.
const WAITING: usize = 64;

pub(super) async fn verify(
    local: &Local,
    asked: VerifyAsked,
) -> Result<BoxStream<'static, Result<VerifyStep, AdminError>>, AdminError> {
    let node = Arc::clone(&local.node);
    let event = ControlEvent::done(Operation::AuditQuery).with_comment("all of it was verified, by the operator");
    node.store.note(None, event, &local.cause()).await?;
    let mut keys = node.store.audit_keys().await?;
    keys.retain(|key| node.keys.vouches(key));
    let (tell, told) = mpsc::channel(WAITING);
    let ring = Arc::clone(&node);
    let asked = Asked { keys, vouches: Box::new(move |key| ring.keys.vouches(key)), known: asked.heads };
    let walking = tokio::spawn(async move { walk(&*node.store, asked, tell).await });
    let steps = stream::unfold(Some((told, walking)), |state| async move {
        let (mut told, walking) = state?;
        if let Some(step) = told.recv().await {
            return Some((Ok(step), Some((told, walking))));
        }
        match walking.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some((Err(error.into()), None)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    });
    Ok(steps.boxed())
}

pub(super) async fn keys(local: &Local) -> Result<Vec<AuditKeyView>, AdminError> {
    let keys = local.node.store.audit_keys().await?;
    Ok(keys.iter().map(|key| view(local, key)).collect())
}

pub(super) async fn rotate(local: &Local) -> Result<AuditKeyView, AdminError> {
    let node = &local.node;
    let key = node.keys.rotate_audit_key(&*node.store, &*node.entropy, node.now()).await?;
    let event = ControlEvent::done(Operation::KeyCreate).on("key", key.id.as_str());
    node.store.note(None, event.with_comment("seals the audit log"), &local.cause()).await?;
    Ok(view(local, &key))
}

fn view(local: &Local, key: &AuditKey) -> AuditKeyView {
    let ours = local.node.keys.vouches(key);
    AuditKeyView { id: key.id.clone(), public: STANDARD.encode(&key.public), created_at: key.created_at, ours }
}
