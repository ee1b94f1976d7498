/**
 * Shell that is the same for every machine: the runner that makes steps visible, and what steps have in
 * common. No text of a borrower is ever part of it.
 */

/** Where everything of the set-up lies on a machine. */
export const SETUP_FOLDER = '/var/lib/berth';
export const RUNNER = `${SETUP_FOLDER}/run`;

/**
 * `run STEP STEPS SECONDS PROFILE TITLE`, at last `run end`. It is called once per step by cloud-init's
 * runcmd; after a failure the rest does nothing. What it says on the console is read by `progress.ts`; the
 * output of the steps goes to the log, or it would push those lines out of what Nova shows. python3 is where
 * cloud-init is. BERTH_CONSOLE and BERTH_LOG are for tests.
 */
export const RUNNER_SCRIPT = String.raw`#!/bin/sh
# Runs one step of what this machine was asked to be, and tells how far it is.
# Usage: run STEP STEPS SECONDS PROFILE TITLE, or: run end
set -u
dir=$(dirname "$0")
console=${'$'}{BERTH_CONSOLE:-/dev/console}
log=${'$'}{BERTH_LOG:-/var/log/berth-setup.log}

# One line on the console and, where there is an address, a call.
tell() {
    printf '\nberth-setup: %s\n' "$1" >>"$console" 2>/dev/null || :
    if [ -s "$dir/url" ]; then
        python3 -c '
import sys, time, urllib.parse, urllib.request
url, body = open(sys.argv[1]).read().strip(), urllib.parse.urlencode({"setup": sys.argv[2]}).encode()
for pause in (1, 5, 15, 0):
    try:
        urllib.request.urlopen(url, body, timeout=10).close()
        break
    except OSError:
        time.sleep(pause)
' "$dir/url" "$1" >>"$log" 2>&1 || :
    fi
}

[ ! -e "$dir/failed" ] || exit 0
if [ "$1" = end ]; then
    if [ -s "$dir/notes" ]; then
        while IFS= read -r note; do tell "note $note"; done <"$dir/notes"
    fi
    tell 'done'
    exit 0
fi
step=$1 steps=$2 seconds=$3 profile=$4 title=$5
tell "$step/$steps $profile: $title"
printf '\n== %s/%s %s: %s\n' "$step" "$steps" "$profile" "$title" >>"$log"
output=$(mktemp)
if timeout -k 10 "$seconds" sh -eu -c '
        set -a; BERTH_SETUP=$1; . "$1/common.env"; . "$1/$3.env"; set +a
        . "$1/lib.sh"; . "$1/step-$2.sh"
    ' sh "$dir" "$step" "$profile" >"$output" 2>&1 </dev/null
then
    cat "$output" >>"$log"
    rm -f "$output"
    exit 0
else
    code=$?
fi
cat "$output" >>"$log"
why=$(grep -v '^[[:space:]]*$' "$output" | tail -n 3 | tr -c '[:print:]' ' ' | cut -c 1-400 | sed 's/ *$//')
[ "$code" != 124 ] || why="it took longer than $seconds s; $why"
rm -f "$output"
: >"$dir/failed"
tell "failed $profile: $title: $why"
exit 1
`;

/** Sourced before each step. */
export const LIBRARY_SCRIPT = String.raw`# What the steps have in common.
export DEBIAN_FRONTEND=noninteractive
export LC_ALL=C.UTF-8

fail() {
    printf '%s\n' "$*" >&2
    exit 1
}

# A line for the borrower, shown once the machine is ready.
note() {
    printf '%s: %s\n' "$1" "$2" >>"$BERTH_SETUP/notes"
}

apt_get() {
    apt-get -q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 --no-install-recommends "$@"
}

# ubuntu22.04, debian12: what the machine runs.
os_release() {
    (. /etc/os-release && printf '%s%s' "$ID" "$VERSION_ID")
}

download() {
    curl -fsSL --proto '=https' --retry 3 --max-time 300 -o "$2" "$1"
}

# NVIDIA's archive for this distribution: signed with the key of a package that is fetched over HTTPS.
nvidia_archive() {
    case $(os_release) in
        ubuntu20.04 | ubuntu22.04 | ubuntu24.04 | debian11 | debian12 | debian13) ;;
        *) fail "NVIDIA has no archive for $(os_release): use an image of Ubuntu or Debian" ;;
    esac
    case $(uname -m) in
        x86_64) machine=x86_64 ;;
        aarch64) machine=sbsa ;;
        *) fail "NVIDIA has no archive for $(uname -m)" ;;
    esac
    if dpkg -s cuda-keyring >/dev/null 2>&1; then return 0; fi
    apt_get update
    apt_get install ca-certificates curl
    name=$(os_release | tr -d .)
    url=https://developer.download.nvidia.com/compute/cuda/repos/$name/$machine
    keyring=$(mktemp --suffix=.deb)
    download "$url/cuda-keyring_1.1-1_all.deb" "$keyring"
    dpkg -i "$keyring"
    rm -f "$keyring"
    apt_get update
}
`;
