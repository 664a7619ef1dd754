#!/usr/bin/env bash
# Runs watchbill validate as the action's inputs say, and fails as it does.
set -uo pipefail

args=(--output="${WATCHBILL_ACTION_OUTPUT:-github}")
if [[ -n ${WATCHBILL_ACTION_SINCE:-} ]]; then
	args+=(--changed-since="$WATCHBILL_ACTION_SINCE")
fi
if [[ -n ${WATCHBILL_ACTION_FILE:-} ]]; then
	watchbill validate "${args[@]}" -- "${WATCHBILL_ACTION_PATH:-.}" >"$WATCHBILL_ACTION_FILE"
else
	watchbill validate "${args[@]}" -- "${WATCHBILL_ACTION_PATH:-.}"
fi
code=$?
echo "exit-code=$code" >>"${GITHUB_OUTPUT:-/dev/null}"
exit "$code"
