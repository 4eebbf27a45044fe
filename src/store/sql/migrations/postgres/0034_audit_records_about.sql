-- no-transaction
-- What was done to an account, newest first. Others write meanwhile; it is a file of its own for that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_records_about ON audit_records (about, time, id) WHERE about IS NOT NULL
