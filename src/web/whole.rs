//! Forms are read to their end before anybody asks who sent them: a body can be sent slowly, and what its sender may do is
//! looked up only when all of it is here.

use std::io;

use axum::body::Body;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use futures::stream;
use http_body::Body as _;

use super::{MAX_FORM, body_within};

/// Lets a request pass when its body is there. Sessions and permissions are read behind this: what takes its time to arrive is
/// decided by what is true at its end. A body that is too large or breaks off is one that can't be read there either.
pub async fn whole_form(request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    if body.is_end_stream() {
        return next.run(Request::from_parts(parts, body)).await;
    }
    let body = body_within(body, MAX_FORM).await.map_or_else(unreadable, Body::from);
    next.run(Request::from_parts(parts, body)).await
}

fn unreadable() -> Body {
    Body::from_stream(stream::iter([Err::<Bytes, _>(io::Error::from(io::ErrorKind::InvalidData))]))
}
