-- Private scopes that were asked for or given, by app (both its clients) or by client. While approved_until is ahead the scope
-- counts, whatever the state: who waits for a renewal keeps what was given.
CREATE TABLE scope_requests (
    holder         TEXT NOT NULL,
    scope          TEXT NOT NULL,
    org_id         TEXT REFERENCES orgs (id) ON DELETE CASCADE,
    reason         TEXT NOT NULL,
    asked_by       TEXT REFERENCES users (id) ON DELETE SET NULL,
    asked_at       INTEGER,
    state          TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'withdrawn')),
    approved_until INTEGER,
    decided_at     INTEGER,
    comment        TEXT,
    PRIMARY KEY (holder, scope),
    CHECK (state <> 'approved' OR approved_until IS NOT NULL),
    CHECK (state NOT IN ('denied', 'withdrawn') OR approved_until IS NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX scope_requests_by_org ON scope_requests (org_id);

-- Which apps organizations have: since the first consent, or since an administrator said so.
CREATE TABLE installs (
    org_id       TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    app_id       TEXT NOT NULL REFERENCES apps (id),
    installed_at INTEGER NOT NULL,
    installed_by TEXT REFERENCES users (id) ON DELETE SET NULL,
    PRIMARY KEY (org_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX installs_by_app ON installs (app_id);
INSERT INTO installs (org_id, app_id, installed_at)
    SELECT g.org_id, c.app_id, MIN(g.created_at) FROM grants g JOIN clients c ON c.id = g.client_id
    WHERE c.app_id IS NOT NULL AND g.revoked_at IS NULL GROUP BY g.org_id, c.app_id;

-- API keys: an app has one that works in an organization. One that was disabled stays, for the records that name it.
CREATE TABLE api_keys (
    id             TEXT PRIMARY KEY,
    hash           BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4          TEXT NOT NULL,
    name           TEXT NOT NULL,
    org_id         TEXT NOT NULL REFERENCES orgs (id),
    app_id         TEXT NOT NULL REFERENCES apps (id),
    client_id      TEXT NOT NULL REFERENCES clients (id),
    grant_id       TEXT NOT NULL,
    user_id        TEXT NOT NULL REFERENCES users (id),
    scopes         TEXT NOT NULL,
    resources      TEXT NOT NULL,
    created_at     INTEGER NOT NULL,
    last_used_at   INTEGER,
    disabled_at    INTEGER,
    disable_reason TEXT CHECK (disable_reason IN ('hand', 'uninstall', 'withdrawal', 'app_deleted')),
    CHECK ((disabled_at IS NULL) = (disable_reason IS NULL))
) STRICT;
CREATE UNIQUE INDEX api_keys_live ON api_keys (org_id, app_id) WHERE disabled_at IS NULL;
CREATE INDEX api_keys_by_org ON api_keys (org_id, created_at);
CREATE INDEX api_keys_by_app ON api_keys (app_id);

-- What 'admin' stands for, where that is known: the ways to end a grant that were not there from the first.
ALTER TABLE grants ADD COLUMN revoke_detail TEXT CHECK (revoke_detail IN ('uninstalled', 'policy'));
