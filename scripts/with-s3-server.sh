#!/bin/sh
# Runs a command beside a private S3 server on a free port of loopback, which the variables S3_… name, and ends the server afterwards.
# usage: with-s3-server.sh PYTHON-ENVIRONMENT COMMAND…
set -eu
environment=$1
shift
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"$environment/bin/moto_server" -H 127.0.0.1 -p "$port" >/dev/null 2>&1 &
server=$!
trap 'kill $server' EXIT
for _ in $(seq 100); do
    curl -fsS -o /dev/null "http://127.0.0.1:$port/" 2>/dev/null && break
    sleep 0.2
done
S3_ENDPOINT=http://127.0.0.1:$port S3_ACCESS_KEY=key S3_SECRET_KEY=secret timeout 1800 "$@"
