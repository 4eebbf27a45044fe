//! One file per page. Fill the struct, call [`askama::Template::render`].

mod applications;
mod apps;
mod audit;
mod client;
mod consent;
mod device;
mod error;
mod frame;
mod home;
mod login;
mod password;
mod record;
mod scope;

pub use applications::{ApplicationsNotice, ApplicationsPage, GrantRow, GrantedScope, LastUse};
pub use apps::{
    AppClientCard, AppDeletePage, AppFormPage, AppImportPage, AppPage, AppPublishPage, AppRow, AppsPage, ConditionLine,
    DraftField, FieldChange, FieldFlaw, ScopeChoice, ScopeChoices, SecretRow, ShownSecret, Standing, VersionRow, Way,
};
pub use audit::{AuditFilter, AuditPage, AuditRow, Decision, DecisionFilter, Proof};
pub use client::{Client, Trust};
pub use consent::{
    ConsentPage, ConsentProblem, Destination, DeviceFacts, Held, Lifetime, Nearness, OrganizationChoice, ScopeGroup, ScopeLine,
};
pub use device::{DeviceDonePage, DevicePage, DeviceProblem};
pub use error::{ErrorPage, Link};
pub use frame::{AuditLink, Brand, Frame, Section, Viewer};
pub use home::{HomePage, Presence};
pub use login::{LoginPage, LoginProblem, Provider};
pub use password::{PasswordPage, PasswordProblem, PasswordReason};
pub use record::{AuditRecordPage, Explanation, FieldGroup, FieldValue, Neighbour, RecordField};
use scope::scope_icon;
