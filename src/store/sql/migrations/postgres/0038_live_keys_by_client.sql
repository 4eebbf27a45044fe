-- no-transaction
-- The keys of a client that work: a key outlives the grant that made it, so each list and count of what a client has asks for them.
-- Others write meanwhile; it is a file of its own for that.
CREATE INDEX CONCURRENTLY IF NOT EXISTS api_keys_live_by_client ON api_keys (client_id, org_id) WHERE disabled_at IS NULL
