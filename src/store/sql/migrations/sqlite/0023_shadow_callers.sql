-- What tells one line of the report on shadow mode from another, so that the store counts them.
ALTER TABLE audit_records ADD COLUMN shadow TEXT;
UPDATE audit_records SET shadow = substr(
    COALESCE(org_id, '') || char(10) || COALESCE(api, '') || char(10) || operation || char(10) || would_deny || char(10)
    || replace(replace(replace(replace(COALESCE(json_extract(record, '$.event.would_deny.missing'), ''), '","', ' '), '["', ''), '"]', ''), '[]', '') || char(10)
    || COALESCE(user_id, '') || char(10) || COALESCE(client_id, '') || char(10)
    || CASE WHEN user_id IS NULL AND client_id IS NULL
        THEN trim(rtrim(rtrim(COALESCE(json_extract(record, '$.origin.peer'), ''), '0123456789'), ':'), '[]') || char(10)
            || COALESCE(json_extract(record, '$.origin.user_agent'), '')
        ELSE char(10) END, 1, 400)
WHERE would_deny IS NOT NULL;
CREATE INDEX audit_records_shadow ON audit_records (time, shadow, id, org_id, api) WHERE shadow IS NOT NULL;
-- The same of whole days, in UTC, counted as records arrive.
CREATE TABLE shadow_days (
    day BIGINT NOT NULL,
    shadow TEXT NOT NULL,
    org_id TEXT,
    api TEXT NOT NULL,
    calls BIGINT NOT NULL,
    last_id TEXT NOT NULL,
    PRIMARY KEY (day, shadow)
) WITHOUT ROWID;
INSERT INTO shadow_days (day, shadow, org_id, api, calls, last_id)
SELECT time / 86400000, shadow, MIN(org_id), MIN(api), COUNT(*), MAX(id) FROM audit_records WHERE shadow IS NOT NULL GROUP BY 1, 2;
