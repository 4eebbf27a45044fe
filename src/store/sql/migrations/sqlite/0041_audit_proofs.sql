-- What proofs of the log found, the last one first: the page of the log says what that was.
CREATE INDEX audit_records_proofs ON audit_records (time, id) WHERE operation = 'audit.verify';
