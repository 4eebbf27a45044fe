-- Device authorization (RFC 8628): `device` is the digest of the device code; the user code opens nothing without its user.
CREATE TABLE device_requests (
    device       BLOB PRIMARY KEY CHECK (length(device) = 32),
    id           TEXT NOT NULL,
    user_code    TEXT NOT NULL UNIQUE,
    client_id    TEXT NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scopes       TEXT NOT NULL,
    resources    TEXT NOT NULL,
    from_address TEXT,
    user_agent   TEXT,
    interval_ms  INTEGER NOT NULL CHECK (interval_ms > 0),
    polled_at    INTEGER,
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    decided_at   INTEGER,
    decision     TEXT CHECK (decision IN ('approved', 'denied')),
    grant_id     TEXT REFERENCES grants (id) ON DELETE CASCADE,
    redeemed_at  INTEGER,
    CHECK ((decided_at IS NULL) = (decision IS NULL)),
    CHECK ((grant_id IS NOT NULL) = (decision IS NOT NULL AND decision = 'approved')),
    CHECK (redeemed_at IS NULL OR grant_id IS NOT NULL)
) STRICT;
CREATE INDEX device_requests_by_client ON device_requests (client_id);
CREATE INDEX device_requests_by_end ON device_requests (expires_at);

-- Requests with an Idempotency-Key: digests of key and request, and the sealed answer once there is one.
CREATE TABLE repeatable_requests (
    key        BLOB PRIMARY KEY CHECK (length(key) = 32),
    request    BLOB NOT NULL CHECK (length(request) = 32),
    answer     BLOB,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX repeatable_requests_by_end ON repeatable_requests (expires_at);
