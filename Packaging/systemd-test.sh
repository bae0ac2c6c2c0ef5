#!/usr/bin/env bash
# Installs the Debian package in a container that boots a whole systemd, has a real HAProxy log to it, and restarts,
# kills, reloads, reboots, upgrades and purges it under load. What was sent must be there, once.
#
#   sudo bash Packaging/systemd-test.sh          STELE=PATH takes a binary that is built already
#
# Needs root, and a kernel that lets it start containers; where it may not, it says so and ends with 0, but with 1 if
# CI=true. The tree that is booted is kept in .build-systemd for the next time.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "systemd-test: skipped: $*" >&2
  [ "${CI:-}" != true ] || exit 1
  exit 0
}
[ "$(id -u)" = 0 ] || skip "it needs root"
bash Packaging/libraries.sh debootstrap systemd-container python3 openssl >&2
unshare --mount --pid --net --fork true 2>/dev/null || skip "this host lets nobody make namespaces"

cache=$PWD/.build-systemd
work=$(mktemp -d)
root=$work/root
nspawn=
end() {
  local status=$?
  [ -z "$nspawn" ] || { kill "$nspawn" 2>/dev/null && wait "$nspawn"; } || true
  [ $status = 0 ] || { echo "--- the container's console"; tail -n 20 "$work/console"; } 2>/dev/null >&2 || true
  rm -rf "$work"
}
trap end EXIT
say() { echo "systemd-test: $*" >&2; }
fail() {
  echo "systemd-test: FAILED: $*" >&2
  [ -z "$leader" ] || inside journalctl -u stele.service -u stele.socket -n 30 --no-pager >&2 || true
  exit 1
}

# `grep -q` leaves before whoever writes is done, which pipefail would take for a failure.
has() { grep -e "$1" >/dev/null; }

say "a tree with Debian, systemd and HAProxy"
if [ ! -e "$cache/complete" ]; then
  rm -rf "$cache"
  mkdir -p "$cache"
  mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list* 2>/dev/null | head -n 1 || true)
  debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,libssl3,liblz4-1,libcurl4,libstdc++6,haproxy,procps \
    bookworm "$cache/root" "${mirror:-http://deb.debian.org/debian}" >"$work/debootstrap" 2>&1 ||
    { tail "$work/debootstrap" >&2; exit 1; }
  touch "$cache/complete"
fi
cp -a "$cache/root" "$root"

say "two versions of the package"
export COMPRESSION=none
STELE=${STELE:-$(bash Packaging/build.sh)}
export STELE
first=$(bash Packaging/deb.sh "$work")
second=$(VERSION=999 bash Packaging/deb.sh "$work")
cp "$first" "$root/root/first.deb"
cp "$second" "$root/root/second.deb"

# MARK: The container

leader=
inside() { nsenter -t "$leader" -a "$@"; }

# Waits for a command to succeed; only a failure takes the whole time.
await() {
  local what=$1
  shift
  for _ in $(seq 300); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  fail "waited in vain until $what"
}

isUp() {
  leader=$(cut -d ' ' -f 1 "/proc/$nspawn/task/$nspawn/children")
  [ -n "$leader" ] && inside systemctl is-active multi-user.target
}

boot() {
  systemd-nspawn -D "$root" --boot --register=no --keep-unit --private-network >"$work/console" 2>&1 </dev/null &
  nspawn=$!
  sleep 1
  kill -0 "$nspawn" 2>/dev/null || { tail -n 3 "$work/console" >&2; nspawn=; skip "systemd-nspawn cannot start"; }
  await "the container has booted" isUp
}
boot

# MARK: Load

cat >"$work/load.py" <<'END'
# GET /LABEL/NUMBER through HAProxy, which logs each over UDP and TLS, and as many datagrams to the unix socket, until
# the file `stop` is there. Prints how many.
import http.client, os, socket, sys, threading, time
label, path, stop = sys.argv[1:]
counts = {}
def until_stopped(name, send):
    number = 0
    while not os.path.exists(stop):
        for _ in range(20):
            send(number)
            number += 1
        time.sleep(0.01)
    counts[name] = number
connection = http.client.HTTPConnection("127.0.0.1", 8080)
def get(number):
    connection.request("GET", "/%s/%d" % (label, number))
    reply = connection.getresponse()
    reply.read()
    assert reply.status == 200
unix = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
unix.connect(path)
def write(number): unix.send(b"<134>Nov 23 08:00:00 host app: GET /%s/%d " % (label.encode(), number))
threads = [threading.Thread(target=until_stopped, args=a) for a in (("http", get), ("unix", write))]
for thread in threads: thread.start()
for thread in threads: thread.join()
connection.close()
print(counts["http"], counts["unix"])
END

# load LABEL COMMAND…: runs it under load.
load() {
  local label=$1
  shift
  rm -f "$work/stop"
  nsenter -t "$leader" -n python3 "$work/load.py" "$label" "/proc/$leader/root/run/stele/nginx.sock" "$work/stop" \
    >"$work/counts" &
  local generator=$!
  sleep 1
  "$@"
  sleep 1
  touch "$work/stop"
  wait "$generator" || fail "the load generator"
}

# numbers SOURCE LABEL: those stored from one source, in order.
numbers() {
  inside stele search /var/lib/stele/edge "source.id = $1" --output raw | grep -o "GET /$2/[0-9]* " | grep -o '[0-9]* $'
}

isStored() { [ "$(numbers "$1" "$2" | wc -l)" -ge "$3" ]; }

# stored LABEL: everything that was sent under it is in the log, once, from every source, in order.
stored() {
  local http unix
  read -r http unix <"$work/counts"
  [ "$http" -gt 100 ] && [ "$unix" -gt 100 ] || fail "$1: too little load: $http, $unix"
  local source count
  for source in haproxy tls nginx; do
    count=$http
    [ $source != nginx ] || count=$unix
    await "all $count messages of $source under $1 are stored ($(numbers $source "$1" | wc -l))" \
      isStored $source "$1" "$count"
    numbers $source "$1" | awk -v n="$count" '$1 != NR - 1 { bad = 1 } END { exit bad || NR != n }' ||
      fail "$1: $source: not each of the $count messages is stored once and in order"
  done
  # HAProxy drops what a unix socket has no room for, as while nobody reads it.
  await "messages of socket under $1 are stored" isStored socket "$1" 1
  numbers socket "$1" | awk '$1 <= last { bad = 1 } { last = $1 } END { exit bad }' last=-1 ||
    fail "$1: socket: a message is stored twice, or too late"
  say "  $1: $http requests logged over UDP and over TLS, $unix datagrams over a unix socket: 0 lost, none twice"
}

verified() {
  inside stele verify /var/lib/stele/edge --key /root/edge.vkey >"$work/verify" 2>&1 ||
    { cat "$work/verify" >&2; fail "$1: verify"; }
}

property() { inside systemctl show -P "$1" stele.service; }
isRunning() { [ "$(property ActiveState)" = active ]; }

# MARK: The tests

say "install"
inside dpkg -i /root/first.deb >"$work/dpkg" 2>&1 || { cat "$work/dpkg" >&2; fail "dpkg -i"; }
grep -q "stele init" "$work/dpkg" || fail "the package does not say what comes next"
[ "$(property ActiveState)" = inactive ] || fail "it runs before there is a log"
inside runuser -u stele -- stele init /var/lib/stele/edge --origin test.example/edge >"$root/root/edge.vkey"


# The log's key and that of TLS as credentials that only root may read; a TLS source beside those of the example.
mv "$root/var/lib/stele/edge.key" "$root/etc/stele/edge.key"
chown 0:0 "$root/etc/stele/edge.key"
mkdir -p "$root/etc/systemd/system/stele.service.d" "$root/etc/systemd/system/stele.socket.d"
printf '[Service]\nLoadCredential=stele.key:/etc/stele/edge.key\nLoadCredential=tls.crt:/etc/stele/tls.crt\n%s\n' \
  'LoadCredential=tls.key:/etc/stele/tls.key' 'WatchdogSec=3' \
  >"$root/etc/systemd/system/stele.service.d/test.conf"
printf '[Socket]\nListenStream=127.0.0.1:6514\nListenDatagram=/run/stele/haproxy.sock\n' >"$root/etc/systemd/system/stele.socket.d/test.conf"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=stele \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$root/etc/stele/tls.key" -out "$root/etc/stele/tls.crt" 2>/dev/null
cat >>"$root/etc/stele/stele.yaml" <<'END'
  - name: tls
    listen: tls://127.0.0.1:6514
    format: haproxy/httplog
    certificate: ${CREDENTIALS_DIRECTORY}/tls.crt
    key: ${CREDENTIALS_DIRECTORY}/tls.key
    client_certificate: none
  - name: socket
    listen: unix:///run/stele/haproxy.sock
    format: haproxy/httplog
END
cat >"$root/etc/haproxy/haproxy.cfg" <<'END'
global
  log 127.0.0.1:5514 format rfc3164 local0
  log ring@stele format rfc5424 local0
  log /run/stele/haproxy.sock format rfc3164 local0
ring stele
  format rfc5424
  maxlen 8192
  size 16777216
  timeout connect 5s
  timeout server 10s
  server stele 127.0.0.1:6514 log-proto octet-count ssl verify required ca-file /etc/stele/tls.crt
defaults
  mode http
  log global
  option httplog
  timeout client 10s
  timeout server 10s
  timeout connect 10s
frontend web
  bind 127.0.0.1:8080
  http-request return status 200 content-type text/plain string fine
END
inside systemctl daemon-reload
inside systemctl enable --now stele.socket stele.service >/dev/null 2>&1 || fail "enable --now"
inside systemctl restart haproxy
inside systemd-analyze security --threshold=15 stele.service >"$work/security" || fail "$(tail -n 1 "$work/security")"
say "  $(grep -a Overall "$work/security")"

say "restart under load, twice"
twice() { inside systemctl restart stele.service && sleep 1 && inside systemctl restart stele.service; }
load restart twice
stored restart
verified restart
grep -qE '^4 sources, [0-9,]+ entries durable, [0-9,]+/s$' <<<"$(property StatusText)" ||
  fail "the status line is '$(property StatusText)'"

say "the journal has levels and fields"
inside journalctl -u stele.service -o json >"$work/journal"
grep -q '"STELE_SOURCE":"tls"' "$work/journal" || fail "no STELE_SOURCE in the journal"
grep -q '"STELE_LOG":"/var/lib/stele/edge"' "$work/journal" || fail "no STELE_LOG in the journal"
! grep '"PRIORITY":"[0-4]"' "$work/journal" | grep '"SYSLOG_IDENTIFIER":"stele"' ||
  fail "there are warnings in the journal"

say "reload"
pid=$(property MainPID)
chmod 0600 "$root/etc/stele/tls.key"
sed -i 's/^# commit: 250ms /commit: 100ms /' "$root/etc/stele/stele.yaml"
inside systemctl reload stele.service || fail "reload"
# "reloading" until READY=1 follows RELOADING=1.
await "the reload has ended" isRunning
[ "$(property MainPID)" = "$pid" ] || fail "a reload ended the daemon"
isReloaded() { inside stele search /var/lib/stele/edge --entries control --output raw | has '"key":"commit"'; }
await "the changed configuration is taken over" isReloaded

say "kill -9"
inside kill -KILL "$pid"
restarted() { isRunning && [ "$(property NRestarts)" = "$1" ]; }
await "systemd has restarted it" restarted 1
load killed true
stored killed
verified "kill -9"
recovered=$(sed -n 's/.*case recovered = "\(.*\)"/\1/p' Sources/stele/Output/NotableMessage.swift)
inside journalctl "MESSAGE_ID=$recovered" --no-pager -q | has "did not end well" || fail "no message of the recovery"

say "a configuration that is wrong keeps the sockets, and nothing but its mend is needed"
cp "$root/etc/stele/stele.yaml" "$work/stele.yaml"
sed -i 's/^scrub:/skrub:/' "$root/etc/stele/stele.yaml"
! inside systemctl restart stele.service 2>/dev/null || fail "it runs with a configuration that is wrong"
# More starts in vain than systemd's own limit, five in ten seconds.
tries() { [ "$(property NRestarts)" -ge 7 ]; }
# Within the load, for a sender to a unix socket waits as long as nobody reads.
mended() {
  await "it has been tried seven times" tries
  cp "$work/stele.yaml" "$root/etc/stele/stele.yaml"
  await "it runs once the configuration is right" isRunning
}
load wrong mended
stored wrong
inside journalctl -u stele.service --no-pager -q | has "stele.yaml:[0-9]*:1: unknown key 'skrub'" ||
  fail "the journal does not say what is wrong"
inside systemctl restart stele.service || fail "restart after the mend"

say "a daemon that hangs is found out by the watchdog"
inside kill -STOP "$(property MainPID)"
await "the watchdog has had it restarted" restarted 1

say "reboot"
inside systemctl reboot || true
# 133 asks whoever started the container to start it again.
status=0
wait "$nspawn" || status=$?
[ $status = 133 ] || fail "the container has ended with $status"
boot
await "the daemon runs again" isRunning
verified reboot
load rebooted true
stored rebooted

say "upgrade under load"
load upgrade inside dpkg -i /root/second.deb >"$work/dpkg" 2>&1 || { cat "$work/dpkg" >&2; fail "dpkg -i"; }
stored upgrade
verified upgrade
[ "$(inside dpkg-query -W -f '${Version}' stele)" = 999 ] || fail "the version is not the new one"
grep -q "tls.crt" "$root/etc/stele/stele.yaml" || fail "the upgrade has changed the configuration"

say "a second log, by the template"
inside install -d -o stele -g stele -m 0750 /var/lib/stele/second
inside runuser -u stele -- stele init /var/lib/stele/second/log --origin test.example/second >/dev/null
printf 'log: {directory: /var/lib/stele/second/log}\nsources:\n  - {name: a, listen: "unix:///run/stele/second.sock"}\n' \
  >"$root/etc/stele/second.yaml"
inside systemctl enable --now stele@second.socket stele@second.service >/dev/null 2>&1 || fail "stele@second"
inside systemd-analyze security --threshold=15 stele@second.service >/dev/null || fail "the template is not safe enough"
inside logger -d -u /run/stele/second.sock "for the second log"
second() { inside stele search /var/lib/stele/second/log --output raw | has "for the second log"; }
await "the second log has its message" second

say "remove, and purge"
inside dpkg --purge stele >"$work/dpkg" 2>&1 || { cat "$work/dpkg" >&2; fail "dpkg --purge"; }
grep -q "/var/lib/stele are kept" "$work/dpkg" || fail "purge does not say that the logs are kept"
! inside pgrep -x stele || fail "it still runs"
for file in usr/bin/stele etc/stele/stele.yaml run/stele lib/systemd/system/stele.service; do
  [ ! -e "/proc/$leader/root/$file" ] || fail "/$file is left after the purge"
done
"$STELE" verify "$root/var/lib/stele/edge" --key "$root/root/edge.vkey" >/dev/null || fail "verify after the purge"
[ -z "$(inside systemctl --failed --plain --no-legend)" ] || fail "failed units: $(inside systemctl --failed)"
inside systemctl poweroff 2>/dev/null || true
wait "$nspawn" || true
nspawn=
say "passed"
