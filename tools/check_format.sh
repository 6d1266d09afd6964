#!/usr/bin/env bash
# Checks the C++ sources against .clang-format, or with --fix rewrites them. Exit 77: clang-format is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v clang-format-19 >/dev/null; then
  echo 'clang-format-19 is missing: skipped (./dev fmt installs it)'
  exit 77
fi
mapfile -t files < <(git ls-files -co --exclude-standard -- '*.cc' '*.h' | while read -r file; do
  [[ -f $file ]] && echo "$file"
done)
[[ ${#files[@]} -gt 0 ]] || exit 0
if [[ ${1:-} == --fix ]]; then
  clang-format-19 -i "${files[@]}"
  exit 0
fi
# Where it differs, the whole report is long: name the files only.
bad=$(printf '%s\0' "${files[@]}" | xargs -0 -n 20 -P "$(nproc)" clang-format-19 --dry-run 2>&1 |
  sed -n 's/^\([^:]*\):\([0-9]*\):.*\[-Wclang-format-violations\]$/\1:\2/p' | sort -u -t: -k1,1)
if [[ -n $bad ]]; then
  printf '%s\n' "$bad"
  echo 'format differs there: run ./dev fmt'
  exit 1
fi
echo 'format: fine'
