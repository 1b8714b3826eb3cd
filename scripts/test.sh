#!/bin/sh
# npm test: makes the machine ready as the launcher does, then runs the checks and every test.
set -eu
cd "$(dirname "$0")/.."
sh scripts/machine.sh node "$PWD" "$PWD/.node"
read -r node <.node/path
PATH=$(dirname "$node"):$PWD/node_modules/.bin:$PATH
export PATH
if [ "$(uname -s)" = Linux ] && [ "$(id -u)" = 0 ]; then
  sh scripts/machine.sh packages
  sh scripts/machine.sh test-packages
fi
tsc --noEmit
biome check .
timeout 900 node --conditions=knarr-source --test --test-force-exit --test-concurrency=2 --test-timeout=300000 'src/**/*.test.ts' 'test/*.test.ts' 'test/simulation/**/*.test.ts' 'examples/**/*.test.ts'
# These start real nodes, so one file at a time.
timeout 1800 node --test --test-force-exit --test-concurrency=1 --test-timeout=600000 'test/torture/**/*.test.ts' 'test/integration/**/*.test.ts' 'test/e2e/**/*.test.ts'
