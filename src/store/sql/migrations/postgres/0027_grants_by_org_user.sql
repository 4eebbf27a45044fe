-- no-transaction
-- The grants of a member, without a look at those of everybody else. Others write meanwhile; it is a file of its own for that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS grants_by_org_user ON grants (org_id, user_id, id)
