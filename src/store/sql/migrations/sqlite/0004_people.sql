-- Whether members may authorize clients that nobody in the organization has decided about.
CREATE TABLE org_policies (
    org_id      TEXT PRIMARY KEY REFERENCES orgs (id) ON DELETE CASCADE,
    new_clients TEXT NOT NULL CHECK (new_clients IN ('open', 'approval'))
) STRICT;

-- What an organization decided about a client; without a stance nobody has decided yet.
CREATE TABLE client_policies (
    org_id    TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    client_id TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    stance    TEXT CHECK (stance IN ('allowed', 'blocked', 'pending')),
    scopes    TEXT,
    asked_by  TEXT REFERENCES users (id) ON DELETE SET NULL,
    asked_at  INTEGER,
    PRIMARY KEY (org_id, client_id)
) STRICT;
CREATE INDEX client_policies_by_client ON client_policies (client_id);

CREATE INDEX grants_by_org_client ON grants (org_id, client_id, revoked_at, user_id, created_at);

-- Links into an organization. One that was accepted or withdrawn is closed, and stays until it is forgotten.
CREATE TABLE invitations (
    hash       BLOB PRIMARY KEY CHECK (length(hash) = 32),
    id         TEXT NOT NULL UNIQUE,
    org_id     TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    email      TEXT NOT NULL,
    roles      TEXT NOT NULL,
    invited_by TEXT REFERENCES users (id) ON DELETE SET NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    closed_at  INTEGER
) STRICT;
CREATE INDEX invitations_by_org ON invitations (org_id, created_at);
CREATE INDEX invitations_by_end ON invitations (expires_at);

-- Where a session was started from, and with what.
ALTER TABLE sessions ADD COLUMN address TEXT;
ALTER TABLE sessions ADD COLUMN user_agent TEXT;

CREATE TABLE saved_searches (
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    org_id  TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    name    TEXT NOT NULL,
    query   TEXT NOT NULL,
    PRIMARY KEY (user_id, org_id, name)
) STRICT;
