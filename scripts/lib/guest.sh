# shellcheck shell=bash
# SPDX-License-Identifier: MIT
#
# Boots a kernel in QEMU with an initramfs of scripts/guest/, so that nothing can
# hang it: a deadline, no reboot, panic at the first oops. Sourced after common.sh.

# What to install before anything here is called.
# shellcheck disable=SC2034 # used by those who source this
GUEST_PACKAGES=(qemu-system-x86 busybox-static cpio kmod xz-utils)

# All messages on the serial line; every oops ends the guest, a warning does not.
GUEST_CMDLINE="console=ttyS0 panic=-1 oops=panic printk.devkmsg=on loglevel=7 "

# guest_machine ACCEL [SERIAL]: QEMU and the options of a bare machine with its serial
# line on stdout, or whatever else QEMU takes for that, a word a line. Without the string instructions' speed promises the kernel
# copies and clears by words: TCG runs `rep movsb` and `rep stosb` byte by byte. With five
# levels of page tables KASAN takes any memory for a stranger's that an interrupt touches
# in the moment when the kernel finds out, once more, what its processor has.
guest_machine()
{
	printf '%s\n' qemu-system-x86_64 -nodefaults -no-reboot -display none -vga none \
		-serial "${2:-stdio}" -monitor none
	case $1 in
	kvm) printf '%s\n' -accel kvm -cpu host ;;
	tcg) printf '%s\n' -accel tcg,thread=multi -cpu max,-erms,-fsrm,-la57 ;;
	esac
}

# guest_kvm_boots KERNEL: true where KVM runs KERNEL as far as to its complaint that
# there is no root file system. That /dev/kvm can be opened says little: there are
# hosts where a guest never executes its first instruction.
guest_kvm_boots()
{
	local machine log

	[ -w /dev/kvm ] || return 1
	mapfile -t machine < <(guest_machine kvm)
	log=$(timeout -k 1 10 "${machine[@]}" -m 512 -kernel "$1" </dev/null 2>&1 \
		-append "console=ttyS0 earlyprintk=serial panic=-1") || true
	grep -q 'Kernel panic - not syncing: VFS' <<<"$log"
}

# guest_accel KERNEL: print kvm where it really runs KERNEL, otherwise tcg. The
# answer is kept for as long as the host is up.
guest_accel()
{
	local answer
	answer=$CACHE/accel-$(cat /proc/sys/kernel/random/boot_id)

	if [ ! -s "$answer" ]; then
		mkdir -p "$CACHE"
		rm -f "$CACHE"/accel-*
		say "looking whether KVM runs a kernel here (at most 10 s)"
		if guest_kvm_boots "$1"; then echo kvm; else echo tcg; fi >"$answer"
	fi
	cat "$answer"
}

# guest_progress LOG PID: show the job's own lines of LOG until PID ends
guest_progress()
{
	tail -n +1 -f --pid="$2" "$1" | sed -un 's/\r$//; s/^\[ *[0-9.]*\] job: /    /p' >&2
}

# guest_once FOLDER SECONDS COMMAND...: run a guest to its end, with a fresh console.log
# and share/ in FOLDER; what is in the folder GUEST_GIVE is in share/ from the beginning.
# Returns the status of `timeout`. Takes the EXIT trap for as long
# as the guest runs.
guest_once()
{
	local folder=$1 seconds=$2 pid rc=0
	shift 2

	rm -rf "$folder/share"
	mkdir -p "$folder/share"
	[ -z "${GUEST_GIVE-}" ] || cp -r "$GUEST_GIVE/." "$folder/share"
	: >"$folder/console.log"
	timeout -k 5 "$seconds" "$@" </dev/null >>"$folder/console.log" 2>&1 &
	pid=$!
	# shellcheck disable=SC2064 # this very process, not a later one
	trap "kill $pid 2>/dev/null || true" EXIT
	guest_progress "$folder/console.log" "$pid"
	wait "$pid" || rc=$?
	trap - EXIT
	return "$rc"
}

# guest_interactive ACCEL KERNEL INITRAMFS APPEND [QEMU_ARGUMENT...]: run a guest whose
# serial line is this terminal, with few messages on it, to its end
guest_interactive()
{
	local kernel=$2 initramfs=$3 append=$4 machine

	mapfile -t machine < <(guest_machine "$1" mon:stdio)
	shift 4
	"${machine[@]}" -smp 2 -m 2048 -kernel "$kernel" -initrd "$initramfs" \
		-append "$GUEST_CMDLINE loglevel=4 quiet $append" "$@"
}

# guest_lost FOLDER: true where the emulator lost the guest before its job began. Rarely,
# one processor still sees the breakpoint that another has just patched out of the
# kernel's code: the kernel dies of it at boot, before any module of ours is loaded.
guest_lost()
{
	[ ! -e "$1/share/started" ] && grep -q 'Oops: int3' "$1/console.log"
}

# guest_boot ACCEL KERNEL INITRAMFS FOLDER SECONDS APPEND [QEMU_ARGUMENT...]: run a
# guest to its end. FOLDER/console.log gets the whole console, FOLDER/share is the
# guest's /share, and FOLDER/share/status what its job ended with. APPEND is added to
# the kernel's command line; NAME=VALUE words in it become the job's environment.
# Returns 0 where the job ended with 0, 124 after SECONDS, otherwise 1. Takes the EXIT
# trap for as long as the guest runs.
guest_boot()
{
	local kernel=$2 initramfs=$3 folder=$4 seconds=$5 append=$6 machine tries rc

	mapfile -t machine < <(guest_machine "$1")
	shift 6
	for tries in 1 2 3; do
		rc=0
		guest_once "$folder" "$seconds" "${machine[@]}" -smp 2 -m 2048 \
			-kernel "$kernel" -initrd "$initramfs" -append "$GUEST_CMDLINE $append" \
			-virtfs "local,path=$folder/share,mount_tag=share,security_model=none" \
			"$@" || rc=$?
		guest_lost "$folder" || break
		say "the emulator lost the guest at boot (try $tries of 3)"
	done
	[ "$rc" != 124 ] || return 124
	[ "$(cat "$folder/share/status" 2>/dev/null)" = 0 ]
}
