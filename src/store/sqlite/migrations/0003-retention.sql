-- What has been kept for as long as the operator wants may go, and nothing else: ended leases, intents of
-- leases that are not there any more or have ended, and the events up to the floor. No row is rewritten, so it
-- takes no longer on a large store.

-- Events up to `seq` were removed, the last of them of `at_ms`. One row; 0: none was.
CREATE TABLE event_floor (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  seq INTEGER NOT NULL CHECK (seq >= 0),
  at_ms INTEGER NOT NULL
) STRICT;
INSERT INTO event_floor (only, seq, at_ms) VALUES (1, 0, 0);

CREATE TRIGGER event_floor_only_rises BEFORE UPDATE ON event_floor
WHEN NEW.seq < OLD.seq OR NEW.seq >= (SELECT coalesce(max(seq), 0) FROM events)
BEGIN
  SELECT RAISE(ABORT, 'the floor of the events only rises, and leaves the newest');
END;
CREATE TRIGGER event_floor_stays BEFORE DELETE ON event_floor
BEGIN
  SELECT RAISE(ABORT, 'the floor of the events stays');
END;

DROP TRIGGER events_no_delete;
CREATE TRIGGER events_no_delete BEFORE DELETE ON events
WHEN OLD.seq > (SELECT seq FROM event_floor)
BEGIN
  SELECT RAISE(ABORT, 'events are append-only above the floor');
END;

DROP TRIGGER events_without_gaps;
CREATE TRIGGER events_without_gaps BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), (SELECT seq FROM event_floor)) + 1 FROM events)
BEGIN
  SELECT RAISE(ABORT, 'events are numbered without gaps');
END;

CREATE TRIGGER leases_live_stay BEFORE DELETE ON leases WHEN OLD.state <> 'ended'
BEGIN
  SELECT RAISE(ABORT, 'only a lease that has ended is removed');
END;

CREATE TRIGGER intents_live_stay BEFORE DELETE ON intents
WHEN OLD.closed_at_ms IS NULL
  OR EXISTS (SELECT 1 FROM leases WHERE leases.id = OLD.lease_id AND leases.state <> 'ended')
BEGIN
  SELECT RAISE(ABORT, 'without its intent nothing of a lease that lives may be deleted');
END;

UPDATE control SET body = json_set(body, '$.eventFloor', json('null'));
