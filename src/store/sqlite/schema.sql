CREATE TABLE batches (
  revision INTEGER PRIMARY KEY,
  batch_id TEXT NOT NULL UNIQUE,
  event_seq INTEGER NOT NULL,
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE claim_classes (
  lease_id TEXT NOT NULL REFERENCES claims (lease_id) ON DELETE CASCADE,
  device_class TEXT NOT NULL,
  host_id TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  held INTEGER NOT NULL CHECK (held IN (0, 1)),
  observed INTEGER NOT NULL CHECK (observed IN (0, 1)),
  PRIMARY KEY (lease_id, device_class)
) STRICT, WITHOUT ROWID;

CREATE TABLE claim_devices (
  lease_id TEXT NOT NULL REFERENCES claims (lease_id) ON DELETE CASCADE,
  device_id TEXT NOT NULL,
  host_id TEXT NOT NULL,
  held INTEGER NOT NULL CHECK (held IN (0, 1)),
  PRIMARY KEY (lease_id, device_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE claims (
  lease_id TEXT PRIMARY KEY REFERENCES leases (id) ON DELETE CASCADE,
  host_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('unit', 'slot')),
  held INTEGER NOT NULL CHECK (held IN (0, 1)),
  provisional INTEGER NOT NULL CHECK (provisional IN (0, 1)),
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  vcpus INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  disk_gib INTEGER NOT NULL,
  holding TEXT NOT NULL CHECK (json_valid(holding))
) STRICT, WITHOUT ROWID;

CREATE TABLE control (
  id TEXT PRIMARY KEY CHECK (id = 'control'),
  deployment_id TEXT NOT NULL,
  mode TEXT NOT NULL CHECK (mode IN ('act', 'observe')),
  frozen INTEGER NOT NULL CHECK (frozen IN (0, 1)),
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  id TEXT PRIMARY KEY,
  host_id TEXT NOT NULL REFERENCES hosts (id) ON DELETE CASCADE,
  device_class TEXT NOT NULL,
  address TEXT,
  iommu_group TEXT,
  numa_node INTEGER,
  parent_id TEXT,
  quarantine TEXT
) STRICT, WITHOUT ROWID;

CREATE TABLE epoch (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  epoch INTEGER NOT NULL
) STRICT;

CREATE TABLE event_floor (
  only INTEGER PRIMARY KEY CHECK (only = 1),
  seq INTEGER NOT NULL CHECK (seq >= 0),
  at_ms INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
  seq INTEGER PRIMARY KEY,
  at_ms INTEGER NOT NULL,
  actor TEXT NOT NULL,
  type TEXT NOT NULL,
  entity TEXT NOT NULL,
  entity_id TEXT NOT NULL,
  project_id TEXT,
  reason TEXT,
  data TEXT NOT NULL CHECK (json_valid(data)),
  state_before TEXT,
  state_after TEXT
) STRICT;

CREATE TABLE findings (
  id TEXT PRIMARY KEY,
  code TEXT NOT NULL,
  subject TEXT NOT NULL,
  since_ms INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

CREATE TABLE flavors (
  id TEXT PRIMARY KEY,
  provider_id TEXT NOT NULL,
  name TEXT NOT NULL,
  vcpus INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  disk_gib INTEGER NOT NULL,
  disabled INTEGER NOT NULL CHECK (disabled IN (0, 1)),
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE host_capacity (
  host_id TEXT NOT NULL,
  device_class TEXT NOT NULL,
  total INTEGER NOT NULL CHECK (total >= 0),
  used INTEGER NOT NULL CHECK (used >= 0),
  observed INTEGER NOT NULL CHECK (observed BETWEEN 0 AND used),
  PRIMARY KEY (host_id, device_class)
) STRICT, WITHOUT ROWID;

CREATE TABLE hosts (
  id TEXT PRIMARY KEY,
  provider_id TEXT NOT NULL,
  name TEXT NOT NULL,
  claim_kind TEXT NOT NULL CHECK (claim_kind IN ('unit', 'slot')),
  status TEXT NOT NULL CHECK (status IN ('up', 'disabled', 'down', 'missing')),
  drained INTEGER NOT NULL CHECK (drained IN (0, 1)),
  vcpus INTEGER NOT NULL,
  memory_mib INTEGER NOT NULL,
  disk_gib INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE idempotency (
  id TEXT PRIMARY KEY,
  request_hash TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  reply TEXT NOT NULL CHECK (json_valid(reply))
) STRICT, WITHOUT ROWID;

CREATE TABLE intents (
  id TEXT PRIMARY KEY,
  lease_id TEXT NOT NULL,
  step TEXT NOT NULL,
  opened_at_ms INTEGER NOT NULL,
  closed_at_ms INTEGER,
  timeout_ms INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT;

CREATE TABLE leases (
  id TEXT PRIMARY KEY,
  project_id TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  name TEXT NOT NULL,
  state TEXT NOT NULL CHECK (
    state IN ('reserved', 'queued', 'starting', 'active', 'shelving', 'shelved', 'ending', 'ended')
  ),
  flavor_id TEXT NOT NULL,
  flavor_name TEXT NOT NULL,
  provider_id TEXT NOT NULL,
  host_id TEXT,
  server_id TEXT,
  address TEXT,
  generation INTEGER NOT NULL,
  created_at_ms INTEGER NOT NULL,
  claimed_at_ms INTEGER,
  wait_until_ms INTEGER,
  expires_at_ms INTEGER,
  ended_at_ms INTEGER,
  end_reason TEXT,
  used_device_ms INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body)),
  CHECK ((state = 'ended') = (ended_at_ms IS NOT NULL))
) STRICT;

CREATE TABLE projects (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  limit_gpus INTEGER,
  limit_leases INTEGER,
  served_seq INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
, limit_gpu_hours INTEGER) STRICT, WITHOUT ROWID;

CREATE TABLE schema_migrations (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  checksum TEXT NOT NULL
) STRICT;

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  project_id TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('reader', 'member', 'manager', 'admin')),
  secret_hash TEXT NOT NULL UNIQUE,
  created_at_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  body TEXT NOT NULL CHECK (json_valid(body))
) STRICT, WITHOUT ROWID;

CREATE TABLE usage (
  lease_id TEXT NOT NULL,
  holding INTEGER NOT NULL,
  device_class TEXT NOT NULL,
  count INTEGER NOT NULL CHECK (count > 0),
  from_ms INTEGER NOT NULL,
  until_ms INTEGER NOT NULL,
  lease_name TEXT NOT NULL,
  project_id TEXT NOT NULL,
  project_name TEXT NOT NULL,
  owner_id TEXT NOT NULL,
  flavor_id TEXT NOT NULL,
  flavor_name TEXT NOT NULL,
  purpose TEXT NOT NULL CHECK (purpose IN ('interactive', 'ci')),
  PRIMARY KEY (lease_id, holding, device_class),
  CHECK (until_ms > from_ms)
) STRICT;

CREATE UNIQUE INDEX claim_devices_one_holder ON claim_devices (device_id) WHERE held = 1;

CREATE INDEX devices_by_group ON devices (host_id, iommu_group);

CREATE INDEX events_by_lease ON events (entity_id, seq) WHERE entity = 'lease';

CREATE INDEX events_by_project ON events (project_id, seq) WHERE project_id IS NOT NULL;

CREATE INDEX events_by_type ON events (type, seq);

CREATE INDEX intents_by_lease ON intents (lease_id);

CREATE INDEX intents_open ON intents (id) WHERE closed_at_ms IS NULL;

CREATE INDEX leases_ended ON leases (ended_at_ms) WHERE state = 'ended';

CREATE INDEX leases_ended_by_project ON leases (project_id, ended_at_ms) WHERE state = 'ended';

CREATE INDEX leases_live ON leases (project_id, created_at_ms) WHERE state <> 'ended';

CREATE INDEX usage_by_length ON usage (until_ms - from_ms);

CREATE INDEX usage_by_project ON usage (project_id, from_ms);

CREATE INDEX usage_by_time ON usage (from_ms);

CREATE TRIGGER claim_classes_are_replaced BEFORE UPDATE ON claim_classes
BEGIN
  SELECT RAISE(ABORT, 'rows of claim_classes are replaced, not changed');
END;

CREATE TRIGGER claim_classes_give_back AFTER DELETE ON claim_classes WHEN OLD.held = 1
BEGIN
  UPDATE host_capacity
  SET used = used - OLD.count, observed = observed - OLD.count * OLD.observed
  WHERE host_id = OLD.host_id AND device_class = OLD.device_class;
END;

CREATE TRIGGER claim_classes_take AFTER INSERT ON claim_classes WHEN NEW.held = 1
BEGIN
  INSERT INTO host_capacity (host_id, device_class, total, used, observed)
  VALUES (NEW.host_id, NEW.device_class, 0, NEW.count, NEW.count * NEW.observed)
  ON CONFLICT (host_id, device_class) DO UPDATE
  SET used = used + excluded.used, observed = observed + excluded.observed;
END;

CREATE TRIGGER claim_devices_are_replaced BEFORE UPDATE ON claim_devices
BEGIN
  SELECT RAISE(ABORT, 'rows of claim_devices are replaced, not changed');
END;

CREATE TRIGGER claim_devices_one_group AFTER INSERT ON claim_devices WHEN NEW.held = 1
BEGIN
  SELECT RAISE(ABORT, 'an IOMMU group cannot be shared by two leases')
  FROM devices AS mine
  JOIN devices AS peer ON peer.host_id = mine.host_id AND peer.iommu_group = mine.iommu_group
  JOIN claim_devices AS other ON other.device_id = peer.id AND other.held = 1
  WHERE mine.id = NEW.device_id AND other.lease_id <> NEW.lease_id;
END;

CREATE TRIGGER event_floor_only_rises BEFORE UPDATE ON event_floor
WHEN NEW.seq < OLD.seq OR NEW.seq >= (SELECT coalesce(max(seq), 0) FROM events)
BEGIN
  SELECT RAISE(ABORT, 'the floor of the events only rises, and leaves the newest');
END;

CREATE TRIGGER event_floor_stays BEFORE DELETE ON event_floor
BEGIN
  SELECT RAISE(ABORT, 'the floor of the events stays');
END;

CREATE TRIGGER events_no_delete BEFORE DELETE ON events
WHEN OLD.seq > (SELECT seq FROM event_floor)
BEGIN
  SELECT RAISE(ABORT, 'events are append-only above the floor');
END;

CREATE TRIGGER events_no_update BEFORE UPDATE ON events
BEGIN
  SELECT RAISE(ABORT, 'events are append-only');
END;

CREATE TRIGGER events_without_gaps BEFORE INSERT ON events
WHEN NEW.seq <> (SELECT coalesce(max(seq), (SELECT seq FROM event_floor)) + 1 FROM events)
BEGIN
  SELECT RAISE(ABORT, 'events are numbered without gaps');
END;

CREATE TRIGGER host_capacity_not_born_overdrawn AFTER INSERT ON host_capacity
WHEN NEW.used > NEW.total AND NEW.used > NEW.observed
BEGIN
  SELECT RAISE(ABORT, 'a capacity row cannot be overdrawn');
END;

CREATE TRIGGER host_capacity_not_overdrawn BEFORE UPDATE ON host_capacity
WHEN NEW.used > NEW.total AND NEW.used - NEW.observed > OLD.used - OLD.observed
BEGIN
  SELECT RAISE(ABORT, 'a capacity row cannot be overdrawn');
END;

CREATE TRIGGER intents_live_stay BEFORE DELETE ON intents
WHEN OLD.closed_at_ms IS NULL
  OR EXISTS (SELECT 1 FROM leases WHERE leases.id = OLD.lease_id AND leases.state <> 'ended')
BEGIN
  SELECT RAISE(ABORT, 'without its intent nothing of a lease that lives may be deleted');
END;

CREATE TRIGGER leases_live_stay BEFORE DELETE ON leases WHEN OLD.state <> 'ended'
BEGIN
  SELECT RAISE(ABORT, 'only a lease that has ended is removed');
END;

CREATE TRIGGER usage_no_delete BEFORE DELETE ON usage
BEGIN
  SELECT RAISE(ABORT, 'usage is append-only');
END;

CREATE TRIGGER usage_no_update BEFORE UPDATE ON usage
BEGIN
  SELECT RAISE(ABORT, 'usage is append-only');
END;
