-- Device authorization (RFC 8628): `device` is the digest of the device code; the user code opens nothing without its user.
CREATE TABLE device_requests (
    device       BYTEA PRIMARY KEY CHECK (length(device) = 32),
    id           TEXT COLLATE "C" NOT NULL,
    user_code    TEXT COLLATE "C" NOT NULL UNIQUE,
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    scopes       TEXT COLLATE "C" NOT NULL,
    resources    TEXT COLLATE "C" NOT NULL,
    from_address TEXT COLLATE "C",
    user_agent   TEXT COLLATE "C",
    interval_ms  BIGINT NOT NULL CHECK (interval_ms > 0),
    polled_at    BIGINT,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    decided_at   BIGINT,
    decision     TEXT COLLATE "C" CHECK (decision IN ('approved', 'denied')),
    grant_id     TEXT COLLATE "C" REFERENCES grants (id) ON DELETE CASCADE,
    redeemed_at  BIGINT,
    CHECK ((decided_at IS NULL) = (decision IS NULL)),
    CHECK ((grant_id IS NOT NULL) = (decision IS NOT NULL AND decision = 'approved')),
    CHECK (redeemed_at IS NULL OR grant_id IS NOT NULL)
);
CREATE INDEX device_requests_by_client ON device_requests (client_id);
CREATE INDEX device_requests_by_end ON device_requests (expires_at);

-- Requests with an Idempotency-Key: digests of key and request, and the sealed answer once there is one.
CREATE TABLE repeatable_requests (
    key        BYTEA PRIMARY KEY CHECK (length(key) = 32),
    request    BYTEA NOT NULL CHECK (length(request) = 32),
    answer     BYTEA,
    expires_at BIGINT NOT NULL
);
CREATE INDEX repeatable_requests_by_end ON repeatable_requests (expires_at);
