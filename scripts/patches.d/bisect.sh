# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Builds and tests each step of a series in the cache's kernel. Sourced by scripts/patches:
# $WORK/stage is the overlay as far as the step has it, $folder the cache's kernel, and $out
# where logs go.
# shellcheck disable=SC2154 # scripts/patches has set them

# known CONFIG: of its symbols, those that this step has, or that are none of ours
known()
{
	local line symbol

	while read -r line; do
		symbol=${line#CONFIG_} symbol=${symbol%%=*}
		if ! grep -rqx "config $symbol" "$TOP/drivers" --include=Kconfig ||
			grep -rqx "config $symbol" "$folder/tree/drivers/gpu/drm" --include='Kconfig*'; then
			printf '%s\n' "$line"
		fi
	done <"$1"
}

# Kbuild compiles a single object of these twice at once, for the folder above as well.
WHOLE_FOLDER=drivers/gpu/drm/ttm/move/tests/

# owner FILE: the source that includes FILE, from its folder or from the one above
owner()
{
	local folder=${1%/*} name=${1##*/}

	git -C "$WORK/tree" grep -l "^#include \"$name\"" -- "$folder/*.c" ||
		git -C "$WORK/tree" grep -l "^#include \"${folder##*/}/$name\"" -- "${folder%/*}/*.c"
}

# compiled FILE: what to have compiled where FILE is a source
compiled()
{
	local by

	if [[ $1 = "$WHOLE_FOLDER"* ]]; then
		echo "$WHOLE_FOLDER"
	elif by=$(owner "$1"); then
		compiled "$by"
	else
		printf '%s\n' "$1"
	fi
}

# objects: those of all sources that the last step has added or changed
objects()
{
	local file

	git -C "$WORK/tree" diff --name-only HEAD~1 HEAD | grep '\.[cS]$' | while read -r file; do
		compiled "$file"
	done | sed 's/\.[cS]$/.o/' | LC_ALL=C sort -u
}

# bisect_config: what the static level compiles, and the drivers that take up the worker
bisect_config()
{
	local configs=("$here/check.d/static.config")

	[ ! -e "$here/kernel/drivers.config" ] || configs+=("$here/kernel/drivers.config")
	kbuild_fragments "${configs[@]}"
}

# bisect_objects: they are compiled for x86-64, without a warning
bisect_objects()
{
	local objects
	mapfile -t objects < <(objects)

	known <(bisect_config) >"$WORK/x86.config"
	mkdir -p "$folder/bisect-static"
	kbuild "$folder" bisect-static ARCH=x86_64 KCONFIG_ALLCONFIG="$WORK/x86.config" allnoconfig &&
		kbuild_config_has "$folder/bisect-static/.config" "$WORK/x86.config" &&
		kbuild "$folder" bisect-static ARCH=x86_64 KCFLAGS=-Werror prepare "${objects[@]}"
}

# bisect_uml: the kernel of the KUnit tests, with what the kernel's own front end adds
bisect_uml()
{
	{
		known "$here/check.d/kunit.config"
		cat "$folder/tree/tools/testing/kunit/configs/arch_uml.config"
	} >"$WORK/uml.config"
	mkdir -p "$folder/bisect-uml"
	sed 's/^\(CONFIG_.*\)=n$/# \1 is not set/' "$WORK/uml.config" >"$folder/bisect-uml/.config"
	sed -i '/=n$/d' "$WORK/uml.config"
	kbuild "$folder" bisect-uml ARCH=um olddefconfig &&
		kbuild_config_has "$folder/bisect-uml/.config" "$WORK/uml.config" &&
		kbuild "$folder" bisect-uml ARCH=um
}

# passed LOG CONSOLE...: print how many tests passed; fail where one did not, or none ran.
# Each test has a line in LOG.
passed()
{
	local log=$1 console good bad
	shift

	rm -f "$log"
	for console; do
		LEVEL=patches "$here/check.d/ktap.py" "$log" <"$console" >/dev/null
	done
	good=$(cut -f 3 "$log" | grep -cx pass) || true
	bad=$(cut -f 3 "$log" | grep -cx fail) || true
	printf '%d\n' "$good"
	[ "$bad" = 0 ] && [ "$good" -gt 0 ]
}

# bisect_boot LOG GLOB: run the tests that GLOB names; how that ended is in LOG
bisect_boot()
{
	mkdir -p "$WORK/boot"
	ln -sfn "$folder/bisect-uml" "$WORK/boot/uml"
	uml_boot "$WORK/boot" "$1" "${option[TIMEOUT]}" "kunit.filter_glob=$2" || true
}

# bisect_tests LOG: TTM's own tests, one of which provokes a warning, and ours, where this
# step has them; print how many passed
bisect_tests()
{
	local consoles=("$1.ttm.console.log")

	bisect_boot "${consoles[0]}" 'ttm_[!m]*'
	if grep -q DRM_TTM_MOVE_KUNIT_TEST "$WORK/uml.config"; then
		consoles+=("$1.move.console.log")
		bisect_boot "${consoles[1]}" 'ttm_move_*'
		"$here/report/kernel_log.py" "${consoles[1]}" >&2 || return 1
	fi
	passed "$1.tests.log" "${consoles[@]}"
}

# bisect_begin: most of what the levels kunit and static have built is needed
bisect_begin()
{
	local name

	for name in uml static; do
		[ -d "$folder/bisect-$name" ] || [ ! -d "$folder/$name" ] ||
			cp -a "$folder/$name" "$folder/bisect-$name"
	done
}

# bisect_step PATCH: what comes of this step goes to PATCH/bisect: of the objects, and of
# the tests
bisect_step()
{
	local log=$out/${1##*/} build=pass tests='-'

	say "building and testing this step"
	"$here/patches.d/lay" "$WORK/stage" "$folder" "$variant"
	if ! (bisect_objects && bisect_uml) >"$log.build.log" 2>&1; then
		tail -n 20 "$log.build.log" >&2
		build=fail
	elif tests=$(bisect_tests "$log"); then
		tests="$tests passed"
	else
		tests="fail: $tests passed"
	fi
	printf '%s\t%s\n' "$build" "$tests" >"$1/bisect"
}
