import { MINUTE_MS } from '../../base/units.ts';
import { ok } from '../../base/result.ts';
import { matching } from '../parameters.ts';
import type { Profile } from '../profile.ts';

/** Docker of the distribution, and NVIDIA's toolkit that gives containers the cards (`docker run --gpus all`). */
export const docker: Profile = {
  name: 'docker',
  summary: 'Docker with the NVIDIA container toolkit',
  parameters: {
    toolkit: matching(
      /^(?:latest|1\.\d{1,2}\.\d{1,2}-\d)$/,
      "'latest' or a version such as 1.17.8-1",
      'Version of nvidia-container-toolkit.',
      'latest',
    ),
  },
  requires: [{ profile: 'nvidia-driver', params: () => ({}) }],
  conflicts: [],
  needs: { network: ['nvidia.github.io'], diskGiB: 3 },
  cloudConfig: () => ({}),
  settle: (values) => ok(values),
  isOwn: false,
  steps: [
    {
      title: () => 'installing Docker',
      expectedMs: () => 2 * MINUTE_MS,
      script: String.raw`
apt_get update
apt_get install docker.io ca-certificates curl gpg
systemctl enable --now docker
usermod -a -G docker "$BERTH_USER"
`,
    },
    {
      title: () => 'installing the NVIDIA container toolkit',
      expectedMs: () => MINUTE_MS,
      script: String.raw`
key=/usr/share/keyrings/nvidia-container-toolkit.gpg
armored=$(mktemp)
download https://nvidia.github.io/libnvidia-container/gpgkey "$armored"
gpg --batch --yes --dearmor -o "$key" "$armored"
rm -f "$armored"
url='https://nvidia.github.io/libnvidia-container/stable/deb/$(ARCH) /'
echo "deb [signed-by=$key] $url" >/etc/apt/sources.list.d/nvidia-container-toolkit.list
apt_get update
if [ "$P_TOOLKIT" = latest ]; then
    apt_get install nvidia-container-toolkit
else
    apt_get install "nvidia-container-toolkit=$P_TOOLKIT" "nvidia-container-toolkit-base=$P_TOOLKIT" \
        "libnvidia-container-tools=$P_TOOLKIT" "libnvidia-container1=$P_TOOLKIT"
fi
nvidia-ctk runtime configure --runtime=docker
systemctl restart docker
docker info --format '{{json .Runtimes}}' | grep -q '"nvidia"' ||
    fail 'Docker does not know the runtime nvidia'
note docker 'docker run --rm --gpus all IMAGE nvidia-smi'
`,
    },
  ],
};
