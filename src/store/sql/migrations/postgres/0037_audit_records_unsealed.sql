-- no-transaction
-- What waits to be sealed. Others write meanwhile; it is a file of its own for that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_records_unsealed ON audit_records (time, id) WHERE sealed IS NULL
