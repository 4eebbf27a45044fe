-- The processes on this store. A revocation is acknowledged when each that serves has confirmed it, or its lease has run out.
CREATE TABLE nodes (
    id       TEXT PRIMARY KEY,
    serves   INTEGER NOT NULL CHECK (serves IN (0, 1)),
    position INTEGER NOT NULL,
    beats    INTEGER NOT NULL,
    fenced   INTEGER NOT NULL CHECK (fenced IN (0, 1))
) STRICT;

-- The mark tells changes of one history from those of another at the same position, as in a file that was put back. Given by the
-- database, so that it is there for what a node of the version before writes; a column with such a default needs a new table.
CREATE TABLE marked_changes (
    position   INTEGER PRIMARY KEY,
    subject    TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    mark       INTEGER NOT NULL DEFAULT (random())
) STRICT;
INSERT INTO marked_changes (position, subject, changed_at) SELECT position, subject, changed_at FROM changes;
DROP TABLE changes;
ALTER TABLE marked_changes RENAME TO changes;
CREATE INDEX changes_by_age ON changes (changed_at);
