-- Times are milliseconds since the Unix epoch, UTC. Columns that hold lists or maps hold JSON.

CREATE TABLE orgs (
    id         TEXT COLLATE "C" PRIMARY KEY,
    slug       TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    tenant     TEXT COLLATE "C" NOT NULL,
    tenants    TEXT COLLATE "C" NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at BIGINT NOT NULL
);

CREATE TABLE users (
    id         TEXT COLLATE "C" PRIMARY KEY,
    email      TEXT COLLATE "C" NOT NULL UNIQUE,
    name       TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL CHECK (kind IN ('person', 'service')),
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at BIGINT NOT NULL
);

CREATE TABLE passwords (
    user_id  TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    phc      TEXT COLLATE "C" NOT NULL,
    one_time BOOLEAN NOT NULL
);

CREATE TABLE memberships (
    org_id  TEXT COLLATE "C" NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    roles   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, user_id)
);
CREATE INDEX memberships_by_user ON memberships (user_id);

-- A removed client keeps its row while grants name it: their history stays readable.
CREATE TABLE clients (
    id               TEXT COLLATE "C" PRIMARY KEY,
    org_id           TEXT COLLATE "C" REFERENCES orgs (id),
    name             TEXT COLLATE "C" NOT NULL,
    kind             TEXT COLLATE "C" NOT NULL CHECK (kind IN ('confidential', 'public')),
    origin           TEXT COLLATE "C" NOT NULL CHECK (origin IN ('administrator', 'dynamic')),
    auth             TEXT COLLATE "C" NOT NULL CHECK (auth IN ('none', 'client_secret_basic', 'client_secret_post')),
    redirect_uris    TEXT COLLATE "C" NOT NULL,
    grant_types      TEXT COLLATE "C" NOT NULL,
    scopes           TEXT COLLATE "C",
    subject_id       TEXT COLLATE "C" REFERENCES users (id),
    resources        TEXT COLLATE "C" NOT NULL,
    require_state    BOOLEAN NOT NULL,
    access_token_ttl BIGINT CHECK (access_token_ttl > 0),
    state            TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'disabled')),
    created_at       BIGINT NOT NULL,
    deleted_at       BIGINT,
    CHECK (deleted_at IS NULL OR state = 'disabled')
);
CREATE INDEX clients_by_org ON clients (org_id, created_at);
CREATE INDEX clients_dynamic ON clients (created_at) WHERE origin = 'dynamic';

CREATE TABLE client_secrets (
    hash       BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    last4      TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE INDEX client_secrets_by_client ON client_secrets (client_id);

CREATE TABLE grants (
    id            TEXT COLLATE "C" PRIMARY KEY,
    org_id        TEXT COLLATE "C" NOT NULL REFERENCES orgs (id),
    user_id       TEXT COLLATE "C" NOT NULL REFERENCES users (id),
    client_id     TEXT COLLATE "C" NOT NULL REFERENCES clients (id),
    scopes        TEXT COLLATE "C" NOT NULL,
    resources     TEXT COLLATE "C" NOT NULL,
    machine       BOOLEAN NOT NULL,
    created_at    BIGINT NOT NULL,
    expires_at    BIGINT,
    revoked_at    BIGINT,
    revoke_reason TEXT COLLATE "C" CHECK (revoke_reason IN ('user', 'admin', 'client', 'code_replay', 'refresh_reuse', 'user_deactivated',
                                                'membership_removed', 'client_deleted', 'superseded')),
    CHECK ((revoked_at IS NULL) = (revoke_reason IS NULL))
);
CREATE INDEX grants_by_user ON grants (user_id, created_at);
CREATE INDEX grants_by_org ON grants (org_id, created_at);
CREATE INDEX grants_by_client ON grants (client_id, org_id);
CREATE INDEX grants_by_age ON grants (created_at);
CREATE INDEX grants_revoked ON grants (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE UNIQUE INDEX grants_machine ON grants (client_id, user_id, org_id) WHERE machine AND revoked_at IS NULL;

-- Use of grants at the gate, per UTC day (days since the epoch).
CREATE TABLE grant_use (
    grant_id TEXT COLLATE "C" NOT NULL,
    day      BIGINT NOT NULL,
    calls    BIGINT NOT NULL,
    denied   BIGINT NOT NULL,
    last_at  BIGINT NOT NULL,
    PRIMARY KEY (grant_id, day)
);

CREATE TABLE grant_scope_use (
    grant_id TEXT COLLATE "C" NOT NULL,
    scope    TEXT COLLATE "C" NOT NULL,
    last_day BIGINT NOT NULL,
    PRIMARY KEY (grant_id, scope)
);

CREATE TABLE auth_requests (
    id         TEXT COLLATE "C" PRIMARY KEY,
    client_id  TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    request    TEXT COLLATE "C" NOT NULL,
    expires_at BIGINT NOT NULL,
    decided_at BIGINT,
    decision   TEXT COLLATE "C" CHECK (decision IN ('approved', 'denied')),
    CHECK ((decided_at IS NULL) = (decision IS NULL))
);
CREATE INDEX auth_requests_by_client ON auth_requests (client_id);
CREATE INDEX auth_requests_by_end ON auth_requests (expires_at);

CREATE TABLE codes (
    hash         BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    grant_id     TEXT COLLATE "C" NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    client_id    TEXT COLLATE "C" NOT NULL,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    challenge    TEXT COLLATE "C" NOT NULL,
    resources    TEXT COLLATE "C" NOT NULL,
    expires_at   BIGINT NOT NULL,
    redeemed_at  BIGINT
);
CREATE INDEX codes_by_grant ON codes (grant_id);
CREATE INDEX codes_by_end ON codes (expires_at);

CREATE TABLE refresh_tokens (
    hash       BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    grant_id   TEXT COLLATE "C" NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    rotated_at BIGINT,
    successor  BYTEA CHECK (length(successor) = 32),
    CHECK ((rotated_at IS NULL) = (successor IS NULL))
);
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

CREATE TABLE revoked_access_tokens (
    jti      TEXT COLLATE "C" PRIMARY KEY,
    grant_id TEXT COLLATE "C" NOT NULL,
    until_at BIGINT NOT NULL
);
CREATE INDEX revoked_access_tokens_by_end ON revoked_access_tokens (until_at);

CREATE TABLE sessions (
    hash             BYTEA PRIMARY KEY CHECK (length(hash) = 32),
    user_id          TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    authenticated_at BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    seen_at          BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE signing_keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    sealed     BYTEA NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('next', 'active', 'retired')),
    created_at BIGINT NOT NULL,
    forget_at  BIGINT,
    CHECK (forget_at IS NULL OR state = 'retired')
);
CREATE UNIQUE INDEX signing_keys_active ON signing_keys (state) WHERE state = 'active';

-- The one row of feed_head hands out positions; whoever holds its lock is the next to commit.
CREATE TABLE feed_head (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    position BIGINT NOT NULL
);
INSERT INTO feed_head (one, position) VALUES (1, 0);

CREATE TABLE changes (
    position   BIGINT PRIMARY KEY,
    subject    TEXT COLLATE "C" NOT NULL,
    changed_at BIGINT NOT NULL
);
CREATE INDEX changes_by_age ON changes (changed_at);

CREATE TABLE audit_records (
    id         TEXT COLLATE "C" PRIMARY KEY,
    time       BIGINT NOT NULL,
    org_id     TEXT COLLATE "C",
    user_id    TEXT COLLATE "C",
    client_id  TEXT COLLATE "C",
    grant_id   TEXT COLLATE "C",
    request_id TEXT COLLATE "C" NOT NULL,
    api        TEXT COLLATE "C",
    operation  TEXT COLLATE "C" NOT NULL,
    tool       TEXT COLLATE "C",
    denied     BOOLEAN NOT NULL,
    reason     TEXT COLLATE "C",
    status     BIGINT,
    micros     BIGINT,
    search     TEXT COLLATE "C" NOT NULL,
    record     TEXT COLLATE "C" NOT NULL,
    CHECK (denied OR reason IS NULL)
);
CREATE INDEX audit_records_by_time ON audit_records (time, id);
CREATE INDEX audit_records_by_org ON audit_records (org_id, time, id);
CREATE INDEX audit_records_by_grant ON audit_records (grant_id, time, id) WHERE grant_id IS NOT NULL;
CREATE INDEX audit_records_by_request ON audit_records (request_id);

CREATE TABLE heartbeat (
    one   BIGINT PRIMARY KEY CHECK (one = 1),
    beats BIGINT NOT NULL
);
INSERT INTO heartbeat (one, beats) VALUES (1, 0);
