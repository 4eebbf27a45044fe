-- A member tries an app of their organization, with this gateway in the app's place: one trial a browser session, gone with it.
CREATE TABLE trials (
    session      BLOB PRIMARY KEY CHECK (length(session) = 32) REFERENCES sessions (hash) ON DELETE CASCADE,
    org_id       TEXT NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    app_id       TEXT NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    client_id    TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    redirect_uri TEXT NOT NULL,
    state        BLOB NOT NULL CHECK (length(state) = 32),
    challenge    TEXT NOT NULL,
    sealed       BLOB NOT NULL,
    grant_id     TEXT REFERENCES grants (id) ON DELETE CASCADE,
    expires_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX trials_by_client ON trials (client_id);
CREATE INDEX trials_by_end ON trials (expires_at);
