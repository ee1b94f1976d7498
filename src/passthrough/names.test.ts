import { expect, test } from 'vitest';
import type { PciDevice } from './device.ts';
import { nameOf, namesIn } from './names.ts';

const device = (vendorId: string, productId: string): PciDevice => ({
  address: '0000:01:00.0',
  vendorId,
  productId,
  classCode: 0x03_02_00,
  headerType: 0,
  numaNode: null,
  group: 1,
  binding: { kind: 'none' },
  driverOverride: null,
  bootVga: false,
  vfsMax: 0,
  vfs: 0,
  physicalFunction: null,
  hasMdevs: false,
});

test('names of pci.ids: those of the host, not of subsystems, classes or other vendors', () => {
  const text = [
    '# a comment',
    '10dd  Another vendor',
    '\t2aaa  Wrong',
    '10de  NVIDIA Corporation',
    '\t2aaa  GX900 [Imagined GX 900]',
    '\t\t10de 2aab  A subsystem',
    '\t2aab  Plain name',
    'C 03  Display controller',
    '\t2aac  3D controller',
  ].join('\n');
  const names = namesIn(text, [device('10de', '2aaa'), device('10de', '2aab'), device('10de', '2aac')]);
  expect([...names]).toEqual([
    ['10de:2aaa', 'Imagined GX 900'],
    ['10de:2aab', 'Plain name'],
  ]);
  expect(nameOf('10de:2aaa', names)).toBe('Imagined GX 900');
  expect(nameOf('10de:2aac', names)).toBe('10de:2aac');
});
