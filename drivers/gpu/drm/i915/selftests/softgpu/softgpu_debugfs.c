// SPDX-License-Identifier: MIT
/*
 * The software GPU: what it did, and what it does not know, in debugfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "softgpu.h"

static void softgpu_show_engine(struct seq_file *m,
				struct softgpu_engine *engine)
{
	struct softgpu_engine_stats stats;

	raw_spin_lock_irq(&engine->lock);
	stats = engine->stats;
	raw_spin_unlock_irq(&engine->lock);

	seq_printf(m, "%s submits: %llu\n", engine->info->name, stats.submits);
	seq_printf(m, "%s preemptions: %llu\n", engine->info->name,
		   stats.preemptions);
	seq_printf(m, "%s commands: %llu\n", engine->info->name, stats.commands);
	seq_printf(m, "%s copies: %llu\n", engine->info->name, stats.copies);
	seq_printf(m, "%s fills: %llu\n", engine->info->name, stats.fills);
	seq_printf(m, "%s bytes: %llu\n", engine->info->name, stats.bytes);
	seq_printf(m, "%s resets: %llu\n", engine->info->name, stats.resets);
	seq_printf(m, "%s errors: %llu\n", engine->info->name, stats.errors);
	seq_printf(m, "%s faults: %llu\n", engine->info->name, stats.faults);
	seq_printf(m, "%s unknown commands: %llu\n", engine->info->name,
		   stats.unknown);
}

static int softgpu_stats_show(struct seq_file *m, void *unused)
{
	struct softgpu *gpu = m->private;
	unsigned int i;

	seq_printf(m, "register accesses: %lld\n", atomic64_read(&gpu->traps));
	seq_printf(m, "interrupts: %llu\n", READ_ONCE(gpu->irq.raised));
	seq_printf(m, "engines dead: %d\n", softgpu_engines_dead());
	for (i = 0; i < SOFTGPU_ENGINES; i++)
		softgpu_show_engine(m, &gpu->engine[i]);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(softgpu_stats);

static int softgpu_registers_show(struct seq_file *m, void *unused)
{
	softgpu_regs_show(m);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(softgpu_registers);

static struct softgpu_unknown softgpu_unknown_get(struct softgpu *gpu,
						  struct softgpu_unknowns *list,
						  unsigned int i)
{
	struct softgpu_unknown entry;

	raw_spin_lock_irq(&gpu->lock);
	entry = list->entry[i];
	raw_spin_unlock_irq(&gpu->lock);
	return entry;
}

static int softgpu_unknown_registers_show(struct seq_file *m, void *unused)
{
	struct softgpu *gpu = m->private;
	struct softgpu_unknowns *list = &gpu->unknown_regs;
	struct softgpu_unknown entry;
	unsigned int i;

	for (i = 0; i < READ_ONCE(list->num); i++) {
		entry = softgpu_unknown_get(gpu, list, i);
		seq_printf(m, "%#08x read %u written %u\n", entry.key,
			   entry.reads, entry.writes);
	}
	seq_printf(m, "others: %llu\n", READ_ONCE(list->lost));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(softgpu_unknown_registers);

static int softgpu_unknown_commands_show(struct seq_file *m, void *unused)
{
	struct softgpu *gpu = m->private;
	struct softgpu_unknowns *list = &gpu->unknown_commands;
	struct softgpu_unknown entry;
	unsigned int i;

	for (i = 0; i < READ_ONCE(list->num); i++) {
		entry = softgpu_unknown_get(gpu, list, i);
		seq_printf(m, "%08x run %u\n", entry.key, entry.reads);
	}
	seq_printf(m, "others: %llu\n", READ_ONCE(list->lost));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(softgpu_unknown_commands);

static const struct {
	const char *name;
	const struct file_operations *fops;
} softgpu_debugfs_files[] = {
	{ "stats", &softgpu_stats_fops },
	{ "registers", &softgpu_registers_fops },
	{ "unknown_registers", &softgpu_unknown_registers_fops },
	{ "unknown_commands", &softgpu_unknown_commands_fops },
};

void softgpu_debugfs_init(struct softgpu *gpu)
{
	unsigned int i;

	gpu->debugfs = debugfs_create_dir("i915_softgpu", NULL);
	for (i = 0; i < ARRAY_SIZE(softgpu_debugfs_files); i++)
		debugfs_create_file(softgpu_debugfs_files[i].name, 0444,
				    gpu->debugfs, gpu,
				    softgpu_debugfs_files[i].fops);
}

void softgpu_debugfs_fini(struct softgpu *gpu)
{
	debugfs_remove_recursive(gpu->debugfs);
}
