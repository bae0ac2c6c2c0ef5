#!/usr/bin/env bash
# Shows Stele at work, in about a minute after the build: real log lines come in over UDP and TLS, the log is
# stopped, sealed, verified, searched, proved, and at last forged, which is found out.
#
#   bash Packaging/demo.sh
#
# Needs Swift 6.3 in PATH. Everything it makes is in one temporary directory, everything it starts listens on
# loopback, on ports that the kernel chooses. STELE=PATH takes a binary that is built already.
set -euo pipefail
cd "$(dirname "$0")/.."

# Comments and commands go where the output goes, also while that of a command is caught.
exec 3>&1 2>&1
bold=$(printf '\033[1m') plain=$(printf '\033[0m')
[ -t 1 ] || bold= plain=
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain" >&3; }
run() { printf '$ %s\n' "${*//$stele/stele}" >&3; "$@"; }

if [ -z "${STELE:-}" ]; then
  say "Building"
  STELE=$(bash Packaging/build.sh)
fi
stele=$(realpath "$STELE")
fixtures=$PWD/Fixtures
work=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill "$daemon" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work"

say "Certificates: one authority, a server, and a client that it knows"
new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
$new -x509 -days 2 -subj /CN=demo-authority -keyout ca.key -out ca.crt 2>errors || { cat errors >&2; exit 1; }
for name in server client; do
  $new -subj "/CN=$name" -keyout "$name.key" -out "$name.csr" 2>errors || { cat errors >&2; exit 1; }
  echo "subjectAltName=IP:127.0.0.1" >"$name.ext"
  openssl x509 -req -in "$name.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile "$name.ext" \
    -out "$name.crt" 2>errors || { cat errors >&2; exit 1; }
done

# Starts the daemon and waits until it listens; its ports are then in $udp and $tls.
serve() {
  printf '$ stele serve --log edge --listen udp://127.0.0.1:0 --listen tls://127.0.0.1:0 …\n' >&3
  "$stele" serve --log edge --listen udp://127.0.0.1:0 --listen tls://127.0.0.1:0 --format haproxy/httplog \
    --certificate server.crt --key server.key --client-ca ca.crt --status-json >status 2>daemon.log &
  daemon=$!
  for _ in $(seq 200); do
    [ ! -s status ] || break
    kill -0 "$daemon" 2>/dev/null || { cat daemon.log >&2; exit 1; }
    sleep 0.05
  done
  udp=$(sed -n 's/.*listening on udp:\/\/127.0.0.1:\([0-9]*\)$/\1/p' daemon.log)
  tls=$(sed -n 's/.*listening on tls:\/\/127.0.0.1:\([0-9]*\)$/\1/p' daemon.log)
}

stop() {
  sleep 0.5
  kill "$daemon"
  wait "$daemon"
  daemon=
  sed 's/^/  /' daemon.log
}

say "A new log. The verifier key is for the auditor; the private key stays beside the log"
run "$stele" init edge --origin demo.example/edge | tee edge.vkey

say "The daemon takes HAProxy's lines over UDP and TLS"
serve
run "$stele" replay "$fixtures/haproxy/httplog.log" --to "udp://127.0.0.1:$udp" --wrap rfc3164
run "$stele" replay "$fixtures/haproxy/httplog.log" --to "tls://127.0.0.1:$tls" --wrap rfc5424 \
  --ca ca.crt --certificate client.crt --key client.key
stop
cp edge/checkpoint checkpoint.kept
cp -r edge edge.old

say "Recorded files go into the same log; what they hold comes back byte for byte"
run "$stele" replay "$fixtures/nginx/combined.log" --into edge --format nginx/combined
run "$stele" search edge 'source.id = combined.log' --output raw >back.log
cmp back.log "$fixtures/nginx/combined.log"
echo "the same bytes"
run "$stele" seal edge

say "An auditor verifies it, with nothing but the key"
run "$stele" verify edge --key edge.vkey

say "Which requests failed?"
run "$stele" search edge 'http.status >= 500 and source.transport = tls' --limit 5

say "One of them, proved to somebody who does not have the log"
index=$("$stele" search edge 'http.status >= 500' --limit 1 --output ndjson | sed 's/.*"seq":\([0-9]*\),.*/\1/')
run "$stele" prove edge "$index" --disclose --output entry.proof
run "$stele" check entry.proof --key edge.vkey

# Must end with that status.
expect() {
  local wanted=$1 status=0
  shift
  run "$@" || status=$?
  [ "$status" = "$wanted" ] || { echo "status $status instead of $wanted" >&2; exit 1; }
}

say "Somebody changes one bit of a copy"
cp -r edge forged
segment=$(find forged -name '*.segment' -size +1k | sort | head -n 1)
chmod u+w "$segment"
byte=$(od -An -tu1 -j 700 -N 1 "$segment" | tr -d ' ')
# shellcheck disable=SC2059
printf "\\$(printf %o $((byte ^ 1)))" | dd of="$segment" bs=1 seek=700 conv=notrunc status=none
expect 2 "$stele" verify forged --key edge.vkey

say "Somebody puts yesterday's log in place of today's: intact by itself, but not for who kept a checkpoint"
cp edge/checkpoint checkpoint.today
expect 0 "$stele" verify edge.old --key edge.vkey --checkpoint checkpoint.kept
expect 2 "$stele" verify edge.old --key edge.vkey --checkpoint checkpoint.today

say "A message must go, by law: verify says who had it erased and why, and every proof stays valid"
run "$stele" erase edge "$index" --authority "DPO, case 17" --reason "GDPR Art. 17" --approver "J. Doe"
expect 3 "$stele" verify edge --key edge.vkey
run "$stele" check entry.proof --key edge.vkey

say "Done: every line was stored, found and proved, both forgeries were found out, and the law raised no alarm"
