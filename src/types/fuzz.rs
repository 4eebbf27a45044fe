//! Names and addresses that strangers write, for whoever looks for texts that fool what reads them.

use url::Url;

use super::{Issuer, Placeholder, RedirectUri, ResourceId, ScopeSet, Template, UserCode};

/// A set of scopes is what it prints, and holds nothing but scopes.
pub fn scopes(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(set) = ScopeSet::parse(text) else { return };
    let printed = set.to_string();
    assert_eq!(ScopeSet::parse(&printed).as_ref(), Ok(&set));
    assert!(set.iter().all(|scope| text.split(' ').any(|t| t == scope.as_str())));
    let json = serde_json::to_string(&set).expect("a set is text");
    assert_eq!(serde_json::from_str::<ScopeSet>(&json).ok(), Some(set));
}

/// What is sent back goes where a browser goes with the very text, and admits nobody but itself and its other ports.
pub fn redirect_uri(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Some(Ok(registered)) = lines.next().map(RedirectUri::parse) else { return };
    let url = Url::parse(registered.as_str()).expect("a URL");
    assert!(url.fragment().is_none() && url.username().is_empty() && url.password().is_none());
    assert!(
        url.scheme() != "http"
            || registered.is_loopback()
            || url.host_str().is_some_and(|h| h == "localhost" || h == "[::1]" || h.starts_with("127.")),
        "{url}"
    );
    assert!(registered.admits(&registered));
    let answered = registered.with_query([("code", "a&b"), ("state", "#")]);
    let answered = Url::parse(&answered).expect("a URL with an answer");
    assert_eq!((answered.scheme(), answered.host_str(), answered.port()), (url.scheme(), url.host_str(), url.port()));
    assert_eq!((answered.path(), answered.fragment()), (url.path(), None));
    let pairs: Vec<_> = answered.query_pairs().collect();
    assert!(pairs.ends_with(&[("code".into(), "a&b".into()), ("state".into(), "#".into())]), "{answered}");
    let Some(Ok(presented)) = lines.next().map(RedirectUri::parse) else { return };
    if registered.admits(&presented) {
        let other = Url::parse(presented.as_str()).expect("a URL");
        assert_eq!(
            (other.scheme(), other.host_str(), other.path(), other.query()),
            (url.scheme(), url.host_str(), url.path(), url.query())
        );
        assert!(presented.admits(&registered));
        assert!(other.port() == url.port() || registered.is_loopback(), "{url} admits {other}");
    }
}

/// Every text that is taken prints as what is taken again.
pub fn names(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(issuer) = Issuer::parse(text) {
        assert_eq!(Issuer::parse(issuer.as_str()).as_ref(), Ok(&issuer));
        assert_eq!(Url::parse(&issuer.at("/x")).expect("a URL").path(), "/x");
    }
    if let Ok(resource) = ResourceId::parse(text) {
        assert_eq!(ResourceId::parse(resource.as_str()).as_ref(), Ok(&resource));
    }
    if let Some(code) = UserCode::typed(text) {
        assert!(UserCode::typed(&code.to_string()).is_some_and(|again| again.letters() == code.letters()));
    }
    let known = [Placeholder::OrgTenant, Placeholder::UserId];
    if let Ok(template) = Template::parse(text, &known) {
        let names = template.names().count();
        let filled = template.fill(|name, out| out.push_str(&format!("{{{}}}", name.name())));
        assert_eq!((filled.as_str(), text.matches('{').count()), (text, names), "filled with their own names, nothing changes");
    }
}
