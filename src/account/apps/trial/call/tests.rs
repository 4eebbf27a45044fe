use super::*;
use crate::account::tests::world::World;

fn entered(path: &str, query: &str) -> EnteredCall {
    EnteredCall { path: path.to_owned(), query: query.to_owned(), ..EnteredCall::default() }
}

#[tokio::test]
async fn a_call_goes_to_the_chosen_route_and_nowhere_else() {
    let world = World::new().await;
    let config = world.node.config.load_full();
    let api = config.apis.iter().find(|a| a.name.as_str() == "prometheus").expect("the API");
    let named = |id: &str| api.listing.iter().find(|r| r.id.as_str() == id).expect("a route");
    let (series, values) = (named("prometheus.series"), named("prometheus.label_values"));
    let fixed =
        |path: &str, query: &str| target(&config, (series, &Method::GET, "/prometheus/api/v1/labels"), &entered(path, query));
    assert_eq!(fixed("", ""), Ok("/prometheus/api/v1/labels".to_owned()));
    let query = "?match[]=up{a=\"b c\"}";
    assert_eq!(fixed("/elsewhere", query), Ok("/prometheus/api/v1/labels?match[]=up{a=%22b%20c%22}".to_owned()));
    let open =
        |path: &str| target(&config, (values, &Method::GET, "/prometheus/api/v1/label/{label}/values"), &entered(path, ""));
    assert_eq!(open("/prometheus/api/v1/label/job/values"), Ok("/prometheus/api/v1/label/job/values".to_owned()));
    for wrong in [
        "",
        "prometheus/api/v1/labels",
        "//evil.test/",
        "/settings/applications",
        "/orgs/acme/apps",
        "/prometheus/api/v1/labels",
        "/prometheus/../settings/applications",
        "/prometheus/api/v1/label/%2e%2e/%2e%2e/query",
        "\\\\evil.test",
        "/prometheus/api/v1/label/a/values?x#y",
        &"/a".repeat(4096),
    ] {
        assert!(open(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_answer_is_shown_as_text_and_bounded() {
    let json = HeaderMap::from_iter([(CONTENT_TYPE, "application/json; charset=utf-8".parse().expect("a value"))]);
    let shown = |headers: &HeaderMap, body: &[u8], cut| shown(headers, body, cut, "");
    assert_eq!(shown(&json, b"{\"a\":[1]}", false), ("{\n  \"a\": [\n    1\n  ]\n}".to_owned(), false));
    assert_eq!(shown(&json, b"{\"a\":", true), ("{\"a\":".to_owned(), false), "what was cut is no JSON");
    let long = "é".repeat(SHOWN);
    let (text, less) = shown(&HeaderMap::new(), long.as_bytes(), false);
    assert!(less && text.len() <= SHOWN && text.chars().all(|c| c == 'é'));
    assert_eq!(shown(&HeaderMap::new(), &[0xff, b'a'], false).0, "\u{fffd}a");
}

#[test]
fn only_headers_that_tell_something_are_shown() {
    let mut headers = HeaderMap::new();
    for (name, value) in [("set-cookie", "a=b"), ("www-authenticate", "Bearer error=\"x\""), ("x-request-id", "req_1")] {
        headers.insert(HeaderName::from_static(name), value.parse().expect("a value"));
    }
    let names: Vec<_> = telling(&headers).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["www-authenticate", "x-request-id"]);
}

#[test]
fn a_stream_of_events_is_shown_as_its_messages_and_a_token_masked() {
    let stream = HeaderMap::from_iter([(CONTENT_TYPE, "text/event-stream".parse().expect("a value"))]);
    let body = b"event: message\ndata: {\"result\":{}}\n\n: ping\n\ndata: {\"token\":\"a.b.secret1234\"}\n\n";
    let (text, less) = shown(&stream, body, false, "a.b.secret1234");
    assert_eq!((text.as_str(), less), ("{\n  \"result\": {}\n}\n{\n  \"token\": \"…1234\"\n}", false));
    assert_eq!(shown(&HeaderMap::new(), b"Bearer a.b.secret1234!", false, "a.b.secret1234").0, "Bearer …1234!");
}

#[test]
fn fields_are_sent_as_a_form_sends_them() {
    assert_eq!(
        fields("query = sum(up)\r\n\r\n match[]=up{a=\"b\"}\nflag"),
        "query=sum%28up%29&match%5B%5D=up%7Ba%3D%22b%22%7D&flag="
    );
    assert_eq!(fields(""), "");
}
