//! The operator's logo: a picture that pages show, and nothing besides.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::error::{ConfigError, KeyPath};

/// Largest file, bytes: every page shows it.
const MAX_LOGO: u64 = 64 * 1024;
/// Largest width and height of a PNG.
const MAX_SIDE: u32 = 2048;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
const NAMESPACE: &str = "http://www.w3.org/2000/svg";

/// What an SVG has that is more than a picture, in small letters. As an image none of it runs; opened by itself it is kept from
/// running by its policy. Refusing it says so when there is time to choose another file.
const MORE: [&str; 6] = ["<script", "<foreignobject", "<!entity", "<!doctype", "javascript:", "@import"];

/// A logo that was read and looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    /// Where it is served on the gateway's own origin: named by its content, so that it may be kept for ever.
    pub path: String,
    /// For the `Content-Type` header.
    pub content_type: &'static str,
    /// The file.
    pub body: Bytes,
}

impl Logo {
    /// For the `Content-Security-Policy` header: opened by itself, it may do nothing and ask nobody.
    pub const POLICY: &'static str = "default-src 'none'; style-src 'unsafe-inline'; sandbox";

    /// Reads the file at `path`, which must be a PNG or an SVG.
    pub(super) fn read(path: &Path, at: &KeyPath) -> Result<Self, ConfigError> {
        let problem = |what: &str, way_out: &str| ConfigError::new(at, format!("{} {what}", path.display()), way_out);
        let mut bytes = Vec::new();
        let read = File::open(path).and_then(|file| file.take(MAX_LOGO + 1).read_to_end(&mut bytes));
        read.map_err(|e| problem(&format!("can't be read: {e}"), "make it readable for the gateway's user"))?;
        if bytes.len() as u64 > MAX_LOGO {
            return Err(problem("is larger than 64 KiB", "every page shows it: make it smaller"));
        }
        match kind(&bytes) {
            Ok((extension, content_type)) => Ok(Self { path: address(&bytes, extension), content_type, body: bytes.into() }),
            Err(what) => Err(problem(&what, "name a PNG, or an SVG that is a picture alone")),
        }
    }
}

/// Extension and media type; or what is wrong.
fn kind(bytes: &[u8]) -> Result<(&'static str, &'static str), String> {
    if bytes.starts_with(PNG) {
        return png(bytes).map(|()| ("png", "image/png"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is neither a PNG nor an SVG".to_owned())?;
    svg(text).map(|()| ("svg", "image/svg+xml"))
}

/// A PNG says its width and height in the first chunk.
fn png(bytes: &[u8]) -> Result<(), String> {
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
    let head = bytes.get(12..16).filter(|name| *name == b"IHDR");
    match (head, number(16), number(20)) {
        (Some(_), Some(width), Some(height)) if (1..=MAX_SIDE).contains(&width) && (1..=MAX_SIDE).contains(&height) => Ok(()),
        (Some(_), Some(width), Some(height)) => Err(format!("is {width} by {height} pixels; {MAX_SIDE} are the most")),
        _ => Err("is a damaged PNG".to_owned()),
    }
}

fn svg(text: &str) -> Result<(), String> {
    let small = text.trim_start_matches('\u{feff}').to_ascii_lowercase();
    if !small.trim_start().starts_with('<') || !small.contains("<svg") || !small.contains(NAMESPACE) {
        return Err("is neither a PNG nor an SVG".to_owned());
    }
    if let Some(more) = MORE.into_iter().find(|more| small.contains(more)) {
        return Err(format!("has {more:?}, which no picture needs"));
    }
    if let Some(handler) = handler(&small) {
        return Err(format!("has the attribute {handler:?}, which no picture needs"));
    }
    // Namespaces are names, not places. Of what is left, nothing may be fetched from elsewhere.
    let links = ["href=\"http", "href='http", "href=\"//", "href='//", "url(http", "url(//", "url('http", "url(\"http"];
    match links.into_iter().find(|link| small.contains(link)) {
        Some(_) => Err("asks another site for something".to_owned()),
        None => Ok(()),
    }
}

/// An attribute that runs something, such as `onload`.
fn handler(small: &str) -> Option<&str> {
    // White space may stand before the sign.
    let (before_signs, _) = small.rsplit_once('=')?;
    before_signs.split('=').find_map(|before| {
        let before = before.trim_ascii_end();
        let name = before.rsplit(|c: char| c.is_ascii_whitespace() || matches!(c, '"' | '\'' | '/')).next()?;
        let event = name.strip_prefix("on")?;
        (!event.is_empty() && event.bytes().all(|b| b.is_ascii_lowercase())).then_some(name)
    })
}

fn address(bytes: &[u8], extension: &str) -> String {
    let hash = digest(&SHA256, bytes);
    let short = hash.as_ref().iter().take(6).fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    format!("/assets/logo-{short}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"><path d=\"M0 0h1v1z\" fill=\"#06c\"/></svg>";

    /// The first chunk of a PNG of this size; the rest is the browser's business.
    fn head(width: u32, height: u32) -> Vec<u8> {
        [PNG, &13_u32.to_be_bytes(), b"IHDR", &width.to_be_bytes(), &height.to_be_bytes()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Logo, String> {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("logo");
        std::fs::write(&path, bytes).expect("a file");
        Logo::read(&path, &KeyPath::root().key("oauth").key("operator_logo")).map_err(|e| e.to_string())
    }

    #[test]
    fn pictures_are_served_as_what_they_are() {
        let svg = read(SVG.as_bytes()).expect("an SVG");
        assert_eq!((svg.content_type, &svg.body[..]), ("image/svg+xml", SVG.as_bytes()));
        assert!(svg.path.starts_with("/assets/logo-") && svg.path.rsplit('.').next() == Some("svg"), "{}", svg.path);
        let declared = format!("\u{feff}<?xml version=\"1.0\"?>\n<!-- ours -->\n{SVG}");
        assert_ne!(read(declared.as_bytes()).expect("an SVG").path, svg.path, "another content has another name");
        assert_eq!(read(&head(64, 32)).expect("a PNG").content_type, "image/png");
    }

    #[test]
    fn what_is_more_or_less_than_a_picture_is_refused() {
        let with = |inside: &str| SVG.replace("<path", &format!("{inside}<path")).into_bytes();
        for (bytes, why) in [
            (Vec::new(), "neither a PNG nor an SVG"),
            (b"GIF89a".to_vec(), "neither a PNG nor an SVG"),
            (b"\xff\xd8\xff\xe0".to_vec(), "neither a PNG nor an SVG"),
            (b"<svg>no namespace</svg>".to_vec(), "neither a PNG nor an SVG"),
            (PNG.to_vec(), "damaged"),
            (head(0, 5), "0 by 5 pixels"),
            (head(4000, 5), "4000 by 5 pixels"),
            (with("<script>alert(1)</script>"), "\"<script\""),
            (with("<ForeignObject/>"), "\"<foreignobject\""),
            (with("<a href=\"javascript:x\"/>"), "\"javascript:\""),
            (with("<g onload=\"x\"/>"), "\"onload\""),
            (with("<g id='a'onclick='x'/>"), "\"onclick\""),
            (with("<g onload =\"x\"/>"), "\"onload\""),
            (with("<g id='a' onclick\n\t= 'x'/>"), "\"onclick\""),
            (with("<image href=\"https://elsewhere.example/x.png\"/>"), "another site"),
            (with("<image xlink:href='//elsewhere.example/x.png'/>"), "another site"),
            (format!("<!DOCTYPE svg [<!ENTITY a 'b'>]>{SVG}").into_bytes(), "\"<!entity\""),
            (vec![b' '; 65 * 1024], "larger than 64 KiB"),
        ] {
            let problem = read(&bytes).expect_err("no logo");
            assert!(problem.starts_with("oauth.operator_logo: ") && problem.contains(why), "{why}: {problem}");
        }
        let gone = Logo::read(Path::new("/nowhere/logo.svg"), &KeyPath::root().key("oauth")).expect_err("no file");
        assert!(gone.to_string().contains("can't be read"), "{gone}");
    }
}
