#!/usr/bin/env bash
# Installs the dependencies of the actions. Node before 22.18 also requires tsx, which is a development dependency.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! typescript=$(node --print 'process.features.typescript || ""'); then
  echo '::error::There is no Node.js in this job. Add actions/setup-node before this action.'
  exit 1
fi

# Without --include=dev, npm omits development dependencies where NODE_ENV is production.
if [ -n "$typescript" ]; then dev=--omit=dev; else dev=--include=dev; fi
npm ci --workspace scripts "$dev" --ignore-scripts --no-progress
