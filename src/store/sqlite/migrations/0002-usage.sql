-- Usage records, limits of projects, and the purpose of leases.
--
-- With ten million events and a million leases it takes some minutes: each lease is rewritten once, and the
-- events of those that have used something are looked up by their index.

-- What leases have held and given back, by class of device: one row for each time and class. Written in the
-- transaction that frees the claim. Kept when the lease and its events are deleted, so it refers to nothing,
-- and names things as they were called.
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
CREATE INDEX usage_by_time ON usage (from_ms);
CREATE INDEX usage_by_project ON usage (project_id, from_ms);
-- The longest time of all tells how far before an interval those begin that reach into it.
CREATE INDEX usage_by_length ON usage (until_ms - from_ms);
CREATE TRIGGER usage_no_update BEFORE UPDATE ON usage
BEGIN
  SELECT RAISE(ABORT, 'usage is append-only');
END;
CREATE TRIGGER usage_no_delete BEFORE DELETE ON usage
BEGIN
  SELECT RAISE(ABORT, 'usage is append-only');
END;

-- What was used before: a lease held its devices from when it was granted until the first event after which
-- it waits, is shelved, or has ended.
INSERT INTO usage (
  lease_id, holding, device_class, count, from_ms, until_ms, lease_name, project_id, project_name, owner_id,
  flavor_id, flavor_name, purpose
)
SELECT
  lease.id, held.holding, device.key, device.value, held.from_ms, held.until_ms, lease.name,
  lease.project_id, coalesce(project.name, lease.project_id), lease.owner_id, lease.flavor_id,
  lease.flavor_name, 'interactive'
FROM (
  SELECT
    begin.entity_id AS lease_id,
    row_number() OVER (PARTITION BY begin.entity_id ORDER BY begin.seq) AS holding,
    begin.at_ms AS from_ms,
    (
      SELECT after.at_ms FROM events AS after
      WHERE after.entity = 'lease' AND after.entity_id = begin.entity_id AND after.seq > begin.seq
        AND after.state_after IN ('queued', 'shelved', 'ended')
      ORDER BY after.seq LIMIT 1
    ) AS until_ms
  FROM events AS begin
  WHERE begin.type IN ('lease.granted', 'lease.adopted')
) AS held
JOIN leases AS lease ON lease.id = held.lease_id
JOIN json_each(lease.body, '$.request.demand.devices') AS device
LEFT JOIN projects AS project ON project.id = lease.project_id
WHERE held.until_ms > held.from_ms AND device.value > 0;

UPDATE leases SET body = json_set(body, '$.request.purpose', 'interactive', '$.request.exempt', NULL);

-- The quotas are two of the limits now; null and missing: no limit.
ALTER TABLE projects RENAME COLUMN quota_gpus TO limit_gpus;
ALTER TABLE projects RENAME COLUMN quota_leases TO limit_leases;
ALTER TABLE projects ADD COLUMN limit_gpu_hours INTEGER;
UPDATE projects SET body = json_remove(
  json_set(
    body,
    '$.limits', json_object(
      'gpus', json_extract(body, '$.quota.gpus'),
      'gpusByClass', json_object(),
      'leases', json_extract(body, '$.quota.leases'),
      'gpuHoursPerMonth', NULL,
      'durationMs', NULL,
      'queued', NULL
    ),
    '$.perUser', json_object(
      'gpus', NULL,
      'gpusByClass', json_object(),
      'leases', NULL,
      'gpuHoursPerMonth', NULL,
      'durationMs', NULL,
      'queued', NULL
    ),
    '$.users', json_object()
  ),
  '$.quota'
);
UPDATE control SET body = json_set(body, '$.monthFromMs', NULL);
