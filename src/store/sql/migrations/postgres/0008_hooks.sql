-- Records that hooks may be told of, until one node has looked at them.
CREATE TABLE hook_events (
    record_id TEXT COLLATE "C" PRIMARY KEY,
    at        BIGINT NOT NULL
);
CREATE INDEX hook_events_by_age ON hook_events (at, record_id);

-- What a hook is told. A claim moves due_at: until then nobody else attempts it.
CREATE TABLE hook_deliveries (
    hook       TEXT COLLATE "C" NOT NULL,
    record_id  TEXT COLLATE "C" NOT NULL,
    org_id     TEXT COLLATE "C",
    body       TEXT COLLATE "C" NOT NULL,
    attempts   BIGINT NOT NULL CHECK (attempts >= 0),
    due_at     BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (hook, record_id)
);
CREATE INDEX hook_deliveries_by_due ON hook_deliveries (hook, due_at, record_id);
CREATE INDEX hook_deliveries_by_age ON hook_deliveries (created_at);

-- Where users signed in from: a network and a program.
CREATE TABLE sign_in_places (
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    place   TEXT COLLATE "C" NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (user_id, place)
);
CREATE INDEX sign_in_places_by_age ON sign_in_places (seen_at);

-- When a grant was last used, to the hour, or made: reviews list by it without looking at the use of every grant.
ALTER TABLE grants ADD COLUMN idle_since BIGINT NOT NULL DEFAULT 0;
UPDATE grants SET idle_since = COALESCE((SELECT MAX(x.last_at) FROM grant_use x WHERE x.grant_id = grants.id), created_at);
CREATE INDEX grants_by_idling ON grants (org_id, idle_since, id, expires_at) WHERE revoked_at IS NULL;

-- Indexes that answer what pages ask of all grants, and of a day of records, without the rows.
DROP INDEX grants_by_org_client;
CREATE INDEX grants_by_org_client ON grants (org_id, client_id, revoked_at, user_id, created_at, expires_at);
DROP INDEX audit_records_by_org;
CREATE INDEX audit_records_by_org ON audit_records (org_id, time, id, denied, client_id, user_id, tool);

-- Names that a stranger's application may be mistaken for.
CREATE INDEX clients_known ON clients (name, id, org_id, stage) WHERE origin = 'administrator' AND deleted_at IS NULL;
