# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Debian packages: install what is missing, and unpack the distribution's kernel
# without installing it. Sourced after common.sh.

KERNEL_SERIES=6.12
KERNEL_FLAVOUR=amd64

# packages_missing NAME...: print those that are not installed
packages_missing()
{
	local name

	for name; do
		dpkg-query -W -f '${db:Status-Status}\n' "$name" 2>/dev/null |
			grep -qx installed || printf '%s\n' "$name"
	done
}

# as_root COMMAND...: run COMMAND as root, through sudo where that is needed
as_root()
{
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "'$*' needs root and there is no sudo: run it as root, then start again"
	fi
}

# apt_install NAME...: install without questions and without recommended packages
apt_install()
{
	as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends "$@" >&2
}

# apt_update: refresh the package lists
apt_update()
{
	say "refreshing the package lists"
	as_root apt-get update -q >&2
}

# apt_knows NAME...: true where the package lists have every one
apt_knows()
{
	apt-get install -s -q --no-install-recommends "$@" >/dev/null 2>&1
}

# packages_install NAME...: install those that are missing. The lists are
# refreshed only where they do not know a package or its file is gone from the mirror.
# Scripts call this as soon as they have understood their command line: with
# COMMAND_LINE_ONLY in the environment that is all that somebody wants to know.
packages_install()
{
	local missing

	[ -z "${COMMAND_LINE_ONLY-}" ] || exit 0
	mapfile -t missing < <(packages_missing "$@")

	[ "${#missing[@]}" -gt 0 ] || return 0
	say "installing ${missing[*]}"
	if apt_knows "${missing[@]}" && apt_install "${missing[@]}"; then
		return 0
	fi
	apt_update || die "apt-get update failed: check the network and /etc/apt/sources.list"
	apt_install "${missing[@]}" ||
		die "apt-get cannot install ${missing[*]}: this needs Debian 12 with its security updates"
}

# package_depends_on NAME PREFIX: the first dependency of the installed NAME that
# begins with PREFIX
package_depends_on()
{
	dpkg-query -W -f '${Depends}\n' "$1" | tr ',' '\n' | tr -d ' ' |
		sed 's/(.*//' | grep -m 1 "^$2"
}

# kernel_release: the release (uname -r) that the installed headers are for
kernel_release()
{
	local headers
	headers=$(package_depends_on "linux-headers-$KERNEL_SERIES-$KERNEL_FLAVOUR" \
		"linux-headers-$KERNEL_SERIES.*-$KERNEL_FLAVOUR") ||
		die "linux-headers-$KERNEL_SERIES-$KERNEL_FLAVOUR is not installed: apt-get install it"
	printf '%s\n' "${headers#linux-headers-}"
}

# kernel_headers RELEASE: the folder to build modules against
kernel_headers()
{
	printf '/usr/src/linux-headers-%s\n' "$1"
}

# kernel_version RELEASE: the package version of the installed headers
kernel_version()
{
	dpkg-query -W -f '${Version}\n' "linux-headers-$1"
}

# deb_download PACKAGE=VERSION FOLDER: the package's file, in FOLDER
deb_download()
{
	(cd "$2" && apt-get download -q -o APT::Sandbox::User=root "$1")
}

# kernel_unpack RELEASE VERSION FOLDER: the image package's contents, in FOLDER
kernel_unpack()
{
	local package=linux-image-$1=$2 folder=$3

	say "downloading and unpacking $package (about 100 MB)"
	deb_download "$package" "$folder" ||
		{ apt_update && deb_download "$package" "$folder"; } || return 1
	dpkg -x "$folder"/*.deb "$folder" || return 1
	rm -f "$folder"/*.deb
	# The package leaves modules.dep to its installation script.
	depmod -b "$folder" "$1"
}

# kernel_fetch RELEASE: print the folder of the cache with the unmodified
# distribution kernel: boot/vmlinuz-RELEASE and lib/modules/RELEASE below it
kernel_fetch()
{
	local version
	version=$(kernel_version "$1")
	cached "linux-image-$1_$version" kernel_unpack "$1" "$version" ||
		die "linux-image-$1 $version cannot be had. The mirror keeps the newest only:" \
			"apt-get update && apt-get install linux-headers-$KERNEL_SERIES-$KERNEL_FLAVOUR"
}
