//! Lists in pages: where one begins, and how it is cut from what the store found.

use std::fmt::Display;

use utoipa::ToSchema;

use crate::admin::error::AdminError;
use crate::admin::model::{MOST, Page, USUAL};
use crate::types::Timestamp;

/// A page that was asked for.
pub(super) struct Wanted<P> {
    limit: u32,
    /// What it is behind.
    pub(super) after: Option<P>,
}

impl<P> Wanted<P> {
    /// Reads what was asked for; `read` knows the cursors of the list.
    pub(super) fn new(limit: Option<u32>, cursor: Option<&str>, read: impl Fn(&str) -> Option<P>) -> Result<Self, AdminError> {
        let limit = limit.unwrap_or(USUAL);
        if !(1..=MOST).contains(&limit) {
            return Err(AdminError::invalid(format!("limit is 1 to {MOST}")));
        }
        let lost = || AdminError::invalid("cursor: use `next` of the page before");
        let after = cursor.map(|cursor| read(cursor).ok_or_else(lost)).transpose()?;
        Ok(Self { limit, after })
    }

    /// How many to ask the store for: one more than the page holds tells whether there is a next page.
    pub(super) const fn one_more(&self) -> u32 {
        self.limit + 1
    }

    /// The page of what was found behind its place: all of it, or at least [`Self::one_more`].
    pub(super) fn page<R, T: ToSchema>(
        &self,
        mut found: Vec<R>,
        cursor: impl Fn(&R) -> String,
        view: impl FnMut(R) -> T,
    ) -> Page<T> {
        let limit = self.limit as usize;
        let next = if found.len() > limit { found.get(limit - 1).map(cursor) } else { None };
        found.truncate(limit);
        Page { data: found.into_iter().map(view).collect(), next }
    }
}

/// `MILLIS~ID`: a place in a list that is in the order in which things were made.
pub(super) fn made(at: Timestamp, id: &impl Display) -> String {
    format!("{}~{id}", at.millis())
}

/// Reads what [`made`] wrote.
pub(super) fn place<I, E>(parse: impl Fn(&str) -> Result<I, E>) -> impl Fn(&str) -> Option<(Timestamp, I)> {
    move |cursor: &str| {
        let (time, id) = cursor.split_once('~')?;
        Some((Timestamp::from_millis(time.parse().ok()?), parse(id).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::GrantId;

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        let at = |n: i64| (Timestamp::from_millis(n), GrantId::parse(&format!("gr_{n}")).expect("an id"));
        let cursor = |(time, id): &(Timestamp, GrantId)| made(*time, id);
        let names = |page: &Page<String>| page.data.join(" ");
        let first = Wanted::new(Some(2), None, place(GrantId::parse)).expect("a page");
        assert_eq!((first.one_more(), &first.after), (3, &None));
        let page = first.page(vec![at(9), at(8), at(7)], cursor, |(_, id)| id.to_string());
        assert_eq!((names(&page).as_str(), page.next.as_deref()), ("gr_9 gr_8", Some("8~gr_8")));
        let second = Wanted::new(Some(2), page.next.as_deref(), place(GrantId::parse)).expect("a page");
        assert_eq!(second.after, Some(at(8)));
        let page = second.page(vec![at(7), at(6)], cursor, |(_, id)| id.to_string());
        assert_eq!((names(&page).as_str(), page.next), ("gr_7 gr_6", None));
    }

    #[test]
    fn what_is_no_page_is_refused() {
        for (limit, cursor) in
            [(Some(0), None), (Some(1001), None), (None, Some("gr_8")), (None, Some("x~gr_8")), (None, Some("8~a b"))]
        {
            assert!(Wanted::new(limit, cursor, place(GrantId::parse)).is_err(), "{limit:?} {cursor:?}");
        }
        assert_eq!(Wanted::new(None, None, place(GrantId::parse)).expect("a page").one_more(), USUAL + 1);
    }
}
