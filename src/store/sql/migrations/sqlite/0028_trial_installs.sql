-- What a test of an app installed: it is uninstalled when the test ends, unless somebody wanted it meanwhile.
ALTER TABLE installs ADD COLUMN for_trial INTEGER NOT NULL DEFAULT 0 CHECK (for_trial IN (0, 1));
CREATE INDEX installs_for_trial ON installs (org_id, app_id) WHERE for_trial;
