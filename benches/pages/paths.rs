//! Every page that is rendered, by its route. Left out is what is downloaded, and the answer to a test authorization, which is one
//! only while a test is under way.

use super::world::World;

/// A page to be measured.
pub struct Page {
    /// Its route.
    pub name: &'static str,
    /// Where it is.
    pub path: String,
    /// Who asks for it, and how.
    pub ask: Ask,
}

/// Who asks for a page, and how.
pub enum Ask {
    /// The administrator and operator, in their browser.
    SignedIn,
    /// Somebody whom nobody knows.
    Stranger,
    /// The administrator, by this form.
    Form(String),
}

impl World {
    /// The page that shows nothing, then every other.
    pub fn pages(&self) -> Vec<Page> {
        let mut pages = self.own_pages();
        pages.extend(self.org_pages());
        pages.extend(self.app_pages());
        pages.extend(self.operator_pages());
        pages
    }

    fn own_pages(&self) -> Vec<Page> {
        let device = Ask::Form(format!("csrf={}&user_code={}", self.csrf, self.device));
        let mut pages = signed_in([
            ("floor: /device, a session and a frame alone", "/device".to_owned()),
            ("/", "/".to_owned()),
            ("/password", "/password".to_owned()),
            ("/invitations/{link}", self.invitation.clone()),
            ("/consent", format!("/consent?request={}", self.request)),
            ("/settings/applications", "/settings/applications".to_owned()),
            ("/settings/applications/{grant}", format!("/settings/applications/{}", self.own.id)),
            ("/settings/sessions", "/settings/sessions".to_owned()),
            ("/settings/events", "/settings/events".to_owned()),
        ]);
        pages.push(Page { name: "/device, the decision", path: "/device".to_owned(), ask: device });
        for (name, path) in [
            ("/login", "/login".to_owned()),
            ("/, nobody signed in", "/".to_owned()),
            ("/invitations/{link}, nobody signed in", self.invitation.clone()),
        ] {
            pages.push(Page { name, path, ask: Ask::Stranger });
        }
        pages
    }

    fn org_pages(&self) -> Vec<Page> {
        let org = |page: &str| format!("/orgs/bench/{page}");
        let used = &self.in_use.client;
        signed_in([
            ("/orgs/{org}/applications", org("applications")),
            ("/orgs/{org}/applications, last page", org("applications?from=175")),
            ("/orgs/{org}/applications, searched", org("applications?text=user17")),
            ("/orgs/{org}/applications, searched, nothing", org("applications?text=nothing")),
            ("/orgs/{org}/applications, searched by scope", org("applications?text=metrics")),
            ("/orgs/{org}/applications/{client}", org(&format!("applications/{}", self.client))),
            ("/orgs/{org}/applications/{client}, an app's", org(&format!("applications/{used}"))),
            ("/orgs/{org}/applications/{client}/uninstall", org(&format!("applications/{used}/uninstall"))),
            ("/orgs/{org}/keys", org("keys")),
            ("/orgs/{org}/keys, searched", org("keys?text=user1")),
            ("/orgs/{org}/keys, searched, nothing", org("keys?text=nothing")),
            ("/orgs/{org}/install", org("install")),
            ("/orgs/{org}/install, an app", org(&format!("install?app={}", self.in_use.app.id))),
            ("/orgs/{org}/review", org("review")),
            ("/orgs/{org}/review, last page", org("review?from=11900")),
            ("/orgs/{org}/review, searched", org("review?text=user17")),
            ("/orgs/{org}/review, searched, nothing", org("review?text=nothing")),
            ("/orgs/{org}/review, searched by scope", org("review?text=metrics")),
            ("/orgs/{org}/review, searched, everything", org("review?text=example.com")),
            ("/orgs/{org}/members", org("members")),
            ("/orgs/{org}/members, last page", org("members?from=1900")),
            ("/orgs/{org}/members, searched", org("members?text=user17")),
            ("/orgs/{org}/members, searched, nothing", org("members?text=nothing")),
            ("/orgs/{org}/machines", org("machines")),
            ("/orgs/{org}/machines, searched", org("machines?text=1")),
            ("/orgs/{org}/machines/new", org("machines/new")),
            ("/orgs/{org}/machines/{client}", org(&format!("machines/{}", self.machine))),
            ("/orgs/{org}/machines/{client}/scopes", org(&format!("machines/{}/scopes", self.machine))),
            ("/orgs/{org}/audit", org("audit")),
            ("/orgs/{org}/audit, counted by user", org("audit?counts=user")),
            ("/orgs/{org}/audit, one client, last day", org(&format!("audit?client={}", self.client))),
            ("/orgs/{org}/audit/{record}", org(&format!("audit/{}", self.record))),
        ])
    }

    fn app_pages(&self) -> Vec<Page> {
        let app = |page: &str| format!("/orgs/bench/apps/{}{page}", self.in_use.app.id);
        signed_in([
            ("/orgs/{org}/apps", "/orgs/bench/apps".to_owned()),
            ("/orgs/{org}/apps/new", "/orgs/bench/apps/new".to_owned()),
            ("/orgs/{org}/apps/import", "/orgs/bench/apps/import".to_owned()),
            ("/orgs/{org}/apps/{app}", app("")),
            ("/orgs/{org}/apps/{app}/edit", app("/edit")),
            ("/orgs/{org}/apps/{app}/publish", app("/publish")),
            ("/orgs/{org}/apps/{app}/delete", app("/delete")),
            ("/orgs/{org}/apps/{app}/test", app("/test")),
        ])
    }

    fn operator_pages(&self) -> Vec<Page> {
        let (app, user) = (&self.in_use.app.id, &self.own.user);
        signed_in([
            ("/operator/organizations", "/operator/organizations".to_owned()),
            ("/operator/organizations/{org}", "/operator/organizations/bench".to_owned()),
            ("/operator/organizations/{org}, asked to freeze", "/operator/organizations/bench?confirm=freeze".to_owned()),
            ("/operator/users", "/operator/users".to_owned()),
            ("/operator/users, last page", "/operator/users?from=1950".to_owned()),
            ("/operator/users, searched", "/operator/users?text=user17".to_owned()),
            ("/operator/users, searched, nothing", "/operator/users?text=nothing".to_owned()),
            ("/operator/users/{user}", format!("/operator/users/{user}")),
            ("/operator/clients", "/operator/clients".to_owned()),
            ("/operator/clients, searched", "/operator/clients?text=client+17".to_owned()),
            ("/operator/clients/{client}", format!("/operator/clients/{}", self.in_use.client)),
            ("/operator/scopes", "/operator/scopes".to_owned()),
            ("/operator/scopes/{holder}/{scope}", format!("/operator/scopes/{app}/api_keys:write")),
            ("/operator/shadow", "/operator/shadow?span=month".to_owned()),
        ])
    }
}

fn signed_in<const N: usize>(pages: [(&'static str, String); N]) -> Vec<Page> {
    pages.into_iter().map(|(name, path)| Page { name, path, ask: Ask::SignedIn }).collect()
}
