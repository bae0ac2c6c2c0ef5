#!/usr/bin/env bash
# Builds the Debian package.
#
#   bash Packaging/deb.sh [DIRECTORY]            writes stele_VERSION_ARCHITECTURE.deb there (default: .build-deb)
#
# STELE=PATH takes a binary that is built already, VERSION=1.2.3 another version than the binary's own, and
# COMPRESSION=none packs quickly.
set -euo pipefail
cd "$(dirname "$0")/.."
directory=${1:-.build-deb}
version=${VERSION:-$(sed -n 's/.*static let text = "\(.*\)"/\1/p' Sources/stele/Version.swift)}
architecture=$(dpkg --print-architecture)
bash Packaging/libraries.sh dpkg-dev binutils >&2
binary=${STELE:-$(bash Packaging/build.sh)}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root
# put MODE DIRECTORY FILE…
put() {
  local mode=$1 to=$root/$2
  shift 2
  install -d "$to"
  install -m "$mode" "$@" "$to"
}

install -D -m 0755 "$binary" "$root/usr/bin/stele"
strip "$root/usr/bin/stele"
put 0644 lib/systemd/system Packaging/stele.service Packaging/stele@.service Packaging/stele.socket \
  Packaging/stele@.socket
put 0644 usr/lib/sysusers.d Packaging/sysusers.d/stele.conf
put 0644 usr/lib/tmpfiles.d Packaging/tmpfiles.d/stele.conf
put 0644 usr/lib/sysctl.d Packaging/sysctl.d/60-stele.conf
put 0644 etc/stele Packaging/stele.yaml
install -d "$root/usr/share/bash-completion/completions" "$root/usr/share/zsh/vendor-completions"
"$root/usr/bin/stele" --generate-completion-script bash | sed "1{/^#!/d}" >"$root/usr/share/bash-completion/completions/stele"
"$root/usr/bin/stele" --generate-completion-script zsh >"$root/usr/share/zsh/vendor-completions/_stele"
for page in Packaging/man/*.[1-8]; do
  [ -e "$page" ] || continue
  put 0644 "usr/share/man/man${page##*.}" "$page"
  gzip -9n "$root/usr/share/man/man${page##*.}/${page##*/}"
done

documents=usr/share/doc/stele
put 0644 $documents README.md Packaging/debian/copyright Sources/*/*.docc/*.md
put 0644 $documents/examples Packaging/{examples.yaml,haproxy.cfg,nginx.conf,envoy.yaml,stele-check.py}
for file in Packaging/grafana-dashboard.json Packaging/alerts.yaml; do
  [ ! -e "$file" ] || put 0644 $documents/examples "$file"
done
printf 'stele (%s) unstable; urgency=medium\n\n  * See README.md.\n\n -- Stele <stele@localhost>  %s\n' \
  "$version" "$(date -R -d "@${SOURCE_DATE_EPOCH:-$(stat -c %Y Sources/stele/Version.swift)}")" |
  gzip -9n >"$root/$documents/changelog.gz"
chmod 0644 "$root/$documents/changelog.gz"

# What the binary links, with the versions that it needs, as Debian's own tools find it.
mkdir "$work/debian"
printf 'Source: stele\n\nPackage: stele\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps --ignore-missing-info -O root/usr/bin/stele 2>/dev/null | sed 's/^shlibs:Depends=//')
put 0755 DEBIAN Packaging/debian/postinst Packaging/debian/prerm Packaging/debian/postrm
echo /etc/stele/stele.yaml >"$root/DEBIAN/conffiles"
size=$(du -sk --exclude=DEBIAN "$root" | cut -f1)
sed -e "s/@version@/$version/" -e "s/@architecture@/$architecture/" -e "s/@libraries@/$libraries/" \
  -e "s/@size@/$size/" Packaging/debian/control >"$root/DEBIAN/control"
(cd "$root" && find . -type f ! -path './DEBIAN/*' -printf '%P\0' | sort -z | xargs -0 md5sum >DEBIAN/md5sums)

mkdir -p "$directory"
package=$directory/stele_${version}_$architecture.deb
dpkg-deb --root-owner-group "-Z${COMPRESSION:-xz}" --build "$root" "$package" >&2
echo "$package"
