// SPDX-License-Identifier: MIT
/*
 * The software GPU: what each register does that every engine has.
 *
 * The table is at the end. All of it runs with the engine's lock held.
 */
#include <linux/seq_file.h>

#include "softgpu.h"
#include "softgpu_regs.h"

/**
 * struct softgpu_engine_reg - one register, or several in a row
 * @first: offset of the first one from the engine's base
 * @last: offset of the last one; 0: there is only one
 * @name: as in the driver's headers
 * @expects: what the driver expects
 * @does: what is done
 * @read: value it is read as; NULL: what was written
 * @write: what writing does; NULL: the value is kept
 */
struct softgpu_engine_reg {
	u32 first;
	u32 last;
	const char *name;
	const char *expects;
	const char *does;
	u32 (*read)(struct softgpu_engine *engine, u32 reg);
	void (*write)(struct softgpu_engine *engine, u32 reg, u32 value);
};

#define RING_HEAD		0x034
#define RING_HWS_PGA		0x080
#define RING_EIR		0x0b0
#define RING_MI_MODE		0x09c
#define MODE_STOP		BIT(8)
#define MODE_IDLE		BIT(9)
#define RESET_CTL_REQUEST	BIT(0)
#define RESET_CTL_READY		BIT(1)
#define EXECLIST_CONTROL_LOAD	BIT(0)
#define STATUS_PTR_WRITE	GENMASK(3, 0)
#define TIMESTAMP_UDW		0x35c
#define ACTHD_UDW		0x05c
#define BBADDR_UDW		0x168
#define STATUS_HI		0x238

static u32 softgpu_read_tail(struct softgpu_engine *engine, u32 reg)
{
	return engine->running ?
	       READ_ONCE(engine->ctx.image[SOFTGPU_IMAGE_TAIL]) : 0;
}

static u32 softgpu_read_head(struct softgpu_engine *engine, u32 reg)
{
	return engine->running ? engine->ctx.pc[0].addr : 0;
}

static u32 softgpu_read_start(struct softgpu_engine *engine, u32 reg)
{
	return engine->running ? engine->ctx.ring : 0;
}

static u32 softgpu_read_ctl(struct softgpu_engine *engine, u32 reg)
{
	return engine->running ? (engine->ctx.ring_bytes - PAGE_SIZE) | 1 : 0;
}

static u32 softgpu_read_acthd(struct softgpu_engine *engine, u32 reg)
{
	u64 addr = engine->running ? engine->ctx.pc[engine->ctx.level].addr : 0;

	return reg == ACTHD_UDW || reg == BBADDR_UDW ? upper_32_bits(addr) :
						       lower_32_bits(addr);
}

static u32 softgpu_read_command(struct softgpu_engine *engine, u32 reg)
{
	return engine->dword0;
}

static u32 softgpu_read_mode(struct softgpu_engine *engine, u32 reg)
{
	u32 mode = engine->stopped ? MODE_STOP : 0;

	return mode | (engine->stopped || softgpu_engine_idle(engine) ?
		       MODE_IDLE : 0);
}

static void softgpu_write_mode(struct softgpu_engine *engine, u32 reg,
			       u32 value)
{
	engine->stopped = softgpu_masked(engine->stopped ? MODE_STOP : 0,
					 value) & MODE_STOP;
	softgpu_engine_kick(engine);
}

static u32 softgpu_read_reset_ctl(struct softgpu_engine *engine, u32 reg)
{
	return engine->reset_ready ? RESET_CTL_REQUEST | RESET_CTL_READY : 0;
}

/* A pause between commands is what the engine makes ready for a reset. */
static void softgpu_write_reset_ctl(struct softgpu_engine *engine, u32 reg,
				    u32 value)
{
	engine->reset_ready = !softgpu_resets_fail() &&
			      softgpu_masked(engine->reset_ready, value) &
			      RESET_CTL_REQUEST;
	softgpu_engine_kick(engine);
}

static void softgpu_write_eir(struct softgpu_engine *engine, u32 reg, u32 value)
{
	u32 offset = engine->info->base + reg;

	softgpu_write_1_clears(engine->gpu, offset, value);
}

static void softgpu_write_submit(struct softgpu_engine *engine, u32 reg,
				 u32 value)
{
	if (value & EXECLIST_CONTROL_LOAD)
		softgpu_engine_submit(engine);
}

static u32 softgpu_read_status(struct softgpu_engine *engine, u32 reg)
{
	if (!engine->running)
		return 0;
	return reg == STATUS_HI ? engine->ctx.desc :
				  engine->ports[engine->port].lo;
}

static u32 softgpu_read_status_ptr(struct softgpu_engine *engine, u32 reg)
{
	return engine->csb_write;
}

static void softgpu_write_status_ptr(struct softgpu_engine *engine, u32 reg,
				     u32 value)
{
	engine->csb_write = softgpu_masked(engine->csb_write, value) &
			    STATUS_PTR_WRITE;
}

static u32 softgpu_read_zero(struct softgpu_engine *engine, u32 reg)
{
	return 0;
}

static u32 softgpu_read_timestamp(struct softgpu_engine *engine, u32 reg)
{
	return reg == TIMESTAMP_UDW ? 0 : softgpu_ticks();
}

static u32 softgpu_read_ctx_timestamp(struct softgpu_engine *engine, u32 reg)
{
	return engine->running ? softgpu_context_ticks(engine) : 0;
}

/* Counters: a load of an old value would turn time back, and has no effect. */
static void softgpu_write_ignored(struct softgpu_engine *engine, u32 reg,
				  u32 value)
{
}

static u32 softgpu_read_gpr(struct softgpu_engine *engine, u32 reg)
{
	return engine->ctx.gpr[(reg - 0x600) / sizeof(u32)];
}

static void softgpu_write_gpr(struct softgpu_engine *engine, u32 reg, u32 value)
{
	engine->ctx.gpr[(reg - 0x600) / sizeof(u32)] = value;
}

/* The engines' table */

#define NOTHING(first, last, name, meaning) \
	REGS(first, last, name, .expects = meaning, .does = "always 0", \
	     .read = softgpu_read_zero, .write = softgpu_write_ignored)

static const struct softgpu_engine_reg softgpu_engine_regs[] = {
	/* Submission */
	REGS(0x510, 0x54c, "RING_EXECLIST_SQ_CONTENTS",
	     .expects = "descriptors of the contexts to run", .does = "kept"),
	REG(0x550, "RING_EXECLIST_CONTROL", .expects = "loads the queue",
	    .does = "the engine takes the queue up when it next may",
	    .write = softgpu_write_submit),
	REGS(0x234, STATUS_HI, "RING_EXECLIST_STATUS",
	     .expects = "descriptor of the context that runs",
	     .does = "as expected; 0 when idle", .read = softgpu_read_status),
	REG(0x3a0, "RING_CONTEXT_STATUS_PTR",
	    .expects = "last entry of the status buffer that was written; may be set",
	    .does = "as expected", .read = softgpu_read_status_ptr,
	    .write = softgpu_write_status_ptr),
	REG(RING_HWS_PGA, "RING_HWS_PGA", .expects = "address of the status page",
	    .does = "the status buffer is written there"),

	/* Where it is */
	REG(0x030, "RING_TAIL", .expects = "of the context that runs",
	    .does = "from its image", .read = softgpu_read_tail),
	REG(RING_HEAD, "RING_HEAD", .expects = "of the context that runs",
	    .does = "as expected", .read = softgpu_read_head),
	REG(0x038, "RING_START", .expects = "of the context that runs",
	    .does = "as expected", .read = softgpu_read_start),
	REG(0x03c, "RING_CTL", .expects = "of the context that runs",
	    .does = "as expected", .read = softgpu_read_ctl),
	REG(0x074, "RING_ACTHD", .expects = "address of the command that runs",
	    .does = "as expected", .read = softgpu_read_acthd),
	REG(ACTHD_UDW, "RING_ACTHD_UDW", .expects = "upper half of it",
	    .does = "as expected", .read = softgpu_read_acthd),
	REG(0x140, "RING_BBADDR", .expects = "address in the batch",
	    .does = "as RING_ACTHD", .read = softgpu_read_acthd),
	REG(BBADDR_UDW, "RING_BBADDR_UDW", .expects = "upper half of it",
	    .does = "as expected", .read = softgpu_read_acthd),
	REG(0x068, "RING_IPEHR", .expects = "the command that runs",
	    .does = "its first word", .read = softgpu_read_command),

	/* What a report of an error says besides */
	NOTHING(0x060, 0x060, "RING_DMA_FADD_UDW", "address being fetched"),
	NOTHING(0x06c, 0x070, "RING_INSTDONE, RING_INSTPS", "units at work"),
	NOTHING(0x078, 0x078, "RING_DMA_FADD", "address being fetched"),
	NOTHING(0x094, 0x094, "RING_NOPID", "identification of a MI_NOOP"),
	NOTHING(0x110, 0x110, "RING_BBSTATE", "address space of the batch"),
	NOTHING(0x180, 0x180, "CCID", "the context, with an older kind of submission"),
	NOTHING(0x20c, 0x20c, "RING_CSCMDOP", "the command, decoded"),
	NOTHING(0x270, 0x28c, "GEN8_RING_PDP", "page tables of the context"),
	NOTHING(0x348, 0x354, "PS_INVOCATION_COUNT, PS_DEPTH_COUNT",
		"counts what shaders did; read-only to batches"),

	/* Stop, reset, errors */
	REG(RING_MI_MODE, "RING_MI_MODE", .expects = "stop, and idle when stopped",
	    .does = "stops between commands", .read = softgpu_read_mode,
	    .write = softgpu_write_mode),
	REG(0x0d0, "RING_RESET_CTL", .expects = "ready soon after a reset is requested",
	    .does = "ready at once", .read = softgpu_read_reset_ctl,
	    .write = softgpu_write_reset_ctl),
	REG(RING_EIR, "RING_EIR", .expects = "errors; written 1 to clear",
	    .does = "bit 0: a command ended with an error",
	    .write = softgpu_write_eir),
	REGS(0x0b4, 0x0b8, "RING_EMR, RING_ESR", .expects = "mask and state of errors",
	     .does = "kept"),

	/* Settings */
	SETTINGS(0x024, 0x028, "PGTBL_ER, RING_EXCC"),
	SETTINGS(0x050, 0x054, "RING_PSMI_CTL, RING_MAX_IDLE"),
	REG(0x064, "RING_IPEIR", .expects = "the error's instruction; written 0",
	    .does = "kept"),
	SETTINGS(0x084, 0x084, "RING_CMD_BUF_CCTL"),
	SETTINGS(0x098, 0x098, "RING_HWSTAM"),
	SETTINGS(0x0a0, 0x0ac, "RING_IMR, GEN7_FF_THREAD_MODE"),
	SETTINGS(0x0c0, 0x0c4, "RING_INSTPM, RING_CMD_CCTL"),
	SETTINGS(0x0d4, 0x0fc, "GEN7_FF_SLICE_CS_CHICKEN1, CS_DEBUG_MODE"),
	SETTINGS(0x204, 0x204, "BCS_SWCTRL"),
	SETTINGS(0x244, 0x244, "RING_CONTEXT_CONTROL"),
	SETTINGS(0x29c, 0x29c, "RING_MODE_GEN7"),
	SETTINGS(0x4d0, 0x4fc, "RING_FORCE_TO_NONPRIV"),
	SETTINGS(0x580, 0x5fc, "GEN8_CS_CHICKEN1 and others"),

	/* Clocks and arithmetic */
	REGS(0x358, TIMESTAMP_UDW, "RING_TIMESTAMP", .expects = "counts",
	     .does = "3 ticks per microsecond", .read = softgpu_read_timestamp,
	     .write = softgpu_write_ignored),
	REG(0x3a8, "RING_CTX_TIMESTAMP", .expects = "counts while the context runs",
	    .does = "as expected", .read = softgpu_read_ctx_timestamp,
	    .write = softgpu_write_ignored),
	REGS(0x600, 0x67c, "GEN8_RING_CS_GPR", .expects = "belong to the context",
	     .does = "kept in the context's image", .read = softgpu_read_gpr,
	     .write = softgpu_write_gpr),
};

static const struct softgpu_engine_reg *softgpu_engine_reg_find(u32 reg)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(softgpu_engine_regs); i++) {
		if (softgpu_reg_is(softgpu_engine_regs[i].first,
				   softgpu_engine_regs[i].last, reg))
			return &softgpu_engine_regs[i];
	}
	return NULL;
}

/* Accesses */

u32 softgpu_engine_reg_read(struct softgpu_engine *engine, u32 offset)
{
	u32 reg = offset - engine->info->base;
	const struct softgpu_engine_reg *entry = softgpu_engine_reg_find(reg);

	lockdep_assert_held(&engine->lock);

	if (!entry)
		softgpu_reg_unknown(engine->gpu, offset, false);
	return entry && entry->read ? entry->read(engine, reg) :
				      softgpu_plain_read(engine->gpu, offset);
}

void softgpu_engine_reg_write(struct softgpu_engine *engine, u32 offset,
			      u32 value)
{
	u32 reg = offset - engine->info->base;
	const struct softgpu_engine_reg *entry = softgpu_engine_reg_find(reg);

	lockdep_assert_held(&engine->lock);

	if (!entry)
		softgpu_reg_unknown(engine->gpu, offset, true);
	if (entry && entry->write)
		entry->write(engine, reg, value);
	else
		softgpu_plain_write(engine->gpu, offset, value);
}

void softgpu_engine_regs_show(struct seq_file *m)
{
	const struct softgpu_engine_reg *reg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(softgpu_engine_regs); i++) {
		reg = &softgpu_engine_regs[i];
		softgpu_regs_show_entry(m, "engine + ", reg->first, reg->last,
					reg->name, reg->expects, reg->does);
	}
}
