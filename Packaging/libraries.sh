#!/usr/bin/env bash
# Installs what building Stele needs besides Swift: the headers of OpenSSL, LZ4 and curl. Says so and ends with 1 where it
# may not install.
#
#   bash Packaging/libraries.sh [MORE PACKAGES…]
set -euo pipefail

missing=()
for package in libssl-dev liblz4-dev libcurl4-openssl-dev pkg-config "$@"; do
  # "dpkg -s" also knows packages that were removed.
  dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  as=
  if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "install as root: apt-get install ${missing[*]}" >&2; exit 1; }
    as=sudo
  fi
  export DEBIAN_FRONTEND=noninteractive
  $as apt-get update -qq
  $as apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

command -v swift >/dev/null || { echo "Swift 6.3 is not in PATH: see https://www.swift.org/install" >&2; exit 1; }
