-- The days that are forgotten, without a look at all others.
CREATE INDEX grant_use_by_day ON grant_use (day);
