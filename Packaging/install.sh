#!/usr/bin/env bash
# Installs the built binary, the systemd unit and an example configuration, and makes the first log.
#
#   sudo bash Packaging/install.sh ORIGIN        ORIGIN: the log's name for ever, such as logs.example.com/edge-1
#
# Prints the verifier key: keep it away from this host. What is there already is left as it is. With DESTDIR set,
# everything goes below that directory, and no user is made.
set -euo pipefail
cd "$(dirname "$0")/.."
origin=${1:?the log\'s origin is missing, such as logs.example.com/edge-1}
root=${DESTDIR:-}
binary=${STELE:-.build-static/release/stele}

if [ ! -x "$binary" ]; then
  # The Swift libraries go into the binary, so that it runs where no Swift is installed.
  swift build -c release --product stele --static-swift-stdlib --scratch-path .build-static
fi
install -D -m 0755 "$binary" "$root/usr/local/bin/stele"
install -D -m 0644 Packaging/stele.service "$root/etc/systemd/system/stele.service"
[ -e "$root/etc/stele/stele.yaml" ] || install -D -m 0644 Packaging/stele.yaml "$root/etc/stele/stele.yaml"

as=()
if [ -z "$root" ]; then
  id stele >/dev/null 2>&1 || useradd --system --home-dir /var/lib/stele --shell /usr/sbin/nologin stele
  install -d -m 0750 -o stele -g stele /var/lib/stele
  as=(runuser -u stele --)
else
  install -d -m 0750 "$root/var/lib/stele"
fi
if [ ! -e "$root/var/lib/stele/edge" ]; then
  "${as[@]}" "$root/usr/local/bin/stele" init "$root/var/lib/stele/edge" --origin "$origin"
fi
[ -n "$root" ] || systemctl daemon-reload
echo "start it with: systemctl enable --now stele" >&2
