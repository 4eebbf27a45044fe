//! Where somebody is in a list: what they look for, and on which page. Links and forms of the list carry it along, so that whoever
//! cancels or saves comes back to where they were.

use url::form_urlencoded::Serializer;

use super::asked;

/// The most of a text that is looked for, in characters.
const LONGEST: usize = 120;

/// A place in a list.
#[derive(Debug)]
pub(super) struct Place {
    path: String,
    /// What narrows the list, by name; nothing is left out.
    search: Vec<(&'static str, String)>,
    /// How many are skipped.
    from: u32,
    /// How many are on a page.
    size: u32,
}

impl Place {
    /// Where an address leads that may narrow the list at `path` by `names`.
    pub(super) fn read(path: String, query: Option<&str>, names: &[&'static str], size: u32) -> Self {
        let narrowed = |name: &&'static str| {
            let value: String = asked::<String>(query, name)?.trim().chars().take(LONGEST).collect();
            (!value.is_empty()).then_some((*name, value))
        };
        Self { path, search: names.iter().filter_map(narrowed).collect(), from: asked(query, "from").unwrap_or(0), size }
    }

    /// The list.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// What the list is narrowed by.
    pub(super) fn value(&self, name: &str) -> &str {
        self.search.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value)
    }

    /// What to ask the store for: one more than the page holds tells whether there is a next page.
    pub(super) const fn range(&self) -> (u32, u32) {
        (self.from, self.size.saturating_add(1))
    }

    /// Cuts the page out of what the store found; whether there is more.
    pub(super) fn cut<T>(&self, found: &mut Vec<T>) -> bool {
        let more = found.len() > self.size as usize;
        found.truncate(self.size as usize);
        more
    }

    /// The page before.
    pub(super) fn before(&self) -> Option<String> {
        (self.from > 0).then(|| self.link(self.from.saturating_sub(self.size), &[]))
    }

    /// The page after, when there is more.
    pub(super) fn after(&self, more: bool) -> Option<String> {
        more.then(|| self.link(self.from.saturating_add(self.size), &[]))
    }

    /// The first page.
    pub(super) fn first(&self) -> String {
        self.link(0, &[])
    }

    /// This page.
    pub(super) fn here(&self) -> String {
        self.link(self.from, &[])
    }

    /// This page with something to say.
    pub(super) fn with(&self, said: &[(&str, &str)]) -> String {
        self.link(self.from, said)
    }

    fn link(&self, from: u32, said: &[(&str, &str)]) -> String {
        let mut query = Serializer::new(String::new());
        for (name, value) in &self.search {
            query.append_pair(name, value);
        }
        if from > 0 {
            query.append_pair("from", &from.to_string());
        }
        let query = query.extend_pairs(said).finish();
        if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(query: &str) -> Place {
        Place::read("/x".to_owned(), Some(query), &["text", "role"], 50)
    }

    #[test]
    fn links_keep_what_is_looked_for() {
        let here = place("text=+a%26b%20&role=admin&from=50&other=1");
        assert_eq!((here.value("text"), here.value("role"), here.range()), ("a&b", "admin", (50, 51)));
        assert_eq!(here.here(), "/x?text=a%26b&role=admin&from=50");
        assert_eq!(here.first(), "/x?text=a%26b&role=admin");
        assert_eq!(here.before().as_deref(), Some("/x?text=a%26b&role=admin"));
        assert_eq!(here.after(true).as_deref(), Some("/x?text=a%26b&role=admin&from=100"));
        assert_eq!((here.after(false), place("").before()), (None, None));
        assert_eq!(here.with(&[("done", "1")]), "/x?text=a%26b&role=admin&from=50&done=1");
        assert_eq!(place("text=&from=x").here(), "/x");
    }

    #[test]
    fn a_page_is_cut_to_its_size() {
        let mut found: Vec<u32> = (0..51).collect();
        assert!(place("").cut(&mut found) && found.len() == 50);
        assert!(!place("").cut(&mut found));
        assert_eq!(place(&format!("text={}", "x".repeat(500))).value("text").len(), LONGEST);
    }
}
