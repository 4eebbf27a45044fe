-- Why a call that an API in shadow mode let pass would have been refused.
ALTER TABLE audit_records ADD COLUMN would_deny TEXT;
CREATE INDEX audit_records_would_deny ON audit_records (time, id) WHERE would_deny IS NOT NULL;
