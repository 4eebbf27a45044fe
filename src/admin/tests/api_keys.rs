//! Private scopes and installations, told to a node and to its admin API.

use super::Fixture;
use crate::admin::{
    AdminError, Administration, ApiKeyQuery, ApiKeyStateView, NewApp, NewOrg, RefusalCode, ScopeAsk, ScopeDecision, ScopeVerdict,
    Within,
};
use crate::store::ScopeRequestState;

fn code<T: std::fmt::Debug>(answer: Result<T, AdminError>) -> RefusalCode {
    match answer {
        Err(AdminError::Refused(refusal)) => refusal.code,
        other => panic!("{other:?}"),
    }
}

fn decision(verdict: ScopeVerdict) -> ScopeDecision {
    ScopeDecision { scope: "api_keys_write".to_owned(), verdict, lives: None, comment: None }
}

fn ask(scope: &str, reason: &str) -> ScopeAsk {
    ScopeAsk { scope: scope.to_owned(), reason: reason.to_owned() }
}

async fn story(admin: &dyn Administration, slug: &str) {
    for slug in [slug.to_owned(), format!("{slug}-two")] {
        admin.create_org(NewOrg { slug, ..NewOrg::default() }).await.expect("an organization");
    }
    let new = NewApp { org: slug.to_owned(), name: "Agent".to_owned(), ..NewApp::default() };
    let app = admin.create_app(new).await.expect("an app").app.id.to_string();
    assert_eq!(code(admin.request_scope(&app, ask("metrics:read", "why not")).await), RefusalCode::Invalid, "not private");
    assert_eq!(code(admin.request_scope(&app, ask("api_keys:write", " ")).await), RefusalCode::Invalid, "no reason");
    assert_eq!(code(admin.request_scope("app_nobody", ask("api_keys:write", "x")).await), RefusalCode::NotFound);
    let asked = admin.request_scope(&app, ask("api_keys:write", "it pushes")).await.expect("asked");
    assert_eq!((asked.state, asked.reason.as_str(), asked.name.as_str()), (ScopeRequestState::Pending, "it pushes", "Agent"));
    assert_eq!(code(admin.request_scope(&app, ask("api_keys_write", "again")).await), RefusalCode::Conflict);
    let taken = admin.cancel_scope_request(&app, "api_keys_write").await.expect("taken back");
    assert_eq!((taken.state, taken.approved_until), (ScopeRequestState::Withdrawn, None));
    assert_eq!(code(admin.cancel_scope_request(&app, "api_keys:write").await), RefusalCode::Conflict, "none waits");
    assert_eq!(code(admin.cancel_scope_request("app_nobody", "api_keys:write").await), RefusalCode::NotFound);
    assert_eq!(code(admin.cancel_scope_request(&app, "metrics:read").await), RefusalCode::Invalid, "not private");
    admin.request_scope(&app, ask("api_keys:write", "it pushes still")).await.expect("asked again");
    assert_eq!(code(admin.decide_scope(&app, decision(ScopeVerdict::Withdraw)).await), RefusalCode::Conflict);
    let endless = ScopeDecision { lives: Some(u64::MAX), ..decision(ScopeVerdict::Approve) };
    assert_eq!(code(admin.decide_scope(&app, endless).await), RefusalCode::Invalid);
    let given = admin.decide_scope(&app, decision(ScopeVerdict::Approve)).await.expect("given");
    assert!(given.request.approved_until.is_some(), "{given:?}");
    admin.request_scope(&app, ask("api_keys:write", "for another year")).await.expect("a renewal");
    let kept = admin.cancel_scope_request(&app, "api_keys:write").await.expect("taken back");
    assert_eq!((kept.state, kept.approved_until), (ScopeRequestState::Approved, given.request.approved_until), "it goes on");
    let listed = admin.scope_requests(Within { org: Some(slug.to_owned()), ..Within::default() }).await.expect("a list");
    assert_eq!(listed.data, [kept]);
    assert_eq!(code(admin.decide_scope(&app, decision(ScopeVerdict::Deny)).await), RefusalCode::Conflict);
    let taken = admin.decide_scope(&app, decision(ScopeVerdict::Withdraw)).await.expect("taken back");
    assert_eq!((taken.request.state, taken.revoked_grants, taken.disabled_keys), (ScopeRequestState::Withdrawn, 0, 0));

    assert_eq!(code(admin.install_app(&format!("{slug}-two"), &app).await), RefusalCode::Conflict, "a draft of another");
    let installed = admin.install_app(slug, &app).await.expect("installed");
    assert_eq!(admin.installs(slug, crate::admin::PageQuery::default()).await.expect("a list").data, [installed]);
    let gone = admin.uninstall_app(slug, &app).await.expect("uninstalled");
    assert_eq!((gone.grants, gone.users, gone.keys), (0, 0, 0));
    assert_eq!(code(admin.uninstall_app(slug, &app).await), RefusalCode::Conflict);
    assert_eq!(admin.api_keys(ApiKeyQuery::default()).await.expect("a list").data, []);
    let of_app = ApiKeyQuery {
        org: Some(slug.to_owned()),
        app: Some(app.clone()),
        state: Some(ApiKeyStateView::Live),
        ..ApiKeyQuery::default()
    };
    assert_eq!(admin.api_keys(of_app).await.expect("a list").data, []);
    let nothing = ApiKeyQuery { app: Some("nothing".to_owned()), ..ApiKeyQuery::default() };
    assert_eq!(admin.api_keys(nothing).await.expect("a list").data, [], "an app that there is not has none");
    assert_eq!(code(admin.api_key("ak_nobody").await), RefusalCode::NotFound);
    assert_eq!(code(admin.disable_api_key("ak_nobody").await), RefusalCode::NotFound);
}

#[tokio::test]
async fn private_scopes_and_installations_are_the_same_either_way() {
    let fixture = Fixture::start().await;
    story(&fixture.local(), "near").await;
    story(&fixture.remote(), "far").await;
}

#[tokio::test]
async fn what_somebody_else_is_just_taking_away_is_waited_for() {
    let fixture = Fixture::start().await;
    let (admin, store) = (fixture.local(), &fixture.node.store);
    let org = admin.create_org(NewOrg { slug: "acme".to_owned(), ..NewOrg::default() }).await.expect("an organization").id;
    let new = NewApp { org: "acme".to_owned(), name: "Agent".to_owned(), ..NewApp::default() };
    let app = admin.create_app(new).await.expect("an app").app.id;
    admin.install_app("acme", app.as_str()).await.expect("installed");
    fixture.lag().await;
    let ended = store.uninstall_app(&org, &app, &fixture.node.own_cause()).await.expect("an answer");
    assert!(ended.is_some());
    let again = admin.uninstall_app("acme", app.as_str()).await;
    assert!(matches!(again, Err(AdminError::Store(_))), "it does not hold here yet: {again:?}");
}
