import { describe, expect, test } from 'vitest';
import { flavor, slotHost, world } from '../../../test/support/worlds.ts';
import { asId } from '../../base/ids.ts';
import type { Flavor } from '../model/flavor.ts';
import { resolveWanted } from './request.ts';

function of(providerId: string, externalId: string, name: string): Flavor {
  const id = asId<'flavor'>(`${providerId}:${externalId}`);
  return { ...flavor(name, { V100: 1 }), id, externalId, providerId: asId(providerId) };
}

/** The id of the flavor that the text means, or what it is refused with. */
function meant(flavors: readonly Flavor[], text: string): unknown {
  const found = resolveWanted(world([slotHost('s1', { V100: 1 })], flavors), {
    kind: 'flavor',
    flavor: text,
  });
  return found.kind === 'flavor' ? found.flavor.id : found.refusal;
}

describe('a flavor is named', () => {
  const both = [of('north', '7', 'small'), of('south', '8', 'large')];

  test.each(['south:8', '8', 'large'])('by %s', (text) => {
    expect(meant(both, text)).toBe('south:8');
  });

  test('by an id rather than by a name that looks like one', () => {
    expect(meant([of('north', '7', '8'), of('south', '8', 'large')], '8')).toBe('south:8');
  });

  test.each(['7', 'small'])('not by %s where two clouds have it', (text) => {
    const twice = [of('north', '7', 'small'), of('south', '7', 'small')];
    expect(meant(twice, text)).toMatchObject({
      code: 'invalid',
      message: `Several clouds have a flavor '${text}': north, south.`,
      fix: expect.stringContaining('north:7 or south:7'),
      field: 'flavor',
    });
    expect(meant(twice, 'south:7')).toBe('south:7');
  });
});
