-- Plans that did not pass the look that is taken at them before anything is done: of whom, what the step would have broken, and
-- since when. Whoever decides keeps it; who is in it is given no licence.
CREATE TABLE stopped_plans (
    location_id TEXT NOT NULL REFERENCES locations (id), person_id BLOB NOT NULL, breach TEXT NOT NULL, step TEXT NOT NULL,
    since BIGINT NOT NULL, PRIMARY KEY (location_id, person_id, breach, step));
