# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Builds the overlay's modules out of tree against the distribution's headers.
# Sourced after common.sh and packages.sh.

# What to install before anything here is called.
# shellcheck disable=SC2034 # used by those who source this
MODULES_PACKAGES=(gcc make libc6-dev kmod
	"linux-headers-$KERNEL_SERIES-$KERNEL_FLAVOUR")

# Folders of the overlay that hold a module, and the Kconfig symbols that build it.
MODULE_FOLDERS=(drivers/gpu/drm/ttm/move drivers/gpu/drm/vttm)
MODULE_CONFIGS=(CONFIG_DRM_TTM_MOVE CONFIG_DRM_VTTM)

# Another one, which not everybody needs.
MODULES_SOFTGPU=drivers/gpu/drm/i915/selftests/softgpu

# modules_shadow FOLDER: a tree of links to the overlay's sources below FOLDER, so
# that the build's products stay out of the overlay
modules_shadow()
{
	local folder

	for folder in "${MODULE_FOLDERS[@]}"; do
		[ -d "$TOP/$folder" ] || die "$TOP/$folder is missing: this checkout has no modules to build"
		mkdir -p "$1/$folder"
		cp -rsf "$TOP/$folder/." "$1/$folder/"
	done
	find "$1" -xtype l -delete
}

# modules_kbuild OVERLAY: the Kbuild file on top of the shadow tree, on stdout, with the
# headers of OVERLAY. The header of the user-space interface includes "drm.h", which is
# beside it only in a whole kernel tree.
modules_kbuild()
{
	local name

	for name in "${MODULE_CONFIGS[@]}"; do
		printf 'subdir-ccflags-y += -D%s_MODULE=1\n' "$name"
	done
	# shellcheck disable=SC2016 # $(srctree) is for Kbuild
	printf 'subdir-ccflags-y += -I%s/include -I%s/include/uapi -I$(srctree)/include/uapi/drm\n' \
		"$1" "$1"
	printf 'obj-m += %s/\n' "${MODULE_FOLDERS[@]}"
}

# modules_make RELEASE FOLDER MAKE_ARGUMENT...: run Kbuild on the shadow tree
modules_make()
{
	local headers folder=$2
	headers=$(kernel_headers "$1")
	shift 2

	make -C "$headers" M="$folder" "${MODULE_CONFIGS[@]/%/=m}" -j"$(nproc)" "$@" modules
}

# modules_compile NAME RELEASE [MAKE_ARGUMENT...]: build all of MODULE_FOLDERS, with more
# arguments for make (such as W=1) if wanted, and print the folder that has the modules
# at their places, build/NAME/RELEASE. The compiler's output is in that name's .log.
modules_compile()
{
	local release=$2 folder=$TOP/build/$1/$2
	shift 2

	mkdir -p "$folder"
	modules_shadow "$folder"
	modules_kbuild "$TOP" | write_if_changed "$folder/Kbuild"
	logged "$folder.log" "building the modules" modules_make "$release" "$folder" "$@"
	printf '%s\n' "$folder"
}

# modules_print FOLDER FILE...: their paths below FOLDER/drivers/gpu/drm
modules_print()
{
	local folder=$1 module
	shift

	for module; do
		[ -f "$folder/drivers/gpu/drm/$module" ] ||
			die "the build made no ${module##*/}; see $folder.log"
		printf '%s\n' "$folder/drivers/gpu/drm/$module"
	done
}

# modules_build RELEASE [MAKE_ARGUMENT...]: build both modules; prints the path of each,
# ttm_move.ko first
modules_build()
{
	local folder

	say "building the modules for $1"
	folder=$(modules_compile modules "$@")
	modules_print "$folder" ttm/move/ttm_move.ko vttm/vttm.ko
}

# modules_build_softgpu RELEASE: build the software GPU; prints the module's path
modules_build_softgpu()
{
	local folder MODULE_FOLDERS=("$MODULES_SOFTGPU") MODULE_CONFIGS=(CONFIG_DRM_I915_SOFTGPU)

	say "building the software GPU for $1"
	folder=$(modules_compile softgpu "$1")
	modules_print "$folder" "${MODULES_SOFTGPU#drivers/gpu/drm/}/i915_softgpu.ko"
}
