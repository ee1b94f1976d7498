/**
 * Writes one plan inside an open transaction. The order is what keeps the constraints true at every step, as
 * SQLite checks them row by row: hosts at their largest, leases, claims given back, claims granted, claims
 * observed, hosts as they are in the end.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { BATCHES_KEPT, type ClaimRows, type HostRows, type PlainEntity, type WritePlan } from '../plan.ts';
import { numberAt, textAt } from '../row.ts';
import {
  claimClassTable,
  claimDeviceTable,
  claimTable,
  controlTable,
  deviceTable,
  eventTable,
  findingTable,
  flavorTable,
  hostTable,
  idempotencyTable,
  intentTable,
  leaseTable,
  projectTable,
  tokenTable,
  usageTable,
  type Columns,
  type Row,
} from '../tables.ts';
import { insertSql, putSql } from './sql.ts';

export interface Writer {
  /** Throws what SQLite throws. */
  write(plan: WritePlan): void;
}

export function createWriter(db: DatabaseSync): Writer {
  const claims = createClaimWriter(db);
  const hosts = createHostWriter(db);
  const plain = createPlainWriter(db);
  const retention = createRetentionWriter(db);
  const putLease = db.prepare(putSql(leaseTable));
  const putIntent = db.prepare(putSql(intentTable));
  const closeIntent = db.prepare('UPDATE intents SET closed_at_ms = ? WHERE id = ? AND closed_at_ms IS NULL');
  const insertUsage = db.prepare(insertSql(usageTable));
  const insertEvent = db.prepare(insertSql(eventTable));
  const insertBatch = db.prepare(
    'INSERT INTO batches (revision, batch_id, event_seq, at_ms) ' +
      'VALUES (?, ?, (SELECT coalesce(max(seq), 0) FROM events), ?)',
  );
  const pruneBatches = db.prepare('DELETE FROM batches WHERE revision <= ?');
  return {
    write(plan) {
      hosts.open(plan.hosts);
      for (const { lease } of plan.leases) putLease.run(...lease);
      claims.move(plan);
      hosts.settle(plan.hosts, plan.removedHostIds);
      for (const row of plan.intents) putIntent.run(...row);
      for (const id of plan.closedIntentIds) closeIntent.run(plan.atMs, id);
      for (const { entity, puts, removedIds } of plan.plain) plain.write(entity, puts, removedIds);
      for (const row of plan.usage) insertUsage.run(...row);
      if (plan.removedLeaseIds.length > 0 || plan.eventFloor !== null) retention.remove(plan);
      for (const row of plan.events) insertEvent.run(...row);
      insertBatch.run(plan.revision, plan.batchId, plan.atMs);
      pruneBatches.run(plan.revision - BATCHES_KEPT);
    },
  };
}

/** The triggers of the schema let nothing else go than what is ended, closed, and up to the floor. */
function createRetentionWriter(db: DatabaseSync): {
  remove(plan: Pick<WritePlan, 'removedLeaseIds' | 'eventFloor'>): void;
} {
  const removeIntents = db.prepare('DELETE FROM intents WHERE lease_id = ?');
  const removeLease = db.prepare('DELETE FROM leases WHERE id = ?');
  const raiseFloor = db.prepare('UPDATE event_floor SET seq = ?1, at_ms = ?2 WHERE seq < ?1');
  const removeEvents = db.prepare('DELETE FROM events WHERE seq <= ?');
  return {
    remove({ removedLeaseIds, eventFloor }) {
      for (const id of removedLeaseIds) {
        removeIntents.run(id);
        removeLease.run(id);
      }
      if (eventFloor === null) return;
      const { seq, atMs } = eventFloor;
      if (raiseFloor.run(seq, atMs).changes > 0) removeEvents.run(seq);
    },
  };
}

function createClaimWriter(db: DatabaseSync): { move(plan: WritePlan): void } {
  const readHolding = db.prepare('SELECT holding FROM claims WHERE lease_id = ?');
  const removeClaim = db.prepare('DELETE FROM claims WHERE lease_id = ?');
  const insertClaim = db.prepare(insertSql(claimTable));
  const insertClass = db.prepare(insertSql(claimClassTable));
  const insertDevice = db.prepare(insertSql(claimDeviceTable));
  const updateClaim = db.prepare(
    'UPDATE claims SET host_id = ?2, kind = ?3, held = ?4, provisional = ?5, from_ms = ?6, until_ms = ?7, ' +
      'vcpus = ?8, memory_mib = ?9, disk_gib = ?10, holding = ?11 WHERE lease_id = ?1',
  );
  const insert = (rows: ClaimRows): void => {
    insertClaim.run(...rows.claim);
    for (const row of rows.classes) insertClass.run(...row);
    for (const row of rows.devices) insertDevice.run(...row);
  };
  return {
    move({ leases }) {
      const granted: ClaimRows[] = [];
      const observed: ClaimRows[] = [];
      for (const { id, claim } of leases) {
        const before = readHolding.get(id);
        const holding = before === undefined ? null : textAt(before, 'holding');
        if (claim !== null && claim.holding === holding) {
          // Times may have moved. Taking and giving back the same devices would be refused on a host that has
          // shrunk.
          updateClaim.run(...claim.claim);
          continue;
        }
        if (holding !== null) removeClaim.run(id);
        if (claim !== null) (claim.observed ? observed : granted).push(claim);
      }
      granted.forEach(insert);
      observed.forEach(insert);
    },
  };
}

function createHostWriter(db: DatabaseSync): {
  open(hosts: readonly HostRows[]): void;
  settle(hosts: readonly HostRows[], removedIds: readonly string[]): void;
} {
  const readInventory = db.prepare(
    "SELECT json_extract(body, '$.devices') AS inventory FROM hosts WHERE id = ?",
  );
  const putHost = db.prepare(putSql(hostTable));
  const removeHost = db.prepare('DELETE FROM hosts WHERE id = ?');
  const removeDevices = db.prepare('DELETE FROM devices WHERE host_id = ?');
  const insertDevice = db.prepare(insertSql(deviceTable));
  const readTotals = db.prepare('SELECT device_class, total FROM host_capacity WHERE host_id = ?');
  const setTotal = db.prepare(
    'INSERT INTO host_capacity (host_id, device_class, total, used, observed) VALUES (?, ?, ?, 0, 0) ' +
      'ON CONFLICT (host_id, device_class) DO UPDATE SET total = excluded.total',
  );
  const removeUnused = db.prepare('DELETE FROM host_capacity WHERE host_id = ? AND total = 0 AND used = 0');
  const totalsOf = (hostId: string): Map<string, number> =>
    new Map(readTotals.all(hostId).map((row) => [textAt(row, 'device_class'), numberAt(row, 'total')]));

  const setTotals = (hostId: string, totals: ReadonlyMap<string, number>): void => {
    const before = totalsOf(hostId);
    for (const [deviceClass, total] of totals) {
      if (before.get(deviceClass) !== total) setTotal.run(hostId, deviceClass, total);
    }
    for (const [deviceClass, total] of before) {
      if (!totals.has(deviceClass) && total !== 0) setTotal.run(hostId, deviceClass, 0);
    }
    removeUnused.run(hostId);
  };
  return {
    open(hosts) {
      const moved: HostRows[] = [];
      for (const rows of hosts) {
        const before = readInventory.get(rows.id);
        putHost.run(...rows.host);
        if (before === undefined ? rows.devices.length > 0 : textAt(before, 'inventory') !== rows.inventory) {
          // A card may move between hosts: all leave before any arrives.
          removeDevices.run(rows.id);
          moved.push(rows);
        }
        const totals = totalsOf(rows.id);
        for (const [deviceClass, peak] of rows.peaks) {
          if (peak > (totals.get(deviceClass) ?? 0)) setTotal.run(rows.id, deviceClass, peak);
        }
      }
      for (const { devices } of moved) for (const row of devices) insertDevice.run(...row);
    },
    settle(hosts, removedIds) {
      for (const rows of hosts) setTotals(rows.id, new Map(rows.totals));
      for (const id of removedIds) {
        removeHost.run(id);
        setTotals(id, new Map());
      }
    },
  };
}

function createPlainWriter(db: DatabaseSync): {
  write(entity: PlainEntity, puts: readonly Row[], removedIds: readonly string[]): void;
} {
  const statements: Record<PlainEntity, { readonly put: StatementSync; readonly remove: StatementSync }> = {
    control: prepare(controlTable),
    project: prepare(projectTable),
    flavor: prepare(flavorTable),
    token: prepare(tokenTable),
    finding: prepare(findingTable),
    idempotency: prepare(idempotencyTable),
  };
  function prepare(table: Columns): { readonly put: StatementSync; readonly remove: StatementSync } {
    return {
      put: db.prepare(putSql(table)),
      remove: db.prepare(`DELETE FROM ${table.name} WHERE id = ?`),
    };
  }
  return {
    write(entity, puts, removedIds) {
      const { put, remove } = statements[entity];
      // Removals first: a secret hash or a name may pass from one row to another within a batch.
      for (const id of removedIds) remove.run(id);
      for (const row of puts) put.run(...row);
    },
  };
}
