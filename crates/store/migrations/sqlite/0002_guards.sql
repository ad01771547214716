-- Never more licences out or on their way than are owned: whoever inserts, whatever the program thinks.
-- A seat that is reserved must find one free. One that Apple already lists ('held') is a fact: it counts, and is
-- not refused.
CREATE TRIGGER seats_take BEFORE INSERT ON seats
BEGIN
    SELECT RAISE(ABORT, 'overdraft') WHERE NEW.state <> 'held' AND NOT EXISTS (
        SELECT 1 FROM assets
        WHERE id = NEW.asset_id AND gone_at IS NULL AND (unlimited OR taken + foreign_held < owned));
END;
CREATE TRIGGER seats_taken AFTER INSERT ON seats
BEGIN
    UPDATE assets SET taken = taken + 1 WHERE id = NEW.asset_id;
END;
CREATE TRIGGER seats_given_back AFTER DELETE ON seats
BEGIN
    UPDATE assets SET taken = taken - 1 WHERE id = OLD.asset_id;
END;
CREATE TRIGGER seats_stay BEFORE UPDATE OF asset_id, person_id ON seats
BEGIN
    SELECT RAISE(ABORT, 'a seat belongs to one person and one asset');
END;
-- A seat cannot become reserved behind the back of the count.
CREATE TRIGGER seats_forward BEFORE UPDATE OF state ON seats WHEN NEW.state = 'reserved' AND OLD.state <> 'reserved'
BEGIN
    SELECT RAISE(ABORT, 'a seat is reserved when it is taken');
END;
-- The count is what it counts, always.
CREATE TRIGGER assets_taken BEFORE UPDATE OF taken ON assets
    WHEN NEW.taken <> (SELECT COUNT(*) FROM seats WHERE asset_id = NEW.id)
BEGIN
    SELECT RAISE(ABORT, 'taken is counted by the database');
END;

-- History is only ever added to.
CREATE TRIGGER events_unchanged BEFORE UPDATE ON events
BEGIN
    SELECT RAISE(ABORT, 'history is not changed');
END;
CREATE TRIGGER events_kept BEFORE DELETE ON events
BEGIN
    SELECT RAISE(ABORT, 'history is not deleted');
END;
