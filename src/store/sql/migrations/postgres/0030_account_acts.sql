-- Whose account was signed out or got another password. What the operator does to an account is its owner's to read, and has nobody
-- as its actor, or somebody else. Kept by the database, so that it is there for what a node of the version before writes.
-- What was recorded before follows in 0033.
SET LOCAL lock_timeout = '2s';
ALTER TABLE audit_records ADD COLUMN about TEXT COLLATE "C";

CREATE FUNCTION note_about() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.about := NEW.record::json #>> '{event,target,1}';
    RETURN NEW;
END
$$;
CREATE TRIGGER audit_records_note_about BEFORE INSERT ON audit_records FOR EACH ROW
    WHEN (NEW.operation IN ('logout', 'password.change')) EXECUTE FUNCTION note_about();
