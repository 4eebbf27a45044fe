-- A machine client whose authorization somebody revoked gets no token until it is enabled again: since then, its revocation is lifted.
SET LOCAL lock_timeout = '2s';
ALTER TABLE grants ADD COLUMN lifted_at BIGINT;
