#!/usr/bin/env bash
# clang-tidy over the named files, or over all of ours with --all. The first argument is the build folder whose
# compile_commands.json says how each file is compiled.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
build=${1:?clang_tidy: name the build folder}
shift
if [[ ${1:-} == --all ]]; then
  mapfile -t files < <(git ls-files -co --exclude-standard -- 'src/*.cc' 'fuzz/*.cc' 'bench/*.cc' 'test/*.cc')
else
  files=("$@")
fi
[[ ${#files[@]} -gt 0 ]] || { echo 'clang_tidy: nothing to check'; exit 0; }

check() {
  local more=()
  case $2 in
    *_test.cc | bench/* | fuzz/* | test/*) more=('--checks=-performance-*') ;;
  esac
  # clang-tidy counts what it suppressed in system headers on stderr; only findings are of interest.
  clang-tidy-19 -p "$1" --quiet "${more[@]}" "$2" 2>/dev/null
}
export -f check
printf '%s\0' "${files[@]}" | xargs -0 -P "$(nproc)" -I {} bash -c 'check "$@"' _ "$build" {}
