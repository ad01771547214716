-- Never more licences out or on their way than are owned: whoever inserts, whatever the program thinks.
-- A seat that is reserved must find one free. One that Apple already lists ('held') is a fact: it counts, and is
-- not refused. The UPDATE takes the row lock of the asset, so that writers of one asset queue up behind each other
-- and each sees the count that the one before left.
CREATE FUNCTION seats_take() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE assets SET taken = taken + 1
    WHERE id = NEW.asset_id
      AND (NEW.state = 'held' OR (gone_at IS NULL AND (unlimited OR taken + foreign_held < owned)));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'overdraft';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER seats_take BEFORE INSERT ON seats FOR EACH ROW EXECUTE FUNCTION seats_take();

CREATE FUNCTION seats_given_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE assets SET taken = taken - 1 WHERE id = OLD.asset_id;
    RETURN OLD;
END $$;
CREATE TRIGGER seats_given_back BEFORE DELETE ON seats FOR EACH ROW EXECUTE FUNCTION seats_given_back();

CREATE FUNCTION seats_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.asset_id <> OLD.asset_id OR NEW.person_id <> OLD.person_id THEN
        RAISE EXCEPTION 'a seat belongs to one person and one asset';
    END IF;
    IF NEW.state = 'reserved' AND OLD.state <> 'reserved' THEN
        RAISE EXCEPTION 'a seat is reserved when it is taken';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER seats_stay BEFORE UPDATE ON seats FOR EACH ROW EXECUTE FUNCTION seats_stay();

-- The count is changed by these triggers and by nothing else.
CREATE FUNCTION assets_taken() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.taken <> OLD.taken AND pg_trigger_depth() < 2 THEN
        RAISE EXCEPTION 'taken is counted by the database';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER assets_taken BEFORE UPDATE OF taken ON assets FOR EACH ROW EXECUTE FUNCTION assets_taken();

-- History is only ever added to.
CREATE FUNCTION events_unchanged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'history is not changed';
END $$;
CREATE TRIGGER events_unchanged BEFORE UPDATE OR DELETE ON events FOR EACH ROW EXECUTE FUNCTION events_unchanged();
