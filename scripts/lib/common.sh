# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# What every script here needs: messages, the folders, and a cache that is
# either whole or absent. Sourced, never run; expects `set -eu -o pipefail`.

# Otherwise bash switches `set -e` off inside of $(...).
shopt -s inherit_errexit

# shellcheck disable=SC2034 # the overlay's root, for those who source this
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CACHE=${TTM_MOVE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ttm-move}

# Make hands its command line down through these; a kernel build started from
# here would take RAM=1 or SEED=7 for its own variables.
unset MAKEFLAGS MFLAGS MAKEOVERRIDES MAKELEVEL

# say TEXT...: one line of progress
say()
{
	printf '==> %s\n' "$*" >&2
}

# die TEXT...: the error and what to do about it; ends the script with status 1
die()
{
	printf '%s: error: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

# usage_error TEXT...: a mistake on the command line; ends the script with status 2
usage_error()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	printf "Try '%s --help'.\n" "$0" >&2
	exit 2
}

# logged LOG WHAT COMMAND...: run COMMAND with its output in LOG; where it fails,
# show the end of LOG and die naming WHAT
logged()
{
	local log=$1 what=$2
	shift 2

	mkdir -p "$(dirname "$log")"
	if ! "$@" >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "$what failed; the whole output is in $log"
	fi
}

# cached KEY COMMAND...: print the folder of KEY in the cache. Where it is missing,
# COMMAND is run with a new folder's path as its last argument, which becomes KEY
# only when COMMAND has succeeded: an interrupted run leaves nothing half done.
cached()
{
	local final=$CACHE/$1 new
	shift

	if [ ! -d "$final" ]; then
		if ! mkdir -p "$(dirname "$final")" || ! new=$(mktemp -d "$final.new.XXXXXX"); then
			die "cannot write to $CACHE: name another folder with TTM_MOVE_CACHE"
		fi
		chmod 755 "$new"
		if ! "$@" "$new" >&2; then
			rm -rf "$new"
			return 1
		fi
		# Another run may have been faster: then ours is not needed.
		mv -T "$new" "$final" 2>/dev/null || rm -rf "$new"
	fi
	printf '%s\n' "$final"
}

# write_if_changed FILE: stdin becomes FILE, untouched where it is the same, so
# that make does not rebuild everything
write_if_changed()
{
	local new
	new=$(cat)

	if [ ! -f "$1" ] || [ "$(cat "$1")" != "$new" ]; then
		printf '%s\n' "$new" >"$1"
	fi
}
