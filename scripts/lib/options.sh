# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Command lines of NAME=VALUE words. Sourced after common.sh by a script that has a
# function `usage` and an associative array `option` with the defaults.

# number NAME MIN MAX: die unless the option's value is such a number; drop leading zeros
number()
{
	local value=${option[$1]}

	if ! [[ $value =~ ^[0-9]{1,9}$ ]] || ((10#$value < $2 || 10#$value > $3)); then
		usage_error "$1 takes a number from $2 to $3, not '$value'"
	fi
	option[$1]=$((10#$value))
}

# one_of NAME WORD...: die unless the option's value is one of the words
one_of()
{
	local name=$1 word
	shift

	for word; do
		[ "${option[$name]}" != "$word" ] || return 0
	done
	usage_error "$name takes one of: $*; not '${option[$name]}'"
}

parse()
{
	local word

	for word; do
		case $word in
		-h | --help) usage; exit 0 ;;
		*=*) [ -n "${option[${word%%=*}]+known}" ] ||
			usage_error "unknown option '${word%%=*}'; there are: $(printf '%s\n' "${!option[@]}" | sort | tr '\n' ' ')" ;;
		*) usage_error "'$word' is not of the form NAME=VALUE" ;;
		esac
		option[${word%%=*}]=${word#*=}
	done
}
