#!/bin/sh
# Feeds each target of fuzz/ with input for so many seconds: `fuzz.sh SECONDS [TARGET…]`. What was found to lead further is kept in
# .run/fuzz and is where the next run begins. Run by `make fuzz` beside a real cluster.
set -eu
seconds=$1; shift
cd "$(dirname "$0")/.."
work=.run/fuzz
mkdir -p "$work/api_request" "$work/envelope" "$work/relay" "$work/disk_image"

# requests that the API understands, one file each
awk -v RS='###\n' -v at="$work/api_request/seed" '{ printf "%s", $0 > (at NR); close(at NR) }' fuzz/seeds/api_request.http
cp fuzz/seeds/envelope/* "$work/envelope/"
cp fuzz/seeds/relay/* "$work/relay/"
# a small image of each format
dd if=/dev/zero of="$work/disk" bs=64k count=1 status=none
for format in qcow2 vmdk vdi vhdx vpc; do
    qemu-img convert -f raw -O "$format" "$work/disk" "$work/image"
    head -c 65536 "$work/image" > "$work/disk_image/$format"
done
rm "$work/disk" "$work/image"
# words of the API
grep -rohE '"[A-Za-z][A-Za-z0-9_:-]{2,40}"' api/src common/operation/src | sort -u > "$work/words"

failed=
for target in ${*:-api_request envelope relay disk_image}; do
    echo "== $target"
    words=
    case $target in relay|disk_image) ;; *) words="-dict=$work/words" ;; esac
    cargo fuzz run --fuzz-dir fuzz --sanitizer none "$target" "$work/$target" -- \
        -max_total_time="$seconds" -timeout=30 -rss_limit_mb=1024 -print_final_stats=1 $words \
        || failed="$failed $target"
done
[ -z "$failed" ] || { echo "found something:$failed" >&2; exit 1; }
