-- A client that the operator froze is off, whatever its owner says: a node that knows only `state` refuses it too. Thawed, it is
-- again what its owner, or its app, made of it.
ALTER TABLE clients ADD COLUMN frozen_at INTEGER;
ALTER TABLE clients ADD COLUMN thawed_state TEXT CHECK (thawed_state IN ('active', 'disabled'));
