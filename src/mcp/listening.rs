//! Telling clients that their lists have changed. What a caller is shown depends on permissions, of which the server behind the gate
//! knows nothing: so the gate offers the notifications and sends them.
//!
//! A client that opens a stream of notifications can't know what changed before. So it is told at the beginning of every stream, and
//! when its permissions change, its streams end: it opens them again. Nothing has to be remembered, on any node.

use std::fmt::Write as _;

use serde::Deserialize;

use super::policy::ServerPolicy;
use super::request::RequestId;

/// Lists, by what they list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// `tools/list`.
    pub tools: bool,
    /// `prompts/list`.
    pub prompts: bool,
    /// `resources/list` and `resources/templates/list`.
    pub resources: bool,
}

impl Lists {
    /// Those that depend on permissions.
    #[must_use]
    pub fn of(policy: &ServerPolicy) -> Self {
        Self { tools: policy.tools.varies(), prompts: policy.prompts.varies(), resources: policy.resources.varies() }
    }

    /// The names of the chosen lists, as capabilities and notifications have them.
    pub(super) fn names(self) -> impl Iterator<Item = &'static str> {
        let all = [("tools", self.tools), ("prompts", self.prompts), ("resources", self.resources)];
        all.into_iter().filter_map(|(name, chosen)| chosen.then_some(name))
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !(self.tools || self.prompts || self.resources)
    }

    const fn and(self, other: Self) -> Self {
        Self {
            tools: self.tools && other.tools,
            prompts: self.prompts && other.prompts,
            resources: self.resources && other.resources,
        }
    }
}

/// A stream of notifications.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listening {
    /// What it is told of.
    pub lists: Lists,
    /// The request that it answers, which its notifications name; `None` for the `GET` stream of the legacy era.
    pub subscription: Option<RequestId>,
}

impl Listening {
    /// The `GET` stream of a legacy client; `None` where no list depends on permissions.
    #[must_use]
    pub fn stream(policy: &ServerPolicy) -> Option<Self> {
        let lists = Lists::of(policy);
        (!lists.is_empty()).then_some(Self { lists, subscription: None })
    }

    /// The answer to `subscriptions/listen` with this body; `None` where it asks for nothing that depends on permissions.
    #[must_use]
    pub fn subscription(policy: &ServerPolicy, id: &RequestId, body: &[u8]) -> Option<Self> {
        let lists = Lists::of(policy).and(asked(body)?);
        (!lists.is_empty()).then(|| Self { lists, subscription: Some(id.clone()) })
    }

    /// The events that tell of every list (MCP "List Changed Notification").
    #[must_use]
    pub fn events(&self) -> String {
        let named = self.subscription.as_ref().and_then(|id| serde_json::to_string(id).ok());
        let about = named.map_or_else(String::new, |id| {
            format!(",\"params\":{{\"_meta\":{{\"io.modelcontextprotocol/subscriptionId\":{id}}}}}")
        });
        self.lists.names().fold(String::new(), |mut text, list| {
            let notification = format!("{{\"jsonrpc\":\"2.0\",\"method\":\"notifications/{list}/list_changed\"{about}}}");
            let _ = write!(text, "event: message\ndata: {notification}\n\n");
            text
        })
    }
}

/// What a `subscriptions/listen` asks to be told of.
fn asked(body: &[u8]) -> Option<Lists> {
    #[derive(Deserialize)]
    struct Body {
        params: Params,
    }
    #[derive(Deserialize)]
    struct Params {
        notifications: Wanted,
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    #[expect(clippy::struct_field_names, reason = "the names are the protocol's")]
    struct Wanted {
        tools_list_changed: Option<bool>,
        prompts_list_changed: Option<bool>,
        resources_list_changed: Option<bool>,
    }
    let Wanted { tools_list_changed, prompts_list_changed, resources_list_changed } =
        serde_json::from_slice::<Body>(body).ok()?.params.notifications;
    let chosen = |flag: Option<bool>| flag == Some(true);
    Some(Lists {
        tools: chosen(tools_list_changed),
        prompts: chosen(prompts_list_changed),
        resources: chosen(resources_list_changed),
    })
}
