-- Private scopes that were asked for or given, by app (both its clients) or by client. While approved_until is ahead the scope
-- counts, whatever the state: who waits for a renewal keeps what was given.
CREATE TABLE scope_requests (
    holder         TEXT COLLATE "C" NOT NULL,
    scope          TEXT COLLATE "C" NOT NULL,
    org_id         TEXT COLLATE "C" REFERENCES orgs (id) ON DELETE CASCADE,
    reason         TEXT COLLATE "C" NOT NULL,
    asked_by       TEXT COLLATE "C" REFERENCES users (id) ON DELETE SET NULL,
    asked_at       BIGINT,
    state          TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'withdrawn')),
    approved_until BIGINT,
    decided_at     BIGINT,
    comment        TEXT COLLATE "C",
    PRIMARY KEY (holder, scope),
    CHECK (state <> 'approved' OR approved_until IS NOT NULL),
    CHECK (state NOT IN ('denied', 'withdrawn') OR approved_until IS NULL)
);
CREATE INDEX scope_requests_by_org ON scope_requests (org_id);

-- Which apps organizations have: since the first consent, or since an administrator said so.
CREATE TABLE installs (
    org_id       TEXT COLLATE "C" NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    app_id       TEXT COLLATE "C" NOT NULL REFERENCES apps (id),
    installed_at BIGINT NOT NULL,
    installed_by TEXT COLLATE "C" REFERENCES users (id) ON DELETE SET NULL,
    PRIMARY KEY (org_id, app_id)
);
CREATE INDEX installs_by_app ON installs (app_id);
INSERT INTO installs (org_id, app_id, installed_at)
    SELECT g.org_id, c.app_id, MIN(g.created_at) FROM grants g JOIN clients c ON c.id = g.client_id
    WHERE c.app_id IS NOT NULL AND g.revoked_at IS NULL GROUP BY g.org_id, c.app_id;

-- API keys: an app has one that works in an organization. One that was disabled stays, for the records that name it.
CREATE TABLE api_keys (
    id             TEXT COLLATE "C" PRIMARY KEY,
    hash           BYTEA NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4          TEXT COLLATE "C" NOT NULL,
    name           TEXT COLLATE "C" NOT NULL,
    org_id         TEXT COLLATE "C" NOT NULL REFERENCES orgs (id),
    app_id         TEXT COLLATE "C" NOT NULL REFERENCES apps (id),
    client_id      TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    grant_id       TEXT COLLATE "C" NOT NULL,
    user_id        TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    scopes         TEXT COLLATE "C" NOT NULL,
    resources      TEXT COLLATE "C" NOT NULL,
    created_at     BIGINT NOT NULL,
    last_used_at   BIGINT,
    disabled_at    BIGINT,
    disable_reason TEXT COLLATE "C" CHECK (disable_reason IN ('hand', 'uninstall', 'withdrawal', 'app_deleted')),
    CHECK ((disabled_at IS NULL) = (disable_reason IS NULL))
);
CREATE UNIQUE INDEX api_keys_live ON api_keys (org_id, app_id) WHERE disabled_at IS NULL;
CREATE INDEX api_keys_by_org ON api_keys (org_id, created_at);
CREATE INDEX api_keys_by_app ON api_keys (app_id);

-- What 'admin' stands for, where that is known: the ways to end a grant that were not there from the first.
ALTER TABLE grants ADD COLUMN revoke_detail TEXT COLLATE "C" CHECK (revoke_detail IN ('uninstalled', 'policy'));
