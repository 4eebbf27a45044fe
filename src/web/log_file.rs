//! What a search of the log finds as a file: page by page from the store, never whole in memory. Pages, the API and administration
//! all write theirs here.

use std::collections::HashMap;

use async_trait::async_trait;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};

use crate::record::FileFormat;
use crate::store::{AuditFilter, AuditRow, Cursor, DecisionFilter, SharedStore, StoreError};
use crate::types::{RecordId, Timestamp};

/// Records that are in memory at one time.
const BATCH: u32 = 500;

/// Why a file ends before its end. It is cut then, so that nobody takes a part for the whole.
#[derive(Debug, thiserror::Error)]
pub enum Cut {
    /// The reader may no longer read this log.
    #[error("the reader may no longer read this log")]
    Barred,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whoever a file is for.
#[async_trait]
pub trait LogReader: std::fmt::Debug + Send {
    /// Asked before each page leaves the gateway: permissions end while a long file is read.
    ///
    /// # Errors
    /// [`Cut::Barred`] when the reader may not see it, [`Cut::Store`] when that can't be told.
    async fn may_see(&mut self, page: &[AuditRow]) -> Result<(), Cut>;
}

/// A file of records that is still to be written.
#[derive(Debug)]
pub struct LogFile<R> {
    /// What it is written in.
    pub format: FileFormat,
    /// What is in it; `None` when the search names somebody whom nothing can match.
    pub filter: Option<AuditFilter>,
    /// Whoever it is for.
    pub reader: R,
}

/// Where a file goes on.
enum Next {
    /// Behind this record; at the newest without one.
    Page(Option<Cursor>),
    /// Nowhere.
    Done,
}

impl<R> LogFile<R> {
    /// The same file, for somebody.
    #[must_use]
    pub fn read_by<T>(self, reader: T) -> LogFile<T> {
        LogFile { format: self.format, filter: self.filter, reader }
    }

    /// Ends at `now`: a file does not chase what happens meanwhile, itself for a start.
    #[must_use]
    pub fn until(mut self, now: Timestamp) -> Self {
        self.filter = self.filter.map(|f| AuditFilter { to: Some(f.to.map_or(now, |to| to.min(now))), ..f });
        self
    }

    /// What is in it, in times and ids alone: for the record of the export.
    #[must_use]
    pub fn remark(&self) -> String {
        self.filter.as_ref().map_or_else(|| "nothing: the search names an unknown user".to_owned(), remark)
    }
}

impl<R: LogReader + 'static> LogFile<R> {
    /// The file as a stream.
    #[must_use]
    pub fn stream(self, store: SharedStore) -> BoxStream<'static, Result<Bytes, Cut>> {
        stream::try_unfold((Next::Page(None), self, store), |(next, mut file, store)| async move {
            let Next::Page(after) = next else { return Ok(None) };
            let (text, next) = file.page(&store, after.as_ref()).await?;
            Ok((!text.is_empty()).then(|| (Bytes::from(text), (next, file, store))))
        })
        .boxed()
    }

    /// The file as an answer, under this name without its ending.
    #[must_use]
    pub fn answer(self, store: SharedStore, name: &str) -> Response {
        let format = self.format;
        let mut response = Response::new(Body::from_stream(self.stream(store)));
        *response.status_mut() = StatusCode::OK;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        if let Ok(name) = HeaderValue::from_str(&format!("attachment; filename=\"{name}.{}\"", format.name())) {
            response.headers_mut().insert(CONTENT_DISPOSITION, name);
        }
        response
    }

    async fn page(&mut self, store: &SharedStore, after: Option<&Cursor>) -> Result<(String, Next), Cut> {
        let Some(filter) = &self.filter else { return Ok((self.format.head(), Next::Done)) };
        let page = store.search_audit(filter, after, BATCH).await?;
        self.reader.may_see(&page.rows).await?;
        let mut text = if after.is_none() { self.format.head() } else { String::new() };
        text.reserve(page.rows.len() * 1024);
        let ids: Vec<RecordId> = page.rows.iter().map(|row| row.record.id.clone()).collect();
        let seals = if self.format.names_seals() { store.seals_of(&ids).await? } else { HashMap::new() };
        for row in &page.rows {
            self.format.write(&row.record, seals.get(&row.record.id), &mut text);
        }
        Ok((text, page.next.map_or(Next::Done, |next| Next::Page(Some(next)))))
    }
}

fn remark(filter: &AuditFilter) -> String {
    let from = filter.from.map_or_else(|| "the beginning".to_owned(), |at| at.to_string());
    let to = filter.to.map_or_else(|| "now".to_owned(), |at| at.to_string());
    let decision = filter.decision.map(|decision| match decision {
        DecisionFilter::Allowed => "decision allowed",
        DecisionFilter::Denied => "decision denied",
        DecisionFilter::Unknown => "decision unknown",
        DecisionFilter::WouldDeny => "decision would_deny",
    });
    // Names of APIs, tools and operations, and texts, are not repeated: somebody else may have chosen them.
    let named = filter.api.is_some() || filter.tool.is_some() || filter.operation.is_some() || filter.text.is_some();
    let narrowed = [
        filter.user.as_ref().map(|u| format!("user {u}")),
        filter.client.as_ref().map(|c| format!("client {c}")),
        filter.grant.as_ref().map(|g| format!("grant {g}")),
        filter.request.as_ref().map(|r| format!("request {r}")),
        filter.status.map(|s| format!("status {} to {}", s.first, s.last)),
        decision.map(ToOwned::to_owned),
        named.then(|| "an API, a tool, an operation or text".to_owned()),
    ];
    let narrowed: Vec<_> = narrowed.into_iter().flatten().collect();
    let by = if narrowed.is_empty() { String::new() } else { format!(", narrowed by {}", narrowed.join(", ")) };
    format!("from {from} to {to}{by}")
}
