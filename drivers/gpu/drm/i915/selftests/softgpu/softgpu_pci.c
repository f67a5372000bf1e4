// SPDX-License-Identifier: MIT
/*
 * The software GPU: the PCI function.
 *
 * A PCI domain of its own with two functions whose configuration space is an array in
 * memory: a host bridge, since the driver looks for one, and the GPU.
 */
#include <linux/pci.h>
#include <linux/unaligned.h>

#include "softgpu.h"

#define BRIDGE_DEVFN		PCI_DEVFN(0, 0)
#define GPU_DEVFN		PCI_DEVFN(2, 0)

#define VENDOR_BRIDGE		0x1b36	/* Red Hat, whose numbers QEMU uses */
#define DEVICE_BRIDGE		0x0008
#define DEVICE_DG1		0x4905
#define REVISION_DG1		1	/* the first one that was sold */
#define GMCH_CTRL		0x50	/* size of the global page table */
#define GMCH_CTRL_8M		(3 << 6)

#define CONFIG_BYTES		256

/**
 * struct softgpu_function - a PCI function
 * @devfn: its number
 * @config: its configuration space
 * @bar_bytes: size of each BAR; 0: none, or upper half of the one before
 */
struct softgpu_function {
	unsigned int devfn;
	u8 config[CONFIG_BYTES];
	u64 bar_bytes[PCI_STD_NUM_BARS];
};

static struct softgpu_function softgpu_bridge = { .devfn = BRIDGE_DEVFN };
static struct softgpu_function softgpu_function = { .devfn = GPU_DEVFN };

static struct pci_sysdata softgpu_sysdata = {
	.node = NUMA_NO_NODE,
};

static struct resource softgpu_window = {
	.name = "software GPU",
	.flags = IORESOURCE_MEM,
};

static struct pci_bus *softgpu_bus;

/* Configuration space */

static struct softgpu_function *softgpu_pci_find(struct pci_bus *bus,
						 unsigned int devfn)
{
	if (bus != softgpu_bus && !pci_is_root_bus(bus))
		return NULL;
	if (devfn == softgpu_bridge.devfn)
		return &softgpu_bridge;
	return devfn == softgpu_function.devfn ? &softgpu_function : NULL;
}

static int softgpu_pci_read(struct pci_bus *bus, unsigned int devfn, int where,
			    int size, u32 *value)
{
	struct softgpu_function *function = softgpu_pci_find(bus, devfn);

	*value = ~0u;
	if (!function)
		return PCIBIOS_DEVICE_NOT_FOUND;
	*value = 0;
	if (where + size <= CONFIG_BYTES)
		memcpy(value, function->config + where, size);
	return PCIBIOS_SUCCESSFUL;
}

static bool softgpu_pci_is_bar(int where)
{
	return where >= PCI_BASE_ADDRESS_0 && where <= PCI_BASE_ADDRESS_5;
}

/* The address bits that a BAR decodes keep what is written, the others do not. */
static void softgpu_pci_write_bar(struct softgpu_function *function, int where,
				  u32 value)
{
	int bar = (where - PCI_BASE_ADDRESS_0) / 4;
	u32 *reg = (u32 *)(function->config + where);

	if (function->bar_bytes[bar])
		*reg = (value & ~lower_32_bits(function->bar_bytes[bar] - 1)) |
		       (*reg & ~PCI_BASE_ADDRESS_MEM_MASK);
	else if (bar && function->bar_bytes[bar - 1])
		*reg = value &
		       ~upper_32_bits(function->bar_bytes[bar - 1] - 1);
}

static bool softgpu_pci_is_writable(int where)
{
	return where == PCI_COMMAND || where == PCI_CACHE_LINE_SIZE ||
	       where == PCI_LATENCY_TIMER || where == PCI_INTERRUPT_LINE ||
	       where >= PCI_STD_HEADER_SIZEOF;
}

static int softgpu_pci_write(struct pci_bus *bus, unsigned int devfn, int where,
			     int size, u32 value)
{
	struct softgpu_function *function = softgpu_pci_find(bus, devfn);

	if (!function)
		return PCIBIOS_DEVICE_NOT_FOUND;
	if (where + size > CONFIG_BYTES)
		return PCIBIOS_SUCCESSFUL;
	if (softgpu_pci_is_bar(where) && size == 4)
		softgpu_pci_write_bar(function, where, value);
	else if (softgpu_pci_is_writable(where))
		memcpy(function->config + where, &value, size);
	return PCIBIOS_SUCCESSFUL;
}

static struct pci_ops softgpu_pci_ops = {
	.read = softgpu_pci_read,
	.write = softgpu_pci_write,
};

/* The two functions */

static void softgpu_pci_identify(struct softgpu_function *function, u16 vendor,
				 u16 device, u16 class)
{
	put_unaligned_le16(vendor, function->config + PCI_VENDOR_ID);
	put_unaligned_le16(device, function->config + PCI_DEVICE_ID);
	put_unaligned_le16(class, function->config + PCI_CLASS_DEVICE);
}

static void softgpu_pci_set_bar(struct softgpu_function *function, int bar,
				u64 addr, u64 bytes, u32 flags)
{
	u8 *reg = function->config + PCI_BASE_ADDRESS_0 + 4 * bar;

	put_unaligned_le64(addr | flags | PCI_BASE_ADDRESS_MEM_TYPE_64, reg);
	function->bar_bytes[bar] = bytes;
}

static void softgpu_pci_describe(struct softgpu *gpu)
{
	struct softgpu_function *function = &softgpu_function;

	softgpu_pci_identify(&softgpu_bridge, VENDOR_BRIDGE, DEVICE_BRIDGE,
			     PCI_CLASS_BRIDGE_HOST);
	softgpu_pci_identify(function, PCI_VENDOR_ID_INTEL, DEVICE_DG1,
			     PCI_CLASS_DISPLAY_OTHER);
	function->config[PCI_REVISION_ID] = REVISION_DG1;
	put_unaligned_le16(PCI_COMMAND_MEMORY, function->config + PCI_COMMAND);
	put_unaligned_le16(GMCH_CTRL_8M, function->config + GMCH_CTRL);
	softgpu_pci_set_bar(function, 0, gpu->bar0, SOFTGPU_BAR0_BYTES, 0);
	softgpu_pci_set_bar(function, 2, gpu->base, gpu->bar2_bytes,
			    PCI_BASE_ADDRESS_MEM_PREFETCH);
}

/* User space knows names of four digits: one that firmware could use, but does not. */
static int softgpu_pci_free_domain(void)
{
	int domain = 1;

	while (pci_find_bus(domain, 0))
		domain++;
	return domain;
}

/**
 * softgpu_pci_init - make the PCI functions, which nobody sees yet
 * @gpu: the device
 *
 * Returns: 0 or a negative error code.
 */
int softgpu_pci_init(struct softgpu *gpu)
{
	LIST_HEAD(resources);

	softgpu_pci_describe(gpu);
	softgpu_window.start = gpu->base;
	softgpu_window.end = gpu->bar0 + SOFTGPU_BAR0_BYTES - 1;
	pci_add_resource(&resources, &softgpu_window);

	pci_lock_rescan_remove();
	softgpu_sysdata.domain = softgpu_pci_free_domain();
	softgpu_bus = pci_create_root_bus(NULL, 0, &softgpu_pci_ops,
					  &softgpu_sysdata, &resources);
	if (softgpu_bus) {
		pci_scan_child_bus(softgpu_bus);
		pci_bus_claim_resources(softgpu_bus);
		gpu->pdev = pci_get_slot(softgpu_bus, GPU_DEVFN);
	}
	pci_unlock_rescan_remove();
	if (!softgpu_bus) {
		pci_free_resource_list(&resources);
		return -ENOMEM;
	}
	if (!gpu->pdev) {
		softgpu_pci_fini();
		return -ENODEV;
	}
	/* There is neither firmware nor a controller that knows the line. */
	gpu->pdev->irq = gpu->irq.line;
	return 0;
}

/**
 * softgpu_pci_add_devices - show the functions, so that the driver probes
 */
void softgpu_pci_add_devices(void)
{
	pci_lock_rescan_remove();
	pci_bus_add_devices(softgpu_bus);
	pci_unlock_rescan_remove();
}

/**
 * softgpu_pci_fini - take the functions away, from the driver as well
 */
void softgpu_pci_fini(void)
{
	pci_lock_rescan_remove();
	pci_stop_root_bus(softgpu_bus);
	pci_remove_root_bus(softgpu_bus);
	pci_unlock_rescan_remove();
	softgpu_bus = NULL;
}
