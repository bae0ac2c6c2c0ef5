#!/bin/sh
# Searches for inputs that break a property of the program, with libFuzzer and AddressSanitizer.
#
#   Packaging/fuzz.sh                                 lists the fuzzers
#   Packaging/fuzz.sh framing -max_total_time=60      searches for a minute
#   Packaging/fuzz.sh framing crash-0123…             runs one input again
#
# What is found is written to .build-fuzz/found/NAME. An input that showed a defect goes to Fixtures/corpus/NAME
# under a name that says what it is; every `swift test` runs those files.
set -eu
cd "$(dirname "$0")/.."
build=.build-fuzz
# Without this every crash waits for the backtracer.
export SWIFT_BACKTRACE=enable=no
nice swift build -c release --scratch-path "$build" --product fuzz -Xswiftc -DLIBFUZZER \
  -Xswiftc -sanitize=fuzzer,address >"$build.log" 2>&1 || { cat "$build.log" >&2; exit 1; }
rm -f "$build.log"
fuzz="$build/release/fuzz"
if [ $# -eq 0 ]; then
  exec "$fuzz"
fi
name=$1
shift
work="$build/inputs/$name"
mkdir -p "$work" "$build/found/$name"
"$fuzz" "$name" --write "$work"
corpus="Fixtures/corpus/$name"
[ -d "$corpus" ] || corpus=
# A trap ends the process by a signal, which libFuzzer writes down together with the input.
STELE_FUZZER=$name exec "$fuzz" --libfuzzer -artifact_prefix="$build/found/$name/" -max_len=16384 \
  -rss_limit_mb=2048 -timeout=20 "$@" "$work" $corpus
