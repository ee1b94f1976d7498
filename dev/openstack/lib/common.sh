# Shared by up, down, status, smoke and guests. Sourced, not run.
# shellcheck shell=bash

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
PYTHON=/usr/bin/python3          # the distribution's: it has the OpenStack modules

export OPENSTACK_STATE=${OPENSTACK_STATE:-/tmp/gpu-openstack}
case $OPENSTACK_STATE in /*) ;; *) OPENSTACK_STATE=$PWD/$OPENSTACK_STATE ;; esac

# Sets STATE, PORT_*, URL_*, COMPUTE_SERVICES, DATABASES, PLUGINS_DIR.
settings=$(PYTHONDONTWRITEBYTECODE=1 $PYTHON "$HERE/lib/settings.py" --shell)
eval "$settings"

# In the order in which they are started; stopped in the opposite order.
INFRASTRUCTURE="mariadb epmd rabbitmq"
API_SERVICES="keystone placement glance neutron"
NOVA_SERVICES="nova-api nova-conductor nova-scheduler"

say()  { printf '%s\n' "$*"; }
warn() { printf '%s\n' "$*" >&2; }
die()  { warn "error: $*"; exit 1; }

# Nothing of the caller's environment (proxies, OS_*, PYTHONPATH, locale)
# reaches the services, nor does descriptor 9, the lock.
clean_env() {
    env -i \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        HOME="$STATE/home" XDG_CACHE_HOME="$STATE/home/.cache" \
        OPENSTACK_STATE="$STATE" \
        OPENSTACK_PORT_OFFSET="${OPENSTACK_PORT_OFFSET:-}" \
        OPENSTACK_TOPOLOGY="${OPENSTACK_TOPOLOGY:-}" \
        OPENSTACK_ACCELERATOR_URL="${OPENSTACK_ACCELERATOR_URL:-}" \
        GPUCLOUD_HOSTS="$STATE/etc/nova/hosts" GPUCLOUD_FAULTS="$STATE/faults" \
        GPUCLOUD_GUESTS="$STATE/guests/servers" \
        PYTHONPATH="$PLUGINS_DIR" PYTHONDONTWRITEBYTECODE=1 \
        PYTHONUNBUFFERED=1 PYTHONWARNINGS=ignore \
        "$@" 9>&-
}

py() { clean_env "$PYTHON" "$HERE/lib/$1" "${@:2}"; }

# -- processes --------------------------------------------------------------
# A pid file holds "PID START_TIME". Both have to match a live process, so a
# recycled pid is never mistaken for one of ours.

start_time() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

# pid_of SERVICE: print the pid if it runs, else fail.
pid_of() {
    local pid started
    read -r pid started 2>/dev/null <"$STATE/run/$1.pid" || return 1
    [[ -n $started && $(start_time "$pid") == "$started" ]] || return 1
    # A zombie still has an entry, but it is dead.
    [[ $(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f1) != Z ]] || return 1
    printf '%s' "$pid"
}

running() { pid_of "$1" >/dev/null; }

# daemon SERVICE COMMAND...: start in the background, in its own session.
daemon() {
    local service=$1 pid
    shift
    (
        cd "$STATE"
        exec setsid "$@" </dev/null >>"$STATE/logs/$service.log" 2>&1 9>&-
    ) &
    pid=$!
    disown "$pid"
    printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$STATE/run/$service.pid"
}

# settings_of SERVICE: a checksum of its package and what it reads at its start.
settings_of() {
    local files package=${1%%-*}
    case $1 in
        nova-compute@*) files="nova/nova.conf nova/compute-${1#*@}.conf nova/hosts/${1#*@}.json" ;;
        nova-*) files="nova/nova.conf nova/database.conf nova/api-paste.ini" ;;
        keystone) files=keystone/keystone.conf ;;
        placement) files=placement/placement.conf ;;
        glance) files="glance/glance-api.conf glance/glance-api-paste.ini" ;;
        neutron) files="neutron/neutron.conf neutron/api-paste.ini" ;;
    esac
    # shellcheck disable=SC2086
    {
        dpkg-query -W -f '${Version}\n' "python3-$package"
        (cd "$STATE/etc" && cat $files "$PLUGINS_DIR"/*/*.py)
    } | sha256sum
}

# stop SECONDS SERVICE...: ask all of them to end, then insist.
stop() {
    local patience=$1 service pid deadline
    shift
    declare -A pids=()
    for service in "$@"; do
        if pid=$(pid_of "$service"); then
            pids[$service]=$pid
            kill -TERM "$pid" 2>/dev/null || true
            kill -CONT "$pid" 2>/dev/null || true    # in case a test froze it
        else
            rm -f "$STATE/run/$service.pid"
        fi
    done
    deadline=$((SECONDS + patience))
    while ((${#pids[@]})); do
        for service in "${!pids[@]}"; do
            if ! running "$service"; then
                rm -f "$STATE/run/$service.pid"
                unset "pids[$service]"
            elif ((SECONDS >= deadline)); then
                warn "$service does not end, killing it"
                # It leads its own process group, so its children go with it.
                kill -KILL -- "-${pids[$service]}" 2>/dev/null ||
                    kill -KILL "${pids[$service]}" 2>/dev/null || true
            fi
        done
        ((${#pids[@]})) && sleep 0.1
    done
    return 0
}

# Guests whose watcher was killed have died with it, but not their addresses.
stop_guests() {
    stop 30 guests
    [[ ! -d $STATE/guests ]] || py guests.py clean
}

# Running processes that have a pid file, topology or not.
started_services() {
    local file
    for file in "$STATE"/run/*.pid; do
        [[ -e $file ]] || continue
        file=${file##*/}
        printf '%s\n' "${file%.pid}"
    done
}

# lock: one up or down at a time. Descriptor 9 is closed for the daemons.
lock() {
    exec 9>"$STATE/lock"
    flock -w 300 9 || die "another up or down is busy with $STATE"
}
