//! The columns that more than one statement reads, each with the table's own prefix so that joins can hold them all.

macro_rules! org_columns {
    () => {
        "o.id AS o_id, o.slug AS o_slug, o.name AS o_name, o.tenant AS o_tenant, o.tenants AS o_tenants, o.state AS o_state, \
         o.created_at AS o_created_at"
    };
}

macro_rules! user_state {
    () => {
        "CASE WHEN u.state = 'disabled' AND u.frozen_at IS NOT NULL THEN 'frozen' ELSE u.state END"
    };
}

macro_rules! user_columns {
    () => {
        concat!(
            "u.id AS u_id, u.email AS u_email, u.name AS u_name, u.kind AS u_kind, ",
            user_state!(),
            " AS u_state, u.created_at AS u_created_at"
        )
    };
}

macro_rules! client_columns {
    () => {
        "c.id AS c_id, c.org_id AS c_org_id, c.app_id AS c_app_id, c.stage AS c_stage, c.name AS c_name, c.kind AS c_kind, c.origin AS c_origin, c.auth AS c_auth, \
         c.redirect_uris AS c_redirect_uris, c.grant_types AS c_grant_types, c.scopes AS c_scopes, \
         c.subject_id AS c_subject_id, c.resources AS c_resources, c.require_state AS c_require_state, \
         c.access_token_ttl AS c_access_token_ttl, \
         CASE WHEN c.state = 'disabled' AND c.frozen_at IS NOT NULL THEN 'frozen' ELSE c.state END AS c_state, \
         c.created_at AS c_created_at"
    };
}

macro_rules! app_columns {
    () => {
        "a.id AS a_id, a.org_id AS a_org_id, a.uuid AS a_uuid, a.draft AS a_draft, a.revision AS a_revision, \
         a.stable AS a_stable, a.state AS a_state, a.version AS a_version, a.created_at AS a_created_at, \
         a.changed_at AS a_changed_at, \
         (SELECT x.id FROM clients x WHERE x.app_id = a.id AND x.stage = 'draft') AS a_draft_client, \
         (SELECT x.id FROM clients x WHERE x.app_id = a.id AND x.stage = 'published') AS a_published_client"
    };
}

macro_rules! grant_columns {
    () => {
        "g.id AS g_id, g.org_id AS g_org_id, g.user_id AS g_user_id, g.client_id AS g_client_id, g.scopes AS g_scopes, \
         g.selectors AS g_selectors, g.resources AS g_resources, g.created_at AS g_created_at, g.expires_at AS g_expires_at, \
         g.revoked_at AS g_revoked_at, g.revoke_reason AS g_revoke_reason, \
         g.revoke_detail AS g_revoke_detail, \
         (SELECT x.last_at FROM grant_use x WHERE x.grant_id = g.id AND x.last_at > 0 ORDER BY x.day DESC LIMIT 1) \
         AS g_last_used_at"
    };
}

/// Whether somebody revoked what a machine client holds, and nobody lifted that since. What ended for another reason (its subject
/// was deactivated, the client gave it back) keeps nothing from being made again.
macro_rules! barred {
    ($client:literal, $user:literal, $org:literal) => {
        concat!(
            "EXISTS (SELECT 1 FROM grants b WHERE b.client_id = ",
            $client,
            " AND b.user_id = ",
            $user,
            " AND b.org_id = ",
            $org,
            " AND b.machine AND b.revoked_at IS NOT NULL AND b.revoke_reason IN ('user', 'admin') AND b.revoke_detail IS NULL \
             AND b.lifted_at IS NULL AND NOT EXISTS (SELECT 1 FROM grants l WHERE l.client_id = b.client_id \
             AND l.user_id = b.user_id AND l.org_id = b.org_id AND l.machine \
             AND (l.revoked_at IS NULL OR l.created_at > b.created_at)))"
        )
    };
}

/// What an organization decided about a client; `$org` names the organization. The organization's own clients need no approval.
macro_rules! policy_columns {
    ($org:literal) => {
        concat!(
            "COALESCE(p.stance, CASE WHEN q.new_clients = 'approval' AND (c.org_id IS NULL OR c.org_id <> ",
            $org,
            ") THEN 'pending' ELSE 'allowed' END) AS p_stance, p.scopes AS p_scopes"
        )
    };
}

/// The private scopes that a client was given: scopes and ends in turn, with spaces between.
macro_rules! approvals_column {
    () => {
        "(SELECT STRING_AGG(s.scope || ' ' || s.approved_until, ' ') FROM scope_requests s \
         WHERE s.holder = COALESCE(c.app_id, c.id) AND s.approved_until IS NOT NULL) AS s_approvals"
    };
}

macro_rules! api_key_columns {
    () => {
        "k.id AS k_id, k.last4 AS k_last4, k.name AS k_name, k.org_id AS k_org_id, k.app_id AS k_app_id, \
         k.client_id AS k_client_id, k.grant_id AS k_grant_id, k.user_id AS k_user_id, k.scopes AS k_scopes, \
         k.resources AS k_resources, k.created_at AS k_created_at, k.last_used_at AS k_last_used_at, \
         k.disabled_at AS k_disabled_at, k.disable_reason AS k_disable_reason, \
         k.disable_detail AS k_disable_detail"
    };
}

/// Grants with everything that their effect depends on; a condition follows.
macro_rules! select_facts {
    ($rest:literal) => {
        concat!(
            "SELECT ",
            grant_columns!(),
            ", ",
            user_columns!(),
            ", ",
            org_columns!(),
            ", ",
            client_columns!(),
            ", ",
            policy_columns!("g.org_id"),
            ", ",
            approvals_column!(),
            ", m.roles AS m_roles FROM grants g JOIN users u ON u.id = g.user_id JOIN orgs o ON o.id = g.org_id \
             JOIN clients c ON c.id = g.client_id \
             LEFT JOIN memberships m ON m.org_id = g.org_id AND m.user_id = g.user_id \
             LEFT JOIN client_policies p ON p.org_id = g.org_id AND p.client_id = g.client_id \
             LEFT JOIN org_policies q ON q.org_id = g.org_id ",
            $rest
        )
    };
}
