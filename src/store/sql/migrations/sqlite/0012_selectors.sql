-- What scopes of a grant are narrowed to.
ALTER TABLE grants ADD COLUMN selectors TEXT;
