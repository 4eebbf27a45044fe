-- no-transaction
-- The scopes of the grants that were there before 0025, a hundred grants at a time: nobody who changes a grant waits for long, and
-- what a narrowed grant lost is not written after it was narrowed. Started again, it finds what is there.
DO $$
DECLARE
    done TEXT COLLATE "C" := '';
    last TEXT COLLATE "C";
BEGIN
    LOOP
        -- One grant that somebody holds must not keep the others of its page from everybody: it is tried again.
        PERFORM set_config('lock_timeout', '1s', true);
        SELECT MAX(page.id) INTO last FROM (SELECT g.id FROM grants g WHERE g.id > done ORDER BY g.id LIMIT 100) page;
        EXIT WHEN last IS NULL;
        INSERT INTO granted_scopes (org_id, scope, client_id, grant_id)
        SELECT held.org_id, s.value, held.client_id, held.id FROM (
            SELECT g.id, g.org_id, g.client_id, g.scopes FROM grants g WHERE g.id > done AND g.id <= last ORDER BY g.id
            FOR NO KEY UPDATE
        ) held, json_array_elements_text(held.scopes::json) s ON CONFLICT DO NOTHING;
        COMMIT;
        done := last;
    END LOOP;
END
$$
