-- What a test of an app installed: it is uninstalled when the test ends, unless somebody wanted it meanwhile.
SET LOCAL lock_timeout = '2s';
ALTER TABLE installs ADD COLUMN for_trial BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX installs_for_trial ON installs (org_id, app_id) WHERE for_trial;
