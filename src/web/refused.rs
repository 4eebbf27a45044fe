//! Refusals of changes, told when they hold.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;

use crate::node::Node;
use crate::store::StoreError;

/// What says that something is gone, already so, or changed meanwhile.
const TOLD: [StatusCode; 3] = [StatusCode::NOT_FOUND, StatusCode::CONFLICT, StatusCode::PRECONDITION_FAILED];

/// Answers a request. Whoever asks again for a change that is just being made is told that there is nothing left to change: that
/// too may only be said once no node serves from before it.
///
/// # Errors
/// When the store can't be asked.
pub async fn settled_refusal(node: &Node, request: Request, next: Next) -> Result<Response, StoreError> {
    let changes = !request.method().is_safe();
    let response = next.run(request).await;
    if changes { refused_change(node, response).await } else { Ok(response) }
}

/// The answer to a request for a change, once what it is refused for holds everywhere.
///
/// # Errors
/// When the store can't be asked.
pub async fn refused_change(node: &Node, answer: Response) -> Result<Response, StoreError> {
    if TOLD.contains(&answer.status()) {
        node.settle().await?;
    }
    Ok(answer)
}
