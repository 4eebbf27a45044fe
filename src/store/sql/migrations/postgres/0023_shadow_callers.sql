-- What tells one line of the report on shadow mode from another, so that the store counts them.
ALTER TABLE audit_records ADD COLUMN shadow TEXT COLLATE "C";
UPDATE audit_records SET shadow = substr(
    COALESCE(org_id, '') || chr(10) || COALESCE(api, '') || chr(10) || operation || chr(10) || would_deny || chr(10)
    || replace(replace(replace(replace(COALESCE(record::json #>> '{event,would_deny,missing}', ''), '","', ' '), '["', ''), '"]', ''), '[]', '') || chr(10)
    || COALESCE(user_id, '') || chr(10) || COALESCE(client_id, '') || chr(10)
    || CASE WHEN user_id IS NULL AND client_id IS NULL
        THEN btrim(rtrim(rtrim(COALESCE(record::json #>> '{origin,peer}', ''), '0123456789'), ':'), '[]') || chr(10)
            || COALESCE(record::json #>> '{origin,user_agent}', '')
        ELSE chr(10) END, 1, 400)
WHERE would_deny IS NOT NULL;
CREATE INDEX audit_records_shadow ON audit_records (time, shadow, id, org_id, api) WHERE shadow IS NOT NULL;
-- The same of whole days, in UTC, counted as records arrive.
CREATE TABLE shadow_days (
    day BIGINT NOT NULL,
    shadow TEXT COLLATE "C" NOT NULL,
    org_id TEXT COLLATE "C",
    api TEXT COLLATE "C" NOT NULL,
    calls BIGINT NOT NULL,
    last_id TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (day, shadow)
);
INSERT INTO shadow_days (day, shadow, org_id, api, calls, last_id)
SELECT time / 86400000, shadow, MIN(org_id), MIN(api), COUNT(*), MAX(id) FROM audit_records WHERE shadow IS NOT NULL GROUP BY 1, 2;
