//! Generated documents, examples, defaults.

use std::path::Path;
use std::time::Duration;

use super::super::{ApiKind, Catalogue, Config, Matrix, Target, Tell, UpstreamProtocol, docs};
use super::{env, parse, proved};
use crate::mcp::{Target as Named, Verdict};
use crate::types::{OwnScope, RoleName, ScopeBits};

fn fresh(file: &str, made: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config").join(file);
    if std::env::var_os("TOLLGATE_BLESS").is_some() {
        std::fs::write(&path, made).expect("the file can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "config/{file} is stale: TOLLGATE_BLESS=1 cargo test --lib config");
}

#[test]
fn generated_files_are_fresh() {
    fresh("schema.json", &docs::schema());
    fresh("reference.md", &docs::reference());
}

#[test]
fn every_key_has_a_sentence() {
    let page = docs::reference();
    for line in page.lines().filter(|l| l.starts_with("| `")) {
        assert!(!line.ends_with("|  |") && !line.contains("|  | |"), "a key without a sentence: {line}");
    }
    for section in ["## `listen`", "## `oauth`", "## `[[apis]]`", "## `apis.tenant`", "## `[[apis.routes]]`", "## `scopes.NAME`"]
    {
        assert!(page.contains(section), "{section} is missing");
    }
}

/// Every key that the reference page names.
fn documented_keys() -> Vec<String> {
    let page = docs::reference();
    let keys = page.lines().filter_map(|l| l.strip_prefix("| `")).filter_map(|l| l.split('`').next());
    keys.map(ToOwned::to_owned).collect()
}

#[test]
fn the_example_names_every_key() {
    let text = include_str!("../../../config/gateway.example.toml");
    for key in documented_keys() {
        let named = text.contains(&format!("{key} =")) || text.contains(&format!("[{key}")) || text.contains(&format!(".{key}]"));
        assert!(named, "config/gateway.example.toml doesn't show {key}");
    }
}

#[test]
fn the_example_means_what_it_says() {
    let (config, warnings) =
        Config::parse(include_str!("../../../config/gateway.example.toml"), &env, 7).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings, []);
    assert_eq!((config.generation, config.issuer.as_str()), (7, "https://gw.example.com"));
    assert_eq!(config.listen.trusted_proxies[0].to_string(), "10.0.0.0/8");
    assert_eq!(config.listen.balancers[0].to_string(), "10.1.0.0/24");
    assert_eq!(config.listen.extra_hosts, ["gw.internal:8080"]);
    assert_eq!(
        config.upstreams.iter().map(|u| u.name.as_str()).collect::<Vec<_>>(),
        ["collector", "everything", "grafana", "prometheus"]
    );
    assert_eq!(config.upstreams[0].protocol, UpstreamProtocol::Http2);
    assert_eq!(config.upstreams[2].endpoints[0].to_string(), "https://grafana.internal:443/base");
    assert_eq!(config.upstreams[2].inject[0].name, "authorization");
    let names: Vec<_> = config.apis.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["prometheus", "shared", "grafana", "collector", "everything", "tollgate", "tollgate-api"]);
    assert!(matches!(&config.apis[1].tenancy.tell, Some(Tell::Label { label, .. }) if label == "tenant"));
    let grafana = &config.apis[2];
    assert_eq!(grafana.resource.as_str(), "https://gw.example.com/grafana");
    assert_eq!(grafana.tenancy.host_suffix.as_deref(), Some(".apps.example.com"));
    assert_eq!(
        (&*grafana.tenancy.forbidden_query, &*grafana.tenancy.stripped_query),
        (&["auth_token".to_owned()][..], &["orgId".to_owned()][..])
    );
    assert!(matches!(&grafana.tenancy.tell, Some(Tell::PathPrefix { template }) if template.to_string() == "/orgs/{org.id}"));
    assert_eq!(
        grafana.identity_headers,
        ["x-caller", "x-grafana-org-id", "x-jwt-assertion", "x-webauth-email", "x-webauth-user"]
    );
    assert_eq!(grafana.advertised.to_string(), "dashboards:read");
    let ids: Vec<_> = grafana.listing.iter().map(|r| r.id.as_str()).collect();
    assert_eq!(
        ids,
        ["grafana.health", "grafana.dashboards.read", "grafana.api.dashboards.db", "grafana.folders", "grafana.api.live.ws"]
    );
    let service = "opentelemetry.proto.collector.logs.v1.LogsService";
    let call = format!("/{service}/Export");
    let below_the_mount = format!("/collector{call}");
    let at = |path| config.api_at(path).map(|(api, below)| (api.name.as_str(), below));
    assert_eq!(at(&call), Some(("collector", call.as_str())));
    assert_eq!(at(&below_the_mount), Some(("collector", call.as_str())));
    assert_eq!(at("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"), None, "it is not on the API's list");
    assert_eq!(config.apis[0].identity_headers, ["x-scope-orgid"]);
    assert_eq!(config.catalogue.entries().iter().filter(|e| e.description == "Query your organization's metrics").count(), 1);
    let urn = crate::types::ResourceId::parse("urn:example:metrics").expect("a URN");
    assert_eq!(config.api_of(&urn).map(|a| a.name.as_str()), Some("prometheus"));
}

#[test]
fn the_example_beside_a_proxy_is_whole() {
    let text = include_str!("../../../config/examples/authorizer.toml").to_owned() + "\n[keys]\nsecret = \"env:KEY\"\n";
    let (config, warnings) = Config::parse(&text, &env, 1).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings, []);
    assert_eq!(config.listen.authorizer.map(|a| a.to_string()).as_deref(), Some("127.0.0.1:9902"));
    let spoken: Vec<_> = config.authorizer.dialects.iter().map(|d| d.as_str()).collect();
    assert_eq!(spoken, ["nginx", "envoy_grpc", "envoy_http", "caddy", "traefik"]);
    assert!(config.authorizer.strips_headers && config.authorizer.uses_target && !config.authorizer.upstream_credentials);
}

#[test]
fn the_example_in_a_container_is_reached_from_outside() {
    let text = include_str!("../../../config/examples/container.toml").to_owned() + "\n[keys]\nsecret = \"env:KEY\"\n";
    let (config, warnings) = Config::parse(&text, &env, 1).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings, []);
    assert!(config.listen.public.ip().is_unspecified() && config.listen.admin.ip().is_loopback());
    assert_eq!(config.data_dir, std::path::Path::new("/data"));
    let image = include_str!("../../../Dockerfile");
    for port in [config.listen.public.port(), config.listen.admin.port()] {
        assert!(image.lines().any(|line| line.starts_with("EXPOSE ") && line.contains(&port.to_string())), "{port}");
    }
    assert!(image.contains("VOLUME /data\n") && image.contains("TOLLGATE_CONFIG=/data/gateway.toml\n"));
}

#[test]
fn the_development_file_is_whole() {
    let text = include_str!("../../../config/gateway.dev.toml").replace("[oauth]", "[keys]\nsecret = \"env:KEY\"\n[oauth]");
    let (config, warnings) = Config::parse(&text, &env, 1).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((config.apis.len(), warnings.len()), (4, 0));
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = proved("");
    let (oauth, seconds) = (&config.oauth, Duration::from_secs);
    let day = 86_400;
    assert_eq!(oauth.code_ttl, seconds(60));
    assert_eq!(oauth.access_token_ttl, seconds(600));
    assert_eq!(oauth.machine_token_ttl, seconds(300));
    assert_eq!(oauth.refresh_idle, seconds(30 * day));
    assert_eq!(oauth.grant_ttl, seconds(90 * day));
    assert_eq!(oauth.refresh_grace, seconds(60));
    assert_eq!(oauth.request_ttl, seconds(600));
    assert_eq!(oauth.dynamic_client_ttl, seconds(90 * day));
    assert_eq!((oauth.dynamic_registration, oauth.registrations_per_hour), (true, 20));
    assert_eq!(oauth.max_clients_per_org, 100);
    assert_eq!((config.audit.power_safe, config.audit.retention), (false, seconds(365 * day)));
    assert_eq!(config.listen.limits.max_local_body, 65_536);
    assert_eq!(config.listen.limits.header_timeout, seconds(10));
    assert_eq!(
        (config.listen.public.to_string(), config.listen.admin.to_string()),
        ("127.0.0.1:8080".into(), "127.0.0.1:9901".into())
    );
    assert_eq!(secrecy::ExposeSecret::expose_secret(&config.store_url), "sqlite:data/tollgate.db");
}

#[test]
fn a_share_of_the_memory_is_enough_for_one_body() {
    const MIB: usize = 1 << 20;
    for (limits, share) in [
        ("", 64),
        ("limits.buffer_memory = \"8MiB\"", 8),
        ("limits.buffer_memory = \"32MiB\"", 16),
        ("limits = { buffer_memory = \"64MiB\", max_mcp_body = \"32MiB\" }", 32),
        ("limits = { buffer_memory = \"64MiB\", max_local_body = \"24MiB\" }", 24),
        ("limits = { buffer_memory = \"256MiB\", max_mcp_body = \"32MiB\" }", 64),
        ("limits = { buffer_memory = \"64MiB\", max_mcp_body = \"64MiB\" }", 64),
    ] {
        assert_eq!(proved(limits).listen.limits.buffer_memory_share, share * MIB, "{limits}");
    }
}

#[test]
fn our_own_mcp_server_is_always_there() {
    let config = proved("");
    let own = &config.apis[0];
    assert_eq!(
        (own.name.as_str(), own.mount.as_str(), own.advertised.to_string()),
        ("tollgate", "/mcp", "mcp:tollgate:invoke".into())
    );
    assert!(matches!(own.target, Target::OwnMcp));
    let ApiKind::Mcp(policy) = &own.kind else { panic!("an MCP server") };
    let asked = |tool: &str, held: &ScopeBits| policy.allows(&Named::Tool(tool.into()), held);
    for tool in ["whoami", "list_applications", "explain_denial"] {
        assert_eq!(asked(tool, &policy.invoke), Verdict::Allowed, "{tool}");
    }
    let admin = config.roles.permissions(&[RoleName::parse("admin").expect("a name")]);
    assert!(matches!(asked("search_audit", &policy.invoke), Verdict::Missing(_)));
    assert_eq!(asked("search_audit", &admin), Verdict::Allowed);
    assert_eq!(asked("drop_tables", &admin), Verdict::Denied);
}

#[test]
fn every_scope_of_our_own_is_in_the_catalogue_and_roles_hold_it_or_not() {
    let config = proved("");
    let names: Vec<_> =
        config.catalogue.entries().iter().map(|e| e.name.as_str()).filter(|name| !name.starts_with("mcp:")).collect();
    assert_eq!(names, OwnScope::ALL.map(OwnScope::as_str));
    let may = |role: &str, scope| config.may(&[RoleName::parse(role).expect("a name")], scope);
    assert!(OwnScope::ALL.into_iter().all(|scope| may("admin", scope)));
    assert!(may("viewer", OwnScope::SessionsRead) && !may("viewer", OwnScope::MembersRead));
    assert!(Catalogue::default().own(OwnScope::AuditRead).is_none(), "what is not there nobody holds");
}

#[test]
fn our_own_api_is_always_there_and_advertises_nothing() {
    let config = proved("");
    let own = &config.apis[1];
    assert_eq!((own.name.as_str(), own.mount.as_str()), ("tollgate-api", "/api/v1"));
    assert!(matches!(own.target, Target::OwnApi) && own.advertised.is_empty());
    assert_eq!(own.listing.len(), crate::config::own_api::RULES.len());
    let viewer = config.roles.permissions(&[RoleName::parse("viewer").expect("a name")]);
    let held = config.catalogue.scopes(&viewer).to_string();
    assert_eq!(
        held, "applications:read applications:write mcp:tollgate:invoke sessions:read sessions:write",
        "a viewer administers nothing"
    );
}

#[test]
fn a_scope_of_which_one_is_enough_counts_wherever_scopes_do() {
    let (config, warnings) = parse(
        r#"
        scopes = { "a:read".description = "A", "b:read".description = "B", "c:read".description = "C" }
        upstreams = [{ name = "u", endpoints = ["http://h"] }]
        [[apis]]
        name = "things"
        mount = "/things"
        upstream = "u"
        routes = [
          { id = "things.one", match = "/one", methods = ["GET"], scopes_any = ["b:read", "a:read"], enforce = "promql_query" },
          { id = "things.two", match = "/two", methods = ["POST"], scopes = ["c:read"], scopes_any = ["b:read"], keys = true },
        ]
        [roles.reader]
        permissions = ["b:read"]
        selectors."b:read" = { team = "a" }
        "#,
    )
    .unwrap_or_else(|e| panic!("{e}"));
    assert!(warnings.is_empty(), "all of them are used: {warnings:?}");
    let matrix = Matrix::new(&config, &warnings).to_string();
    let line = |start: &str| matrix.lines().find(|line| line.starts_with(start)).map(ToOwned::to_owned).unwrap_or_default();
    assert!(line("things  ").ends_with("one of b:read, a:read"), "{matrix}");
    assert!(matrix.contains("c:read and one of b:read (or an API key)"), "{matrix}");
    assert!(line("a:read").ends_with("things.one") && line("b:read").ends_with("things.one things.two"), "{matrix}");
    assert_eq!(config.apis[0].advertised.to_string(), "a:read b:read c:read");
    assert_eq!(config.catalogue.scopes(&config.key_scopes()).to_string(), "b:read c:read");
}

/// Of a route of a pack each of the two can be changed by itself.
#[test]
fn an_override_says_of_which_scopes_one_is_enough() {
    let needs = |change: &str| {
        let (config, _) = parse(&format!(
            r#"
            upstreams = [{{ name = "u", endpoints = ["http://h"] }}]
            [[apis]]
            name = "p"
            mount = "/p"
            upstream = "u"
            pack = "prometheus"
            overrides = {{ query = {{ {change} }} }}
            "#
        ))
        .unwrap_or_else(|e| panic!("{e}"));
        let route = config.apis[0].listing.iter().find(|r| r.id.as_str() == "p.query").expect("the route");
        route.needs.as_ref().expect("scopes").to_string()
    };
    assert_eq!(needs("scopes_any = [\"rules:read\", \"alerts:read\"]"), "metrics:read and one of rules:read, alerts:read");
    assert_eq!(needs("scopes = [], scopes_any = [\"rules:read\", \"metrics:read\"]"), "one of rules:read, metrics:read");
}

#[test]
fn the_matrix_shows_routes_scopes_and_warnings() {
    let (config, warnings) = parse(
        r#"
        scopes."things:read".description = "Read things"
        scopes."things:burn".description = "Burn things"
        upstreams = [{ name = "u", endpoints = ["http://h"] }]
        [[apis]]
        name = "things"
        mount = "/things"
        upstream = "u"
        routes = [{ id = "things.get", match = "/**", methods = ["GET"], scopes = ["things:read"] }]
        "#,
    )
    .unwrap_or_else(|e| panic!("{e}"));
    let matrix = Matrix::new(&config, &warnings).to_string();
    insta::assert_snapshot!(matrix, @r##"
    API           ROUTE                                 METHODS          PATH                                             NEEDS
    things        things.get                            GET              /things/**                                       things:read
    tollgate      tollgate.mcp                          POST,GET,DELETE  /mcp                                             mcp:tollgate:invoke
    tollgate      tool                                                   explain_denial                                   mcp:tollgate:invoke
    tollgate      tool                                                   list_applications                                mcp:tollgate:invoke
    tollgate      tool                                                   search_audit                                     audit:read mcp:tollgate:invoke
    tollgate      tool                                                   whoami                                           mcp:tollgate:invoke
    tollgate      tool                                                   (others)                                         (denied)
    tollgate      prompt                                                 (others)                                         mcp:tollgate:invoke
    tollgate      resource                                               (others)                                         mcp:tollgate:invoke
    tollgate-api  tollgate-api.openapi                  GET              /api/v1/openapi.json                             (public)
    tollgate-api  tollgate-api.me                       GET              /api/v1/me                                       (any token)
    tollgate-api  tollgate-api.applications.list        GET              /api/v1/me/applications                          applications:read
    tollgate-api  tollgate-api.applications.revoke      DELETE           /api/v1/me/applications/{grant}                  applications:write
    tollgate-api  tollgate-api.applications.show        GET              /api/v1/me/applications/{grant}                  applications:read
    tollgate-api  tollgate-api.applications.update      PATCH            /api/v1/me/applications/{grant}                  applications:write
    tollgate-api  tollgate-api.applications.activity    GET              /api/v1/me/applications/{grant}/activity         applications:read
    tollgate-api  tollgate-api.events.list              GET              /api/v1/me/events                                sessions:read
    tollgate-api  tollgate-api.sessions.list            GET              /api/v1/me/sessions                              sessions:read
    tollgate-api  tollgate-api.sessions.end_all         DELETE           /api/v1/me/sessions                              sessions:write
    tollgate-api  tollgate-api.sessions.end             DELETE           /api/v1/me/sessions/{session}                    sessions:write
    tollgate-api  tollgate-api.grants.list              GET              /api/v1/grants                                   grants:read
    tollgate-api  tollgate-api.grants.show              GET              /api/v1/grants/{grant}                           grants:read
    tollgate-api  tollgate-api.grants.revoke            DELETE           /api/v1/grants/{grant}                           grants:write
    tollgate-api  tollgate-api.keys.list                GET              /api/v1/api_keys                                 grants:read
    tollgate-api  tollgate-api.keys.mint                POST             /api/v1/api_keys                                 api_keys:write
    tollgate-api  tollgate-api.keys.show                GET              /api/v1/api_keys/{key}                           grants:read
    tollgate-api  tollgate-api.keys.disable             DELETE           /api/v1/api_keys/{key}                           grants:write
    tollgate-api  tollgate-api.installations.list       GET              /api/v1/installations                            grants:read
    tollgate-api  tollgate-api.installations.install    PUT              /api/v1/installations/{app}                      grants:write
    tollgate-api  tollgate-api.installations.uninstall  DELETE           /api/v1/installations/{app}                      grants:write
    tollgate-api  tollgate-api.clients.list             GET              /api/v1/clients                                  clients:read
    tollgate-api  tollgate-api.clients.create           POST             /api/v1/clients                                  clients:write
    tollgate-api  tollgate-api.clients.show             GET              /api/v1/clients/{client}                         clients:read
    tollgate-api  tollgate-api.clients.update           PATCH            /api/v1/clients/{client}                         clients:write
    tollgate-api  tollgate-api.clients.delete           DELETE           /api/v1/clients/{client}                         clients:write
    tollgate-api  tollgate-api.clients.secret           POST             /api/v1/clients/{client}/secrets                 clients:write
    tollgate-api  tollgate-api.clients.secret_end       DELETE           /api/v1/clients/{client}/secrets/{secret}        clients:write
    tollgate-api  tollgate-api.clients.scopes           GET              /api/v1/clients/{client}/scope_requests          clients:read
    tollgate-api  tollgate-api.clients.scope_request    POST             /api/v1/clients/{client}/scope_requests          clients:write
    tollgate-api  tollgate-api.clients.scope_cancel     DELETE           /api/v1/clients/{client}/scope_requests/{scope}  clients:write
    tollgate-api  tollgate-api.apps.list                GET              /api/v1/apps                                     clients:read
    tollgate-api  tollgate-api.apps.create              POST             /api/v1/apps                                     clients:write
    tollgate-api  tollgate-api.apps.import              POST             /api/v1/apps/import                              clients:write
    tollgate-api  tollgate-api.apps.show                GET              /api/v1/apps/{app}                               clients:read
    tollgate-api  tollgate-api.apps.update              PATCH            /api/v1/apps/{app}                               clients:write
    tollgate-api  tollgate-api.apps.delete              DELETE           /api/v1/apps/{app}                               clients:write
    tollgate-api  tollgate-api.apps.stable              PUT              /api/v1/apps/{app}/stable                        clients:write
    tollgate-api  tollgate-api.apps.state               PUT              /api/v1/apps/{app}/state                         clients:write
    tollgate-api  tollgate-api.apps.versions            GET              /api/v1/apps/{app}/versions                      clients:read
    tollgate-api  tollgate-api.apps.publish             POST             /api/v1/apps/{app}/versions                      clients:write
    tollgate-api  tollgate-api.apps.difference          GET              /api/v1/apps/{app}/difference                    clients:read
    tollgate-api  tollgate-api.apps.secret              POST             /api/v1/apps/{app}/secrets                       clients:write
    tollgate-api  tollgate-api.apps.secret_end          DELETE           /api/v1/apps/{app}/secrets/{stage}/{secret}      clients:write
    tollgate-api  tollgate-api.apps.manifest            GET              /api/v1/apps/{app}/manifest                      clients:read
    tollgate-api  tollgate-api.apps.scopes              GET              /api/v1/apps/{app}/scope_requests                clients:read
    tollgate-api  tollgate-api.apps.scope_request       POST             /api/v1/apps/{app}/scope_requests                clients:write
    tollgate-api  tollgate-api.apps.scope_cancel        DELETE           /api/v1/apps/{app}/scope_requests/{scope}        clients:write
    tollgate-api  tollgate-api.policy.show              GET              /api/v1/policy                                   grants:read
    tollgate-api  tollgate-api.policy.set               PUT              /api/v1/policy                                   grants:write
    tollgate-api  tollgate-api.policy.clients           GET              /api/v1/policy/clients                           grants:read
    tollgate-api  tollgate-api.policy.client            GET              /api/v1/policy/clients/{client}                  grants:read
    tollgate-api  tollgate-api.policy.decide            PUT              /api/v1/policy/clients/{client}                  grants:write
    tollgate-api  tollgate-api.policy.revoke            DELETE           /api/v1/policy/clients/{client}/grants           grants:write
    tollgate-api  tollgate-api.review.list              GET              /api/v1/review                                   grants:read
    tollgate-api  tollgate-api.members.list             GET              /api/v1/members                                  members:read
    tollgate-api  tollgate-api.members.show             GET              /api/v1/members/{user}                           members:read
    tollgate-api  tollgate-api.members.set              PUT              /api/v1/members/{user}                           members:write
    tollgate-api  tollgate-api.members.remove           DELETE           /api/v1/members/{user}                           members:write
    tollgate-api  tollgate-api.roles.list               GET              /api/v1/roles                                    members:read
    tollgate-api  tollgate-api.invitations.list         GET              /api/v1/invitations                              members:read
    tollgate-api  tollgate-api.invitations.create       POST             /api/v1/invitations                              members:write
    tollgate-api  tollgate-api.invitations.withdraw     DELETE           /api/v1/invitations/{invitation}                 members:write
    tollgate-api  tollgate-api.service_users.create     POST             /api/v1/service-users                            members:write
    tollgate-api  tollgate-api.service_users.state      PUT              /api/v1/service-users/{user}/state               members:write
    tollgate-api  tollgate-api.audit.search             GET              /api/v1/audit                                    audit:read
    tollgate-api  tollgate-api.audit.export             GET              /api/v1/audit/export                             audit:read
    tollgate-api  tollgate-api.audit.counts             GET              /api/v1/audit/counts                             audit:read
    tollgate-api  tollgate-api.searches.list            GET              /api/v1/audit/searches                           audit:read
    tollgate-api  tollgate-api.searches.save            PUT              /api/v1/audit/searches/{name}                    audit:read
    tollgate-api  tollgate-api.searches.forget          DELETE           /api/v1/audit/searches/{name}                    audit:read
    tollgate-api  tollgate-api.scopes.list              GET              /api/v1/scopes                                   (any token)

    SCOPE                VISIBILITY  RISK    ROLES         ROUTES
    api_keys:write       private     high    admin         tollgate-api.keys.mint
    applications:read    public      low     everybody     tollgate-api.applications.list tollgate-api.applications.show tollgate-api.applications.activity
    applications:write   public      medium  everybody     tollgate-api.applications.revoke tollgate-api.applications.update
    audit:read           public      medium  admin         tollgate:search_audit tollgate-api.audit.search tollgate-api.audit.export tollgate-api.audit.counts tollgate-api.searches.list tollgate-api.searches.save tollgate-api.searches.forget
    clients:read         public      medium  admin         tollgate-api.clients.list tollgate-api.clients.show tollgate-api.clients.scopes tollgate-api.apps.list tollgate-api.apps.show tollgate-api.apps.versions tollgate-api.apps.difference tollgate-api.apps.manifest tollgate-api.apps.scopes
    clients:write        public      high    admin         tollgate-api.clients.create tollgate-api.clients.update tollgate-api.clients.delete tollgate-api.clients.secret tollgate-api.clients.secret_end tollgate-api.clients.scope_request tollgate-api.clients.scope_cancel tollgate-api.apps.create tollgate-api.apps.import tollgate-api.apps.update tollgate-api.apps.delete tollgate-api.apps.stable tollgate-api.apps.state tollgate-api.apps.publish tollgate-api.apps.secret tollgate-api.apps.secret_end tollgate-api.apps.scope_request tollgate-api.apps.scope_cancel
    grants:read          public      medium  admin         tollgate-api.grants.list tollgate-api.grants.show tollgate-api.keys.list tollgate-api.keys.show tollgate-api.installations.list tollgate-api.policy.show tollgate-api.policy.clients tollgate-api.policy.client tollgate-api.review.list
    grants:write         public      high    admin         tollgate-api.grants.revoke tollgate-api.keys.disable tollgate-api.installations.install tollgate-api.installations.uninstall tollgate-api.policy.set tollgate-api.policy.decide tollgate-api.policy.revoke
    mcp:tollgate:invoke  public      low     admin,viewer  tollgate.mcp
    members:read         public      medium  admin         tollgate-api.members.list tollgate-api.members.show tollgate-api.roles.list tollgate-api.invitations.list
    members:write        public      high    admin         tollgate-api.members.set tollgate-api.members.remove tollgate-api.invitations.create tollgate-api.invitations.withdraw tollgate-api.service_users.create tollgate-api.service_users.state
    sessions:read        public      low     everybody     tollgate-api.events.list tollgate-api.sessions.list
    sessions:write       public      medium  everybody     tollgate-api.sessions.end_all tollgate-api.sessions.end
    things:burn          public      medium  admin
    things:read          public      medium  admin         things.get

    warning: scopes."things:burn": no route and no tool needs this scope; consenting to it changes nothing
    "##);
}

/// A file with one MCP server whose table holds `keys`.
fn server(keys: &str) -> String {
    let upstream = "[[upstreams]]\nname = \"u\"\nendpoints = [\"http://h/mcp\"]\n";
    format!("{upstream}[[apis]]\nname = \"a\"\nmount = \"/mcp/a\"\nkind = \"mcp\"\nupstream = \"u\"\n{keys}\n")
}

#[test]
fn tools_prompts_and_resources_are_closed_unless_they_are_named() {
    let config = proved(&server("tools = { echo = [] }\nprompts = { greet = [] }\nresources = { \"log:///*\" = [] }"));
    let ApiKind::Mcp(policy) = &config.apis[0].kind else { panic!("an MCP server") };
    let allows = |target: Named| policy.allows(&target, &policy.invoke);
    for open in [Named::Tool("echo".into()), Named::Prompt("greet".into()), Named::Resource("log:///a".into())] {
        assert_eq!(allows(open.clone()), Verdict::Allowed, "{open:?}");
    }
    for closed in [Named::Tool("greet".into()), Named::Prompt("echo".into()), Named::Resource("file:///a".into())] {
        assert_eq!(allows(closed.clone()), Verdict::Denied, "{closed:?}");
    }
}

#[test]
fn conditions_on_arguments_are_proved() {
    let keys = r#"tools = { q = { scopes = ["audit:read"], when = { "arguments.org" = "{org.slug}", "arguments.n" = [1, true, "x"] } } }"#;
    let (config, _) = parse(&server(keys)).unwrap_or_else(|e| panic!("{e}"));
    let ApiKind::Mcp(policy) = &config.apis[0].kind else { panic!("an MCP server") };
    let tool = Named::Tool("q".into());
    assert_eq!(policy.conditions(&tool).map(ToString::to_string).collect::<Vec<_>>(), ["arguments.n", "arguments.org"]);
    assert!(Matrix::new(&config, &[]).to_string().contains("audit:read mcp:a:invoke (by arguments.n arguments.org)"));
    let when = |key: &str, value: &str| server(&format!("tools = {{ q = {{ scopes = [], when = {{ {key} = {value} }} }} }}"));
    let path = |text: &str| match parse(text) {
        Ok(_) => String::new(),
        Err(errors) => errors.0.into_iter().map(|e| e.path).collect::<Vec<_>>().join(" "),
    };
    for (key, value, wrong) in [
        ("\"arguments.a\"", "\"{org.id}{user.id}{client.id}\"", false),
        ("\"arguments.a\"", "\"{user.name}\"", true),
        ("\"arguments.a\"", "\"{org.slug\"", true),
        ("\"arguments.a\"", "[]", true),
        ("\"arguments.a\"", "1.5", true),
        ("\"arguments.a\"", "{ b = 1 }", true),
        ("\"arguments\"", "1", true),
        ("a", "1", true),
    ] {
        let found = path(&when(key, value));
        assert_eq!(found.starts_with("apis[0].tools.q.when"), wrong, "{key} = {value}: {found}");
    }
    let resources = server("tools = { x = [] }\nresources = { \"a:*\" = { scopes = [], when = { \"arguments.a\" = 1 } } }");
    assert!(path(&resources).contains("when"), "{}", path(&resources));
}
