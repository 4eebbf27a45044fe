-- What people see of their own sign-ins and authorizations: changes are few beside calls, which these indices leave out.
CREATE INDEX audit_records_own_events ON audit_records (user_id, time, id) WHERE api IS NULL;
CREATE INDEX audit_records_grant_events ON audit_records (grant_id, time, id) WHERE api IS NULL;
