-- How many people and devices there are of each kind, and of how many people something keeps every app: every page shows some of
-- it, and whoever counts walks through all of them. Triggers count, in the transaction of the fact and whoever writes it.
--
-- A number is the sum of its rows. Whoever changes it takes any row of it that nobody else holds, and makes another one where
-- all are held: so nobody waits for anybody, and there are no more rows than there ever were writers at once.
CREATE TABLE tallies (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, what TEXT NOT NULL, about TEXT NOT NULL DEFAULT '',
    number BIGINT NOT NULL);
CREATE INDEX tallies_what ON tallies (what, about);
INSERT INTO tallies (what, about, number)
SELECT CASE WHEN left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END, '', COUNT(*) FROM people WHERE kind = 'person' GROUP BY 1
UNION ALL SELECT CASE WHEN gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END, platform, COUNT(*) FROM devices GROUP BY 1, 2
UNION ALL SELECT 'devicesDep', '', COUNT(*) FROM devices WHERE gone_at IS NULL AND dep = TRUE
UNION ALL SELECT 'devicesLeaving', '', COUNT(*) FROM devices WHERE leaving_since IS NOT NULL
UNION ALL SELECT 'devicesSilent', '', COUNT(*) FROM devices WHERE silent_since IS NOT NULL
UNION ALL SELECT 'concerns', location_id || '/' || concern, COUNT(*) FROM concerns GROUP BY 2;

CREATE FUNCTION tallied(of_what TEXT, of_which TEXT, by BIGINT) RETURNS void LANGUAGE plpgsql AS $$
DECLARE free BIGINT;
BEGIN
    SELECT id INTO free FROM tallies WHERE what = of_what AND about = of_which LIMIT 1 FOR UPDATE SKIP LOCKED;
    IF free IS NULL THEN
        INSERT INTO tallies (what, about, number) VALUES (of_what, of_which, by);
    ELSE
        UPDATE tallies SET number = number + by WHERE id = free;
    END IF;
END $$;

-- Of a statement all rows at once, however many; what changes of a row is rare.
CREATE FUNCTION tallies_people() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sign BIGINT := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM tallied(what, '', sign * number) FROM (
        SELECT CASE WHEN left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END AS what, COUNT(*) AS number
        FROM changed WHERE kind = 'person' GROUP BY 1) AS these;
    RETURN NULL;
END $$;
CREATE TRIGGER tallies_person_new AFTER INSERT ON people REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tallies_people();
CREATE TRIGGER tallies_person_gone AFTER DELETE ON people REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tallies_people();
CREATE FUNCTION tallies_person() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.kind = 'person' THEN
        PERFORM tallied(CASE WHEN OLD.left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END, '', -1);
    END IF;
    IF NEW.kind = 'person' THEN
        PERFORM tallied(CASE WHEN NEW.left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END, '', 1);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tallies_person_changed AFTER UPDATE OF left_at, kind ON people FOR EACH ROW
    WHEN ((OLD.left_at IS NULL, OLD.kind) IS DISTINCT FROM (NEW.left_at IS NULL, NEW.kind))
    EXECUTE FUNCTION tallies_person();

-- A device is one of those that are here or gone, and may be some of the others.
CREATE FUNCTION tallies_devices() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sign BIGINT := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM tallied(what, about, sign * number) FROM (
        SELECT CASE WHEN gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END AS what, platform AS about,
               COUNT(*) AS number FROM changed GROUP BY 1, 2
        UNION ALL SELECT 'devicesDep', '', COUNT(*) FROM changed WHERE gone_at IS NULL AND dep
        UNION ALL SELECT 'devicesLeaving', '', COUNT(*) FROM changed WHERE leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '', COUNT(*) FROM changed WHERE silent_since IS NOT NULL) AS these
    WHERE number > 0;
    RETURN NULL;
END $$;
CREATE TRIGGER tallies_device_new AFTER INSERT ON devices REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tallies_devices();
CREATE TRIGGER tallies_device_gone AFTER DELETE ON devices REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tallies_devices();
CREATE FUNCTION tallies_device() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM tallied(what, about, by) FROM (
        SELECT CASE WHEN OLD.gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END AS what, OLD.platform AS about, -1 AS by
        UNION ALL SELECT 'devicesDep', '', -1 WHERE OLD.gone_at IS NULL AND OLD.dep
        UNION ALL SELECT 'devicesLeaving', '', -1 WHERE OLD.leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '', -1 WHERE OLD.silent_since IS NOT NULL
        UNION ALL SELECT CASE WHEN NEW.gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END, NEW.platform, 1
        UNION ALL SELECT 'devicesDep', '', 1 WHERE NEW.gone_at IS NULL AND NEW.dep
        UNION ALL SELECT 'devicesLeaving', '', 1 WHERE NEW.leaving_since IS NOT NULL
        UNION ALL SELECT 'devicesSilent', '', 1 WHERE NEW.silent_since IS NOT NULL) AS these;
    RETURN NULL;
END $$;
CREATE TRIGGER tallies_device_changed AFTER UPDATE OF gone_at, platform, dep, leaving_since, silent_since ON devices FOR EACH ROW
    WHEN ((OLD.gone_at IS NULL, OLD.platform, OLD.dep, OLD.leaving_since IS NULL, OLD.silent_since IS NULL)
        IS DISTINCT FROM
          (NEW.gone_at IS NULL, NEW.platform, NEW.dep, NEW.leaving_since IS NULL, NEW.silent_since IS NULL))
    EXECUTE FUNCTION tallies_device();

CREATE FUNCTION tallies_concerns() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE sign BIGINT := CASE TG_OP WHEN 'INSERT' THEN 1 ELSE -1 END;
BEGIN
    PERFORM tallied('concerns', about, sign * number) FROM (
        SELECT location_id || '/' || concern AS about, COUNT(*) AS number FROM changed GROUP BY 1) AS these;
    RETURN NULL;
END $$;
CREATE TRIGGER tallies_concern_new AFTER INSERT ON concerns REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tallies_concerns();
CREATE TRIGGER tallies_concern_gone AFTER DELETE ON concerns REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION tallies_concerns();
