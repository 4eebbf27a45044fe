//! `explain`.

use clap::Args;

use super::args::Place;
use super::connect::administer;
use super::failure::CliError;
use super::output::{plain, show, table};
use crate::admin::{ExplainQuery, ExplanationView};
use crate::types::ScopeSet;

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    place: Place,
    /// The id of a request (X-Request-Id), or METHOD and PATH of one that nobody made
    #[arg(required = true, num_args = 1..=2, value_names = ["REQUEST|METHOD", "PATH"])]
    what: Vec<String>,
    /// In which organization: id or slug
    #[arg(long, requires_all = ["user", "client"])]
    org: Option<String>,
    /// On whose behalf: id or e-mail address
    #[arg(long, requires_all = ["org", "client"])]
    user: Option<String>,
    /// Through which client
    #[arg(long, value_name = "CLIENT_ID", requires_all = ["org", "user"])]
    client: Option<String>,
    /// What the token names [default: everything that the user agreed to]
    #[arg(long, requires = "user")]
    scopes: Option<String>,
    /// With which API key, in place of a token: its id
    #[arg(long, value_name = "KEY_ID", conflicts_with_all = ["org", "user", "client", "scopes"])]
    key: Option<String>,
    /// The origin of the page that sends it
    #[arg(long)]
    origin: Option<String>,
    /// How long its body is
    #[arg(long, value_name = "BYTES")]
    length: Option<u64>,
    /// The tool that is called, at an MCP server
    #[arg(long)]
    tool: Option<String>,
    /// The prompt that is asked for, at an MCP server
    #[arg(long, conflicts_with = "tool")]
    prompt: Option<String>,
    /// The resource that is read, at an MCP server
    #[arg(long, value_name = "URI", conflicts_with_all = ["tool", "prompt"])]
    resource: Option<String>,
}

pub(super) async fn run(args: Explain) -> Result<(), CliError> {
    let Explain { place, what, org, user, client, scopes, key, origin, length, tool, prompt, resource } = args;
    let of_another = length.is_some() || [&org, &key, &origin, &tool, &prompt, &resource].into_iter().any(Option::is_some);
    let json = place.json;
    let asked = match what.as_slice() {
        [request] if !of_another => ExplainQuery { request: Some(request.clone()), ..ExplainQuery::default() },
        [method, path] => {
            let (method, path) = (Some(method.clone()), Some(path.clone()));
            ExplainQuery { request: None, method, path, org, user, client, scopes, key, origin, length, tool, prompt, resource }
        }
        _ => return Err(CliError::usage("a request that was made has its own caller; for another one give METHOD and PATH")),
    };
    administer(&place, |admin| async move { show(json, &admin.explain(asked).await?, told) }).await
}

fn told(view: &ExplanationView) -> String {
    let mut text = String::new();
    if let Some(then) = &view.recorded {
        let headline = format!("{}: {} asked for {}: {}", then.time, then.who, then.what, then.decision);
        let (needed, held) = (or_nothing(&then.needed), or_nothing(&then.held));
        text.push_str(&format!("{}\nneeded {needed}; held {held}\n\nAs things are now:\n", plain(&headline)));
    }
    let mark = |passed: bool| if passed { "ok" } else { "REFUSED" }.to_owned();
    text.push_str(&table(["STEP", "", ""], view.steps.iter().map(|s| [s.stage.clone(), mark(s.passed), s.says.clone()])));
    text.push_str(&match &view.reason {
        Some(reason) => format!("\nRefused: {reason}\n"),
        None => "\nAllowed.\n".to_owned(),
    });
    for lack in &view.lacks {
        text.push_str(&format!("- {} is taken away by the {}. {}\n", lack.scope, lack.factor, plain(&lack.mend)));
    }
    text
}

fn or_nothing(scopes: &ScopeSet) -> String {
    if scopes.is_empty() { "nothing".to_owned() } else { scopes.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_empty_is_nothing() {
        assert_eq!(or_nothing(&ScopeSet::default()), "nothing");
        assert_eq!(or_nothing(&ScopeSet::parse("a:b c:d").expect("scopes")), "a:b c:d");
    }
}
