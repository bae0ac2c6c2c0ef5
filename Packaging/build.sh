#!/usr/bin/env bash
# Builds Stele as it is shipped, and prints where the binary is. The Swift libraries go into it, so that it runs where no
# Swift is installed.
#
#   bash Packaging/build.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bash Packaging/libraries.sh >&2
swift build -c release --product stele --static-swift-stdlib >&2
echo "$PWD/$(swift build -c release --show-bin-path | sed "s|^$PWD/||")/stele"
