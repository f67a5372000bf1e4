# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The kernel that `make kernel` builds, for those who boot it. Sourced after common.sh
# and guest.sh.

# i915_softgpu keeps the device's memory where the kernel has none, and the emulator's
# timer is too coarse for the kernel's check of it.
# shellcheck disable=SC2016,SC2034 # the dollar sign is for the kernel
KERNEL_SOFTGPU_CMDLINE='memmap=512M$0x50000000 no_timer_check'

# What i915 needs to probe the software GPU.
# shellcheck disable=SC2034
KERNEL_I915_PARAMETERS="force_probe=4905 enable_guc=0"

# kernel_build KIND VARIANT: see kernel_ours
kernel_build()
{
	local options=("KASAN=$1")

	[ "$1" != fast ] || options=(FAST=1)
	[ "$2" = integrated ] || options+=(--pristine)
	"$TOP/scripts/build-kernel" "${options[@]}" 7>&- | tail -n 1
}

# kernel_ours KIND VARIANT: build the kernel, and print the folder that has it; KIND is 0,
# 1 (with KASAN), or fast, VARIANT says whose i915 it has: integrated or pristine. Once for
# all who share a file KERNELS, which notes what has been built: to find that nothing has
# changed takes a quarter of a minute.
kernel_ours()
{
	local notes=${KERNELS-/dev/null} folder

	folder=$(sed -n "s/^$1 $2 //p" "$notes")
	if [ -z "$folder" ]; then
		folder=$(kernel_build "$1" "$2") || return
		printf '%s %s %s\n' "$1" "$2" "$folder" >>"$notes"
	fi
	printf '%s\n' "$folder"
}

# kernel_ours_release FOLDER: the release of the only kernel in FOLDER
kernel_ours_release()
{
	local images=("$1"/boot/vmlinuz-*)

	[ -e "${images[0]}" ] || die "$1 has no boot/vmlinuz-RELEASE: build it with make kernel"
	printf '%s\n' "${images[0]#"$1"/boot/vmlinuz-}"
}

# kernel_ours_modules FOLDER NAME...: the paths of modules by their names
kernel_ours_modules()
{
	local folder=$1 name file
	shift

	for name; do
		file=$(find "$folder/lib/modules" -name "$name.ko" | head -n 1)
		[ -n "$file" ] || die "$folder has no $name.ko: build it anew with make kernel"
		printf '%s\n' "$file"
	done
}

# kernel_guest_modules KERNEL RELEASE: the paths of ttm_move.ko and vttm.ko: those that
# KERNEL, one of ours, has; where that is empty, built for the distribution's RELEASE
kernel_guest_modules()
{
	if [ -n "$1" ]; then
		kernel_ours_modules "$1" ttm_move vttm
	else
		modules_build "$2"
	fi
}

# kernel_guest_i915 KERNEL RELEASE DISTRIBUTION FOLDER: the paths of i915_softgpu.ko and
# i915.ko: those that KERNEL, one of ours, has; where that is empty, the former built for
# the distribution's RELEASE, and the latter unpacked from DISTRIBUTION into FOLDER
kernel_guest_i915()
{
	local module

	if [ -n "$1" ]; then
		kernel_ours_modules "$1" i915_softgpu i915
		return
	fi
	modules_build_softgpu "$2"
	module=$(find "$3/lib/modules/$2" -name 'i915.ko*' | head -n 1)
	case $module in
	*.xz) xz -dc "$module" >"$4/i915.ko" ;;
	*.ko) cp "$module" "$4/i915.ko" ;;
	*) die "$3 has no i915.ko" ;;
	esac
	printf '%s\n' "$4/i915.ko"
}

# kernel_ours_memory KASAN: MiB that a guest with such a kernel should have
kernel_ours_memory()
{
	if [ "$1" = 1 ]; then echo 3072; else echo 2048; fi
}

# kernel_lmem_walk: build the program that walks objects through local memory, and print
# its path
kernel_lmem_walk()
{
	local folder=$TOP/build/tools/i915

	logged "$folder.log" "building lmem-walk" make -C "$TOP/tools/testing/i915" O="$folder"
	printf '%s\n' "$folder/lmem-walk"
}
