-- A frozen user is off, and keeps what it has: a node that knows only `state` refuses it too.
ALTER TABLE users ADD COLUMN frozen_at BIGINT;

-- Who may open the operator's pages.
CREATE TABLE operators (
    user_id TEXT COLLATE "C" PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    since   BIGINT NOT NULL
);

CREATE INDEX clients_by_age ON clients (created_at, id) WHERE deleted_at IS NULL;
