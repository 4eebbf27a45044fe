-- The keys of a client that work: a key outlives the grant that made it, so each list and count of what a client has asks for them.
CREATE INDEX api_keys_live_by_client ON api_keys (client_id, org_id) WHERE disabled_at IS NULL;
