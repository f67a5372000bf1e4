# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# The kernel's source out of the distribution's package, and the overlay laid over
# it. Sourced after common.sh and packages.sh; expects `shopt -s inherit_errexit`.
#
# There are three variants of the tree: "integrated" has everything but the other
# drivers; in "pristine", i915 and TTM are the kernel's own, and what the overlay adds to
# i915 is there and unused: patches named i915_* are not for that one, nor are TTM's own,
# adopt_ttm*, one of which i915 needs. In "converted", the other drivers have the move
# worker as well: the other patches named adopt_* are for that one alone, and it is a tree
# of its own, beside the other.

# What to install before anything here is called.
# shellcheck disable=SC2034 # used by those who source this
TREE_PACKAGES=("linux-source-$KERNEL_SERIES" xz-utils diffutils coccinelle)

# What all variants have, what the pristine one lacks, and what only the converted one
# has.
TREE_HOOKS=$TOP/scripts/overlay.hooks
TREE_I915_HOOKS=$TOP/scripts/overlay.i915.hooks
TREE_DRIVERS_HOOKS=$TOP/scripts/overlay.drivers.hooks
TREE_PATCHES=$TOP/scripts/coccinelle
TREE_MACROS=$TREE_PATCHES/macros.h

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

# tree_link SOURCE FOLDER: FOLDER becomes another tree like the one in SOURCE, of links:
# whoever changes a file here puts a new one in its place
tree_link()
{
	local part

	touch "$1/overlay"
	cp -p "$1/overlay" "$2/overlay"
	for part in tree pristine patched; do
		[ ! -d "$1/$part" ] || cp -al "$1/$part" "$2/$part"
	done
}

# tree_source_of VARIANT: print the folder of the cache that has the variant's tree
tree_source_of()
{
	local folder
	folder=$(tree_source)

	[ "$1" != converted ] || folder=$(cached "${folder##*/}-converted" \
		tree_locked "$folder" tree_link "$folder")
	printf '%s\n' "$folder"
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

# tree_hooks VARIANT: its files of hooks
tree_hooks()
{
	printf '%s\n' "$TREE_HOOKS"
	[ "$1" = pristine ] || [ ! -e "$TREE_I915_HOOKS" ] || printf '%s\n' "$TREE_I915_HOOKS"
	[ "$1" != converted ] || printf '%s\n' "$TREE_DRIVERS_HOOKS"
}

# tree_patch_files PATCH: the files that a semantic patch is for
tree_patch_files()
{
	sed -n '1,20s|^// Applies to: *||p' "$1"
}

# tree_has_patch VARIANT PATCH: patches named in TREE_LEAVE_OUT are for none
tree_has_patch()
{
	[[ " ${TREE_LEAVE_OUT-} " != *" $(basename "$2" .cocci) "* ]] || return 1
	case ${2##*/} in
	i915_* | adopt_ttm*.cocci) [ "$1" != pristine ] ;;
	adopt_*) [ "$1" = converted ] ;;
	esac
}

# tree_patches VARIANT: a line "FILE PATCH" for each file that a semantic patch is for,
# in the order in which the patches are applied
tree_patches()
{
	local patch files file

	for patch in "$TREE_PATCHES"/*.cocci; do
		[ -e "$patch" ] || continue
		tree_has_patch "$1" "$patch" || continue
		files=$(tree_patch_files "$patch")
		[ -n "$files" ] || die "$patch does not say for which files it is:" \
			"give it a line '// Applies to: PATH' among its first"
		for file in $files; do
			printf '%s %s\n' "$file" "$patch"
		done
	done
}

# tree_keep_pristine FOLDER FILE WHO: keep the kernel's own FILE, which WHO names
tree_keep_pristine()
{
	[ ! -e "$1/pristine/$2" ] || return 0
	[ -e "$1/tree/$2" ] || die "$3 names $2, which this kernel lacks"
	install -D -m 644 "$1/tree/$2" "$1/pristine/$2"
}

# tree_checksum FILE PATCH...: of all that the patched FILE depends on
tree_checksum()
{
	local macros=()

	[ ! -e "$TREE_MACROS" ] || macros=("$TREE_MACROS")
	{ dpkg-query -W coccinelle && cat "$@" "${macros[@]}"; } | sha256sum | cut -d ' ' -f 1
}

# tree_spatch PATCH FILE OUTPUT: apply one patch, which must change something
tree_spatch()
{
	local options=(--very-quiet --no-includes --no-show-diff --timeout 120)

	[ ! -e "$TREE_MACROS" ] || options+=(--macro-file "$TREE_MACROS")
	rm -f "$3"
	spatch "${options[@]}" --sp-file "$1" "$2" -o "$3" </dev/null >"$3.log" 2>&1 || {
		tail -n 20 "$3.log" >&2
		return 1
	}
	if [ ! -e "$3" ] || cmp -s "$2" "$3"; then
		echo "it changes nothing" >&2
		return 1
	fi
}

# tree_patch NAME FILE OUTPUT PATCH...: apply the patches to FILE, one after the other;
# NAME is what the kernel calls it
tree_patch()
{
	local name=$1 output=$3 work patch
	work=$(mktemp -d)

	# The suffix tells spatch a header from a source.
	cp "$2" "$work/${name##*/}"
	shift 3
	for patch; do
		say "${patch##*/} changes $name"
		tree_spatch "$patch" "$work/${name##*/}" "$work/new.${name##*.}" || {
			rm -rf "$work"
			die "$patch cannot be applied to $name, as said above: mend the rule," \
				"or take the file out of its 'Applies to'"
		}
		mv "$work/new.${name##*.}" "$work/${name##*/}"
	done
	mv "$work/${name##*/}" "$output.new"
	mv "$output.new" "$output"
	rm -rf "$work"
}

# tree_patched FOLDER VARIANT FILE: the path of FILE after the variant's patches; what
# spatch made once is kept by checksum
tree_patched()
{
	local patches output

	mapfile -t patches < <(sed -n "s|^$3 ||p" "$1/patches")
	if [ "${#patches[@]}" = 0 ]; then
		printf '%s\n' "$1/pristine/$3"
		return
	fi
	output=$1/patched/$(tree_checksum "$1/pristine/$3" "${patches[@]}")
	if [ ! -e "$output" ]; then
		mkdir -p "$1/patched"
		tree_patch "$3" "$1/pristine/$3" "$output" "${patches[@]}"
	fi
	printf '%s\n' "$output"
}

# tree_change FOLDER VARIANT FILE: the kernel's own FILE, patched, with our lines
# appended; always from the beginning, so that patches and hooks may change and go
tree_change()
{
	local patched hooks
	patched=$(tree_patched "$@")
	mapfile -t hooks < <(tree_hooks "$2")

	{
		cat "$patched"
		sed -n "s|^$3: ||p" "${hooks[@]}"
	} >"$1/hooked"
	tree_put "$1/hooked" "$1/tree/$3"
}

# tree_apply FOLDER VARIANT: all patches and hooks of the variant; whatever was
# changed before and no longer is becomes the kernel's own again
tree_apply()
{
	local file who hooks
	mapfile -t hooks < <(tree_hooks "$2")

	tree_patches "$2" >"$1/patches"
	{
		sed 's/ .*\// /' "$1/patches"
		sed '/^#/d; /^$/d; s/:.*//; s/$/ a file of hooks/' "${hooks[@]}"
	} | while read -r file who; do
		tree_keep_pristine "$1" "$file" "$who"
	done
	find "$1/pristine" -type f -printf '%P\n' | while read -r file; do
		tree_change "$1" "$2" "$file"
	done
}

# tree_lay FOLDER VARIANT: make FOLDER/tree the variant; for who has locked the tree
tree_lay()
{
	tree_copy_overlay "$1"
	tree_apply "$1" "$2"
}

# tree_locked FOLDER COMMAND...: run COMMAND while nobody else changes the tree, as two
# checkouts may share a cache
tree_locked()
{
	local folder=$1
	shift

	(
		flock -n 8 || {
			say "waiting for somebody else who changes the tree"
			flock 8
		}
		"$@"
	) 8>"$folder/lock"
}

# tree_assemble [VARIANT]: print the folder of the cache whose tree/ is the kernel with
# the overlay, integrated unless VARIANT says otherwise. Only what differs is written, so
# that a build there stays incremental.
tree_assemble()
{
	local variant=${1-integrated} folder
	folder=$(tree_source_of "$variant")

	tree_locked "$folder" tree_lay "$folder" "$variant"
	printf '%s\n' "$folder"
}
