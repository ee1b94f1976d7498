import { MINUTE_MS, SECOND_MS } from '../../base/units.ts';
import { ok } from '../../base/result.ts';
import { matching, oneOf, wholeNumber } from '../parameters.ts';
import type { Profile } from '../profile.ts';

/**
 * The stress test of github.com/wilicc/gpu-burn, built from a fixed commit because it runs as root. Its
 * result
 * comes back as a note of the lease; a card that miscalculates fails the start.
 */
export const gpuBurn: Profile = {
  name: 'gpu-burn',
  summary: 'Stress test of the cards, whose result is told',
  parameters: {
    seconds: wholeNumber({ min: 10, max: 3600 }, 'How long the cards are loaded, in seconds.', 60),
    precision: oneOf(['single', 'double', 'tensor'], 'What is calculated with.', 'single'),
    commit: matching(
      /^[0-9a-f]{40}$/,
      'a full commit id',
      'Commit of github.com/wilicc/gpu-burn that is built.',
      '8e9c25e9af7340b303a0b26ceb640535c62c332d',
    ),
  },
  requires: [{ profile: 'cuda', params: () => ({}) }],
  conflicts: [],
  needs: { network: ['github.com'], diskGiB: 1 },
  cloudConfig: () => ({}),
  settle: (values) => ok(values),
  isOwn: false,
  steps: [
    {
      title: () => 'building gpu-burn',
      expectedMs: () => MINUTE_MS,
      script: String.raw`
apt_get update
apt_get install git make g++
rm -rf /opt/gpu-burn
git init -q /opt/gpu-burn
cd /opt/gpu-burn
git fetch -q --depth 1 https://github.com/wilicc/gpu-burn "$P_COMMIT"
git checkout -q FETCH_HEAD
# The oldest of the cards: its code runs on the others.
compute=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | sort -V | head -n 1 | tr -d .)
LDFLAGS=-L/usr/local/cuda/lib64/stubs make CUDAPATH=/usr/local/cuda COMPUTE="$compute"
`,
    },
    {
      title: ({ seconds }) => `loading the cards for ${seconds} s`,
      expectedMs: ({ seconds }) => (Number(seconds) + 30) * SECOND_MS,
      script: String.raw`
cd /opt/gpu-burn
option=
case $P_PRECISION in double) option=-d ;; tensor) option=-tc ;; esac
# One option or none, so it is not quoted.
./gpu_burn $option "$P_SECONDS" >"$BERTH_SETUP/gpu-burn.txt" 2>&1 || {
    tail -n 5 "$BERTH_SETUP/gpu-burn.txt"
    fail 'gpu-burn has ended with an error'
}
results=$(tr '\r' '\n' <"$BERTH_SETUP/gpu-burn.txt" | sed -n 's/^[[:space:]]*\(GPU [0-9]*: [A-Z]*\).*/\1/p')
[ -n "$results" ] || fail 'gpu-burn has told no result'
case $results in *FAULTY*) fail "$(printf '%s' "$results" | paste -sd , -) after $P_SECONDS s" ;; esac
note gpu-burn "$(printf '%s\n' "$results" | paste -sd , -) after $P_SECONDS s ($P_PRECISION precision)"
`,
    },
  ],
};
