#!/usr/bin/env bash
# Builds the Debian package, installs it, makes the first log and starts the daemon.
#
#   sudo bash Packaging/install.sh ORIGIN        ORIGIN: the log's name for ever, such as logs.example.com/edge-1
#
# Prints the verifier keys: keep them away from this host. What is there already is left as it is. With DESTDIR set,
# the package is unpacked below that directory instead, and nothing is started.
set -euo pipefail
cd "$(dirname "$0")/.."
origin=${1:?the log\'s origin is missing, such as logs.example.com/edge-1}
root=${DESTDIR:-}
package=$(bash Packaging/deb.sh "${DIRECTORY:-.build-deb}")

as=()
if [ -n "$root" ]; then
  dpkg-deb --extract "$package" "$root"
  install -d -m 0750 "$root/var/lib/stele"
else
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$(realpath "$package")" >&2
  as=(runuser -u stele --)
fi
if [ ! -e "$root/var/lib/stele/edge" ]; then
  "${as[@]}" "$root/usr/bin/stele" init "$root/var/lib/stele/edge" --origin "$origin"
fi
if [ -z "$root" ] && [ -d /run/systemd/system ]; then systemctl enable --now stele.socket stele.service >&2; fi
