import { MINUTE_MS } from '../../base/units.ts';
import { err, ok, type Result } from '../../base/result.ts';
import { FIRST_BRANCH_NEW, generationOf, LAST_BRANCH_OLD, OPEN_FROM_BRANCH } from '../gpu-generation.ts';
import { matching, oneOf } from '../parameters.ts';
import type { Profile, ProfileFault, Situation, Values } from '../profile.ts';

/** A branch that every distribution release of the table has, and that drives every card up to Hopper. */
export const DRIVER_DEFAULT = '550';

/** From this branch on NVIDIA's packages have no branch in their names, and are held by a pinning package. */
const PINNED_FROM_BRANCH = 590;

/**
 * The NVIDIA driver without a display, for Ubuntu and Debian. Package names: Ubuntu's
 * `nvidia-headless-550-server[-open]`, Debian's `nvidia-kernel-dkms`, NVIDIA's `cuda-drivers-550` and
 * `nvidia-open-550` (Driver Installation Guide, "Version locking" from 590 on).
 */
export const nvidiaDriver: Profile = {
  name: 'nvidia-driver',
  summary: "NVIDIA's driver, without a display",
  parameters: {
    version: matching(
      /^(?:4[5-9]\d|[5-9]\d\d)$/,
      'a branch such as 550',
      'Branch of the driver: 535, 550, 570, 580.',
      DRIVER_DEFAULT,
    ),
    source: oneOf(
      ['distribution', 'nvidia'],
      "Where it comes from: the archive of the image's distribution, or NVIDIA's. Debian's has one branch only.",
      'nvidia',
    ),
    kernel: oneOf(
      ['auto', 'closed', 'open'],
      'Kernel modules; auto: open from driver 560 on, and for Blackwell; closed for cards before Turing (V100, P100).',
      'auto',
    ),
  },
  requires: [],
  conflicts: [],
  needs: { network: ['developer.download.nvidia.com'], diskGiB: 3 },
  cloudConfig: () => ({
    write_files: [
      {
        path: '/etc/modprobe.d/berth-nouveau.conf',
        content: '# The card is driven by nvidia.\nblacklist nouveau\noptions nouveau modeset=0\n',
      },
    ],
  }),
  settle,
  isOwn: false,
  steps: [
    {
      title: ({ version }) => `installing the NVIDIA driver ${version}`,
      expectedMs: () => 6 * MINUTE_MS,
      script: String.raw`
if have=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader 2>/dev/null | head -n 1); then
    case $have in "$P_VERSION".*) echo "driver $have is there already"; exit 0 ;; esac
fi
apt_get update
apt_get install "linux-headers-$(uname -r)" dkms
suffix=
[ "$P_KERNEL" = closed ] || suffix=-open
case $P_SOURCE/$(os_release) in
    nvidia/*)
        nvidia_archive
        if [ "$P_VERSION" -ge ${PINNED_FROM_BRANCH} ]; then
            apt_get install "nvidia-driver-pinning-$P_VERSION"
            branch=
        else
            branch=-$P_VERSION
        fi
        if [ "$P_KERNEL" = closed ]; then
            apt_get install "cuda-drivers$branch"
        else
            apt_get install "nvidia-open$branch"
        fi
        ;;
    distribution/ubuntu*)
        apt_get install "nvidia-headless-$P_VERSION-server$suffix" "nvidia-utils-$P_VERSION-server"
        ;;
    distribution/debian*)
        # The site's own mirrors, with the components that the driver is in.
        find /etc/apt/sources.list /etc/apt/sources.list.d -type f -exec sed -i -E \
            '/^(Components:|deb .* main)/{/ non-free( |$)/!s/$/ contrib non-free non-free-firmware/}' {} +
        apt_get update
        found=$(apt-cache policy nvidia-smi | sed -n 's/.*Candidate: *\([0-9]*\).*/\1/p')
        [ "$found" = "$P_VERSION" ] ||
            fail "$(os_release) has driver '$found': ask for version=$found, or for source=nvidia"
        if [ "$P_KERNEL" = closed ]; then
            apt_get install nvidia-kernel-dkms nvidia-smi libcuda1
        else
            apt_get install nvidia-open-kernel-dkms firmware-nvidia-gsp nvidia-smi libcuda1
        fi
        ;;
    *) fail "$(os_release) is not supported: use an image of Ubuntu or Debian" ;;
esac
`,
    },
    {
      title: ({ version }) => `loading the NVIDIA driver ${version}`,
      expectedMs: () => MINUTE_MS,
      script: String.raw`
modprobe -r nouveau 2>/dev/null || :
modprobe nvidia
modprobe nvidia-uvm
have=$(nvidia-smi --query-gpu=driver_version --format=csv,noheader | head -n 1)
case $have in
    "$P_VERSION".*) ;;
    *) fail "driver $have is loaded, not $P_VERSION: the image brings its own; choose a plain one" ;;
esac
nvidia-smi -pm 1 || :
note nvidia-driver "driver $have, $(nvidia-smi --query-gpu=name --format=csv,noheader | sort | uniq -c |
    sed 's/^ *\([0-9]*\) /\1 x /' | paste -sd , -)"
`,
    },
  ],
};

function settle(values: Values, { gpus }: Situation): Result<Values, ProfileFault> {
  const branch = Number(values['version']);
  const generations = new Set(gpus.map(generationOf));
  const cards = gpus.join(', ');
  if (generations.has('old') && branch > LAST_BRANCH_OLD) {
    const message = `The NVIDIA driver ${branch} does not drive ${cards}: ${LAST_BRANCH_OLD} is the last that does.`;
    return err({ message, fix: `Ask for version=${LAST_BRANCH_OLD} or less.` });
  }
  if (generations.has('new') && branch < FIRST_BRANCH_NEW) {
    const message = `The NVIDIA driver ${branch} does not drive ${cards}: ${FIRST_BRANCH_NEW} is the first that does.`;
    return err({ message, fix: `Ask for version=${FIRST_BRANCH_NEW} or more.` });
  }
  switch (values['kernel']) {
    case 'open':
      if (!generations.has('old')) return ok(values);
      return err({
        message: `${cards} cannot use the open kernel modules: they begin with Turing.`,
        fix: 'Ask for kernel=closed, or leave it out.',
      });
    case 'closed':
      if (!generations.has('new')) return ok(values);
      return err({
        message: `${cards} can only use the open kernel modules.`,
        fix: 'Ask for kernel=open, or leave it out.',
      });
    default:
      return ok({ ...values, kernel: kernelFor(branch, generations) });
  }
}

/** Without knowledge of the card the closed modules: they drive all but Blackwell. */
function kernelFor(branch: number, generations: ReadonlySet<string | null>): 'open' | 'closed' {
  if (generations.has('new')) return 'open';
  return generations.has('middle') && !generations.has('old') && branch >= OPEN_FROM_BRANCH
    ? 'open'
    : 'closed';
}
