//! What the administration speaks: the JSON of the admin API, which the command line prints with `--json`.

mod accounts;
mod api_keys;
mod audit;
mod clients;
mod explain;
mod grants;
mod keys;
mod page;
mod people;
mod policy;
mod proof;
mod shadow;

pub use accounts::{
    CreatedUser, MemberRoles, MemberView, NewOrg, NewPassword, NewUserRequest, OrgChange, OrgView, RoleView, Switch, SwitchTo,
    UserSwitch, UserSwitchTo, UserView,
};
pub use api_keys::{
    ApiKeyQuery, ApiKeyStateView, ApiKeyView, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, ScopeVerdict,
    UninstalledApp, api_key_view, scope_request_view,
};
pub use audit::{AuditEntry, AuditPageView, AuditQuery, DecisionName, NewSavedSearch, SavedSearchView};
pub use clients::{
    ClientScopes, ClientSwitch, ClientSwitchTo, ClientTerms, ClientView, CreatedClient, CreatedSecret, NewClient, NewClientKind,
    NewSecret, SecretView,
};
pub use explain::{ExplainQuery, ExplanationView, LackView, RecordedView, StepView};
pub use grants::{GrantStateView, GrantView, Within};
pub use keys::{KeyView, Rotation};
pub use page::{MOST, Page, PageQuery, USUAL};
pub use people::{
    CreatedInvitation, EndedSessions, GrantChange, InvitationView, NewInvitation, ScopeQuery, ScopeView, SessionView,
};
pub use policy::{ClientPolicyChange, ClientPolicyView, NewClientsChange, OrgPolicyView, RevokedGrants, VerdictName};
pub use proof::{AuditKeyView, VerifyAsked, VerifyStep};
pub use shadow::{ShadowEntry, ShadowQuery, ShadowReport};
