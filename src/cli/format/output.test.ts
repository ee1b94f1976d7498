import { describe, expect, test } from 'vitest';
import { createCliTest } from '../../../test/support/cli-io.ts';

const flavor = {
  id: 'f1',
  openstack_id: 'f1',
  name: 'gpu "large"',
  description: '',
  provider_id: 'sim',
  vcpus: 4,
  memory_mib: 65_535,
  disk_gib: 50,
  scratch_gib: 0,
  gpus: { V100: 2 },
  total: 4,
  available: 0,
  observed_at: null,
  note: null,
  next_free_at: '2026-11-21T14:10:00Z',
  disabled: false,
  misconfigured: null,
};
const small = { ...flavor, id: 'f10', name: 'small', available: 3, next_free_at: null };

/** What a command prints about these flavors. */
async function printed(...argv: string[]): Promise<string> {
  const cli = createCliTest({
    fetch: async (url) =>
      JSON.stringify(url).endsWith('/v1/flavors"')
        ? Response.json({ flavors: [flavor, small] })
        : Response.json({ flavor }),
    clock: {
      wallMs: () => Date.parse('2026-11-21T12:00:00Z'),
      monotonicMs: () => 0,
      setTimer: () => () => undefined,
    },
  });
  expect(await cli.run(...argv)).toBe(0);
  return cli.stdout();
}

describe('lists', () => {
  const columns = ['-c', 'name', '-c', 'AVAILABLE', '-c', 'next-free', '-c', 'GPUs'];

  test('table', async () => {
    expect(await printed('flavor', 'list', ...columns)).toBe(`\
+-------------+--------+-----------+---------------------------------+
| Name        | GPUs   | Available | Next Free                       |
+-------------+--------+-----------+---------------------------------+
| gpu "large" | 2 V100 |         0 | 2026-11-21T14:10:00Z (in 2h10m) |
| small       | 2 V100 |         3 | -                               |
+-------------+--------+-----------+---------------------------------+
`);
  });

  test('json has the column names as keys and no words for people', async () => {
    const text = await printed('flavor', 'list', '-f', 'json', ...columns);
    expect(text).toContain('\n  {\n    "Name"');
    expect(JSON.parse(text)).toEqual([
      { Name: 'gpu "large"', GPUs: { V100: 2 }, Available: 0, 'Next Free': '2026-11-21T14:10:00Z' },
      { Name: 'small', GPUs: { V100: 2 }, Available: 3, 'Next Free': null },
    ]);
    expect(await printed('flavor', 'list', '-f', 'json', '--noindent', '-c', 'Available')).toBe(
      '[{"Available":0},{"Available":3}]\n',
    );
  });

  test('yaml', async () => {
    expect(await printed('flavor', 'list', '-f', 'yaml', ...columns)).toContain(
      '- Name: small\n  GPUs:\n    V100: 2\n  Available: 3\n  Next Free: null\n',
    );
  });

  test('csv quotes texts and not numbers', async () => {
    expect(
      await printed('flavor', 'list', '-f', 'csv', '-c', 'Name', '-c', 'Available', '-c', 'Next Free'),
    ).toBe('"Name","Available","Next Free"\n"gpu ""large""",0,"2026-11-21T14:10:00Z"\n"small",3,""\n');
  });

  test('value has a word in every place', async () => {
    expect(await printed('flavor', 'list', '-f', 'value', '-c', 'ID', '-c', 'Next Free')).toBe(
      'f1 2026-11-21T14:10:00Z\nf10 None\n',
    );
  });

  test('sorting is by size, and nothing comes last', async () => {
    expect(await ids('--sort-column', 'available', '--sort-descending')).toBe('f10\nf1\n');
    expect(await ids('--sort-column', 'Next Free')).toBe('f1\nf10\n');
  });
});

test('a number that nobody knows is neither 0 nor none', async () => {
  const unknown = { ...flavor, available: null, next_free_at: null, note: 'not seen' };
  const cli = createCliTest({ fetch: async () => Response.json({ flavors: [unknown] }) });
  expect(await cli.run('flavor', 'list', '-f', 'json')).toBe(0);
  expect(JSON.parse(cli.stdout())).toMatchObject([{ Available: null }]);
  const table = createCliTest({ fetch: async () => Response.json({ flavors: [unknown] }) });
  expect(await table.run('flavor', 'list', '--long')).toBe(0);
  expect(table.stdout()).toMatch(/\?.*not seen/);
});

describe('single things', () => {
  test('table leaves out what has no value', async () => {
    const text = await printed('flavor', 'show', 'f1');
    expect(text).toContain('| memory_mib   | 64 GiB                          |\n');
    expect(text).not.toContain('misconfigured');
  });

  test('json has every field, value only what was asked for', async () => {
    expect(JSON.parse(await printed('flavor', 'show', 'f1', '-f', 'json'))).toMatchObject({
      memory_mib: 65_535,
      misconfigured: null,
    });
    expect(await printed('flavor', 'show', 'f1', '-f', 'value', '-c', 'total')).toBe('4\n');
  });
});

function ids(...argv: string[]): Promise<string> {
  return printed('flavor', 'list', '-f', 'value', '-c', 'ID', ...argv);
}

test('an unknown column or format is refused with the nearest', async () => {
  const cli = createCliTest({ fetch: async () => Response.json({ flavors: [flavor] }) });
  expect(await cli.run('flavor', 'list', '-c', 'Availble')).toBe(2);
  expect(cli.stderr()).toContain("Did you mean 'Available'?");
  expect(await cli.run('flavor', 'list', '-f', 'jsn')).toBe(2);
  expect(cli.stderr()).toContain("Did you mean 'json'?");
});

test('an empty list says so to people and gives a pipe nothing', async () => {
  const cli = createCliTest({ fetch: async () => Response.json({ flavors: [] }) });
  expect(await cli.run('flavor', 'list')).toBe(0);
  expect([cli.stdout(), cli.stderr()]).toEqual(['', 'There are no flavors: no cloud offers GPUs here.\n']);
  expect(await cli.run('flavor', 'list', '-f', 'json')).toBe(0);
  expect(cli.stdout()).toBe('[]\n');
});
