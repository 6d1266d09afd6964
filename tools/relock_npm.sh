#!/usr/bin/env bash
# Writes third_party/npm/package-lock.json anew after a version changed in package.json beside it.
# The duckdb package asks for Node build tools that nobody here runs: only its headers are used. So its
# dependency list is cut from the lock file, and `npm ci` then fetches the listed packages and nothing else.
set -euo pipefail
cd "$(dirname "$0")/../third_party/npm"
rm -f package-lock.json
npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund
node - <<'JS'
const fs = require('fs');
const lock = JSON.parse(fs.readFileSync('package-lock.json', 'utf8'));
const root = lock.packages[''];
const wanted = new Set(['', ...Object.keys({ ...root.dependencies, ...root.optionalDependencies })
  .map((name) => `node_modules/${name}`)]);
for (const [path, entry] of Object.entries(lock.packages)) {
  if (!wanted.has(path)) {
    delete lock.packages[path];
    continue;
  }
  delete entry.resolved;
  if (path !== '') {
    delete entry.dependencies;
    if (!entry.integrity) throw new Error(`${path} has no integrity hash`);
  }
}
fs.writeFileSync('package-lock.json', JSON.stringify(lock, null, 2) + '\n');
JS
