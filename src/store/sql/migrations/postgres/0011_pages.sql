-- When an organization used a client first and last: lists show it without looking at the use of every grant.
CREATE TABLE client_use (
    org_id    TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    first_day BIGINT NOT NULL,
    last_at   BIGINT NOT NULL,
    PRIMARY KEY (org_id, client_id)
);
INSERT INTO client_use (org_id, client_id, first_day, last_at)
SELECT g.org_id, g.client_id, MIN(x.day), MAX(x.last_at) FROM grant_use x JOIN grants g ON g.id = x.grant_id GROUP BY g.org_id, g.client_id;

-- The live grants of a client, newest first, are read in the order of this index.
DROP INDEX grants_by_org_client;
CREATE INDEX grants_by_org_client ON grants (org_id, client_id, revoked_at, created_at, id, user_id, expires_at);
