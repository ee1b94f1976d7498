import { createCatalogue, type Catalogue } from './catalogue.ts';
import { compose, type Composition } from './compose.ts';
import { ownProfile, ownProfileSchema } from './own.ts';
import type { ProfileRef, Values } from './profile.ts';
import type { MachineData } from './render.ts';

/** One of the configuration, small enough for a machine without a network. */
const HELLO = ownProfile(
  ownProfileSchema.parse({
    name: 'hello',
    summary: 'Greets',
    parameters: {
      whom: { help: 'Who is greeted.', default: 'world', pattern: '[^/]*' },
      code: { help: 'How it ends.', default: '0', choices: ['0', '7'] },
    },
    cloud_config: { timezone: 'UTC', write_files: [{ path: '/etc/hello', content: 'hello\n' }] },
    steps: [
      { title: 'greeting {whom}', script: 'printf "hello %s\\n" "$P_WHOM"; note hello "greeted $P_WHOM"' },
      {
        title: 'leaving',
        script: 'echo "bye from $BERTH_USER" >&2\n[ "$P_CODE" = 0 ] || exit "$P_CODE"',
        expected: '5s',
      },
    ],
  }),
);

export const CATALOGUE: Catalogue = createCatalogue([HELLO]);

export function ref(name: string, params: Values = {}): ProfileRef {
  return { name, params };
}

/** Throws where they do not go together. */
export function composed(refs: readonly ProfileRef[], gpus: readonly string[] = []): Composition {
  const result = compose(CATALOGUE, refs, gpus);
  if (!result.ok) throw new Error(`${result.error.message} ${result.error.fix}`);
  return result.value;
}

export const MACHINE: MachineData = {
  sshPublicKey: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBq6Qe7XrUg8a2wGnUwYjR0o2Jr3jJ2mKq3kq1Y9vF1b ada@home',
  user: 'ubuntu',
  phoneHomeUrl: null,
  composition: null,
  own: null,
};

/** Values that a shell, YAML, or MIME could take for something else. */
export const NASTY: readonly string[] = [
  "'; touch /tmp/owned; '",
  '$(touch /tmp/owned)',
  '`touch /tmp/owned`',
  '"\\"; touch /tmp/owned #',
  '${PATH}',
  ': - {a: b}  # "x"',
  '--berth',
  'größer ☃',
  '%s %d \\n',
  '',
];

/** What is rendered in tests and judged by cloud-init: profiles, their parameters, and combinations. */
export const SAMPLES: readonly (readonly [string, readonly ProfileRef[], readonly string[]])[] = [
  ['driver', [ref('nvidia-driver')], []],
  [
    'driver from the distribution',
    [ref('nvidia-driver', { version: '535', source: 'distribution' })],
    ['V100'],
  ],
  ['open driver', [ref('nvidia-driver', { version: '570', kernel: 'open' })], ['A100']],
  ['driver for Blackwell', [ref('nvidia-driver', { version: '590' })], ['B200']],
  ['cuda', [ref('cuda')], ['V100']],
  ['cuda 13', [ref('cuda', { version: '13.0' })], ['H100']],
  [
    'cuda 11 with its own driver',
    [ref('cuda', { version: '11.8' }), ref('nvidia-driver', { version: '535' })],
    [],
  ],
  ['docker', [ref('docker')], ['T4']],
  ['docker with a fixed toolkit', [ref('docker', { toolkit: '1.17.8-1' })], []],
  ['stress test', [ref('gpu-burn', { seconds: '600', precision: 'tensor' })], ['A100']],
  ['jupyter', [ref('jupyter')], []],
  [
    'jupyter behind a password',
    [
      ref('jupyter', {
        listen: 'all',
        password_hash: `argon2:$argon2id$v=19$m=10240,t=10,p=8$${'a'.repeat(22)}$${'b'.repeat(43)}`,
      }),
    ],
    [],
  ],
  ['everything', [ref('gpu-burn'), ref('docker'), ref('jupyter'), ref('hello')], ['V100']],
  ['the other way round', [ref('hello'), ref('jupyter'), ref('docker'), ref('gpu-burn')], ['V100']],
];
