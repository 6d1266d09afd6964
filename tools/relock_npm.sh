#!/usr/bin/env bash
# Writes the lock files below third_party/ anew after a version changed in a package.json.
# The duckdb package asks for Node build tools that nobody here runs: only its headers are used. So its
# dependency list is cut from the lock file, and `npm ci` then fetches the listed packages and nothing else.
# The S3 server of the tests runs, so all it needs stays in its lock file.
set -euo pipefail
cd "$(dirname "$0")/../third_party"
lock() {
  rm -f "$1/package-lock.json"
  npm --prefix "$1" install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved --no-audit --no-fund
}
lock npm
lock s3_test_server
node - <<'JS'
const fs = require('fs');
function rewrite(file, cut) {
  const lock = JSON.parse(fs.readFileSync(file, 'utf8'));
  const root = lock.packages[''];
  const wanted = new Set(['', ...Object.keys({ ...root.dependencies, ...root.optionalDependencies })
    .map((name) => `node_modules/${name}`)]);
  for (const [path, entry] of Object.entries(lock.packages)) {
    if (cut && !wanted.has(path)) {
      delete lock.packages[path];
      continue;
    }
    delete entry.resolved;
    delete entry.funding;
    if (path !== '') {
      if (cut) delete entry.dependencies;
      if (!entry.integrity) throw new Error(`${path} has no integrity hash`);
    }
  }
  fs.writeFileSync(file, JSON.stringify(lock, null, 2) + '\n');
}
rewrite('npm/package-lock.json', true);
rewrite('s3_test_server/package-lock.json', false);
JS
