-- A frozen user is off, and keeps what it has: a node that knows only `state` refuses it too.
ALTER TABLE users ADD COLUMN frozen_at INTEGER;

-- Who may open the operator's pages.
CREATE TABLE operators (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    since   INTEGER NOT NULL
) STRICT;

CREATE INDEX clients_by_age ON clients (created_at, id) WHERE deleted_at IS NULL;
