-- The clients that an organization ever authorized, newest first: lists walk along it instead of every grant. Kept by the database,
-- so that whatever writes a grant keeps it, a node of the version before included.
CREATE TABLE org_clients (
    org_id    TEXT COLLATE "C" NOT NULL,
    client_id TEXT COLLATE "C" NOT NULL,
    newest_at BIGINT NOT NULL,
    PRIMARY KEY (org_id, client_id)
);
CREATE INDEX org_clients_by_newest ON org_clients (org_id, newest_at, client_id);

CREATE FUNCTION note_client() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO org_clients (org_id, client_id, newest_at) VALUES (NEW.org_id, NEW.client_id, NEW.created_at)
    ON CONFLICT (org_id, client_id) DO UPDATE SET newest_at = excluded.newest_at WHERE excluded.newest_at > org_clients.newest_at;
    RETURN NULL;
END
$$;
CREATE TRIGGER grants_note_client AFTER INSERT ON grants FOR EACH ROW EXECUTE FUNCTION note_client();

INSERT INTO org_clients (org_id, client_id, newest_at) SELECT org_id, client_id, MAX(created_at) FROM grants GROUP BY org_id, client_id
ON CONFLICT DO NOTHING;
