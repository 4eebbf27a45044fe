//! Lists in pages.

use std::fmt::Display;

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::error::ApiError;
use crate::types::Timestamp;

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
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// At most this many items, 1 to 1000; 100 when absent.
    #[param(minimum = 1, maximum = 1000)]
    pub(super) limit: Option<usize>,
    /// `next` of the page before.
    pub(super) cursor: Option<String>,
}

/// What takes no parameters: who gives one would think that it did something.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// How many items a page may have.
pub(super) fn limit(asked: Option<usize>) -> Result<usize, ApiError> {
    match asked.unwrap_or(USUAL) {
        limit if (1..=MOST).contains(&limit) => Ok(limit),
        _ => Err(ApiError::invalid(format!("limit is 1 to {MOST}"))),
    }
}

/// How many to ask the store for: one more than the page holds tells whether there is a next page.
pub(super) fn one_more(limit: usize) -> u32 {
    u32::try_from(limit + 1).unwrap_or(u32::MAX)
}

/// `MILLIS~ID`: where a list goes on that is in the order in which things were made.
pub(super) fn made(at: Timestamp, id: &impl Display) -> String {
    format!("{}~{id}", at.millis())
}

/// Reads what [`made`] wrote.
pub(super) fn place<I, E>(cursor: &str, parse: impl Fn(&str) -> Result<I, E>) -> Result<(Timestamp, I), ApiError> {
    let read = cursor.split_once('~').and_then(|(time, id)| Some((Timestamp::from_millis(time.parse().ok()?), parse(id).ok()?)));
    read.ok_or_else(damaged)
}

/// A cursor that is none of ours.
pub(super) fn damaged() -> ApiError {
    ApiError::invalid("cursor: use `next` of the page before")
}

impl<T: ToSchema> Page<T> {
    /// A page of what the store found when it was asked for [`one_more`].
    pub(super) fn found<R>(mut found: Vec<R>, limit: usize, cursor: impl Fn(&R) -> String, view: impl FnMut(R) -> T) -> Self {
        let next = if found.len() > limit { found.get(limit - 1).map(cursor) } else { None };
        found.truncate(limit);
        Self { data: found.into_iter().map(view).collect(), next }
    }

    /// Nothing was found.
    pub(super) const fn empty() -> Self {
        Self { data: Vec::new(), next: None }
    }

    /// A page of everything in the order of the keys, of which each is another.
    pub(super) fn in_order<R>(
        mut all: Vec<R>,
        key: impl Fn(&R) -> String,
        page: &PageQuery,
        view: impl FnMut(R) -> T,
    ) -> Result<Self, ApiError> {
        let limit = limit(page.limit)?;
        all.sort_by_cached_key(&key);
        if let Some(cursor) = &page.cursor {
            all.retain(|item| key(item) > *cursor);
        }
        Ok(Self::found(all, limit, key, view))
    }

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
