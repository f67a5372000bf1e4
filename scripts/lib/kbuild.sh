# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Builds below an assembled kernel tree, through ccache. Sourced after common.sh.

# What to install before anything here is called.
# shellcheck disable=SC2034 # used by those who source this
KBUILD_PACKAGES=(gcc libc6-dev make bc bison flex libelf-dev perl python3 ccache)

KBUILD_CC="ccache gcc"

# The folder of the tree differs from user to user, and the compiler's output must not.
export CCACHE_DIR=${CCACHE_DIR:-$CACHE/ccache}
export CCACHE_BASEDIR=$CACHE CCACHE_NOHASHDIR=1
# Some kernels and the variants of a driver, so that none pushes another one out.
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

# kbuild FOLDER NAME MAKE_ARGUMENT...: make in FOLDER/tree, with its output in
# FOLDER/NAME
kbuild()
{
	local folder=$1 name=$2
	shift 2

	make -C "$folder/tree" O="$folder/$name" CC="$KBUILD_CC" -j"$(nproc)" "$@"
}

# kbuild_config_has CONFIG WANTED: die where CONFIG lacks a line of WANTED, which a
# dependency would otherwise drop without a word
kbuild_config_has()
{
	local lost

	lost=$(grep '^CONFIG_' "$2" | grep -vxFf "$1") || return 0
	die "the kernel cannot be configured with ${lost//$'\n'/ }: see $2"
}

# kbuild_fragments FILE...: the lines of all fragments, where the last one that speaks
# of a symbol counts
kbuild_fragments()
{
	sed -n 's/^CONFIG_\([^=]*\)=.*/\1 &/p; s/^# CONFIG_\([^ ]*\) is not set$/\1 &/p' "$@" |
		awk '{ name = $1; sub(/^[^ ]* /, ""); line[name] = $0 } END { for (name in line) print line[name] }' |
		LC_ALL=C sort
}
