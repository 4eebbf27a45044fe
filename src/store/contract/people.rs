//! Who belongs to an organization.

use std::time::Duration;

use futures::future::{join, join_all};

use super::world::*;
use crate::store::{
    Accepted, Accepting, AuditFilter, Bounds, Created, GrantState, Guarded, Invitation, MemberSearch, Membership, NewUser, Org,
    Reach, RevokeReason, ServiceMade, ServiceSwitched, SharedStore, User, UserKind, UserState,
};
use crate::types::{HashedToken, InvitationId, RoleName, TokenKind, UserId};

const WEEK: Duration = Duration::from_hours(24 * 7);

impl World {
    async fn user(&self, email: &str) -> User {
        let new = NewUser { user: user(email), password: None };
        assert_eq!(self.store.create_user(&new, &cause(0)).await.expect("a user"), Created::Done);
        new.user
    }

    async fn member(&self, user: &User, names: &[&str]) -> Membership {
        let membership = Membership { org: self.org.id.clone(), user: user.id.clone(), roles: roles(names) };
        self.store.set_membership(&membership, &cause(0)).await.expect("a membership");
        membership
    }

    async fn roles_of(&self, user: &User) -> Option<Vec<RoleName>> {
        self.store.membership(&self.org.id, &user.id).await.expect("an answer").map(|m| m.roles)
    }

    pub(super) fn invitation(&self, email: &str, seconds: u64) -> Invitation {
        Invitation {
            id: InvitationId::generate(after(seconds), &ENTROPY),
            org: self.org.id.clone(),
            email: email.to_owned(),
            roles: roles(&["admin", "viewer"]),
            invited_by: Some(self.user.id.clone()),
            created_at: after(seconds),
            expires_at: after(seconds).plus(WEEK),
        }
    }

    async fn invited(&self, email: &str, seconds: u64) -> (Invitation, HashedToken) {
        let (invitation, secret) = (self.invitation(email, seconds), hash(TokenKind::Invitation));
        assert!(self.store.invite(&invitation, &secret, &unbound(&[]), &cause(seconds)).await.expect("done"));
        (invitation, secret)
    }
}

fn with(membership: &Membership, names: &[&str]) -> Membership {
    Membership { roles: roles(names), ..membership.clone() }
}

pub(crate) async fn an_invitation_has_one_winner(store: SharedStore) {
    let world = World::new(store).await;
    for round in 0..10 {
        let email = format!("grace{round}@example.com");
        let (invitation, secret) = world.invited(&email, 1).await;
        assert_eq!(world.store.invitation(&secret, after(2)).await.expect("an answer"), Some(invitation));
        let makers: Vec<_> =
            (0..5).map(|_| Accepting::New(NewUser { user: user(&email), password: Some(password("$x")) })).collect();
        let why = cause(3);
        let answers = join_all(makers.iter().map(|who| world.store.accept_invitation(&secret, who, &why))).await;
        let answers: Vec<_> = answers.into_iter().map(|a| a.expect("an answer")).collect();
        assert_eq!(answers.iter().filter(|a| **a == Accepted::Done).count(), 1, "{answers:?}");
        assert!(world.store.invitation(&secret, after(4)).await.expect("an answer").is_none());
        let made = world.store.user_by_email(&email).await.expect("an answer").expect("the account is there");
        assert_eq!(world.roles_of(&made).await, Some(roles(&["admin", "viewer"])));
        assert!(world.store.password(&made.id).await.expect("an answer").is_some());
    }
    let log = world.log().await;
    assert_eq!(log.iter().filter(|(name, _)| name == "invitation.accept").count(), 10, "{log:?}");
}

pub(crate) async fn an_invitation_is_for_one_address(store: SharedStore) {
    let world = World::new(store).await;
    let (bob, grace) = (world.user("bob@example.com").await, world.user("grace@example.com").await);
    world.member(&grace, &["editor"]).await;
    let (_, secret) = world.invited("grace@example.com", 1).await;
    let accept = async |who: Accepting, at| world.store.accept_invitation(&secret, &who, &cause(at)).await.expect("an answer");
    assert_eq!(accept(Accepting::Known(bob.id.clone()), 2).await, Accepted::Gone);
    let stranger = NewUser { user: user("other@example.com"), password: None };
    assert_eq!(accept(Accepting::New(stranger), 2).await, Accepted::Taken);
    let again = NewUser { user: user("grace@example.com"), password: None };
    assert_eq!(accept(Accepting::New(again), 2).await, Accepted::Taken);
    world.store.set_user_state(&grace.id, UserState::Disabled, &cause(2)).await.expect("an answer");
    assert_eq!(accept(Accepting::Known(grace.id.clone()), 3).await, Accepted::Gone);
    world.store.set_user_state(&grace.id, UserState::Active, &cause(3)).await.expect("an answer");
    assert_eq!(accept(Accepting::Known(grace.id.clone()), 4).await, Accepted::Done);
    assert_eq!(world.roles_of(&grace).await, Some(roles(&["admin", "editor", "viewer"])), "roles are added");
    assert_eq!(accept(Accepting::Known(grace.id.clone()), 5).await, Accepted::Gone);
    assert_eq!(world.roles_of(&bob).await, None);
}

pub(crate) async fn invitations_end(store: SharedStore) {
    let world = World::new(store).await;
    let (first, first_secret) = world.invited("a@example.com", 1).await;
    let (second, second_secret) = world.invited("a@example.com", 2).await;
    let (other, other_secret) = world.invited("b@example.com", 3).await;
    let open = async |at| world.store.invitations(&world.org.id, at).await.expect("invitations");
    assert_eq!(open(after(4)).await, [other.clone(), second.clone()]);
    let page = async |behind: Option<&(crate::types::Timestamp, InvitationId)>| {
        world.store.find_invitations(&world.org.id, after(4), behind, 1).await.expect("a page")
    };
    let (start, end) = ((other.created_at, other.id.clone()), (second.created_at, second.id.clone()));
    assert_eq!((page(None).await, page(Some(&start)).await), (vec![other.clone()], vec![second.clone()]));
    assert_eq!(page(Some(&end)).await, []);
    assert!(world.store.invitation(&first_secret, after(4)).await.expect("an answer").is_none(), "a newer one replaced it");
    let beta = org("beta");
    world.store.create_org(&beta, &cause(0)).await.expect("an organization");
    assert!(!world.store.withdraw_invitation(&beta.id, &other.id, &cause(5)).await.expect("an answer"));
    assert!(world.store.withdraw_invitation(&world.org.id, &other.id, &cause(5)).await.expect("an answer"));
    assert!(!world.store.withdraw_invitation(&world.org.id, &other.id, &cause(6)).await.expect("an answer"));
    assert!(!world.store.withdraw_invitation(&world.org.id, &first.id, &cause(6)).await.expect("an answer"));
    assert_eq!(open(after(7)).await, [second]);
    let late = after(2).plus(WEEK);
    assert_eq!(open(late).await, []);
    assert!(world.store.invitation(&second_secret, late).await.expect("an answer").is_none());
    let new = Accepting::New(NewUser { user: user("b@example.com"), password: None });
    assert_eq!(world.store.accept_invitation(&other_secret, &new, &cause(8)).await.expect("an answer"), Accepted::Gone);
    assert!(world.store.user_by_email("b@example.com").await.expect("an answer").is_none());
    world.store.forget_ended(late.plus(DAY)).await.expect("done");
}

pub(crate) async fn invitations_end_with_what_their_maker_had(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let (beta, grace) = (org("beta"), world.user("grace@example.com").await);
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    world.member(&grace, &["admin"]).await;
    let open = async |org: &Org| {
        let open = store.invitations(&org.id, after(9)).await.expect("invitations");
        open.into_iter().map(|i| i.email).collect::<Vec<_>>()
    };
    let invite = async || {
        for (org, email, by) in [
            (&world.org, "friend@example.com", &world.user),
            (&world.org, &*world.user.email, &grace),
            (&world.org, "other@example.com", &grace),
            (&beta, "far@example.com", &world.user),
        ] {
            let invitation = Invitation { org: org.id.clone(), invited_by: Some(by.id.clone()), ..world.invitation(email, 1) };
            let secret = hash(TokenKind::Invitation);
            assert!(store.invite(&invitation, &secret, &unbound(&[]), &cause(1)).await.expect("done"));
        }
    };
    let (theirs, far) = (["other@example.com"], ["far@example.com"]);
    world.member(&world.user, &["admin", "viewer"]).await;
    invite().await;
    world.member(&world.user, &["admin", "viewer", "editor"]).await;
    assert_eq!(open(&world.org).await.len(), 3, "nothing was lost");
    world.member(&world.user, &["admin"]).await;
    assert_eq!(
        (open(&world.org).await, open(&beta).await),
        (theirs.map(ToOwned::to_owned).to_vec(), far.map(ToOwned::to_owned).to_vec())
    );
    invite().await;
    let dismissed = store.dismiss_member(&world.org.id, &world.user.id, &unbound(&[]), &cause(2)).await.expect("done");
    assert_eq!((dismissed, open(&world.org).await), (Guarded::Done, theirs.map(ToOwned::to_owned).to_vec()));
    world.member(&world.user, &["admin"]).await;
    invite().await;
    assert!(store.remove_membership(&world.org.id, &world.user.id, &cause(3)).await.expect("done"));
    assert_eq!(open(&world.org).await, theirs);
    invite().await;
    store.set_user_state(&world.user.id, UserState::Disabled, &cause(4)).await.expect("done");
    let (mut left, none) = (open(&world.org).await, open(&beta).await);
    left.sort();
    assert_eq!(
        (left, none),
        ([&*world.user.email, "other@example.com"].map(ToOwned::to_owned).to_vec(), vec![]),
        "theirs anywhere"
    );
    let page = store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
    let withdrawn = page.rows.iter().filter(|row| crate::record::operation(&row.record) == "invitation.withdraw").count();
    assert!(withdrawn >= 8, "each is on record: {withdrawn}");
}

pub(crate) async fn somebody_always_administers(store: SharedStore) {
    let world = World::new(store).await;
    let (store, admin) = (&world.store, roles(&["admin", "owner"]));
    let ada = world.member(&world.user, &["admin"]).await;
    let grace = world.user("grace@example.com").await;
    let grace_member = world.member(&grace, &["owner"]).await;
    let (one, two) = (with(&ada, &["viewer"]), with(&grace_member, &[]));
    // Two who take it from each other at the same time do not both succeed.
    let (first, second) = (cause(1), cause(1));
    let both =
        join(store.change_member(&one, &unbound(&admin), &first), store.change_member(&two, &unbound(&admin), &second)).await;
    let both = [both.0.expect("an answer"), both.1.expect("an answer")];
    assert_eq!(both.iter().filter(|g| **g == Guarded::Done).count(), 1, "{both:?}");
    assert_eq!(both.iter().filter(|g| **g == Guarded::LastAdministrator).count(), 1, "{both:?}");

    world.member(&world.user, &["admin"]).await;
    world.member(&grace, &["viewer"]).await;
    let bot = User { kind: UserKind::Service, ..user("bot") };
    store.create_user(&NewUser { user: bot.clone(), password: None }, &cause(0)).await.expect("a user");
    world.member(&bot, &["admin"]).await;
    let dismiss =
        async |who: &User| store.dismiss_member(&world.org.id, &who.id, &unbound(&admin), &cause(2)).await.expect("an answer");
    assert_eq!(dismiss(&world.user).await, Guarded::LastAdministrator, "a service user administers nothing");
    assert_eq!(
        store.change_member(&with(&ada, &["owner"]), &unbound(&admin), &cause(2)).await.expect("an answer"),
        Guarded::Done
    );
    let grant = world.wanted(3);
    world.consent_to(&grant, 3).await;
    world.member(&grace, &["admin"]).await;
    assert_eq!(dismiss(&world.user).await, Guarded::Done);
    assert_eq!(world.state_of(&grant).await, GrantState::Revoked { at: after(2), reason: RevokeReason::MembershipRemoved });
    assert_eq!(dismiss(&world.user).await, Guarded::Absent);
    assert_eq!(store.change_member(&ada, &unbound(&admin), &cause(3)).await.expect("an answer"), Guarded::Absent);
    let listed = store.member_page(&world.org.id, &MemberSearch::default(), (0, 10)).await.expect("members");
    assert_eq!(listed.iter().map(|(u, _)| u.email.as_str()).collect::<Vec<_>>(), ["bot", "grace@example.com"]);
    assert_eq!(listed[1], (grace.clone(), roles(&["admin"])));
    let second = store.member_page(&world.org.id, &MemberSearch::default(), (1, 10)).await.expect("members");
    assert_eq!(second.len(), 1);
}

/// Administrators reach everything, editors and viewers themselves.
#[derive(Debug)]
struct Ranks;

impl Reach for Ranks {
    fn covers(&self, own: &[RoleName], moved: &[RoleName]) -> bool {
        own.iter().any(|role| role.as_str() == "admin") || (!own.is_empty() && moved.iter().all(|role| own.contains(role)))
    }
}

pub(crate) async fn nobody_moves_what_is_beyond_their_reach(store: SharedStore) {
    let world = World::new(store).await;
    let (store, admin) = (&world.store, roles(&["admin"]));
    let ada = world.member(&world.user, &["admin"]).await;
    let [grace, edith] = [world.user("grace@example.com").await, world.user("edith@example.com").await];
    let (grace_member, edith_member) = (world.member(&grace, &["admin"]).await, world.member(&edith, &["editor"]).await);
    let by = |who| Bounds { administrators: &admin, changer: Some((who, &Ranks as &dyn Reach)) };
    // Two who unseat each other at the same time do not both succeed: the loser reaches nothing any more.
    let (one, two) = (with(&ada, &["viewer"]), with(&grace_member, &["viewer"]));
    let (first, second) = (cause(1), cause(1));
    let (of_grace, of_ada) = (by(&grace.id), by(&world.user.id));
    let both = join(store.change_member(&one, &of_grace, &first), store.change_member(&two, &of_ada, &second)).await;
    let both = [both.0.expect("an answer"), both.1.expect("an answer")];
    assert_eq!(both.iter().filter(|g| **g == Guarded::Done).count(), 1, "{both:?}");
    assert_eq!(both.iter().filter(|g| **g == Guarded::BeyondReach).count(), 1, "{both:?}");

    world.member(&world.user, &["admin"]).await;
    world.member(&grace, &["viewer"]).await;
    let change = async |membership: &Membership, names: &[&str]| {
        store.change_member(&with(membership, names), &by(&edith.id), &cause(2)).await.expect("an answer")
    };
    assert_eq!(change(&grace_member, &["editor", "viewer"]).await, Guarded::Done, "what stays is not moved");
    assert_eq!(change(&grace_member, &["editor"]).await, Guarded::BeyondReach, "taking is moving");
    assert_eq!(change(&edith_member, &["editor", "admin"]).await, Guarded::BeyondReach);
    let dismiss =
        async |who: &User, by: &Bounds<'_>| store.dismiss_member(&world.org.id, &who.id, by, &cause(3)).await.expect("an answer");
    assert_eq!(dismiss(&grace, &by(&edith.id)).await, Guarded::BeyondReach);
    let stranger = crate::types::UserId::generate(START, &ENTROPY);
    assert_eq!(dismiss(&edith, &by(&stranger)).await, Guarded::BeyondReach, "who is no member reaches nothing");
    assert_eq!(world.roles_of(&grace).await, Some(roles(&["editor", "viewer"])));
    assert_eq!(dismiss(&grace, &by(&world.user.id)).await, Guarded::Done);
}

pub(crate) async fn a_service_user_is_made_and_switched_whole_and_within_reach(store: SharedStore) {
    let world = World::new(store).await;
    let (s, acme, admin) = (&world.store, &world.org.id, roles(&["admin"]));
    let ada = world.member(&world.user, &["admin"]).await;
    let boss = world.user("boss@example.com").await;
    world.member(&boss, &["admin"]).await;
    let by = |who| Bounds { administrators: &admin, changer: Some((who, &Ranks as &dyn Reach)) };
    let robot = |email: &str| User { kind: UserKind::Service, ..user(email) };
    let within = |user: &User, names: &[&str]| Membership { org: acme.clone(), user: user.id.clone(), roles: roles(names) };
    let there = async |user: &User| {
        let made = s.user(&user.id).await.expect("an answer").is_some();
        assert_eq!(made, world.roles_of(user).await.is_some(), "a user without a membership, or the other way round");
        made
    };
    // Who loses their role at the same time made the service user before, or not at all.
    for round in 0..10 {
        world.member(&world.user, &["admin"]).await;
        let bot = robot(&format!("bot{round}.acme"));
        let invitation = world.invitation(&format!("guest{round}@example.com"), 1);
        let (bounds, at, secret) = (by(&world.user.id), cause(1), hash(TokenKind::Invitation));
        let (membership, operator, demoted) = (within(&bot, &["admin"]), unbound(&admin), with(&ada, &[]));
        let (made, invited, demotion) = futures::join!(
            s.add_service(&bot, &membership, &bounds, &at),
            s.invite(&invitation, &secret, &bounds, &at),
            s.change_member(&demoted, &operator, &at)
        );
        assert_eq!(demotion.expect("an answer"), Guarded::Done);
        assert_eq!(made.expect("an answer") == ServiceMade::Done, there(&bot).await);
        invited.expect("an answer");
        assert_eq!(s.invitation(&secret, after(2)).await.expect("an answer"), None, "never made, or ended with the role");
        let late = robot(&format!("late{round}.acme"));
        let refused = s.add_service(&late, &within(&late, &["editor"]), &bounds, &at).await.expect("an answer");
        assert_eq!((refused, there(&late).await), (ServiceMade::BeyondReach, false), "{round}");
        let secret = hash(TokenKind::Invitation);
        assert!(!s.invite(&invitation, &secret, &bounds, &at).await.expect("an answer"));
        assert_eq!(s.invitation(&secret, after(2)).await.expect("an answer"), None);
    }
    let (bot, twin) = (robot("bot.acme"), robot("bot.acme"));
    let (operator, hers) = (unbound(&admin), by(&boss.id));
    assert_eq!(s.add_service(&bot, &within(&bot, &["admin"]), &hers, &cause(2)).await.expect("an answer"), ServiceMade::Done);
    assert_eq!(s.add_service(&twin, &within(&twin, &[]), &operator, &cause(2)).await.expect("an answer"), ServiceMade::Taken);
    assert!(!there(&twin).await);

    let switch = async |who: &User, to, bounds: &Bounds<'_>| s.switch_service(acme, &who.id, to, bounds, &cause(3)).await;
    let state = async || s.user(&bot.id).await.expect("an answer").expect("it is there").state;
    let (off, on) = (UserState::Disabled, UserState::Active);
    let powerless = by(&world.user.id);
    assert_eq!(switch(&bot, off, &powerless).await.expect("an answer"), ServiceSwitched::BeyondReach);
    assert_eq!(switch(&boss, off, &operator).await.expect("an answer"), ServiceSwitched::NotOwn);
    assert_eq!(switch(&twin, off, &operator).await.expect("an answer"), ServiceSwitched::Absent);
    assert_eq!(state().await, on);
    assert_eq!(switch(&bot, off, &hers).await.expect("an answer"), ServiceSwitched::Done);
    assert_eq!(switch(&bot, off, &hers).await.expect("an answer"), ServiceSwitched::Done, "it is so already");
    assert_eq!(state().await, off);
    s.set_user_state(&bot.id, on, &cause(4)).await.expect("switched");
    s.set_user_state(&bot.id, UserState::Frozen, &cause(4)).await.expect("frozen");
    assert_eq!(switch(&bot, on, &hers).await.expect("an answer"), ServiceSwitched::Frozen);
    s.set_user_state(&bot.id, on, &cause(5)).await.expect("thawed");
    let beta = org("beta");
    s.create_org(&beta, &cause(5)).await.expect("an organization");
    let there_too = Membership { org: beta.id.clone(), user: bot.id.clone(), roles: Vec::new() };
    s.set_membership(&there_too, &cause(5)).await.expect("a membership");
    assert_eq!(switch(&bot, off, &hers).await.expect("an answer"), ServiceSwitched::NotOwn);
}

pub(crate) async fn letters_are_found_whatever_their_case(store: SharedStore) {
    let world = World::new(store).await;
    for (email, name) in [
        ("a@example.com", "Stra\u{df}e"),
        ("b@example.com", "STRA\u{1e9e}E"),
        ("c@example.com", "\u{39f}\u{3b4}\u{3c5}\u{3c3}\u{3c3}\u{3ad}\u{3b1}\u{3c2}"),
        ("d@example.com", "\u{130}stanbul"),
        ("e@example.com", "i\u{307}stanbul"),
    ] {
        let one = User { name: name.to_owned(), ..user(email) };
        let new = NewUser { user: one.clone(), password: None };
        assert_eq!(world.store.create_user(&new, &cause(0)).await.expect("a user"), Created::Done);
        world.member(&one, &["viewer"]).await;
    }
    for (text, wanted) in [
        ("stra\u{1e9e}E", &["a@example.com", "b@example.com"][..]),
        ("STRA\u{df}e", &["a@example.com", "b@example.com"]),
        ("\u{39f}\u{394}\u{3a5}\u{3a3}\u{3a3}\u{388}\u{391}\u{3a3}", &["c@example.com"]),
        ("\u{3ad}\u{3b1}\u{3c2}", &["c@example.com"]),
        ("\u{130}STAN", &["d@example.com", "e@example.com"]),
        ("strasse", &[]),
    ] {
        let search = MemberSearch { text: text.to_owned(), ..MemberSearch::default() };
        let found = world.store.member_page(&world.org.id, &search, (0, 9)).await.expect("members");
        let mut found: Vec<_> = found.into_iter().map(|(user, _)| user.email).collect();
        found.sort();
        assert_eq!(found, wanted, "{text}");
    }
}

pub(crate) async fn members_are_found_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let mut all = vec![world.user.id.clone()];
    for (email, name, kind) in [
        ("grace@example.com", "Grace 100%", UserKind::Person),
        ("bot.acme", "bot", UserKind::Service),
        ("bob@example.com", "Bob_\u{DC}nal", UserKind::Person),
    ] {
        let one = User { name: name.to_owned(), kind, ..user(email) };
        let new = NewUser { user: one.clone(), password: None };
        assert_eq!(world.store.create_user(&new, &cause(0)).await.expect("a user"), Created::Done);
        world.member(&one, if kind == UserKind::Service { &["pusher"] } else { &["push", "viewer"] }).await;
        all.push(one.id);
    }
    let outside = world.user("grace@elsewhere.example").await;
    let (bot, grace, bob) = (all[2].clone(), all[1].clone(), all[3].clone());
    world.store.set_user_state(&bob, UserState::Frozen, &cause(1)).await.expect("an answer");
    let find = async |search: MemberSearch, after: Option<&UserId>, limit| {
        let found = world.store.find_members(&world.org.id, &search, after, limit).await.expect("members");
        found.into_iter().map(|(user, roles)| (user.id, roles)).collect::<Vec<_>>()
    };
    let mut wanted = all;
    wanted.sort_by(|a, b| b.cmp(a));
    let mut seen: Vec<UserId> = Vec::new();
    for most in [3, 1, 0] {
        let page = find(MemberSearch::default(), seen.last(), 3).await;
        assert_eq!(page.len(), most);
        seen.extend(page.into_iter().map(|(id, _)| id));
    }
    assert_eq!(seen, wanted);
    assert!(!seen.contains(&outside.id));
    let text = |text: &str| MemberSearch { text: text.to_owned(), ..MemberSearch::default() };
    for (search, wanted) in [
        (text("GRACE@"), Some(&grace)),
        (text("grace 100%"), Some(&grace)),
        (text("_\u{DC}na"), Some(&bob)),
        (text("_\u{FC}NA"), Some(&bob)),
        (text("_race"), None),
        (text("\0"), None),
        (MemberSearch { kind: Some(UserKind::Service), ..text("") }, Some(&bot)),
        (MemberSearch { state: Some(UserState::Frozen), ..text("") }, Some(&bob)),
        (MemberSearch { state: Some(UserState::Disabled), ..text("") }, None),
        (MemberSearch { role: RoleName::parse("pusher").ok(), ..text("") }, Some(&bot)),
        (MemberSearch { role: RoleName::parse("push").ok(), ..text("grace") }, Some(&grace)),
        (MemberSearch { role: RoleName::parse("us").ok(), ..text("") }, None),
    ] {
        let found: Vec<_> = find(search.clone(), None, 9).await.into_iter().map(|(id, _)| id).collect();
        assert_eq!(found.iter().collect::<Vec<_>>(), wanted.into_iter().collect::<Vec<_>>(), "{search:?}");
        let paged = world.store.member_page(&world.org.id, &search, (0, 9)).await.expect("members");
        assert_eq!(paged.iter().map(|(user, _)| &user.id).collect::<Vec<_>>(), found.iter().collect::<Vec<_>>(), "{search:?}");
    }
    assert_eq!(find(text("bot"), None, 9).await, [(bot, roles(&["pusher"]))]);
    let page = async |page| {
        let found = world.store.member_page(&world.org.id, &text("EXAMPLE.com"), page).await.expect("members");
        found.into_iter().map(|(user, _)| user.email).collect::<Vec<_>>()
    };
    assert_eq!(page((0, 2)).await, ["ada@example.com", "bob@example.com"], "by address");
    assert_eq!(page((2, 2)).await, ["grace@example.com"]);
}
