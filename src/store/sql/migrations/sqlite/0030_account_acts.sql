-- Whose account was signed out or got another password. What the operator does to an account is its owner's to read, and has nobody
-- as its actor, or somebody else. Taken from the record, so that it is there for what a node of the version before writes.
ALTER TABLE audit_records ADD COLUMN about TEXT GENERATED ALWAYS AS (
    CASE WHEN operation IN ('logout', 'password.change') THEN json_extract(record, '$.event.target[1]') END
) VIRTUAL;
CREATE INDEX audit_records_about ON audit_records (about, time, id) WHERE about IS NOT NULL;
