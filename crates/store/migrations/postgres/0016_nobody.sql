-- Devices that belong to nobody. Everything that is decided is kept of a person, so such a device has a row among people that
-- stands for it, under the id of the device: nobody has a name there, and no list of people shows it.
ALTER TABLE people ADD COLUMN kind TEXT NOT NULL DEFAULT 'person' CHECK (kind IN ('person', 'device'));
DROP INDEX people_here;
DROP INDEX people_left;
CREATE INDEX people_here ON people (name, id) WHERE left_at IS NULL AND kind = 'person';
CREATE INDEX people_left ON people (name, id) WHERE left_at IS NOT NULL AND kind = 'person';
-- The device has the name.
CREATE OR REPLACE FUNCTION names_member() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.name := COALESCE(
        (SELECT devices.name FROM devices WHERE id = NEW.member_id),
        (SELECT people.name FROM people WHERE id = NEW.member_id), '');
    RETURN NEW;
END $$;
-- Whatever the program thinks: Apple never hears of nobody.
CREATE FUNCTION client_users_of_people() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT kind FROM people WHERE id = NEW.person_id) = 'device' THEN
        RAISE EXCEPTION 'nobody is registered for a device';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER client_users_of_people BEFORE INSERT ON client_users FOR EACH ROW
    EXECUTE FUNCTION client_users_of_people();

-- A link that is for nobody has no person.
ALTER TABLE enrolments ALTER COLUMN person_id DROP NOT NULL;
