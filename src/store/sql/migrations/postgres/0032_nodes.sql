-- The processes on this store. A revocation is acknowledged when each that serves has confirmed it, or its lease has run out.
SET LOCAL lock_timeout = '2s';
CREATE TABLE nodes (
    id       TEXT COLLATE "C" PRIMARY KEY,
    serves   BOOLEAN NOT NULL,
    position BIGINT NOT NULL,
    beats    BIGINT NOT NULL,
    fenced   BOOLEAN NOT NULL
);

-- Tells changes of one history from those of another at the same position, as after a fail-over to a server that was behind.
-- Given by the database, so that it is there for what a node of the version before writes.
ALTER TABLE changes ADD COLUMN mark BIGINT NOT NULL DEFAULT (floor(random() * 9007199254740992)::bigint);
