-- How many people and devices there are of each kind, and of how many people something keeps every app: every page shows some of
-- it, and whoever counts walks through all of them. Triggers count, in the transaction of the fact and whoever writes it.
CREATE TABLE tallies (
    what TEXT NOT NULL, about TEXT NOT NULL DEFAULT '', number BIGINT NOT NULL, PRIMARY KEY (what, about)) WITHOUT ROWID;
INSERT INTO tallies (what, about, number)
SELECT CASE WHEN left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END, '', COUNT(*) FROM people WHERE kind = 'person' GROUP BY 1
UNION ALL SELECT CASE WHEN gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END, platform, COUNT(*) FROM devices GROUP BY 1, 2
UNION ALL SELECT 'devicesDep', '', COUNT(*) FROM devices WHERE gone_at IS NULL AND dep = TRUE
UNION ALL SELECT 'devicesLeaving', '', COUNT(*) FROM devices WHERE leaving_since IS NOT NULL
UNION ALL SELECT 'devicesSilent', '', COUNT(*) FROM devices WHERE silent_since IS NOT NULL
UNION ALL SELECT 'concerns', location_id || '/' || concern, COUNT(*) FROM concerns GROUP BY 2;

CREATE TRIGGER tallies_person_new AFTER INSERT ON people WHEN NEW.kind = 'person'
BEGIN
    INSERT INTO tallies (what, number)
    VALUES (CASE WHEN NEW.left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END, 1)
    ON CONFLICT (what, about) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER tallies_person_gone AFTER DELETE ON people WHEN OLD.kind = 'person'
BEGIN
    UPDATE tallies SET number = number - 1
    WHERE what = CASE WHEN OLD.left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END;
END;
CREATE TRIGGER tallies_person_changed AFTER UPDATE OF left_at, kind ON people
    WHEN (OLD.left_at IS NULL, OLD.kind) IS DISTINCT FROM (NEW.left_at IS NULL, NEW.kind)
BEGIN
    UPDATE tallies SET number = number - 1
    WHERE OLD.kind = 'person' AND what = CASE WHEN OLD.left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END;
    INSERT INTO tallies (what, number)
    SELECT CASE WHEN NEW.left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END, 1 WHERE NEW.kind = 'person'
    ON CONFLICT (what, about) DO UPDATE SET number = number + 1;
END;

-- A device is one of those that are here or gone, and may be some of the others.
CREATE TRIGGER tallies_device_new AFTER INSERT ON devices
BEGIN
    INSERT INTO tallies (what, about, number)
    SELECT what, about, 1 FROM (
        SELECT CASE WHEN NEW.gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END AS what, NEW.platform AS about
        UNION ALL SELECT 'devicesDep', '' WHERE NEW.gone_at IS NULL AND NEW.dep
        UNION ALL SELECT 'devicesLeaving', '' WHERE NEW.leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '' WHERE NEW.silent_since IS NOT NULL)
    WHERE TRUE ON CONFLICT (what, about) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER tallies_device_gone AFTER DELETE ON devices
BEGIN
    UPDATE tallies SET number = number - 1
    WHERE (what, about) IN (
        SELECT CASE WHEN OLD.gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END, OLD.platform
        UNION ALL SELECT 'devicesDep', '' WHERE OLD.gone_at IS NULL AND OLD.dep
        UNION ALL SELECT 'devicesLeaving', '' WHERE OLD.leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '' WHERE OLD.silent_since IS NOT NULL);
END;
CREATE TRIGGER tallies_device_changed AFTER UPDATE OF gone_at, platform, dep, leaving_since, silent_since ON devices
    WHEN (OLD.gone_at IS NULL, OLD.platform, OLD.dep, OLD.leaving_since IS NULL, OLD.silent_since IS NULL)
        IS DISTINCT FROM
         (NEW.gone_at IS NULL, NEW.platform, NEW.dep, NEW.leaving_since IS NULL, NEW.silent_since IS NULL)
BEGIN
    UPDATE tallies SET number = number - 1
    WHERE (what, about) IN (
        SELECT CASE WHEN OLD.gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END, OLD.platform
        UNION ALL SELECT 'devicesDep', '' WHERE OLD.gone_at IS NULL AND OLD.dep
        UNION ALL SELECT 'devicesLeaving', '' WHERE OLD.leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '' WHERE OLD.silent_since IS NOT NULL);
    INSERT INTO tallies (what, about, number)
    SELECT what, about, 1 FROM (
        SELECT CASE WHEN NEW.gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END AS what, NEW.platform AS about
        UNION ALL SELECT 'devicesDep', '' WHERE NEW.gone_at IS NULL AND NEW.dep
        UNION ALL SELECT 'devicesLeaving', '' WHERE NEW.leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '' WHERE NEW.silent_since IS NOT NULL)
    WHERE TRUE ON CONFLICT (what, about) DO UPDATE SET number = number + 1;
END;

CREATE TRIGGER tallies_concern_new AFTER INSERT ON concerns
BEGIN
    INSERT INTO tallies (what, about, number) VALUES ('concerns', NEW.location_id || '/' || NEW.concern, 1)
    ON CONFLICT (what, about) DO UPDATE SET number = number + 1;
END;
CREATE TRIGGER tallies_concern_gone AFTER DELETE ON concerns
BEGIN
    UPDATE tallies SET number = number - 1 WHERE what = 'concerns' AND about = OLD.location_id || '/' || OLD.concern;
END;
