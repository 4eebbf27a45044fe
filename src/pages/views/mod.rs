//! One file per page. Fill the struct, call [`askama::Template::render`].

mod app_test;
mod applications;
mod apps;
mod audit;
mod client;
mod consent;
mod device;
mod error;
mod events;
mod frame;
mod grant;
mod home;
mod invitation;
mod login;
mod machines;
mod members;
mod operator;
mod org;
mod org_app;
mod org_client;
mod org_clients;
mod password;
mod record;
mod review;
mod scope;
mod search;
mod sessions;
mod settings;

pub use app_test::{
    AppTestPage, BodyKind, CallAnswer, ClaimLine, EnteredCall, LastTest, ScopeOutcome, TestProgress, TestRoute, TestRoutes,
    TestServer, TestedClient, TestedScope, TestedToken,
};
pub use applications::{ApplicationsNotice, ApplicationsPage, GrantRow, GrantedScope, LastUse};
pub use apps::{
    AppClientCard, AppDeletePage, AppFormPage, AppImportPage, AppPage, AppPublishPage, AppRow, AppsPage, AskedOfApp,
    ConditionLine, DraftField, FieldChange, FieldFlaw, HeldApp, PrivateScope, PrivateState, ScopeChoice, ScopeChoices, SecretRow,
    ShownSecret, Standing, VersionRow, Way,
};
pub use audit::{
    AuditFilter, AuditPage, AuditRow, Counts, Decision, DecisionFilter, LastProof, LastSeal, Proof, SavedSearchLink, Summary,
    SummaryLine, Through,
};
pub use client::{Client, Registered, Registration, Trust, UsedHere};
pub use consent::{
    Allowed, ConsentPage, ConsentProblem, Destination, DeviceFacts, Earlier, Held, LeftScope, Lifetime, Likeness, Maker,
    Nearness, OrganizationChoice, Origin, ScopeGroup, ScopeLine,
};
pub use device::{DeviceDonePage, DevicePage, DeviceProblem};
pub use error::{ErrorPage, Link};
pub use events::{EventRow, EventsPage, Happened};
pub use frame::{Brand, Frame, OrgLink, Section, Viewer};
pub use grant::{ActivityFilter, CalledFrom, GrantNotice, GrantPage, OwnKey};
pub use home::{HomePage, Presence};
pub use invitation::{Guest, InvitationPage, InvitationProblem};
pub use login::{LoginPage, LoginProblem, Provider};
pub use machines::{
    AskedOfMachine, HeldBack, MachineApi, MachineDraft, MachineFormPage, MachinePage, MachineRow, MachineScope, MachineStanding,
    MachinesPage, SubjectChoice,
};
pub use members::{AskedOfMember, InvitationLink, InvitationRow, MemberRow, MemberStanding, MembersPage, OpenMember, RoleChoice};
pub use operator::{
    Approval, AskedOfUser, AtStake, ClientHolder, ClientOwner, ClientSwitched, EnteredOrg, OperatorClientPage, OperatorClientRow,
    OperatorClientsPage, OperatorMembership, OperatorOrgPage, OperatorOrgRow, OperatorOrgsPage, OperatorScopePage,
    OperatorScopeRow, OperatorScopesPage, OperatorShadowPage, OperatorShadowRow, OperatorUserPage, OperatorUserRow,
    OperatorUsersPage, ScopeEnding, ScopeNotice, ShadowCaller, Steps, Switched, UserNotice, UserStanding,
};
pub use org::{OrgTab, OrgTabs};
pub use org_app::{
    ApiKeyRow, AppHere, Found, Installed, KeyStanding, OfferedApp, OfferedScope, OrgInstallPage, OrgKeysPage, OrgUninstallPage,
    UninstallStep,
};
pub use org_client::{AskedToConfirm, ClientNotice, OrgClientPage, OrgGrantRow, RestrictedScope};
pub use org_clients::{ClientKey, ClientStanding, NewClientsChoice, OrgClientRow, OrgClientsPage, WaitingClient};
pub use password::{PasswordPage, PasswordProblem, PasswordReason};
pub use record::{AuditRecordPage, Explanation, FieldGroup, FieldLink, FieldValue, Neighbour, RecordField};
pub use review::{ReviewPage, ReviewProposal, ReviewRow};
pub use scope::ScopeLabel;
use scope::scope_icon;
pub use search::{ListChoice, ListField, ListSearch};
pub use sessions::{SessionRow, SessionsPage};
