//! What holds for every page, and what each must carry.

use std::fs;
use std::path::Path;

use askama::Template;

use super::samples;
use super::views::{ApplicationsPage, DecisionFilter, Held, LoginPage};
use super::{assets, display_name};
use crate::config::Risk;

fn page(name: &str) -> String {
    let (_, html) = samples::pages().into_iter().find(|(file, _)| *file == name).expect("a sample of that name");
    html
}

/// Every start tag of `html`: its name and its attributes, read with quotes in mind.
fn tags(html: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut tags = Vec::new();
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        rest = &rest[open + 1..];
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let name_end = rest.find(|c: char| c.is_whitespace() || c == '>' || c == '/').expect("a tag ends");
        let name = rest[..name_end].to_ascii_lowercase();
        rest = &rest[name_end..];
        let mut attributes = Vec::new();
        loop {
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
            if rest.starts_with('>') {
                break;
            }
            let end = rest.find(|c: char| c.is_whitespace() || c == '=' || c == '>' || c == '/').expect("an attribute ends");
            let attribute = rest[..end].to_ascii_lowercase();
            rest = &rest[end..];
            let mut value = String::new();
            if let Some(quoted) = rest.strip_prefix('=') {
                let quoted = quoted.strip_prefix('"').unwrap_or_else(|| panic!("{name} {attribute}: every value is quoted"));
                let end = quoted.find('"').expect("a value ends");
                value.push_str(&quoted[..end]);
                rest = &quoted[end + 1..];
            }
            attributes.push((attribute, value));
        }
        tags.push((name, attributes));
    }
    tags
}

fn has_element(html: &str, tag: &str, wanted: &[(&str, &str)]) -> bool {
    tags(html).iter().any(|(name, attributes)| {
        name == tag && wanted.iter().all(|(key, value)| attributes.iter().any(|(k, v)| k == key && v == value))
    })
}

#[test]
fn no_page_carries_inline_script_style_or_handlers() {
    for (file, html) in samples::pages() {
        for (name, attributes) in tags(&html) {
            assert!(name != "style" && name != "base" && name != "iframe" && name != "object", "{file}: <{name}>");
            for (attribute, value) in &attributes {
                assert!(attribute != "style" && !attribute.starts_with("on"), "{file}: <{name} {attribute}>");
                assert!(!value.to_ascii_lowercase().trim_start().starts_with("javascript:"), "{file}: {value}");
            }
            if name == "script" {
                assert!(
                    attributes.iter().any(|(key, value)| key == "src" && assets::asset(value).is_some()),
                    "{file}: a script without our source"
                );
            }
        }
        assert_eq!(html.matches("<script").count(), html.matches("></script>").count(), "{file}: a script with a body");
        assert!(!html.contains("<!--"), "{file}: a comment went out");
    }
}

#[test]
fn every_file_and_icon_that_a_page_names_exists() {
    for (file, html) in samples::pages() {
        for (name, attributes) in tags(&html) {
            for (key, value) in attributes {
                let fetched = matches!(
                    (name.as_str(), key.as_str()),
                    ("link" | "use", "href") | ("script" | "img", "src") | ("form", "data-seek")
                );
                if fetched {
                    let (path, id) = value.split_once('#').unwrap_or((&value, ""));
                    let asset = assets::asset(path).unwrap_or_else(|| panic!("{file}: {value} is not ours"));
                    assert!(id.is_empty() || asset.body.contains(&format!("id=\"{id}\"")), "{file}: no icon {id}");
                }
            }
        }
    }
}

#[test]
fn ids_are_unique_and_labels_lead_somewhere() {
    for (file, html) in samples::pages() {
        let tags = tags(&html);
        let all = |tag: Option<&str>, key: &str| -> Vec<String> {
            let of_tag = tags.iter().filter(|(name, _)| tag.is_none_or(|tag| name == tag));
            of_tag.flat_map(|(_, attributes)| attributes.iter().filter(|(k, _)| k == key).map(|(_, v)| v.clone())).collect()
        };
        let mut ids = all(None, "id");
        let count = ids.len();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), count, "{file}: an id twice");
        for target in all(Some("label"), "for").into_iter().chain(all(None, "aria-describedby")) {
            assert!(ids.contains(&target), "{file}: nothing has the id {target}");
        }
        assert_eq!(html.matches("<h1").count(), 1, "{file}");
    }
}

#[test]
fn hostile_text_is_escaped_everywhere() {
    for (file, html) in samples::pages() {
        assert!(!html.contains("<img src=x") && !html.contains("<script>x") && !html.contains("onerror=alert(1)>"), "{file}");
        assert!(html.matches("</title>").count() <= 1 + html.matches("<title>").count(), "{file}");
    }
    let html = page("consent-hostile");
    assert!(html.contains("&#60;img src=x onerror=alert(1)&#62;"));
    assert!(html.contains("{{7*7}}"), "text is not run as a template");
    assert!(!display_name(samples::HOSTILE).contains('\u{202E}'));
}

#[test]
fn forms_post_with_their_token_and_stable_names() {
    let login = page("login");
    for id in ["email", "password"] {
        assert!(has_element(&login, "input", &[("id", id), ("name", id)]), "{id}");
    }
    assert!(has_element(&login, "input", &[("id", "email"), ("autocomplete", "username")]));
    assert!(has_element(&login, "input", &[("id", "password"), ("autocomplete", "current-password")]));
    assert!(has_element(&login, "button", &[("id", "sign-in"), ("name", "sign-in")]));

    let consent = page("consent");
    for id in ["approve", "deny"] {
        assert!(has_element(&consent, "button", &[("id", id), ("name", id), ("value", "1")]), "{id}");
    }
    assert!(has_element(&consent, "input", &[("type", "radio"), ("name", "org"), ("value", "org_8")]));
    assert!(has_element(&consent, "form", &[("method", "post"), ("action", "/consent?request=7")]));

    let applications = page("applications");
    assert!(has_element(&applications, "button", &[("id", "revoke-grant_9"), ("name", "revoke-grant_9")]));
    assert!(has_element(&applications, "input", &[("name", "grant_id"), ("value", "grant_9")]));

    let password = page("password");
    for id in ["current-password", "new-password"] {
        assert!(has_element(&password, "input", &[("id", id), ("name", id), ("autocomplete", id), ("type", "password")]), "{id}");
    }

    for (file, html) in samples::pages() {
        let posts = html.matches("method=\"post\"").count();
        assert_eq!(html.matches("name=\"csrf\"").count(), posts, "{file}: a form without its token");
    }
}

/// The styles take a heading right below a section for its label, and any other for a title.
#[test]
fn both_ways_into_an_invitation_have_equal_headings() {
    let html = page("invitation-unknown");
    for heading in ["If you have an account here", "If you have none yet"] {
        assert!(html.contains(&format!("<section class=\"pad stack\"><h2>{heading}</h2>")), "{heading}");
    }
}

/// A person decides for themselves: what went wrong and what is asked once more are where they begin to read, never a button.
#[test]
fn nothing_has_the_focus_but_what_has_to_be_read_first() {
    let mut focused = 0;
    for (file, html) in samples::pages() {
        let tags = tags(&html);
        let has =
            |attributes: &[(String, String)], key: &str, value: &str| attributes.iter().any(|(k, v)| k == key && v == value);
        let alerts: Vec<_> = tags.iter().filter(|(_, attributes)| has(attributes, "role", "alert")).collect();
        let first: Vec<_> = tags.iter().filter(|(_, attributes)| has(attributes, "autofocus", "")).collect();
        assert_eq!(first, alerts, "{file}");
        assert!(first.len() <= 1, "{file}: one place to begin at");
        assert!(first.iter().all(|(_, attributes)| has(attributes, "tabindex", "-1")), "{file}: Tab does not stop there");
        focused += first.len();
    }
    assert!(focused > 10, "{focused} samples have something to read first");
}

#[test]
fn one_organization_is_stated_and_several_are_asked() {
    let stated = page("consent-unknown");
    assert!(has_element(&stated, "input", &[("type", "hidden"), ("name", "org"), ("value", "org_7")]));
    assert!(!stated.contains("type=\"radio\""));
    let asked = page("consent");
    assert!(has_element(&asked, "input", &[("id", "org-org_7"), ("checked", "")]));
    assert!(!has_element(&asked, "input", &[("id", "org-org_8"), ("checked", "")]));
    assert!(!has_element(&asked, "input", &[("type", "hidden"), ("name", "org")]));
}

#[test]
fn consent_lists_every_scope_once_with_the_riskiest_first() {
    let view = samples::consent();
    let html = page("consent");
    let mut risky_seen = Vec::new();
    for group in &view.scopes {
        for line in &group.lines {
            let scope = format!("<code>{}</code>", line.scope);
            assert_eq!(html.matches(&scope).count(), 1, "{scope}");
            risky_seen.push((html.find(&scope).expect("just counted"), line.risk));
        }
    }
    risky_seen.sort_by_key(|(at, _)| *at);
    assert_eq!(risky_seen.first().map(|(_, risk)| *risk), Some(Risk::High));
    assert_eq!(html.matches("Takes effect if you are given").count(), 1);
    assert!(html.contains("You hold this in Acme Production only"));
    for fact in [
        "Published by Grafana Labs",
        "cli.grafana.example",
        "For 90 days at most; ends sooner if unused for 30 days",
        "/settings/applications",
    ] {
        assert!(html.contains(fact), "{fact}");
    }
}

#[test]
fn what_is_new_is_marked_in_words_before_it_is_said() {
    let html = page("consent-changed");
    for fact in [
        "<strong>2 permissions are new and marked below; the other 3 are not.</strong> You allowed this application before in Acme Production, last <time",
        "<p><span class=\"badge caution\">New</span> Delete logs for good</p>",
        "<p><span class=\"badge caution\">New</span> Read your organization&#39;s traces</p>",
        "You allowed this before in Acme Production, not elsewhere",
        "You allowed this once; it was taken back since",
        "<h3>No longer asked for</h3>",
        "It lost this already",
        "It keeps this until you revoke what you allowed before",
    ] {
        assert!(html.contains(fact), "{fact}");
    }
    let (changes, list) = html.split_once("It will be able to").expect("the list");
    assert!(changes.contains("id=\"changes\"") && list.matches(">New</span>").count() == 2 && !changes.contains(">New</span>"));
    let first = page("consent");
    assert!(!first.contains("What changes") && !first.contains(">New</span>") && !first.contains("allowed this before"));
}

#[test]
fn an_unknown_client_is_called_so_and_its_lookalike_named() {
    let html = page("consent-unknown");
    for fact in [
        "registered itself 2 minutes ago",
        "nobody in your organization uses it",
        "This is not Grafana CLI",
        "127.0.0.1:49152",
        "application on this computer",
    ] {
        assert!(html.contains(fact), "{fact}");
    }
}

#[test]
fn names_that_look_alike_are_told_apart() {
    let stranger = page("consent-unknown");
    for fact in [
        "<strong>This is not Grafana CLI.</strong>",
        "It registered itself 2 minutes ago. No organization of this gateway stands behind it.",
        "What it is given goes to a program on this computer, at 127.0.0.1:49152.",
        "It belongs to Grafana Labs, an organization that the operator of this gateway admitted, and has been here since 23 Aug 2026.",
    ] {
        assert!(stranger.contains(fact), "{fact}");
    }
    let alike = page("consent-alike");
    for fact in [
        "Two applications here have names that look alike.",
        "It belongs to Acme Production, which you are a member of",
        "What it is given goes to cli.grafana.example.",
    ] {
        assert!(alike.contains(fact), "{fact}");
    }
    assert!(!alike.contains("This is not"), "whoever published it is accused of nothing");
    assert!(!page("consent").contains("id=\"likeness\""));
}

#[test]
fn a_scope_held_everywhere_has_no_condition() {
    let mut view = samples::consent();
    for group in &mut view.scopes {
        for line in &mut group.lines {
            line.held = Held::Now;
        }
    }
    let html = view.render().expect("rendering into a string cannot fail");
    assert!(!html.contains("takes effect") && !html.contains("Takes effect"));
}

#[test]
fn applications_count_what_was_never_used_and_fold_the_rest() {
    let html = page("applications");
    assert!(html.contains("2 of 5 never used"));
    assert!(html.contains("<summary>2 more</summary>"));
    assert!(html.contains("aria-label=\"938 calls in 30 days\"") || html.contains("calls in 30 days\""));
    let unused: ApplicationsPage = samples::applications(samples::grants().split_off(2), None);
    assert!(
        !unused.render().expect("rendering into a string cannot fail").contains("of 1 never used"),
        "a grant that never called says so once"
    );
}

#[test]
fn audit_links_keep_the_filter() {
    let html = page("audit-filtered");
    let query = samples::filter().query(None).replace('&', "&#38;");
    assert!(query.contains("api=loki%26x%3D1") && query.contains("decision=denied") && !query.contains("client="), "{query}");
    for suffix in [".ndjson", ".csv"] {
        assert!(html.contains(&format!("href=\"/orgs/acme/audit{suffix}?{query}\"")), "{suffix}");
    }
    assert!(html.contains(&format!("href=\"/orgs/acme/audit?{query}&#38;cursor=b2xkZXI%3D\"")));
    assert!(has_element(&html, "option", &[("value", "denied"), ("selected", "")]));
    for choice in [DecisionFilter::Any, DecisionFilter::Allowed, DecisionFilter::Denied, DecisionFilter::Unknown] {
        assert_eq!(DecisionFilter::parse(choice.value()), choice);
    }
}

#[test]
fn a_refused_sign_in_keeps_the_email_and_never_a_password() {
    let html = page("login-refused");
    assert!(has_element(&html, "input", &[("id", "email"), ("value", "ada@acme.example")]));
    assert!(has_element(&html, "input", &[("id", "password"), ("value", "")]));
    assert!(html.contains("role=\"alert\""));
    let plain = LoginPage::new(samples::brand(), "/login".to_owned(), "t".to_owned())
        .render()
        .expect("rendering into a string cannot fail");
    assert!(!plain.contains("role=\"alert\"") && !plain.contains("or with an account"));
}

#[test]
fn a_record_shows_its_own_values() {
    let html = page("record-denied");
    assert!(html.contains("<code id=\"record-id\">01JDA7ZK5N8Q2V</code>"));
    for fact in ["actor.session.uid", "grant_9", "logs:read", "Same request"] {
        assert!(html.contains(fact), "{fact}");
    }
    assert!(page("error").contains("<code id=\"reference\">req_01JDA7ZK5N8Q2V</code>"));
}

#[test]
fn long_lists_are_searched_while_typing() {
    for name in ["applications", "audit", "apps", "app-form", "machine-form"] {
        let html = page(name);
        let (_, list) = html.split_once("data-filtered").unwrap_or_else(|| panic!("{name}: nothing to search"));
        let (box_at, item_at) = (list.find("data-filter"), list.find("data-item"));
        assert!(box_at.is_some() && box_at < item_at, "{name}: a box above the items");
    }
    assert!(!page("applications-empty").contains("data-filter"), "there is nothing to search");
    // Those that come in pages are searched where they are kept.
    let paged =
        ["members", "org-clients", "org-keys", "machines", "review", "operator-orgs", "operator-users", "operator-clients"];
    for name in paged.into_iter().chain(["members-search", "org-clients-search", "review-search"]) {
        let html = page(name);
        let form = [("method", "get"), ("role", "search"), ("data-seek", assets::seek())];
        assert!(has_element(&html, "form", &form) && has_element(&html, "input", &[("id", "text"), ("name", "text")]), "{name}");
        let (search, found) = (html.find("role=\"search\""), html.find("id=\"found\""));
        assert!(search.is_some() && search < found && !html.contains("data-filter"), "{name}: a form above the list");
        assert_eq!(html.contains(">Clear</a>"), name.ends_with("-search"), "{name}");
    }
    for name in ["org-clients-empty", "org-keys-empty", "machines-empty", "review-empty"] {
        assert!(!page(name).contains("data-seek"), "{name}: there is nothing to search");
    }
}

#[test]
fn a_test_of_an_app_leads_on_at_every_step() {
    let start = page("app-test");
    assert!(has_element(&start, "button", &[("name", "begin"), ("value", "draft")]));
    assert!(has_element(&start, "a", &[("id", "onboarding-published")]) && !start.contains("onboarding-draft"));
    assert!(page("app-test-done").contains("The test has ended.") && page("app-test-refused").contains("access_denied"));
    let given = page("app-test-called");
    for (tag, id) in [("select", "route"), ("input", "query"), ("button", "call"), ("button", "end"), ("a", "call-record")] {
        assert!(has_element(&given, tag, &[("id", id)]), "{id}");
    }
    assert!(page("consent-trial").contains("This is a test.") && !page("consent").contains("This is a test."));
}

/// Leaves `target/pages/*.html` with their assets, to be looked at in a browser.
#[test]
fn every_sample_page_is_written_out() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    fs::create_dir_all(folder.join("assets")).expect("the target folder is writable");
    for asset in assets::all() {
        fs::write(folder.join(asset.path.trim_start_matches('/')), asset.body).expect("the target folder is writable");
    }
    for (name, html) in samples::pages() {
        assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{name}");
        fs::write(folder.join(format!("{name}.html")), html).expect("the target folder is writable");
    }
}
