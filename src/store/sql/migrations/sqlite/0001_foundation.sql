-- Times are milliseconds since the Unix epoch, UTC. Columns that hold lists or maps hold JSON.

CREATE TABLE orgs (
    id         TEXT PRIMARY KEY,
    slug       TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    tenant     TEXT NOT NULL,
    tenants    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id         TEXT PRIMARY KEY,
    email      TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    kind       TEXT NOT NULL CHECK (kind IN ('person', 'service')),
    state      TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE passwords (
    user_id  TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    phc      TEXT NOT NULL,
    one_time INTEGER NOT NULL CHECK (one_time IN (0, 1))
) STRICT;

CREATE TABLE memberships (
    org_id  TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    roles   TEXT NOT NULL,
    PRIMARY KEY (org_id, user_id)
) STRICT;
CREATE INDEX memberships_by_user ON memberships (user_id);

-- A removed client keeps its row while grants name it: their history stays readable.
CREATE TABLE clients (
    id               TEXT PRIMARY KEY,
    org_id           TEXT REFERENCES orgs (id),
    name             TEXT NOT NULL,
    kind             TEXT NOT NULL CHECK (kind IN ('confidential', 'public')),
    origin           TEXT NOT NULL CHECK (origin IN ('administrator', 'dynamic')),
    auth             TEXT NOT NULL CHECK (auth IN ('none', 'client_secret_basic', 'client_secret_post')),
    redirect_uris    TEXT NOT NULL,
    grant_types      TEXT NOT NULL,
    scopes           TEXT,
    subject_id       TEXT REFERENCES users (id),
    resources        TEXT NOT NULL,
    require_state    INTEGER NOT NULL CHECK (require_state IN (0, 1)),
    access_token_ttl INTEGER CHECK (access_token_ttl > 0),
    state            TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at       INTEGER NOT NULL,
    deleted_at       INTEGER,
    CHECK (deleted_at IS NULL OR state = 'disabled')
) STRICT;
CREATE INDEX clients_by_org ON clients (org_id, created_at);
CREATE INDEX clients_dynamic ON clients (created_at) WHERE origin = 'dynamic';

CREATE TABLE client_secrets (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    client_id  TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    last4      TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX client_secrets_by_client ON client_secrets (client_id);

CREATE TABLE grants (
    id            TEXT PRIMARY KEY,
    org_id        TEXT NOT NULL REFERENCES orgs (id),
    user_id       TEXT NOT NULL REFERENCES users (id),
    client_id     TEXT NOT NULL REFERENCES clients (id),
    scopes        TEXT NOT NULL,
    resources     TEXT NOT NULL,
    machine       INTEGER NOT NULL CHECK (machine IN (0, 1)),
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER,
    revoked_at    INTEGER,
    revoke_reason TEXT CHECK (revoke_reason IN ('user', 'admin', 'client', 'code_replay', 'refresh_reuse', 'user_deactivated',
                                                'membership_removed', 'client_deleted', 'superseded')),
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
) STRICT;
CREATE INDEX grants_by_user ON grants (user_id, created_at);
CREATE INDEX grants_by_org ON grants (org_id, created_at);
CREATE INDEX grants_by_client ON grants (client_id, org_id);
CREATE INDEX grants_by_age ON grants (created_at);
CREATE INDEX grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE UNIQUE INDEX grants_machine ON grants (client_id, user_id, org_id) WHERE machine AND revoked_at IS NULL;

-- Use of grants at the gate, per UTC day (days since the epoch).
CREATE TABLE grant_use (
    grant_id TEXT NOT NULL,
    day      INTEGER NOT NULL,
    calls    INTEGER NOT NULL,
    denied   INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    PRIMARY KEY (grant_id, day)
) STRICT, WITHOUT ROWID;

CREATE TABLE grant_scope_use (
    grant_id TEXT NOT NULL,
    scope    TEXT NOT NULL,
    last_day INTEGER NOT NULL,
    PRIMARY KEY (grant_id, scope)
) STRICT, WITHOUT ROWID;

CREATE TABLE auth_requests (
    id         TEXT PRIMARY KEY,
    client_id  TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    request    TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    decided_at INTEGER,
    decision   TEXT CHECK (decision IN ('approved', 'denied')),
    CHECK ((decided_at IS NULL) = (decision IS NULL))
) STRICT;
CREATE INDEX auth_requests_by_client ON auth_requests (client_id);
CREATE INDEX auth_requests_by_end ON auth_requests (expires_at);

CREATE TABLE codes (
    hash         BLOB PRIMARY KEY CHECK (length(hash) = 32),
    grant_id     TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    client_id    TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    challenge    TEXT NOT NULL,
    resources    TEXT NOT NULL,
    expires_at   INTEGER NOT NULL,
    redeemed_at  INTEGER
) STRICT;
CREATE INDEX codes_by_grant ON codes (grant_id);
CREATE INDEX codes_by_end ON codes (expires_at);

CREATE TABLE refresh_tokens (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    grant_id   TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    rotated_at INTEGER,
    successor  BLOB CHECK (length(successor) = 32),
    CHECK ((rotated_at IS NULL) = (successor IS NULL))
) STRICT;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

CREATE TABLE revoked_access_tokens (
    jti      TEXT PRIMARY KEY,
    grant_id TEXT NOT NULL,
    until_at INTEGER NOT NULL
) STRICT;
CREATE INDEX revoked_access_tokens_by_end ON revoked_access_tokens (until_at);

CREATE TABLE sessions (
    hash             BLOB PRIMARY KEY CHECK (length(hash) = 32),
    user_id          TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authenticated_at INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    seen_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE signing_keys (
    id         TEXT PRIMARY KEY,
    sealed     BLOB NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    created_at INTEGER NOT NULL,
    forget_at  INTEGER,
    CHECK (forget_at IS NULL OR state = 'retired')
) STRICT;
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (state) WHERE state = 'active';

-- The one row of feed_head hands out positions; whoever holds its lock is the next to commit.
CREATE TABLE feed_head (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL
) STRICT;
INSERT INTO feed_head (one, position) VALUES (1, 0);

CREATE TABLE changes (
    position   INTEGER PRIMARY KEY,
    subject    TEXT NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX changes_by_age ON changes (changed_at);

CREATE TABLE audit_records (
    id         TEXT PRIMARY KEY,
    time       INTEGER NOT NULL,
    org_id     TEXT,
    user_id    TEXT,
    client_id  TEXT,
    grant_id   TEXT,
    request_id TEXT NOT NULL,
    api        TEXT,
    operation  TEXT NOT NULL,
    tool       TEXT,
    denied     INTEGER NOT NULL CHECK (denied IN (0, 1)),
    reason     TEXT,
    status     INTEGER,
    micros     INTEGER,
    search     TEXT NOT NULL,
    record     TEXT NOT NULL,
    CHECK (denied OR reason IS NULL)
) STRICT;
CREATE INDEX audit_records_by_time ON audit_records (time, id);
CREATE INDEX audit_records_by_org ON audit_records (org_id, time, id);
CREATE INDEX audit_records_by_grant ON audit_records (grant_id, time, id) WHERE grant_id IS NOT NULL;
CREATE INDEX audit_records_by_request ON audit_records (request_id);

CREATE TABLE heartbeat (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    beats INTEGER NOT NULL
) STRICT;
INSERT INTO heartbeat (one, beats) VALUES (1, 0);
