//! Leafing through a list that is in the order in which things were made, newest first: by the places where pages ended, so that
//! what is made or ended meanwhile moves nothing between pages.

use std::fmt::Display;

use super::asked;
use crate::types::Timestamp;

/// Pages that can be leafed back.
const MOST: usize = 16;

/// One page, by the ends of those that were left behind, oldest first. Only the last few are kept.
#[derive(Debug)]
pub(in crate::account) struct Leaf<I>(Vec<(Timestamp, I)>);

impl<I: Display + Clone> Leaf<I> {
    /// Those in `after` of an address; a damaged address is the first page.
    pub(in crate::account) fn read<E>(query: Option<&str>, parse: impl Fn(&str) -> Result<I, E>) -> Self {
        let place = |text: &str| {
            let (time, id) = text.split_once('~')?;
            Some((Timestamp::from_millis(time.parse().ok()?), parse(id).ok()?))
        };
        let ends = asked::<String>(query, "after").and_then(|text| text.split(',').map(place).collect::<Option<Vec<_>>>());
        Self(ends.filter(|ends| ends.len() <= MOST).unwrap_or_default())
    }

    /// Where the page begins; `None` is the start.
    pub(in crate::account) fn last(&self) -> Option<&(Timestamp, I)> {
        self.0.last()
    }

    /// Cuts a page of `size` out of what the store found when it was asked for one more, and says where older ones are.
    pub(in crate::account) fn cut<T>(
        &self,
        path: &str,
        found: &mut Vec<T>,
        size: usize,
        place: impl Fn(&T) -> (Timestamp, I),
    ) -> Option<String> {
        let more = found.len() > size;
        found.truncate(size);
        let end = found.last().filter(|_| more).map(place)?;
        let ends = [&self.0[..], &[end]].concat();
        Some(link(path, &ends[ends.len().saturating_sub(MOST)..]))
    }

    /// This page.
    pub(in crate::account) fn here(&self, path: &str) -> String {
        link(path, &self.0)
    }

    /// This page, with something to say.
    pub(in crate::account) fn with(&self, path: &str, name: &str, value: &str) -> String {
        let here = self.here(path);
        let mark = if here.contains('?') { '&' } else { '?' };
        format!("{here}{mark}{name}={value}")
    }

    /// Where newer ones are.
    pub(in crate::account) fn newer(&self, path: &str) -> Option<String> {
        self.0.split_last().map(|(_, before)| link(path, before))
    }
}

fn link<I: Display>(path: &str, ends: &[(Timestamp, I)]) -> String {
    let ends: Vec<_> = ends.iter().map(|(time, id)| format!("{}~{id}", time.millis())).collect();
    let mark = if path.contains('?') { '&' } else { '?' };
    if ends.is_empty() { path.to_owned() } else { format!("{path}{mark}after={}", ends.join(",")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::GrantId;

    fn grant(n: i64) -> (Timestamp, GrantId) {
        (Timestamp::from_millis(n), GrantId::parse(&format!("gr_{n}")).expect("an id"))
    }

    /// The page behind these ends: what is on it with where newer and older ones are.
    fn leaf(href: &str) -> (Vec<i64>, Option<String>, Option<String>) {
        let page = Leaf::read(href.split_once('?').map(|(_, query)| query), GrantId::parse);
        let start = page.last().map_or(i64::MAX, |(time, _)| time.millis());
        let mut found: Vec<i64> = (0..100).rev().filter(|n| *n < start).take(3).collect();
        let older = page.cut("/x", &mut found, 2, |n| grant(*n));
        (found, page.newer("/x"), older)
    }

    #[test]
    fn pages_lead_to_the_last_and_back() {
        let (mut href, mut seen) = ("/x".to_owned(), Vec::new());
        loop {
            let (found, newer, older) = leaf(&href);
            assert_eq!(newer.is_none(), seen.is_empty());
            seen.extend(found);
            let Some(older) = older else { break };
            assert!(older.len() < 512, "it is kept short: {older}");
            href = older;
        }
        assert_eq!(seen, (0..100).rev().collect::<Vec<_>>());
        for _ in 0..MOST {
            href = leaf(&href).1.expect("a newer page");
        }
        assert_eq!(leaf(&href).0, [99, 98], "further back it is the first page");
        assert_eq!(leaf("/x?after=98~gr_98,96~gr_96").1.as_deref(), Some("/x?after=98~gr_98"));
        let page = Leaf::read(Some("after=98~gr_98"), GrantId::parse);
        assert_eq!(page.here("/x?text=a"), "/x?text=a&after=98~gr_98", "what is looked for stays");
    }

    #[test]
    fn a_page_is_returned_to() {
        let page = Leaf::read(Some("after=98~gr_98,96~gr_96&confirm=block"), GrantId::parse);
        assert_eq!(page.here("/x"), "/x?after=98~gr_98,96~gr_96");
        assert_eq!(page.with("/x", "done", "blocked"), "/x?after=98~gr_98,96~gr_96&done=blocked");
        assert_eq!(Leaf::read(None, GrantId::parse).with("/x", "done", "blocked"), "/x?done=blocked");
    }

    #[test]
    fn a_damaged_address_is_the_first_page() {
        let many = vec!["5~gr_5"; MOST + 1].join(",");
        for after in ["", "5", "5~", "~gr_5", "x~gr_5", "5~gr_5,", "5~<b>", &many] {
            assert!(Leaf::read(Some(&format!("after={after}")), GrantId::parse).last().is_none(), "{after}");
        }
    }
}
