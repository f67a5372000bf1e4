# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The User-Mode Linux kernel that has the KUnit tests. Sourced after common.sh,
# packages.sh, tree.sh and kbuild.sh.

# What to install before anything here is called.
# shellcheck disable=SC2034 # used by those who source this
UML_PACKAGES=("${TREE_PACKAGES[@]}" "${KBUILD_PACKAGES[@]}")

# What kunit.py gives a kernel as its memory.
UML_MEMORY_MB=1024

# uml_kunit FOLDER COMMAND...: the kernel's own front end
uml_kunit()
{
	local folder=$1
	shift

	(cd "$folder/tree" && exec python3 -u tools/testing/kunit/kunit.py "$@" \
		--arch um --build_dir "$folder/uml")
}

# uml_progress: of a kernel's build, a line now and then
uml_progress()
{
	awk '/^  [A-Z]+ / && ++n % 100 == 0 { printf "    %d files\n", n; fflush() }'
}

# uml_build FOLDER: build FOLDER/uml/linux. The front end refuses a configuration that
# cannot be had, but builds in silence.
uml_build()
{
	uml_kunit "$1" config --kunitconfig "$TOP/scripts/check.d/kunit.config" \
		--make_options "CC=$KBUILD_CC"
	kbuild "$1" uml ARCH=um
}

# uml_configure FOLDER NAME FRAGMENT...: configure FOLDER/NAME: the front end's own
# fragment, and ours, where the last one that speaks of a symbol counts
uml_configure()
{
	local folder=$1 name=$2 config=$1/$2 wanted
	shift 2

	mkdir -p "$config"
	wanted=$(kbuild_fragments "$folder/tree/tools/testing/kunit/configs/arch_uml.config" "$@")
	[ "$(cat "$config/wanted" 2>/dev/null)" != "$wanted" ] || return 0
	printf '%s\n' "$wanted" >"$config/.config"
	kbuild "$folder" "$name" ARCH=um olddefconfig
	grep -v '=n$' <<<"$wanted" >"$config/present"
	kbuild_config_has "$config/.config" "$config/present"
	printf '%s\n' "$wanted" >"$config/wanted"
}

# uml_choose_memory FOLDER [MIB]: UML keeps its memory in a file, and dies of a signal where
# that has no room: where /dev/shm has none, let it be in FOLDER
uml_choose_memory()
{
	local free mib=${2-$UML_MEMORY_MB}

	free=$(df -k --output=avail /dev/shm 2>/dev/null | tail -n 1)
	[ "${free:-0}" -gt $((mib * 1024)) ] || export TMPDIR=$1
}

# uml_boot FOLDER LOG SECONDS ARGUMENT...: run the tests that the kernel's ARGUMENTs
# name, with its console in LOG, for at most SECONDS. Returns what `timeout` does.
uml_boot()
{
	local folder=$1 log=$2 seconds=$3
	shift 3

	timeout -k 5 "$seconds" "$folder/uml/linux" "mem=${UML_MEMORY_MB}M" console=tty \
		kunit.enable=1 kunit_shutdown=halt "$@" </dev/null >"$log" 2>&1
}
