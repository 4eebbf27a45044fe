-- A member tries an app of their organization, with this gateway in the app's place: one trial a browser session, gone with it.
CREATE TABLE trials (
    session      BYTEA PRIMARY KEY CHECK (length(session) = 32) REFERENCES sessions (hash) ON DELETE CASCADE,
    org_id       TEXT COLLATE "C" NOT NULL REFERENCES orgs (id) ON DELETE CASCADE,
    app_id       TEXT COLLATE "C" NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    redirect_uri TEXT COLLATE "C" NOT NULL,
    state        BYTEA NOT NULL CHECK (length(state) = 32),
    challenge    TEXT COLLATE "C" NOT NULL,
    sealed       BYTEA NOT NULL,
    grant_id     TEXT COLLATE "C" REFERENCES grants (id) ON DELETE CASCADE,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX trials_by_client ON trials (client_id);
CREATE INDEX trials_by_end ON trials (expires_at);
