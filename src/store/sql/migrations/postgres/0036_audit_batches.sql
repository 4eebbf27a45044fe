-- What was sealed of the log: each process writes a chain of batches, which name records with the hashes of their texts.
SET LOCAL lock_timeout = '2s';
CREATE TABLE audit_batches (
    chain     TEXT COLLATE "C" NOT NULL,
    seq       BIGINT NOT NULL CHECK (seq > 0),
    number    BIGINT NOT NULL,
    node      TEXT COLLATE "C" NOT NULL,
    prev      BYTEA NOT NULL,
    at        BIGINT NOT NULL,
    newest    BIGINT NOT NULL,
    trim_to   BIGINT,
    links     BYTEA NOT NULL,
    entries   BYTEA NOT NULL,
    digest    BYTEA NOT NULL,
    key       TEXT COLLATE "C" NOT NULL,
    signature BYTEA NOT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX audit_batches_by_number ON audit_batches (number);
CREATE INDEX audit_batches_trims ON audit_batches (trim_to) WHERE trim_to IS NOT NULL;

CREATE TABLE audit_keys (
    id         TEXT COLLATE "C" PRIMARY KEY,
    public     BYTEA NOT NULL,
    sealed     BYTEA NOT NULL,
    vouched    BYTEA NOT NULL,
    created_at BIGINT NOT NULL
);

-- The number of the batch that has a record: 0 for what is from before there were any, NULL for what waits to be sealed. That is
-- also what a node of the version before writes.
ALTER TABLE audit_records ADD COLUMN sealed BIGINT DEFAULT 0;
ALTER TABLE audit_records ALTER COLUMN sealed DROP DEFAULT;
