-- What was sealed of the log: each process writes a chain of batches, which name records with the hashes of their texts.
CREATE TABLE audit_batches (
    chain     TEXT NOT NULL,
    seq       INTEGER NOT NULL CHECK (seq > 0),
    number    INTEGER NOT NULL,
    node      TEXT NOT NULL,
    prev      BLOB NOT NULL,
    at        INTEGER NOT NULL,
    newest    INTEGER NOT NULL,
    trim_to   INTEGER,
    links     BLOB NOT NULL,
    entries   BLOB NOT NULL,
    digest    BLOB NOT NULL,
    key       TEXT NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (chain, seq)
) STRICT;
CREATE INDEX audit_batches_by_number ON audit_batches (number);
CREATE INDEX audit_batches_trims ON audit_batches (trim_to) WHERE trim_to IS NOT NULL;

CREATE TABLE audit_keys (
    id         TEXT PRIMARY KEY,
    public     BLOB NOT NULL,
    sealed     BLOB NOT NULL,
    vouched    BLOB NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- The number of the batch that has a record: 0 for what is from before there were any, NULL for what waits to be sealed.
ALTER TABLE audit_records ADD COLUMN sealed INTEGER DEFAULT 0;
CREATE INDEX audit_records_unsealed ON audit_records (time, id) WHERE sealed IS NULL;

-- What a program of the version before writes waits to be sealed: it does not name the column.
CREATE TRIGGER audit_records_sealed_later AFTER INSERT ON audit_records WHEN NEW.sealed = 0
BEGIN
    UPDATE audit_records SET sealed = NULL WHERE id = NEW.id;
END;
