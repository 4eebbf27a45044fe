-- The keys of a client that work: a key outlives the grant that made it, so each list and count of what a client has asks for them.
-- There is one for an app in an organization: the index is made in an instant.
SET LOCAL lock_timeout = '2s';
CREATE INDEX api_keys_live_by_client ON api_keys (client_id, org_id) WHERE disabled_at IS NULL;

-- What 'hand' stands for, where that is known: the ways to end a key that were not there from the first.
ALTER TABLE api_keys ADD COLUMN disable_detail TEXT COLLATE "C" CHECK (disable_detail IN ('trial'));
