-- The scopes of every grant, one a row: who looks for a part of a scope's name reads the few names that an organization's grants
-- have, and finds the grants by them, in place of reading the list of every grant. Kept by the database, so that whatever writes a
-- grant keeps it, a node of the version before included.
CREATE TABLE granted_scopes (
    org_id    TEXT NOT NULL,
    scope     TEXT NOT NULL,
    client_id TEXT NOT NULL,
    grant_id  TEXT NOT NULL,
    PRIMARY KEY (org_id, scope, client_id, grant_id)
) STRICT, WITHOUT ROWID;
INSERT INTO granted_scopes (org_id, scope, client_id, grant_id)
SELECT g.org_id, s.value, g.client_id, g.id FROM grants g, json_each(g.scopes) s WHERE TRUE ON CONFLICT DO NOTHING;

CREATE TRIGGER grants_note_scopes AFTER INSERT ON grants BEGIN
    INSERT INTO granted_scopes (org_id, scope, client_id, grant_id)
    SELECT NEW.org_id, s.value, NEW.client_id, NEW.id FROM json_each(NEW.scopes) s WHERE TRUE ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER grants_change_scopes AFTER UPDATE OF scopes ON grants WHEN OLD.scopes <> NEW.scopes BEGIN
    DELETE FROM granted_scopes WHERE org_id = OLD.org_id AND client_id = OLD.client_id AND grant_id = OLD.id
        AND scope IN (SELECT s.value FROM json_each(OLD.scopes) s);
    INSERT INTO granted_scopes (org_id, scope, client_id, grant_id)
    SELECT NEW.org_id, s.value, NEW.client_id, NEW.id FROM json_each(NEW.scopes) s WHERE TRUE ON CONFLICT DO NOTHING;
END;

-- The grants of a member, without a look at those of everybody else.
CREATE INDEX grants_by_org_user ON grants (org_id, user_id, id);
