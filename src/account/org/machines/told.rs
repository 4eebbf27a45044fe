//! What the pages say of what [`crate::clients`] refuses.

use http::StatusCode;

use crate::account::apps::why_not;
use crate::account::not_found;
use crate::apps;
use crate::clients::{ClientError, MAX_NAME, MAX_TTL, Refusal, Sort};
use crate::pages::texts::{Text, machines as texts};
use crate::pages::views::FieldFlaw;
use crate::web::Trouble;

/// A refusal as a page tells it.
#[derive(Default)]
pub(super) struct Wrong {
    pub(super) status: StatusCode,
    /// What is wrong with a field.
    pub(super) flaws: Vec<FieldFlaw>,
    /// What is wrong, when it is not about a field.
    pub(super) problem: Option<Text>,
}

impl Wrong {
    fn of_field(field: &'static str, text: Text) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, flaws: vec![FieldFlaw { field, text }], problem: None }
    }

    /// All that is wrong.
    pub(super) fn told(&self) -> Option<Text> {
        self.problem.clone().or_else(|| self.flaws.first().map(|flaw| flaw.text.clone()))
    }

    fn in_all(status: StatusCode, text: Text) -> Self {
        Self { status, flaws: Vec::new(), problem: Some(text) }
    }
}

/// What a person is told of a refusal, or that the store failed, or that there is no such client.
pub(super) fn refused(error: ClientError) -> Result<Wrong, Trouble> {
    match error {
        ClientError::Store(fault) => Err(fault.into()),
        ClientError::Shared(refusal) => shared(&refusal),
        ClientError::Refused(refusal) => client(&refusal),
    }
}

fn client(refusal: &Refusal) -> Result<Wrong, Trouble> {
    let status = match refusal.sort() {
        Sort::Invalid | Sort::Absent => StatusCode::UNPROCESSABLE_ENTITY,
        Sort::Forbidden => StatusCode::FORBIDDEN,
        Sort::Conflict => StatusCode::CONFLICT,
    };
    Ok(match refusal {
        Refusal::Absent(_) | Refusal::NotOwn => return Err(not_found()),
        Refusal::Name => Wrong::of_field("name", texts::unfit_name(MAX_NAME)),
        Refusal::NoSubject => Wrong::of_field("subject", texts::no_subject()),
        Refusal::UnknownUser(_)
        | Refusal::NoMember
        | Refusal::SubjectOff(_)
        | Refusal::SubjectElsewhere { .. }
        | Refusal::SubjectPerson(_) => Wrong::of_field("subject", texts::unfit_subject()),
        Refusal::BeyondReach => Wrong::in_all(status, texts::beyond_reach()),
        Refusal::NoScopes => Wrong::of_field("scopes", texts::no_scopes()),
        Refusal::PrivateScope(scope) => Wrong::of_field("scopes", texts::private_scope(scope.as_str())),
        Refusal::DeprecatedScope(scope, _) | Refusal::InternalScope(scope) | Refusal::OtherFlows(scope, _) => {
            Wrong::of_field("scopes", texts::not_for_machines(scope.as_str()))
        }
        Refusal::UnknownScope(scope) => Wrong::of_field("scopes", texts::unknown_scope(scope.as_str())),
        Refusal::ManyResources | Refusal::UnknownResource(_) | Refusal::Resource { .. } => {
            Wrong::of_field("resources", texts::unfit_resources())
        }
        Refusal::Lifetime => Wrong::of_field("lifetime", texts::unfit_lifetime(MAX_TTL)),
        Refusal::Full { limit, .. } => Wrong::in_all(status, texts::full(*limit)),
        Refusal::Frozen => Wrong::in_all(status, texts::frozen()),
        // What no form of these pages can ask for.
        _ => Wrong::in_all(status, texts::not_done()),
    })
}

/// What of a client is as with apps: secrets and private scopes.
fn shared(refusal: &apps::Refusal) -> Result<Wrong, Trouble> {
    use apps::Refusal as R;
    let status = match refusal {
        R::Gone => return Err(not_found()),
        R::UnknownScope(_) | R::PublicScope(_) | R::DeprecatedScope(..) | R::NoReason | R::UnfitReason => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        R::LastSecret | R::ManySecrets(_) | R::SecretLife | R::UnknownSecret | R::Waiting(_) | R::NotWaiting(_) => {
            StatusCode::CONFLICT
        }
        // What no form of these pages can ask for.
        _ => return Ok(Wrong::in_all(StatusCode::CONFLICT, texts::not_done())),
    };
    Ok(Wrong::in_all(status, why_not(refusal)))
}
