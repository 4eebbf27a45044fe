-- An app's clients are rows of clients: one draft, and one published from the first version on.
CREATE TABLE apps (
    id         TEXT PRIMARY KEY,
    org_id     TEXT NOT NULL REFERENCES orgs (id),
    uuid       TEXT NOT NULL,
    draft      TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    stable     INTEGER NOT NULL CHECK (stable IN (0, 1)),
    state      TEXT NOT NULL CHECK (state IN ('active', 'disabled')),
    version    INTEGER NOT NULL CHECK (version >= 0),
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    deleted_at INTEGER,
    CHECK (deleted_at IS NULL OR state = 'disabled')
) STRICT;
CREATE INDEX apps_by_org ON apps (org_id, created_at);
CREATE UNIQUE INDEX apps_by_uuid ON apps (org_id, uuid) WHERE deleted_at IS NULL;

CREATE TABLE app_versions (
    app_id       TEXT NOT NULL REFERENCES apps (id),
    number       INTEGER NOT NULL CHECK (number > 0),
    definition   TEXT NOT NULL,
    published_at INTEGER NOT NULL,
    published_by TEXT REFERENCES users (id),
    PRIMARY KEY (app_id, number)
) STRICT, WITHOUT ROWID;

ALTER TABLE clients ADD COLUMN app_id TEXT REFERENCES apps (id);
ALTER TABLE clients ADD COLUMN stage TEXT CHECK ((stage IS NULL) = (app_id IS NULL) AND (stage IS NULL OR stage IN ('draft', 'published')));
CREATE UNIQUE INDEX clients_of_app ON clients (app_id, stage) WHERE app_id IS NOT NULL;
