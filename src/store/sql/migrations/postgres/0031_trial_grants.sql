-- The grants of tests of apps, however the test itself ends: with its session, with its time, or for the next one. Nobody was given
-- them for good, so a consent page does not count them.
SET LOCAL lock_timeout = '2s';
CREATE TABLE trial_grants (
    grant_id TEXT COLLATE "C" PRIMARY KEY REFERENCES grants (id) ON DELETE CASCADE,
    ends_at  BIGINT
);
CREATE INDEX trial_grants_by_end ON trial_grants (ends_at) WHERE ends_at IS NOT NULL;
INSERT INTO trial_grants (grant_id, ends_at) SELECT DISTINCT g.id, g.expires_at FROM trials t JOIN sessions s ON s.hash = t.session
JOIN grants g ON g.user_id = s.user_id AND g.client_id = t.client_id AND (g.id = t.grant_id OR g.expires_at = t.expires_at);
