//! Lists in pages.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;

pub(super) type Answer<T> = Result<Json<T>, ApiError>;

/// Items of a page when the query doesn't say, and the most that it may say.
const USUAL: usize = 100;
const MOST: usize = 1000;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T: ToSchema> {
    /// The items, newest first unless the operation says otherwise.
    pub(super) data: Vec<T>,
    /// Where to go on (`cursor`); `null` at the end.
    pub(super) next: Option<String>,
}

/// Which page.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// How many items a page may have.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked.unwrap_or(USUAL) {
        limit if (1..=MOST).contains(&limit) => Ok(limit),
        _ => Err(ApiError::invalid(format!("limit is 1 to {MOST}"))),
    }
}

impl<T: ToSchema> Page<T> {
    /// Cuts a page out of everything. Ids of ours sort by time, so what is made or removed meanwhile moves no item between pages.
    pub(super) fn cut(mut all: Vec<T>, id: impl Fn(&T) -> String, page: &PageQuery) -> Result<Self, ApiError> {
        all.sort_by_key(|item| std::cmp::Reverse(id(item)));
        if let Some(cursor) = &page.cursor {
            all.retain(|item| id(item) < *cursor);
        }
        Self::start(all, id, page)
    }

    /// The same of things that are known by name, the first name first.
    pub(super) fn by_name(mut all: Vec<T>, name: impl Fn(&T) -> String, page: &PageQuery) -> Result<Self, ApiError> {
        all.sort_by_key(&name);
        if let Some(cursor) = &page.cursor {
            all.retain(|item| name(item) > *cursor);
        }
        Self::start(all, name, page)
    }

    fn start(mut all: Vec<T>, id: impl Fn(&T) -> String, page: &PageQuery) -> Result<Self, ApiError> {
        let limit = limit(page.limit)?;
        let more = all.len() > limit;
        all.truncate(limit);
        let next = if more { all.last().map(id) } else { None };
        Ok(Self { data: all, next })
    }
}
