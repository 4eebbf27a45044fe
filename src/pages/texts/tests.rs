//! What the type can't hold: that nobody writes prose elsewhere, and that templates hold whole sentences.

use std::fs;
use std::path::{Path, PathBuf};

use super::{counted, operator, org, together};

/// Where a person's pages are made.
const PAGES: [&str; 8] = [
    "src/pages/views",
    "src/pages/chart.rs",
    "src/pages/name.rs",
    "src/pages/foreign.rs",
    "src/account",
    "src/operator",
    "src/oauth/pages",
    "src/web",
];

/// Files that hold prose which no page shows, how much, and what it is.
const PROSE: [(&str, usize, &str); 8] = [
    ("src/account/apps/acts.rs", 1, "a header"),
    ("src/account/apps/trial/call/mcp.rs", 1, "a header"),
    ("src/account/org/review.rs", 2, "headers"),
    ("src/oauth/pages/login.rs", 1, "a fault"),
    ("src/web/cookies.rs", 2, "headers"),
    ("src/web/harden.rs", 1, "a header"),
    ("src/web/log_file.rs", 9, "a header, and the remark of an audit record"),
    ("src/web/missing.rs", 2, "an answer to programs"),
];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(path: &Path, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        let mut entries: Vec<_> = fs::read_dir(path).expect("a folder").map(|e| e.expect("an entry").path()).collect();
        entries.sort();
        for entry in &entries {
            sources(entry, found);
        }
    } else if path.extension().is_some_and(|e| e == "rs")
        && !path.iter().any(|part| ["tests", "tests.rs", "fuzz.rs"].iter().any(|not| part == *not))
    {
        found.push(path.to_owned());
    }
}

/// The string literals of `code`, escapes as written.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = code.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            // A quotation mark as a character begins no string.
            '\'' if rest.peek() == Some(&'"') => drop(rest.next()),
            '"' => {
                let mut text = String::new();
                while let Some(c) = rest.next().filter(|c| *c != '"') {
                    text.push(c);
                    if c == '\\' {
                        text.extend(rest.next());
                    }
                }
                found.push(text);
            }
            _ => {}
        }
    }
    found
}

/// Whether a text has two words beside each other, the first of them in small letters.
fn is_prose(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').collect();
    words.windows(2).any(|pair| {
        let first = pair[0].trim_end_matches([',', ';', ':']);
        let small = first.chars().rev().take(2).filter(char::is_ascii_lowercase).count() == 2;
        small && pair[1].starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

/// Whether a text is one word as it stands in a heading, a badge or on a button.
fn is_heading(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_ascii_uppercase()) && text.len() > 2 && letters.all(|c| c.is_ascii_lowercase())
}

/// Prose and headings in a source file, besides what programs, logs and tests read.
fn prose(text: &str) -> usize {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let not_read = ["tracing::", ".expect(", "#[error", "#[expect", "OAuthError::new", "assert"];
    let code = |line: &&str| !line.trim_start().starts_with("//") && !not_read.iter().any(|mark| line.contains(mark));
    literals(&text.lines().filter(code).collect::<Vec<_>>().join("\n"))
        .iter()
        .filter(|text| is_prose(text) || is_heading(text))
        .count()
}

#[test]
fn views_and_handlers_hold_no_prose() {
    let mut files = Vec::new();
    for place in PAGES {
        sources(&root().join(place), &mut files);
    }
    let mut wrong = Vec::new();
    for file in &files {
        let name = file.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        let (found, known) = (prose(&fs::read_to_string(file).expect("a source file")), PROSE.iter().find(|(f, ..)| *f == name));
        let allowed = known.map_or(0, |(_, most, _)| *most);
        if found != allowed {
            wrong.push(format!("{name} holds {found} texts that belong into src/pages/texts, and the list says {allowed}"));
        }
    }
    for (listed, ..) in PROSE {
        assert!(root().join(listed).is_file(), "{listed} is listed and gone");
    }
    assert!(files.len() > 60, "{}", files.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Fields of views that are names for programs: of stages, of form fields, of claims, of pages.
const NAMES: [&str; 5] = [
    "src/pages/views/app_test.rs: pub name: &'static str,",
    "src/pages/views/app_test.rs: pub stage: &'static str,",
    "src/pages/views/apps.rs: pub field: &'static str,",
    "src/pages/views/apps.rs: pub stage: &'static str,",
    "src/pages/views/frame.rs: pub page: &'static str,",
];

#[test]
fn views_take_no_literal_words() {
    let mut files = Vec::new();
    sources(&root().join("src/pages/views"), &mut files);
    let mut found = Vec::new();
    for file in files {
        let name = file.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/");
        let text = fs::read_to_string(&file).expect("a source file");
        let literal =
            text.lines().map(str::trim).filter(|line| line.starts_with("pub ") && line.contains(": ") && !line.contains('('));
        found.extend(literal.filter(|line| line.contains("&'static str")).map(|line| format!("{name}: {line}")));
    }
    found.sort();
    assert_eq!(found, NAMES, "a view takes words as Text, and data as what it is");
}

#[test]
fn prose_is_told_from_code() {
    let code = "let a = (\"Nothing was changed.\", '\"', \"text/csv\"); // \"not this one\"\ntracing::warn!(\"nor this one\");";
    assert_eq!(literals(code), ["Nothing was changed.", "text/csv", "not this one", "nor this one"]);
    assert_eq!(prose(code), 1 + 1, "a comment behind code counts, so that it is not written");
    assert_eq!(prose("match self { Self::Keep => \"Keep\" }"), 1);
    assert!(
        is_heading("Other") && !is_heading("GET") && !is_heading("other") && !is_heading("Bearer realm") && !is_heading("Ok")
    );
    assert!(is_prose("Open it, then go on") && !is_prose("done") && !is_prose("{path}?done={done}") && !is_prose("GET {target}"));
}

/// A piece of a template.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    /// Words.
    Text(String),
    /// `{{ … }}`.
    Value(String),
    /// `{% … %}`.
    Control(String),
    /// An element's name.
    Element(String),
}

/// The pieces of a template, without comments and without what stands inside of tags.
fn pieces(template: &str) -> Vec<Piece> {
    let (mut found, mut rest) = (Vec::new(), template);
    while !rest.is_empty() {
        let starts_tag = |text: &str| {
            text.starts_with('<') && text[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/' || c == '!')
        };
        let special = |text: &str| text.starts_with("{{") || text.starts_with("{%") || text.starts_with("{#") || starts_tag(text);
        if rest.starts_with("{{") {
            let (inside, after) = rest[2..].split_once("}}").expect("a value ends");
            found.push(Piece::Value(inside.trim_matches(['-', ' ']).to_owned()));
            rest = after;
        } else if rest.starts_with("{%") {
            let (inside, after) = rest[2..].split_once("%}").expect("a control ends");
            found.push(Piece::Control(inside.trim_matches(['-', ' ', '\n']).to_owned()));
            rest = after;
        } else if rest.starts_with("{#") {
            rest = rest.split_once("#}").expect("a comment ends").1;
        } else if starts_tag(rest) {
            let name: String = rest[1..].chars().skip_while(|c| *c == '/').take_while(char::is_ascii_alphanumeric).collect();
            found.push(Piece::Element(name));
            rest = behind_tag(rest);
        } else {
            let end = rest.char_indices().skip(1).map(|(at, _)| at).find(|at| special(&rest[*at..])).unwrap_or(rest.len());
            found.push(Piece::Text(rest[..end].trim().to_owned()));
            rest = &rest[end..];
        }
    }
    found
}

/// What stands behind a tag, in which there may be values and controls.
fn behind_tag(tag: &str) -> &str {
    let mut rest = tag;
    loop {
        let at = rest.find(['>', '{']).expect("a tag ends");
        rest = &rest[at..];
        let inner = [("{{", "}}"), ("{%", "%}")].into_iter().find(|(open, _)| rest.starts_with(open));
        rest = match inner {
            Some((_, close)) => rest.split_once(close).expect("it ends").1,
            None if rest.starts_with('>') => return &rest[1..],
            None => &rest[1..],
        };
    }
}

/// Where a condition stands inside of a sentence: behind words that don't end one, or before words that go on with one.
fn cuts(template: &str) -> Vec<String> {
    let (mut found, mut said) = (Vec::new(), String::new());
    // How deep in conditions; what was said last outside of them; whether one has just ended.
    let (mut depth, mut last, mut words, mut ended) = (0_u32, None, false, false);
    for piece in pieces(template) {
        match piece {
            Piece::Element(name) if ["strong", "em", "code", "time"].contains(&name.as_str()) => {}
            Piece::Element(_) => (depth, last, words, ended) = (0, None, false, false),
            Piece::Text(text) if text.is_empty() => {}
            Piece::Text(text) => {
                if ended && depth == 0 && text.starts_with(|c: char| c.is_ascii_lowercase() || ",;.)".contains(c)) {
                    found.push(format!("… {text}"));
                }
                if depth == 0 {
                    last = text.chars().last();
                    words |= text.chars().filter(char::is_ascii_alphabetic).count() > 1;
                }
                (said, ended) = (text, false);
            }
            Piece::Value(value) if value.contains("icon(") => {}
            Piece::Value(value) if value.starts_with("c::") && !value.starts_with("c::ago") && !value.starts_with("c::exact") => {
                (last, words, ended) = (None, false, false);
            }
            Piece::Value(_) if depth == 0 => (last, ended) = (Some('x'), false),
            Piece::Value(_) => {}
            Piece::Control(control) => match control.split(' ').next().unwrap_or_default() {
                "if" | "match" => {
                    if depth == 0 && words && last.is_some_and(|c| !".!?:·…”".contains(c)) {
                        found.push(format!("{said} …"));
                    }
                    depth += 1;
                }
                "endif" | "endmatch" => {
                    depth = depth.saturating_sub(1);
                    ended = depth == 0;
                }
                "else" | "when" | "let" => {}
                _ => (depth, last, words, ended) = (0, None, false, false),
            },
        }
    }
    found
}

#[test]
fn templates_hold_whole_sentences() {
    let mut wrong = Vec::new();
    let folder = root().join("src/pages/templates");
    for entry in fs::read_dir(folder).expect("the templates") {
        let path = entry.expect("an entry").path();
        let cut = cuts(&fs::read_to_string(&path).expect("a template"));
        wrong.extend(cut.into_iter().map(|cut| format!("{}: {cut}", path.display())));
    }
    assert!(wrong.is_empty(), "a condition cuts a sentence; write one for each case:\n{}", wrong.join("\n"));
}

#[test]
fn cut_sentences_are_found() {
    let cut = "<p>Choose your own to go on{% if let Some(c) = to %} to <strong>{{ c }}</strong>{% endif %}.</p>";
    assert_eq!(cuts(cut), ["Choose your own to go on …", "… ."]);
    assert_eq!(
        cuts("<p>{{ holder }}{% if x %} <span>of {{ y }}</span>{% endif %} asks for <code>{{ z }}</code></p>"),
        ["… asks for"]
    );
    for whole in [
        "<p>{% if a %}It is blocked.{% else %}It waits.{% endif %}</p>",
        "<p>Made {{ c::ago(made) }}. {% if let Some(w) = used %}Last used {{ c::ago(w) }}.{% else %}Never used.{% endif %}</p>",
        "<a href=\"{{ path }}\"{% if open %} aria-current=\"page\"{% endif %}>Apps</a>{% if more %}<a>More</a>{% endif %}",
        "<td>{{ value }}{% if let Some(w) = when %} <span>{{ c::ago(w) }}</span>{% endif %}</td>",
    ] {
        assert_eq!(cuts(whole), Vec::<String>::new(), "{whole}");
    }
}

/// The templates that every page shares.
const SHARED: [&str; 2] = ["layout.html", "components.html"];

/// Words between the tags of a template, and in attributes that are read out or shown.
fn words(template: &str) -> Vec<String> {
    let between = pieces(template).into_iter().filter_map(|piece| match piece {
        Piece::Text(text) if text.chars().any(|c| c.is_ascii_alphabetic()) => Some(text),
        _ => None,
    });
    let mut found: Vec<_> = between.collect();
    for name in ["aria-label", "alt", "placeholder", "title"] {
        let opened = format!(" {name}=\"");
        let values = template.split(opened.as_str()).skip(1).filter_map(|rest| rest.split('"').next());
        found.extend(values.filter(|v| v.starts_with(|c: char| c.is_ascii_alphabetic())).map(|v| format!("{name} {v}")));
    }
    found
}

/// Words among the arguments of components.
fn given(template: &str) -> Vec<String> {
    let of = |piece| match piece {
        Piece::Value(code) | Piece::Control(code) => literals(&code),
        Piece::Text(_) | Piece::Element(_) => Vec::new(),
    };
    let worded =
        |text: &String| text.starts_with(|c: char| c.is_ascii_uppercase()) && text.contains(|c: char| c.is_ascii_lowercase());
    pieces(template).into_iter().flat_map(of).filter(worded).collect()
}

fn template(name: &str) -> String {
    fs::read_to_string(root().join("src/pages/templates").join(name)).expect("a template")
}

#[test]
fn what_all_pages_share_holds_no_words() {
    for name in SHARED {
        assert_eq!(words(&template(name)), Vec::<String>::new(), "{name}");
    }
    let script = fs::read_to_string(root().join("src/pages/static/tollgate.js")).expect("the script");
    let code = script.lines().filter(|line| !line.starts_with("//")).collect::<Vec<_>>().join("\n");
    let found: Vec<_> = literals(&code).into_iter().filter(|text| is_heading(text) || is_prose(text)).collect();
    assert_eq!(found, ["use strict", "Escape"], "what the script says stands in attributes; a key has one name");
}

#[test]
fn components_are_given_texts() {
    let mut read = 0;
    for entry in fs::read_dir(root().join("src/pages/templates")).expect("the templates") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        assert_eq!(given(&template(&name)), Vec::<String>::new(), "{name}: labels, buttons and hints come from src/pages/texts");
        read += 1;
    }
    assert!(read > 35, "{read}");
}

#[test]
fn words_of_templates_are_found() {
    let template = "<nav aria-label=\"Pages\"><a href=\"/x\">Older{{ icon(\"right\") }}</a></nav>{{ c::badge(\"plain\", \"\", \"Active\") }}";
    assert_eq!(words(template), ["Older", "aria-label Pages"]);
    assert_eq!(given(template), ["Active"]);
    assert_eq!(given("{%- call c::cell(\"Last used\", \"nowrap\") -%}x{%- endcall -%}"), ["Last used"]);
    let wordless = "<p title=\"{{ t::x() }}\">{{ t::y() }} · {{ c::badge(\"plain\", \"\", t::z()) }}</p>";
    assert_eq!((words(wordless), given(wordless)), (Vec::new(), Vec::new()));
}

#[test]
fn numbers_choose_the_form_of_their_noun() {
    assert_eq!(counted::calls_in_days(1, 1).as_str(), "1 call in 1 day");
    assert_eq!(counted::calls_in_days(1_204, 30).as_str(), "1,204 calls in 30 days");
    assert_eq!(counted::authorizations_of(2, 1).as_str(), "2 authorizations of 1 user");
    assert_eq!(counted::held(2, 1, 0).as_str(), "2 authorizations of 1 user");
    assert_eq!(counted::held(0, 0, 1).as_str(), "0 authorizations of 0 users and 1 API key");
    assert!(
        operator::freeze_client(0, 1, 1).as_str().starts_with("It stops at once for 0 users and 1 API key in 1 organization:")
    );
    assert!(operator::freeze_user((1, 1), 0, 1).as_str().contains(" 1 API key that was made on their behalf goes on"));
    assert_eq!(operator::held_by((2, 1), 0, 1).as_str(), "2 live authorizations of 1 user in 1 organization");
    assert!(org::block_consequence(1, 0).as_str().contains("for 1 user and nobody can"));
    assert!(org::block_consequence(0, 2).as_str().contains("for 0 users and 2 API keys, and nobody can"));
    assert!(org::revoke_all_consequence(1, 0).as_str().ends_with("unless you also block it."));
    assert!(org::revoke_consequence(1).as_str().contains(" 1 API key goes on until you disable it"));
    assert_eq!(org::review(1, 0, None).as_str(), "1 authorization. Not used for 90 days: 0.");
    assert!(org::review(3, 1, Some(2)).as_str().ends_with("With permissions that no call ever needed: 2."));
    assert_eq!(together([counted::users(1), counted::users(2)]).as_str(), "1 user 2 users");
    assert!(together([]).is_empty());
}
