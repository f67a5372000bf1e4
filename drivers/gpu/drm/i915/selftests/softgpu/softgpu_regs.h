/* SPDX-License-Identifier: MIT */
/*
 * The software GPU: what the tables of registers have in common.
 */
#ifndef _SOFTGPU_REGS_H_
#define _SOFTGPU_REGS_H_

#include <linux/types.h>

struct seq_file;
struct softgpu;
struct softgpu_engine;

#define REGS(first_, last_, name_, ...) \
	{ .first = (first_), .last = (last_), .name = (name_), __VA_ARGS__ }
#define REG(offset, name, ...) REGS(offset, 0, name, __VA_ARGS__)

/* Settings that change nothing here. */
#define SETTINGS(first, last, name) \
	REGS(first, last, name, .expects = "a setting, read back to verify it", \
	     .does = "kept")

/* Masked registers: the upper half says which bits of the lower half are meant. */
static inline u32 softgpu_masked(u32 old, u32 value)
{
	u32 mask = value >> 16;

	return (old & ~mask & 0xffff) | (value & mask);
}

static inline bool softgpu_reg_is(u32 first, u32 last, u32 offset)
{
	return offset == first || (offset > first && offset <= last);
}

void softgpu_reg_unknown(struct softgpu *gpu, u32 offset, bool write);
void softgpu_write_1_clears(struct softgpu *gpu, u32 offset, u32 value);
void softgpu_regs_show_entry(struct seq_file *m, const char *base, u32 first,
			     u32 last, const char *name, const char *expects,
			     const char *does);

/* engine_regs */

u32 softgpu_engine_reg_read(struct softgpu_engine *engine, u32 offset);
void softgpu_engine_reg_write(struct softgpu_engine *engine, u32 offset,
			      u32 value);
void softgpu_engine_regs_show(struct seq_file *m);

#endif
