//! Lists: the page that was asked for, or all of them in turn.

use clap::Args;
use serde::Serialize;
use utoipa::ToSchema;

use super::failure::CliError;
use super::output::show;
use crate::admin::{AdminError, Page, PageQuery};

/// Items that are asked for at once where all are wanted: the largest page there is.
const AT_ONCE: u32 = 1000;

/// Which page of a list.
#[derive(Clone, Debug, Default, Args)]
pub(super) struct Paged {
    /// One page, of at most this many [default: everything; with --cursor 100]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    limit: Option<u32>,
    /// Where the page before ended
    #[arg(long)]
    cursor: Option<String>,
}

impl Paged {
    /// Whether one page is wanted.
    pub(super) const fn is_one(&self) -> bool {
        self.limit.is_some() || self.cursor.is_some()
    }

    /// The page that is wanted; `None` is all of them.
    pub(super) fn one(self) -> Option<PageQuery> {
        self.is_one().then_some(PageQuery { limit: self.limit, cursor: self.cursor })
    }
}

/// What to say below a page that is not the last one.
pub(super) fn more(next: Option<&str>) -> String {
    next.map_or_else(String::new, |next| format!("\nmore: --cursor {next}\n"))
}

/// Prints a list: without `--limit` and `--cursor` all of it, in JSON an array; with one of them that page, in JSON
/// `{"data": […], "next": …}`.
pub(super) async fn list<T: Serialize + ToSchema>(
    json: bool,
    paged: Paged,
    ask: impl AsyncFn(PageQuery) -> Result<Page<T>, AdminError>,
    human: impl Fn(&[T]) -> String,
) -> Result<(), CliError> {
    match paged.one() {
        None => show(json, &every(ask).await?, |all| human(all)),
        Some(page) => show(json, &ask(page).await?, |page| human(&page.data) + &more(page.next.as_deref())),
    }
}

/// Every page of a list.
pub(super) async fn every<T: ToSchema>(
    ask: impl AsyncFn(PageQuery) -> Result<Page<T>, AdminError>,
) -> Result<Vec<T>, AdminError> {
    let (mut all, mut cursor) = (Vec::new(), None);
    loop {
        let page = ask(PageQuery { limit: Some(AT_ONCE), cursor }).await?;
        all.extend(page.data);
        match page.next {
            Some(next) => cursor = Some(next),
            None => return Ok(all),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::tests::Fixture;
    use crate::admin::{Administration, NewOrg};

    #[tokio::test]
    async fn every_page_of_a_list_is_read() {
        let fixture = Fixture::start().await;
        let admin = fixture.remote();
        for slug in ["c", "a", "e", "b", "d"] {
            admin.create_org(NewOrg { slug: slug.to_owned(), ..NewOrg::default() }).await.expect("an organization");
        }
        let by_two = async |page: PageQuery| admin.orgs(PageQuery { limit: Some(2), ..page }).await;
        let all = every(by_two).await.expect("organizations");
        assert_eq!(all.iter().map(|org| org.slug.as_str()).collect::<Vec<_>>(), ["a", "b", "c", "d", "e"]);
    }
}
