// SPDX-License-Identifier: MIT
/*
 * The software GPU: module, parameters, faults on demand.
 *
 * Nothing here, nor in the other files, uses i915's structures or symbols: what the
 * driver sees is a PCI function, its BARs and an interrupt.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/module.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "softgpu.h"

static unsigned long softgpu_param_base = 0x50000000;
module_param_named(base, softgpu_param_base, ulong, 0444);
MODULE_PARM_DESC(base, "Address of the reserved memory, see memmap= (default: 0x50000000)");

static unsigned int softgpu_param_lmem_mb = 256;
module_param_named(lmem_mb, softgpu_param_lmem_mb, uint, 0444);
MODULE_PARM_DESC(lmem_mb, "MiB of local memory (default: 256)");

static unsigned int softgpu_param_bar_mb;
module_param_named(bar_mb, softgpu_param_bar_mb, uint, 0444);
MODULE_PARM_DESC(bar_mb, "MiB of local memory that the CPU sees, a power of two (default: all)");

static bool softgpu_param_strict = true;
module_param_named(strict, softgpu_param_strict, bool, 0644);
MODULE_PARM_DESC(strict, "A command that is not known ends with an error rather than being skipped (default: yes)");

static struct softgpu *softgpu_device;

/* Faults on demand */

static bool softgpu_param_dead;
static int softgpu_param_die_after;
static int softgpu_param_fail_copies;

static bool softgpu_param_resets_fail;
module_param_named(resets_fail, softgpu_param_resets_fail, bool, 0644);
MODULE_PARM_DESC(resets_fail, "Resets of engines are never acknowledged (default: no)");

static unsigned int softgpu_param_copy_delay_us;
module_param_named(copy_delay_us, softgpu_param_copy_delay_us, uint, 0644);
MODULE_PARM_DESC(copy_delay_us, "Microseconds that the copy of each 64 KiB takes in addition (default: 0)");

/* Whether they are alive now or not, the engines have to look. */
static int softgpu_set_dead(const char *text, const struct kernel_param *kp)
{
	int ret = param_set_bool(text, kp);

	if (!ret && softgpu_device)
		softgpu_engine_kick_all(softgpu_device);
	return ret;
}

static const struct kernel_param_ops softgpu_dead_ops = {
	.set = softgpu_set_dead,
	.get = param_get_bool,
};

module_param_cb(engines_dead, &softgpu_dead_ops, &softgpu_param_dead, 0644);
__MODULE_PARM_TYPE(engines_dead, "bool");
MODULE_PARM_DESC(engines_dead, "Engines take what is submitted and never run it (default: no)");

module_param_named(die_after, softgpu_param_die_after, int, 0644);
MODULE_PARM_DESC(die_after, "Engines die, as by engines_dead, after so many more commands, counting down (default: 0, never)");

module_param_named(fail_copies, softgpu_param_fail_copies, int, 0644);
MODULE_PARM_DESC(fail_copies, "So many copies from now on end with an error, nothing written; counts down; -1: all (default: 0)");

bool softgpu_engines_dead(void)
{
	return READ_ONCE(softgpu_param_dead);
}

bool softgpu_resets_fail(void)
{
	return READ_ONCE(softgpu_param_resets_fail);
}

/* Engines count together, each with its own lock. Returns what was left before. */
static int softgpu_count_down(int *count)
{
	int old = READ_ONCE(*count);

	do {
		if (old <= 0)
			return old;
	} while (!try_cmpxchg(count, &old, old - 1));
	return old;
}

/**
 * softgpu_count_command - an engine ran a command
 */
void softgpu_count_command(void)
{
	if (softgpu_count_down(&softgpu_param_die_after) != 1)
		return;
	WRITE_ONCE(softgpu_param_dead, true);
	pr_notice("the engines are dead, as was asked for\n");
}

bool softgpu_copy_shall_fail(void)
{
	return softgpu_count_down(&softgpu_param_fail_copies);
}

unsigned int softgpu_copy_delay_us(void)
{
	return READ_ONCE(softgpu_param_copy_delay_us);
}

bool softgpu_is_strict(void)
{
	return READ_ONCE(softgpu_param_strict);
}

/* What is in no table */

static struct softgpu_unknown *softgpu_unknown_find(struct softgpu_unknowns *list,
						    u32 key)
{
	unsigned int i;

	for (i = 0; i < list->num; i++) {
		if (list->entry[i].key == key)
			return &list->entry[i];
	}
	if (list->num == SOFTGPU_MAX_UNKNOWN)
		return NULL;
	list->entry[list->num].key = key;
	return &list->entry[list->num++];
}

/**
 * softgpu_unknown_note - count something that is in no table
 * @gpu: the device
 * @list: registers or commands
 * @key: which one
 * @write: a register was written
 *
 * Returns: whether this is its first time.
 */
bool softgpu_unknown_note(struct softgpu *gpu, struct softgpu_unknowns *list,
			  u32 key, bool write)
{
	struct softgpu_unknown *entry;
	unsigned long flags;
	u32 times = 0;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	entry = softgpu_unknown_find(list, key);
	if (!entry)
		list->lost++;
	else if (write)
		times = ++entry->writes + entry->reads;
	else
		times = ++entry->reads + entry->writes;
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return times == 1;
}

/* The device */

static int softgpu_check_params(void)
{
	if (!softgpu_param_lmem_mb || softgpu_param_bar_mb > softgpu_param_lmem_mb) {
		pr_err("lmem_mb=%u and bar_mb=%u: local memory has to be there, and to fill its BAR\n",
		       softgpu_param_lmem_mb, softgpu_param_bar_mb);
		return -EINVAL;
	}
	if (!softgpu_param_bar_mb)
		softgpu_param_bar_mb = softgpu_param_lmem_mb;
	if (!is_power_of_2(softgpu_param_bar_mb) ||
	    !IS_ALIGNED(softgpu_param_base, (u64)softgpu_param_bar_mb * SZ_1M) ||
	    !IS_ALIGNED(softgpu_param_base, SOFTGPU_BAR0_BYTES)) {
		pr_err("bar_mb=%u, base=%#lx: a BAR is a power of two, and aligned to it; with lmem_mb=%u, choose another bar_mb\n",
		       softgpu_param_bar_mb, softgpu_param_base,
		       softgpu_param_lmem_mb);
		return -EINVAL;
	}
	return 0;
}

static struct softgpu *softgpu_alloc(void)
{
	struct softgpu *gpu = kvzalloc(sizeof(*gpu), GFP_KERNEL);

	if (!gpu)
		return NULL;
	gpu->reg = vzalloc(SOFTGPU_REG_BYTES);
	if (!gpu->reg) {
		kvfree(gpu);
		return NULL;
	}
	raw_spin_lock_init(&gpu->lock);
	gpu->base = softgpu_param_base;
	gpu->lmem_bytes = (u64)softgpu_param_lmem_mb * SZ_1M;
	gpu->bar2_bytes = (u64)softgpu_param_bar_mb * SZ_1M;
	gpu->bar0 = gpu->base + round_up(gpu->lmem_bytes, SOFTGPU_BAR0_BYTES);
	softgpu_engine_init(gpu);
	softgpu_regs_reset(gpu);
	return gpu;
}

static void softgpu_free(struct softgpu *gpu)
{
	vfree(gpu->reg);
	kvfree(gpu);
}

/* From what the driver needs last to what it needs first. */
static int softgpu_bring_up(struct softgpu *gpu)
{
	int ret;

	ret = softgpu_mem_init(gpu);
	if (ret)
		return ret;
	ret = softgpu_irq_init(gpu);
	if (ret)
		goto err_mem;
	ret = softgpu_engine_start(gpu);
	if (ret)
		goto err_irq;
	ret = softgpu_pci_init(gpu);
	if (ret)
		goto err_engine;
	ret = softgpu_trap_init(gpu);
	if (ret)
		goto err_pci;
	return 0;

err_pci:
	pci_dev_put(gpu->pdev);
	softgpu_pci_fini();
err_engine:
	softgpu_engine_stop(gpu);
err_irq:
	softgpu_irq_fini(gpu);
err_mem:
	softgpu_mem_fini(gpu);
	return ret;
}

static void softgpu_tear_down(struct softgpu *gpu)
{
	softgpu_pci_fini();
	pci_dev_put(gpu->pdev);
	softgpu_trap_fini();
	softgpu_engine_stop(gpu);
	softgpu_irq_fini(gpu);
	softgpu_mem_fini(gpu);
}

static int __init softgpu_init(void)
{
	struct softgpu *gpu;
	int ret;

	ret = softgpu_check_params();
	if (ret)
		return ret;
	gpu = softgpu_alloc();
	if (!gpu)
		return -ENOMEM;
	ret = softgpu_bring_up(gpu);
	if (ret) {
		softgpu_free(gpu);
		return ret;
	}
	softgpu_device = gpu;
	softgpu_debugfs_init(gpu);
	pr_info("%u MiB of local memory at %#llx, %u MiB in its BAR\n",
		softgpu_param_lmem_mb, gpu->base, softgpu_param_bar_mb);
	softgpu_pci_add_devices();
	return 0;
}

static void __exit softgpu_exit(void)
{
	struct softgpu *gpu = softgpu_device;

	/* A parameter that is being set may be looking at it. */
	kernel_param_lock(THIS_MODULE);
	softgpu_device = NULL;
	kernel_param_unlock(THIS_MODULE);

	softgpu_debugfs_fini(gpu);
	softgpu_tear_down(gpu);
	softgpu_free(gpu);
}

module_init(softgpu_init);
module_exit(softgpu_exit);

MODULE_DESCRIPTION("Software GPU for the tests of i915");
MODULE_LICENSE("Dual MIT/GPL");
