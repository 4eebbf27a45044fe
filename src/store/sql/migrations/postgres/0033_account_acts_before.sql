-- no-transaction
-- Whose account it was in the records from before 0030, a few at a time and in the order in which they were written: the log may be long.
-- Started again, it goes over them once more.
DO $$
DECLARE
    done TEXT COLLATE "C" := '';
    last TEXT COLLATE "C";
BEGIN
    LOOP
        SELECT MAX(page.id) INTO last FROM (SELECT r.id FROM audit_records r WHERE r.id > done ORDER BY r.id LIMIT 20000) page;
        EXIT WHEN last IS NULL;
        UPDATE audit_records SET about = record::json #>> '{event,target,1}'
        WHERE id > done AND id <= last AND operation IN ('logout', 'password.change') AND about IS NULL;
        COMMIT;
        done := last;
    END LOOP;
END
$$
