//! Proving the log.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::stream::{self, BoxStream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::Local;
use crate::admin::error::AdminError;
use crate::admin::model::{AuditKeyView, VerifyAsked, VerifyStep};
use crate::audit::{Asked, Report, verify as walk};
use crate::node::Node;
use crate::record::{Cause, ControlEvent, Found, Operation};
use crate::store::{AuditKey, StoreError};

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
    let walker = Arc::clone(&node);
    let walking = tokio::spawn(async move { walk(&*walker.store, asked, tell).await });
    let proof = Proof { told, walking, node, cause: local.cause(), noted: false };
    Ok(stream::unfold(Some(proof), |proof| async move { proof?.step().await }).boxed())
}

/// A proof under way.
struct Proof {
    told: mpsc::Receiver<VerifyStep>,
    walking: JoinHandle<Result<(), StoreError>>,
    node: Arc<Node>,
    cause: Cause,
    /// Whether a fault is on record.
    noted: bool,
}

impl Proof {
    /// What is told next, and what is left of the proof. What it found is on record before anybody hears of it: the first fault by
    /// itself, since who has heard of it may hang up.
    async fn step(mut self) -> Option<(Result<VerifyStep, AdminError>, Option<Self>)> {
        let Some(step) = self.told.recv().await else {
            return match self.walking.await {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some((Err(error.into()), None)),
                Err(panic) => std::panic::resume_unwind(panic.into_panic()),
            };
        };
        let event = match &step {
            VerifyStep::Done(report) => Some(found(report)),
            VerifyStep::Fault(_) if !self.noted => Some(Found::Faults(1).event()),
            VerifyStep::Fault(_) | VerifyStep::Proved(_) => None,
        };
        if let Some(event) = event {
            let cause = Cause { at: self.node.now(), ..self.cause.clone() };
            if let Err(error) = self.node.store.note(None, event, &cause).await {
                return Some((Err(error.into()), None));
            }
            self.noted = true;
        }
        Some((Ok(step), Some(self)))
    }
}

/// What is on record of a proof.
fn found(report: &Report) -> ControlEvent {
    let Report { proved, faults, records, batches, chains, until, .. } = report;
    let found = if *proved { Found::Proved(*until) } else { Found::Faults(*faults) };
    let seen = format!("{records} records were as they were sealed, in {batches} batches of {chains} chains; faults: {faults}");
    found.event().with_comment(seen)
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
