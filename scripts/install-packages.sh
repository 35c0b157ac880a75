#!/usr/bin/env bash
# Installs the Debian packages that cinderblock's demo and tests need, unless they are there; with the argument `ceph`, also those that
# the tests of the rbd driver need.
# Nothing is started: a package's own services stay off, and ours are private instances in .run/.
set -euo pipefail

declare -A package_of=(
    [/usr/lib/rabbitmq/bin/rabbitmq-server]=rabbitmq-server
    [/usr/bin/qemu-storage-daemon]=qemu-utils
    [/usr/bin/qemu-io]=qemu-utils
    [/usr/sbin/tgtd]=tgt
    [/usr/bin/iscsi-inq]=libiscsi-bin
    [/usr/bin/c++]=g++
)
if [ "${1:-}" = ceph ]; then
    package_of+=(
        [/usr/bin/ceph-mon]=ceph-mon
        [/usr/bin/ceph-mgr]=ceph-mgr
        [/usr/bin/ceph-osd]=ceph-osd
        [/usr/bin/rbd]=ceph-common
        [/usr/bin/rbd-mirror]=rbd-mirror
    )
fi

missing=()
for file in "${!package_of[@]}"; do
    [ -x "$file" ] || missing+=("${package_of[$file]}")
done
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
python3 -c 'import ensurepip, venv' 2>/dev/null || missing+=(python3-venv)
[ ${#missing[@]} -gt 0 ] || exit 0

mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
install=(apt-get install -y --no-install-recommends "${missing[@]}")

if [ "$(id -u)" -eq 0 ]; then
    as_root=(env DEBIAN_FRONTEND=noninteractive)
elif sudo -n true 2>/dev/null; then
    as_root=(sudo -n env DEBIAN_FRONTEND=noninteractive)
else
    printf 'cinderblock needs packages that are not installed. Please run:\n\n  sudo %s\n\n' "${install[*]}" >&2
    exit 1
fi

# Keeps the packages from starting their services while they are installed, and from nothing else.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap '"${as_root[@]}" rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
fi

printf 'installing: %s\n' "${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" "${install[@]}" >/dev/null
