# shellcheck shell=sh
# SPDX-License-Identifier: MIT
#
# What the jobs of the guest share. The guest has it as /lib/job.sh.

# What is said here reaches the host's terminal through the kernel's log.
tell()
{
	echo "job: $*" > /dev/kmsg
}

give_up()
{
	tell "error: $*"
	exit 1
}

# The PCI address of the shared-memory device that QEMU offers as video memory.
pci_device()
{
	for device in /sys/bus/pci/devices/*; do
		if [ "$(cat "$device/vendor"):$(cat "$device/device")" = 0x1af4:0x1110 ]; then
			basename "$device"
			return
		fi
	done
}

bind_pci_device()
{
	device=$(pci_device)
	[ -n "$device" ] || give_up "there is no ivshmem device: see QEMU's command line"
	echo vttm > "/sys/bus/pci/devices/$device/driver_override"
	echo "$device" > /sys/bus/pci/drivers_probe
	[ -e "/sys/bus/pci/devices/$device/driver" ] ||
		give_up "vttm did not bind to $device: see the kernel's messages above"
	tell "vttm drives $device"
}

# load_modules PARAMETER...: with parameters of vttm
load_modules()
{
	insmod /modules/ttm_move.ko || give_up "cannot load ttm_move.ko: see the kernel's messages above"
	insmod /modules/vttm.ko "$@" ||
		give_up "cannot load vttm.ko: see the kernel's messages above"
}

unload_modules()
{
	rmmod vttm || give_up "vttm does not unload: something still holds it"
	rmmod ttm_move || give_up "ttm_move does not unload: something still holds it"
}
