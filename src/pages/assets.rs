//! The files that pages link to, carried in the binary and named by their content.
//!
//! A name changes whenever its bytes do, so an answer may be kept for ever ([`CACHE_CONTROL`]) and an upgrade never
//! shows a page with yesterday's styles.

use std::sync::LazyLock;

use aws_lc_rs::digest::{SHA256, digest};

/// What to answer with every asset.
pub const CACHE_CONTROL: &str = "public, max-age=31536000, immutable";

/// One file.
#[derive(Debug)]
pub struct Asset {
    /// Absolute path, with a piece of the content's hash in it.
    pub path: String,
    /// For the `Content-Type` header.
    pub content_type: &'static str,
    /// The file.
    pub body: &'static str,
    /// For the `Content-Security-Policy` header, when the file is a program that may do more than any answer may.
    pub policy: Option<&'static str>,
}

const SVG: &str = "image/svg+xml";

static STYLESHEET: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("tollgate", "css", "text/css; charset=utf-8", packed(include_str!("static/tollgate.css"))));
static SCRIPT: LazyLock<Asset> =
    LazyLock::new(|| Asset::new("tollgate", "js", "text/javascript; charset=utf-8", include_str!("static/tollgate.js")));
/// A worker takes the policy of its own file: this one may ask this origin, and nothing else. So pages need not.
static SEEK: LazyLock<Asset> = LazyLock::new(|| {
    let file = Asset::new("seek", "js", "text/javascript; charset=utf-8", include_str!("static/seek.js"));
    Asset { policy: Some("default-src 'none'; connect-src 'self'"), ..file }
});
static ICONS: LazyLock<Asset> = LazyLock::new(|| Asset::new("icons", "svg", SVG, include_str!("static/icons.svg")));
static FAVICON: LazyLock<Asset> = LazyLock::new(|| Asset::new("favicon", "svg", SVG, include_str!("static/favicon.svg")));

/// Every file there is.
#[must_use]
pub fn all() -> [&'static Asset; 5] {
    [&STYLESHEET, &SCRIPT, &SEEK, &ICONS, &FAVICON]
}

/// The file at an absolute path such as `/assets/tollgate-0123456789ab.css`, if there is one.
#[must_use]
pub fn asset(path: &str) -> Option<&'static Asset> {
    all().into_iter().find(|asset| asset.path == path)
}

pub(super) fn stylesheet() -> &'static str {
    &STYLESHEET.path
}

pub(super) fn script() -> &'static str {
    &SCRIPT.path
}

pub(super) fn seek() -> &'static str {
    &SEEK.path
}

pub(super) fn icons() -> &'static str {
    &ICONS.path
}

pub(super) fn favicon() -> &'static str {
    &FAVICON.path
}

/// A stylesheet without its comments, its indentation and the blanks that mean nothing. It lives as long as the program.
fn packed(css: &str) -> &'static str {
    let mut out = String::with_capacity(css.len());
    for (i, piece) in css.split("/*").enumerate() {
        let code = if i == 0 { piece } else { piece.split_once("*/").map_or("", |(_, rest)| rest) };
        out.extend(code.lines().map(str::trim));
    }
    // No string of ours holds any of these.
    for (loose, tight) in [(" {", "{"), ("{ ", "{"), ("; ", ";"), (";}", "}"), (": ", ":"), (", ", ",")] {
        out = out.replace(loose, tight);
    }
    out.leak()
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, body: &'static str) -> Self {
        let hash = digest(&SHA256, body.as_bytes());
        let short = hash.as_ref().iter().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        Self { path: format!("/assets/{stem}-{short}.{extension}"), content_type, body, policy: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_found_by_its_own_path_and_no_other() {
        for file in all() {
            assert!(std::ptr::eq(asset(&file.path).expect("it was just listed"), file));
            assert!(file.path.starts_with("/assets/"));
        }
        assert!(asset("/assets/tollgate.css").is_none());
        assert!(asset("/assets/../tollgate.css").is_none());
    }

    #[test]
    fn the_stylesheet_stays_small() {
        assert!(STYLESHEET.body.len() < 12 * 1024, "{} bytes", STYLESHEET.body.len());
        assert!(SCRIPT.body.len() < 4 * 1024, "{} bytes", SCRIPT.body.len());
        assert!(SEEK.body.len() < 1024, "{} bytes", SEEK.body.len());
    }

    #[test]
    fn packing_changes_nothing_that_means_something() {
        let css = "/* a */\n@media (max-width: 1px) {\n  .a > b:is(c, d) + e { margin: 0 !important; content: \"+ \"; }\n}\n";
        assert_eq!(packed(css), "@media (max-width:1px){.a > b:is(c,d) + e{margin:0 !important;content:\"+ \"}}");
        let braces = |c: char| STYLESHEET.body.matches(c).count();
        assert!(braces('{') == braces('}') && braces('{') == include_str!("static/tollgate.css").matches('{').count());
    }

    #[test]
    fn one_file_alone_may_connect_and_only_to_us() {
        let programs: Vec<_> = all().into_iter().filter_map(|file| file.policy.map(|policy| (&file.path, policy))).collect();
        assert_eq!(programs, [(&SEEK.path, "default-src 'none'; connect-src 'self'")]);
    }

    #[test]
    fn assets_ask_nobody_else_for_anything() {
        for file in all() {
            let links: Vec<_> = file.body.match_indices("://").map(|(at, _)| &file.body[at.saturating_sub(8)..at + 3]).collect();
            let namespaces = file.body.matches("http://www.w3.org/2000/svg").count();
            assert_eq!(links.len(), namespaces, "{}: {links:?}", file.path);
            assert!(!file.body.contains("@import") && !file.body.contains("@font-face"));
        }
    }
}
