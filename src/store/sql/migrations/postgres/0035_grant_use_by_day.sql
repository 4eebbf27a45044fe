-- no-transaction
-- The days that are forgotten, without a look at all others. Others write meanwhile; it is a file of its own for that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS grant_use_by_day ON grant_use (day)
