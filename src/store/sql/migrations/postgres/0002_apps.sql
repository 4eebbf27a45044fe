-- An app's clients are rows of clients: one draft, and one published from the first version on.
CREATE TABLE apps (
    id         TEXT COLLATE "C" PRIMARY KEY,
    org_id     TEXT COLLATE "C" NOT NULL REFERENCES orgs (id),
    uuid       TEXT COLLATE "C" NOT NULL,
    draft      TEXT COLLATE "C" NOT NULL,
    revision   BIGINT NOT NULL,
    stable     BOOLEAN NOT NULL,
    state      TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'disabled')),
    version    BIGINT NOT NULL CHECK (version >= 0),
    created_at BIGINT NOT NULL,
    changed_at BIGINT NOT NULL,
    deleted_at BIGINT,
    CHECK (deleted_at IS NULL OR state = 'disabled')
);
CREATE INDEX apps_by_org ON apps (org_id, created_at);
CREATE UNIQUE INDEX apps_by_uuid ON apps (org_id, uuid) WHERE deleted_at IS NULL;

CREATE TABLE app_versions (
    app_id       TEXT COLLATE "C" NOT NULL REFERENCES apps (id),
    number       BIGINT NOT NULL CHECK (number > 0),
    definition   TEXT COLLATE "C" NOT NULL,
    published_at BIGINT NOT NULL,
    published_by TEXT COLLATE "C" REFERENCES users (id),
    PRIMARY KEY (app_id, number)
);

ALTER TABLE clients ADD COLUMN app_id TEXT COLLATE "C" REFERENCES apps (id);
ALTER TABLE clients ADD COLUMN stage TEXT COLLATE "C" CHECK ((stage IS NULL) = (app_id IS NULL) AND (stage IS NULL OR stage IN ('draft', 'published')));
CREATE UNIQUE INDEX clients_of_app ON clients (app_id, stage) WHERE app_id IS NOT NULL;
