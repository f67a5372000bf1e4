# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The kernel's source out of the distribution's package, and the overlay laid over
# it. Sourced after common.sh and packages.sh; expects `shopt -s inherit_errexit`.

# What to install before anything here is called.
# shellcheck disable=SC2034 # used by those who source this
TREE_PACKAGES=("linux-source-$KERNEL_SERIES" xz-utils diffutils)

TREE_HOOKS=$TOP/scripts/overlay.hooks

# tree_archive_unpack ARCHIVE FOLDER: the kernel's source, in FOLDER/tree
tree_archive_unpack()
{
	say "unpacking $1 (2 GB, once per version)"
	mkdir "$2/tree" && tar -xf "$1" -C "$2/tree" --strip-components=1
}

# tree_source: print the folder of the cache that has the source in tree/
tree_source()
{
	local package=linux-source-$KERNEL_SERIES archive version

	archive=/usr/src/$package.tar.xz
	[ -r "$archive" ] || die "$archive is missing: apt-get install $package"
	version=$(dpkg-query -W -f '${Version}' "$package")
	cached "${package}_$version" tree_archive_unpack "$archive" ||
		die "cannot unpack $archive into $CACHE: are there 2 GB left?"
}

# tree_overlay_files: what of this checkout belongs into a kernel tree
tree_overlay_files()
{
	(cd "$TOP" && find drivers include tools -type f \
		\( -name '*.[chS]' -o -name Kconfig -o -name Makefile \) \
		! -name '*.mod.c' | LC_ALL=C sort)
}

# tree_put FILE DESTINATION: copy where they differ; a new time on a file that is
# the same would make the kernel build it again
tree_put()
{
	cmp -s "$1" "$2" || install -D -m 644 "$1" "$2"
}

# tree_remove_stale FOLDER: what the overlay had and has no longer must not linger
tree_remove_stale()
{
	local file

	comm -23 "$1/overlay" "$1/overlay.new" | while read -r file; do
		rm -f "$1/tree/$file"
	done
}

# tree_refuse_shadows FOLDER: the overlay adds files and replaces none of the kernel's
tree_refuse_shadows()
{
	local file

	comm -13 "$1/overlay" "$1/overlay.new" | while read -r file; do
		[ ! -e "$1/tree/$file" ] ||
			die "$file would replace the kernel's own file: give it another name"
	done
}

# tree_copy_overlay FOLDER: bring FOLDER/tree up to date with this checkout
tree_copy_overlay()
{
	local file

	touch "$1/overlay"
	tree_overlay_files >"$1/overlay.new"
	tree_refuse_shadows "$1"
	tree_remove_stale "$1"
	# Noted before they are copied: what an interrupted run left is ours as well.
	LC_ALL=C sort -u -o "$1/overlay" "$1/overlay" "$1/overlay.new"
	while read -r file; do
		tree_put "$TOP/$file" "$1/tree/$file"
	done <"$1/overlay.new"
	mv "$1/overlay.new" "$1/overlay"
}

# tree_hook FOLDER FILE: append our lines to FILE, always starting from the
# kernel's own so that a hook may change
tree_hook()
{
	local pristine=$1/pristine/$2

	[ -e "$1/tree/$2" ] || die "$TREE_HOOKS names $2, which this kernel lacks"
	[ -e "$pristine" ] || install -D -m 644 "$1/tree/$2" "$pristine"
	{
		cat "$pristine"
		sed -n "s|^$2: ||p" "$TREE_HOOKS"
	} >"$1/hooked"
	tree_put "$1/hooked" "$1/tree/$2"
}

# tree_apply_hooks FOLDER: all lines of TREE_HOOKS
tree_apply_hooks()
{
	local file

	sed '/^#/d; s/:.*//' "$TREE_HOOKS" | LC_ALL=C sort -u | while read -r file; do
		tree_hook "$1" "$file"
	done
}

# tree_assemble: print the folder of the cache whose tree/ is the kernel with the
# overlay. Only what differs is written, so that a build there stays incremental.
tree_assemble()
{
	local folder
	folder=$(tree_source)

	(
		# Two checkouts may share a cache.
		flock 8
		tree_copy_overlay "$folder"
		tree_apply_hooks "$folder"
	) 8>"$folder/lock"
	printf '%s\n' "$folder"
}
