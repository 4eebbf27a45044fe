-- no-transaction
-- What proofs of the log found, the last one first: the page of the log says what that was. Others write meanwhile; it is a file of its
-- own for that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_records_proofs ON audit_records (time, id) WHERE operation = 'audit.verify'
