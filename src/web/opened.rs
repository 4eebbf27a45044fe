//! Pages are for windows that somebody opened. A script or a frame that fetches one is refused, where the browser says that it
//! is one.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};

/// Refuses a page to a script, a frame, or anything else that is no window, where the browser says so. A page carries the token of its
/// form: who reads the page could send it. Browsers that say nothing get their page.
pub async fn opened(request: Request, next: Next) -> Response {
    if request.uri().path().starts_with("/assets/") || is_opened(request.headers()) {
        return next.run(request).await;
    }
    StatusCode::FORBIDDEN.into_response()
}

/// Whether nothing says that this is no window which goes to a page (Fetch Metadata, W3C).
fn is_opened(headers: &HeaderMap) -> bool {
    let says = |name: &str, expected: &str| headers.get_all(name).iter().all(|value| value.as_bytes() == expected.as_bytes());
    says("sec-fetch-mode", "navigate") && says("sec-fetch-dest", "document")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn windows_are_told_from_scripts() {
        let case = |mode: Option<&'static str>, dest: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            let said = [("sec-fetch-mode", mode), ("sec-fetch-dest", dest)];
            for (name, value) in said.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                headers.insert(name, HeaderValue::from_static(value));
            }
            is_opened(&headers)
        };
        assert!(case(None, None) && case(Some("navigate"), Some("document")) && case(Some("navigate"), None));
        for (mode, dest) in [("cors", "empty"), ("same-origin", "empty"), ("no-cors", "script"), ("navigate", "iframe")] {
            assert!(!case(Some(mode), Some(dest)), "{mode} {dest}");
        }
        assert!(!case(Some("cors"), None) && !case(None, Some("empty")));
    }
}
