# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The rows of `make check`: one per test, printed as it ends and kept for the
# report. Sourced after common.sh by what is in scripts/check.d/, which
# scripts/check runs with LEVEL, ROWS (the file of rows) and LOGS (a folder) set.

# row NAME RESULT SECONDS [REASON]: one test has ended; RESULT is pass, fail or skip
row()
{
	local reason=${4-}

	reason=${reason//[$'\t\r\n']/ }
	printf '%s  %7.1f s  %s: %s%s\n' "$2" "$3" "$LEVEL" "$1" "${reason:+ -- $reason}"
	printf '%s\t%s\t%s\t%s\t%s\n' "$1" "$LEVEL" "$2" "$3" "$reason" >>"$ROWS"
}

# seconds_since START: seconds since START, a value of EPOCHREALTIME
seconds_since()
{
	local us=$((${EPOCHREALTIME/./} - ${1/./}))

	printf '%d.%03d\n' $((us / 1000000)) $((us / 1000 % 1000))
}

# try_silently: what `try` shows of a test's output
try_silently()
{
	cat >/dev/null
}

# try_progress: show of a test what it says of its progress
try_progress()
{
	grep --line-buffered '^\(==>\|    \)' || true
}

# try_reason LOG: what a failed test said: its first error, or else its first warning,
# or else its last words
try_reason()
{
	{
		grep -aim 1 'error:' "$1" ||
			grep -aim 1 '\(warning\|check\):\|\*\*\* ' "$1" ||
			tail -n 1 "$1"
	} | tr '\n' ' '
	printf '(%s)\n' "$1"
}

# try NAME COMMAND...: run COMMAND as one test, with its output in a log. TRY_SHOW names
# a filter whose output is seen while the test runs. Puts COMMAND's status into
# TRY_STATUS and itself returns 0: in a condition or on the left of "||", the shell
# would not let COMMAND end at its first error.
try()
{
	local name=$1 log=$LOGS/${1//[^A-Za-z0-9]/-}.log start=$EPOCHREALTIME
	shift

	set +e
	(set -e; "$@" </dev/null 2>&1) | tee "$log" | "${TRY_SHOW:-try_silently}" >&2
	TRY_STATUS=$?
	set -e
	if [ "$TRY_STATUS" = 0 ]; then
		row "$name" pass "$(seconds_since "$start")"
	else
		tail -n 20 "$log" >&2
		row "$name" fail "$(seconds_since "$start")" "$(try_reason "$log")"
	fi
}
