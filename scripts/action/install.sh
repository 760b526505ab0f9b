#!/usr/bin/env bash
# Installs what the actions run with. Where Node cannot run TypeScript by itself, that includes tsx, a development dependency.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! typescript=$(node --print 'process.features.typescript || ""'); then
  echo '::error::There is no Node.js in this job. Add actions/setup-node before this action.'
  exit 1
fi

# Named in both cases: with NODE_ENV=production, npm omits development dependencies by default.
if [ -n "$typescript" ]; then dev=--omit=dev; else dev=--include=dev; fi
npm ci --workspace scripts "$dev" --ignore-scripts --no-progress
