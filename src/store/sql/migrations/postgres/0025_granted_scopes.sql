-- The scopes of every grant, one a row: who looks for a part of a scope's name reads the few names that an organization's grants
-- have, and finds the grants by them, in place of reading the list of every grant. Kept by the database, so that whatever writes a
-- grant keeps it, a node of the version before included. What was granted before follows in 0026.

-- A trigger needs the table for a moment. While it waits, everybody else waits behind it: it rather tries again.
SET LOCAL lock_timeout = '2s';

CREATE TABLE granted_scopes (
    org_id    TEXT COLLATE "C" NOT NULL,
    scope     TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    grant_id  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (org_id, scope, client_id, grant_id)
);

CREATE FUNCTION note_scopes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        DELETE FROM granted_scopes WHERE org_id = OLD.org_id AND client_id = OLD.client_id AND grant_id = OLD.id
            AND scope IN (SELECT s.value FROM json_array_elements_text(OLD.scopes::json) s);
    END IF;
    INSERT INTO granted_scopes (org_id, scope, client_id, grant_id)
    SELECT NEW.org_id, s.value, NEW.client_id, NEW.id FROM json_array_elements_text(NEW.scopes::json) s ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER grants_note_scopes AFTER INSERT ON grants FOR EACH ROW EXECUTE FUNCTION note_scopes();
CREATE TRIGGER grants_change_scopes AFTER UPDATE OF scopes ON grants FOR EACH ROW
    WHEN (OLD.scopes IS DISTINCT FROM NEW.scopes) EXECUTE FUNCTION note_scopes();
