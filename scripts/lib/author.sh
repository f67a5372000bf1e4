# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Who signs what this checkout makes. Sourced after common.sh and options.sh by a script
# with an option AUTHOR.

# author_choose: print 'NAME <MAIL>': the option, where make would not let the brackets
# through, so that they may be missing; or what git knows
author_choose()
{
	local name mail

	if [ -n "${option[AUTHOR]}" ]; then
		[[ ${option[AUTHOR]} =~ ^([^\<\>]+)\ \<?([^\<\>@\ ]+@[^\<\>@\ ]+)\>?$ ]] ||
			usage_error "AUTHOR takes 'NAME MAIL', not '${option[AUTHOR]}'"
		name=${BASH_REMATCH[1]} mail=${BASH_REMATCH[2]}
	elif ! name=$(git -C "$TOP" config user.name) || ! mail=$(git -C "$TOP" config user.email); then
		die "git does not know who signs this: git config --global user.name NAME," \
			"the same with user.email MAIL, or AUTHOR='NAME MAIL'"
	fi
	printf '%s <%s>\n' "$name" "$mail"
}
