import { expect, test } from 'vitest';
import { err, ok, type Result } from '../base/result.ts';
import { cloudOf, server } from './denbi.fixtures.ts';
import { findResizeHosts, isResizing } from './inventory-resizes.ts';
import type { Migration } from './nova/migrations.ts';

const MIGRATION: Migration = { source: 'n3', destination: 'n4' };

function resizing(count: number): ReturnType<typeof cloudOf>['servers'] {
  const servers = Array.from({ length: count }, (_unused, index) =>
    server(`vm${index}`, 'n4', 'V100:1', { status: 'VERIFY_RESIZE' }),
  );
  return cloudOf({ servers: [...servers, server('other', 'n4', 'V100:1')] }).servers.filter(isResizing);
}

async function found(
  servers: ReturnType<typeof resizing>,
  answer: Result<Migration | null, string>,
): Promise<{ readonly hosts: object; readonly warnings: readonly string[]; readonly asked: number }> {
  const warnings: string[] = [];
  let asked = 0;
  const migrationOf = async (): Promise<typeof answer> => {
    asked += 1;
    return answer;
  };
  const hosts = Object.fromEntries(await findResizeHosts(servers, migrationOf, warnings));
  return { hosts, warnings, asked };
}

test('the other end of the newest migration is the other host', async () => {
  expect(await found(resizing(1), ok(MIGRATION))).toEqual({ hosts: { vm0: ['n3'] }, warnings: [], asked: 1 });
  expect((await found(resizing(1), ok(null))).hosts).toEqual({ vm0: [] });
  const onOneHost = ok({ source: 'n4', destination: 'n4' });
  expect((await found(resizing(1), onOneHost)).hosts).toEqual({ vm0: ['n4'] });
});

test('what cannot be read is told', async () => {
  const { hosts, warnings } = await found(resizing(1), err('compute GET /os-migrations: 403'));
  expect(hosts).toEqual({});
  expect(warnings.join()).toContain('403');
});

test('a poll asks for a bounded number of them, and tells how many are left', async () => {
  const { asked, warnings } = await found(resizing(25), ok(MIGRATION));
  expect(asked).toBe(20);
  expect(warnings.join()).toContain('5 more servers');
});
