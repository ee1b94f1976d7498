import { MINUTE_MS } from '../../base/units.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { generationOf } from '../gpu-generation.ts';
import { matching } from '../parameters.ts';
import type { Profile, ProfileFault, Situation, Values } from '../profile.ts';
import { DRIVER_DEFAULT } from './nvidia-driver.ts';

/**
 * The least driver branch of each major version of CUDA, which minor versions share ("CUDA Minor Version
 * Compatibility", table 2 of the release notes).
 */
const LEAST_BRANCH: Readonly<Record<string, number>> = { '11': 450, '12': 525, '13': 580 };

/** The toolkit of CUDA (compiler, libraries), from NVIDIA's archive: `cuda-toolkit-12-4`. */
export const cuda: Profile = {
  name: 'cuda',
  summary: "NVIDIA's CUDA toolkit: nvcc and the libraries",
  parameters: {
    version: matching(/^1[123]\.\d$/, 'a version such as 12.4', 'Version: 11.8, 12.4, 12.8, 13.0.', '12.4'),
  },
  requires: [{ profile: 'nvidia-driver', params: (values) => ({ version: driverFor(values) }) }],
  conflicts: [],
  needs: { network: ['developer.download.nvidia.com'], diskGiB: 12 },
  cloudConfig: () => ({
    write_files: [
      {
        path: '/etc/profile.d/berth-cuda.sh',
        content: [
          '# CUDA as cuda-toolkit installs it.',
          'PATH=/usr/local/cuda/bin:$PATH',
          'LD_LIBRARY_PATH=/usr/local/cuda/lib64${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}',
          'export PATH LD_LIBRARY_PATH',
          '',
        ].join('\n'),
      },
    ],
  }),
  settle,
  isOwn: false,
  steps: [
    {
      title: ({ version }) => `installing CUDA ${version}`,
      expectedMs: () => 8 * MINUTE_MS,
      script: String.raw`
nvidia_archive
package=cuda-toolkit-$(printf '%s' "$P_VERSION" | tr . -)
apt-cache show "$package" >/dev/null 2>&1 ||
    fail "NVIDIA has no CUDA $P_VERSION for $(os_release): choose another version or image"
apt_get install "$package"
/usr/local/cuda/bin/nvcc --version
note cuda "CUDA $P_VERSION in /usr/local/cuda"
`,
    },
  ],
};

function driverFor({ version = '' }: Values): string {
  return String(Math.max(Number(DRIVER_DEFAULT), leastBranch(version)));
}

function leastBranch(version: string): number {
  return LEAST_BRANCH[version.split('.')[0] ?? ''] ?? 0;
}

function settle(values: Values, { gpus, valuesOf }: Situation): Result<Values, ProfileFault> {
  const { version = '' } = values;
  if (version.startsWith('13.') && gpus.some((gpu) => generationOf(gpu) === 'old')) {
    const message = `CUDA ${version} does not compile for ${gpus.join(', ')}: 12.9 is the last that does.`;
    return err({ message, fix: 'Ask for cuda:version=12.4, or another 12.x.' });
  }
  const branch = valuesOf('nvidia-driver')?.['version'];
  const least = leastBranch(version);
  if (branch === undefined || Number(branch) >= least) return ok(values);
  return err({
    message: `CUDA ${version} needs the NVIDIA driver ${least} or newer, and nvidia-driver:version is ${branch}.`,
    fix: `Ask for nvidia-driver:version=${driverFor(values)}, or leave it out: cuda brings one that suits it.`,
  });
}
