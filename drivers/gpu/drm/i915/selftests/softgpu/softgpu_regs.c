// SPDX-License-Identifier: MIT
/*
 * The software GPU: what each register does.
 *
 * Two tables, one of the device's registers here and one of those that every engine has
 * in softgpu_engine_regs.c, say for each register what the driver expects of it and what
 * is done. Names are those of the driver's headers. A register that is in neither table
 * keeps what is written to it like a plain one, but is reported.
 */
#include <linux/seq_file.h>

#include "softgpu.h"
#include "softgpu_regs.h"

#define ENGINE_BYTES		0x1000	/* of registers per engine */

u32 softgpu_plain_read(struct softgpu *gpu, u32 offset)
{
	return READ_ONCE(gpu->reg[offset / sizeof(u32)]);
}

void softgpu_plain_write(struct softgpu *gpu, u32 offset, u32 value)
{
	WRITE_ONCE(gpu->reg[offset / sizeof(u32)], value);
}

/**
 * struct softgpu_reg - one register, or several in a row
 * @first: offset of the first one
 * @last: offset of the last one; 0: there is only one
 * @name: as in the driver's headers
 * @expects: what the driver expects
 * @does: what is done
 * @reset: value after a reset
 * @read: value it is read as; NULL: what was written
 * @write: what writing does; NULL: the value is kept
 * @constant: keeps its value whatever is written
 * @nests: takes locks of its own, gpu->lock is not held
 */
struct softgpu_reg {
	u32 first;
	u32 last;
	const char *name;
	const char *expects;
	const char *does;
	u32 reset;
	u32 (*read)(struct softgpu *gpu, u32 offset);
	void (*write)(struct softgpu *gpu, u32 offset, u32 value);
	bool constant;
	bool nests;
};

/* Power */

/* A domain's request, and where it is acknowledged. */
static const struct {
	u32 request;
	u32 ack;
} softgpu_forcewake[] = {
	{ 0xa188, 0x130044 },				/* GT */
	{ 0xa278, 0x0d84 },				/* render */
	{ 0xa540, 0x0d50 }, { 0xa544, 0x0d54 },		/* video decoders */
	{ 0xa548, 0x0d58 }, { 0xa54c, 0x0d5c },
	{ 0xa550, 0x0d60 }, { 0xa554, 0x0d64 },
	{ 0xa558, 0x0d68 }, { 0xa55c, 0x0d6c },
	{ 0xa560, 0x0d70 }, { 0xa564, 0x0d74 },		/* video enhancers */
	{ 0xa568, 0x0d78 }, { 0xa56c, 0x0d7c },
};

static void softgpu_write_forcewake(struct softgpu *gpu, u32 offset, u32 value)
{
	unsigned int i;
	u32 ack;

	for (i = 0; i < ARRAY_SIZE(softgpu_forcewake); i++) {
		if (softgpu_forcewake[i].request != offset)
			continue;
		ack = softgpu_forcewake[i].ack;
		softgpu_plain_write(gpu, ack,
				    softgpu_masked(softgpu_plain_read(gpu, ack),
						   value));
	}
}

#define PCODE_MAILBOX		0x138124
#define PCODE_DATA		0x138128
#define PCODE_READY		BIT(31)
#define PCODE_COMMAND		GENMASK(7, 0)
#define PCODE_ILLEGAL		1
#define PCODE_DG1_STATUS	0x7e
#define PCODE_DG1_INIT_DONE	1

static void softgpu_write_pcode(struct softgpu *gpu, u32 offset, u32 value)
{
	u32 result = 0;

	if (value & PCODE_READY) {
		if ((value & PCODE_COMMAND) == PCODE_DG1_STATUS)
			softgpu_plain_write(gpu, PCODE_DATA,
					    PCODE_DG1_INIT_DONE);
		else
			result = PCODE_ILLEGAL;
		value = (value & ~(PCODE_READY | PCODE_COMMAND)) | result;
	}
	softgpu_plain_write(gpu, offset, value);
}

/* Reset */

#define GDRST			0x941c
#define RESET_FULL		BIT(0)

static void softgpu_reset_engines(struct softgpu *gpu, u32 bits)
{
	struct softgpu_engine *engine;
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		engine = &gpu->engine[i];
		if (!(bits & (RESET_FULL | engine->info->reset_bit)))
			continue;
		raw_spin_lock_irqsave(&engine->lock, flags);
		softgpu_engine_reset(engine);
		raw_spin_unlock_irqrestore(&engine->lock, flags);
	}
}

/* A reset that fails leaves its bits set; at rest the engines are anyway. */
static void softgpu_write_reset(struct softgpu *gpu, u32 offset, u32 value)
{
	softgpu_reset_engines(gpu, value);
	softgpu_plain_write(gpu, offset, softgpu_resets_fail() ? value : 0);
}

#define DEBUG_FLR_STATUS	BIT(31)
#define GU_DEBUG		0x101018
#define CNTL_FLR		BIT(31)
#define CNTL_LMEM_INIT		BIT(7)

/* A function-level reset: it forgets everything, and says so. */
static void softgpu_write_cntl(struct softgpu *gpu, u32 offset, u32 value)
{
	if (!(value & CNTL_FLR))
		return;
	softgpu_reset_engines(gpu, RESET_FULL);
	softgpu_regs_reset(gpu);
	softgpu_plain_write(gpu, GU_DEBUG, DEBUG_FLR_STATUS);
}

void softgpu_write_1_clears(struct softgpu *gpu, u32 offset, u32 value)
{
	softgpu_plain_write(gpu, offset,
			    softgpu_plain_read(gpu, offset) & ~value);
}

static void softgpu_write_nothing(struct softgpu *gpu, u32 offset, u32 value)
{
}

static u32 softgpu_read_zero(struct softgpu *gpu, u32 offset)
{
	return 0;
}

/* Local memory */

static u32 softgpu_read_lmem_end(struct softgpu *gpu, u32 offset)
{
	return offset & 4 ? upper_32_bits(gpu->lmem_bytes) :
			    lower_32_bits(gpu->lmem_bytes);
}

/* Interrupts */

static u32 softgpu_read_irq_master(struct softgpu *gpu, u32 offset)
{
	return softgpu_irq_master_read(gpu);
}

static void softgpu_write_irq_master(struct softgpu *gpu, u32 offset, u32 value)
{
	softgpu_irq_master_write(gpu, value);
}

static u32 softgpu_read_irq_words(struct softgpu *gpu, u32 offset)
{
	return softgpu_irq_words_read(gpu);
}

static u32 softgpu_read_irq_word(struct softgpu *gpu, u32 offset)
{
	return softgpu_irq_word_read(gpu);
}

static void softgpu_write_irq_select(struct softgpu *gpu, u32 offset, u32 value)
{
	softgpu_irq_select(gpu, value);
}

static u32 softgpu_read_irq_identity(struct softgpu *gpu, u32 offset)
{
	return softgpu_irq_identity_read(gpu);
}

static void softgpu_write_irq_identity(struct softgpu *gpu, u32 offset,
				       u32 value)
{
	softgpu_irq_identity_write(gpu, value);
}

/* The device's table */

#define FORCEWAKE(first, last, name) \
	REGS(first, last, name, \
	     .expects = "bits to keep a power domain awake, acknowledged elsewhere", \
	     .does = "acknowledged at once", .write = softgpu_write_forcewake)

#define FORCEWAKE_ACK(first, last, name) \
	REGS(first, last, name, .expects = "the request's bits", \
	     .does = "set by the request", .constant = true)

#define INVALIDATE(first, last, name) \
	REGS(first, last, name, .expects = "clears itself when done", \
	     .does = "nothing is cached: done at once", \
	     .read = softgpu_read_zero, .write = softgpu_write_nothing)

#define CONSTANT(offset, name, value, meaning) \
	REG(offset, name, .expects = meaning, .does = "constant", \
	    .reset = (value), .constant = true)

#define NOTHING(first, last, name, meaning) \
	REGS(first, last, name, .expects = meaning, .does = "always 0", \
	     .read = softgpu_read_zero, .write = softgpu_write_nothing)

static const struct softgpu_reg softgpu_regs[] = {
	/* Power */
	FORCEWAKE(0xa188, 0xa188, "FORCEWAKE_GT"),
	FORCEWAKE(0xa278, 0xa278, "FORCEWAKE_RENDER"),
	FORCEWAKE(0xa540, 0xa55c, "FORCEWAKE_MEDIA_VDBOX"),
	FORCEWAKE(0xa560, 0xa56c, "FORCEWAKE_MEDIA_VEBOX"),
	FORCEWAKE_ACK(0x130044, 0x130044, "FORCEWAKE_ACK_GT"),
	FORCEWAKE_ACK(0x0d84, 0x0d84, "FORCEWAKE_ACK_RENDER"),
	FORCEWAKE_ACK(0x0d50, 0x0d6c, "FORCEWAKE_ACK_MEDIA_VDBOX"),
	FORCEWAKE_ACK(0x0d70, 0x0d7c, "FORCEWAKE_ACK_MEDIA_VEBOX"),
	REG(PCODE_MAILBOX, "PCODE_MAILBOX",
	    .expects = "READY clears with a result; at probe: initialisation is done",
	    .does = "that one command succeeds, all others are illegal",
	    .write = softgpu_write_pcode),
	REGS(PCODE_DATA, 0x13812c, "PCODE_DATA", .expects = "the command's result",
	     .does = "kept"),

	/* What there is */
	CONSTANT(0x0d00, "RPM_CONFIG0", 0,
		 "crystal of 24 MHz, command streamers count every 8th tick"),
	CONSTANT(0xa26c, "CTC_MODE", 0, "count the crystal's ticks"),
	CONSTANT(0x9118, "GEN10_MIRROR_FUSE3", 0, "no L3 bank is fused off"),
	CONSTANT(0x9134, "GEN11_EU_DISABLE", 0, "all execution units are there"),
	CONSTANT(0x9138, "GEN11_GT_SLICE_ENABLE", BIT(0), "one slice"),
	CONSTANT(0x913c, "GEN12_GT_GEOMETRY_DSS_ENABLE", 0x3f, "six subslices"),
	CONSTANT(0x9140, "GEN11_GT_VEBOX_VDBOX_DISABLE", 0x000f00ff,
		 "no media engines"),
	CONSTANT(0x10100c, "GU_CNTL_PROTECTED", 0, "no display"),
	CONSTANT(0x120010, "HSW_EDRAM_CAP", 0, "no embedded memory"),
	NOTHING(0x78000, 0x78ffc, "VGT_PVINFO", "no hypervisor of Intel's"),
	NOTHING(0x42300, 0x42300, "FPGA_DBG", "no access went astray"),
	NOTHING(0xcec4, 0xcec4, "GEN12_RING_FAULT_REG", "no page fault"),
	NOTHING(0xceb8, 0xcebc, "GEN12_FAULT_TLB_DATA", "address of a page fault"),
	NOTHING(0x43f4, 0x43f4, "AUX_ERR_DBG", "no error in auxiliary tables"),
	NOTHING(0xcf68, 0xcf68, "GEN12_GAM_DONE", "state of the memory arbiter"),
	NOTHING(0xc3e8, 0xc3e8, "GUCPMTIMESTAMP", "clock of the microcontroller"),
	NOTHING(0x4446c, 0x4446c, "GEN8_DE_MISC_IER", "no display"),
	NOTHING(0x8000, 0x8010, "MSG_IDLE_*", "no engine has to be waited for"),
	NOTHING(0x138108, 0x138148, "GEN6_GT_GFX_RC6 and power counters",
		"time spent asleep: none"),
	NOTHING(0x145800, 0x145ffc, "GEN6_RP_STATE_CAP and others of the MCHBAR",
		"no frequencies to choose from"),
	REGS(0x108100, 0x108104, "GEN6_GSMBASE", .expects = "end of local memory",
	     .does = "constant", .read = softgpu_read_lmem_end, .constant = true),
	REGS(0x1080c0, 0x1080c4, "GEN6_DSMBASE",
	     .expects = "start of stolen memory, at the end of local memory: none",
	     .does = "constant", .read = softgpu_read_lmem_end, .constant = true),
	CONSTANT(0xc000, "GUC_STATUS", BIT(0), "the microcontroller is in reset"),

	/* Reset */
	REG(GDRST, "GEN6_GDRST", .expects = "engines' bits clear when they are reset",
	    .does = "they are at rest before the write returns",
	    .write = softgpu_write_reset, .nests = true),
	REG(0x101010, "GU_CNTL",
	    .expects = "local memory is there; a reset clears its bit when done",
	    .does = "all registers and engines are reset at once",
	    .reset = CNTL_LMEM_INIT, .write = softgpu_write_cntl, .nests = true),
	REG(GU_DEBUG, "GU_DEBUG", .expects = "the function was reset; written 1 to clear",
	    .does = "as expected", .write = softgpu_write_1_clears),
	INVALIDATE(0xced8, 0xceec, "GEN12_*_TLB_INV_CR"),
	INVALIDATE(0xcf04, 0xcf04, "GEN12_COMPCTX_TLB_INV_CR"),
	INVALIDATE(0x4208, 0x42a8, "GEN12_*_AUX_INV"),

	/* Interrupts */
	REG(0x190008, "DG1_MSTR_TILE_INTR",
	    .expects = "masked when written 0; read: tiles with interrupts",
	    .does = "as expected; interrupts when anything is pending then",
	    .read = softgpu_read_irq_master, .write = softgpu_write_irq_master),
	REG(0x190010, "GEN11_GFX_MSTR_IRQ", .expects = "words with interrupts; written 1 to clear",
	    .does = "follows what is pending", .read = softgpu_read_irq_words,
	    .write = softgpu_write_nothing),
	REG(0x190018, "GEN11_GT_INTR_DW0", .expects = "engines with interrupts; written 1 to clear",
	    .does = "follows what is pending", .read = softgpu_read_irq_word,
	    .write = softgpu_write_nothing),
	REG(0x19001c, "GEN11_GT_INTR_DW1", .expects = "media engines and others",
	    .does = "there are none", .read = softgpu_read_zero,
	    .write = softgpu_write_nothing),
	REG(0x190060, "GEN11_INTR_IDENTITY_REG0",
	    .expects = "valid when an engine was selected: its class and bits; written 1 to clear",
	    .does = "as expected", .read = softgpu_read_irq_identity,
	    .write = softgpu_write_irq_identity),
	REG(0x190070, "GEN11_IIR_REG_SELECTOR0", .expects = "selects the engine to hear",
	    .does = "what it has pending moves to the identity",
	    .write = softgpu_write_irq_select),
	SETTINGS(0x190030, 0x190048, "GEN11_*_INTR_ENABLE"),
	SETTINGS(0x190090, 0x190104, "GEN11_*_INTR_MASK"),
	REGS(0x444e0, 0x444ec, "GEN8_PCU_ISR to IER", .expects = "nothing pending",
	     .does = "kept; nothing is ever pending", .read = softgpu_read_zero),
	REGS(0x444f0, 0x444fc, "GEN11_GU_MISC_ISR to IER",
	     .expects = "nothing pending", .does = "kept; nothing is ever pending",
	     .read = softgpu_read_zero),

	/* Settings */
	SETTINGS(0x0fdc, 0x0fdc, "GEN8_MCR_SELECTOR"),
	SETTINGS(0x4000, 0x41fc, "GLOBAL_MOCS and memory arbiter"),
	SETTINGS(0x4800, 0x481c, "GEN12_PAT_INDEX"),
	SETTINGS(0x6000, 0x7ffc, "3D pipeline"),
	SETTINGS(0x9400, 0x9418, "GEN6_UCGCTL, clock gating"),
	SETTINGS(0x9420, 0x97fc, "clock gating"),
	SETTINGS(0xa000, 0xa184, "GEN6_RC_*, GEN6_RP_*, GEN6_PMINTRMSK"),
	SETTINGS(0xa190, 0xa268, "GEN9_PG_ENABLE and other power gating"),
	SETTINGS(0xb000, 0xb1fc, "GEN8_GARBCNTL, GEN9_LNCFCMOCS, L3"),
	SETTINGS(0xc050, 0xc050, "GUC_WOPCM_SIZE"),
	SETTINGS(0xc340, 0xc340, "DMA_GUC_WOPCM_OFFSET"),
	SETTINGS(0xc3e4, 0xc3e4, "GUC_ARAT_C6DIS"),
	SETTINGS(0xe000, 0xe7fc, "sampler and execution units"),
};

static const struct softgpu_reg *softgpu_reg_find(u32 offset)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(softgpu_regs); i++) {
		if (softgpu_reg_is(softgpu_regs[i].first, softgpu_regs[i].last,
				   offset))
			return &softgpu_regs[i];
	}
	return NULL;
}

/* Accesses */

void softgpu_reg_unknown(struct softgpu *gpu, u32 offset, bool write)
{
	if (softgpu_unknown_note(gpu, &gpu->unknown_regs, offset, write))
		dev_notice_ratelimited(&gpu->pdev->dev,
				       "register %#x is not known, %s\n",
				       offset, write ? "written" : "read");
}

static struct softgpu_engine *softgpu_regs_owner(struct softgpu *gpu, u32 offset)
{
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		if (offset - gpu->engine[i].info->base < ENGINE_BYTES)
			return &gpu->engine[i];
	}
	return NULL;
}

static u32 softgpu_reg_read(struct softgpu *gpu, u32 offset)
{
	const struct softgpu_reg *entry = softgpu_reg_find(offset);
	unsigned long flags;
	u32 value;

	if (!entry)
		softgpu_reg_unknown(gpu, offset, false);
	if (!entry || !entry->read)
		return softgpu_plain_read(gpu, offset);

	raw_spin_lock_irqsave(&gpu->lock, flags);
	value = entry->read(gpu, offset);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
	return value;
}

static void softgpu_reg_write(struct softgpu *gpu, u32 offset, u32 value)
{
	const struct softgpu_reg *entry = softgpu_reg_find(offset);
	unsigned long flags;

	if (!entry)
		softgpu_reg_unknown(gpu, offset, true);
	if (entry && entry->constant)
		return;
	if (!entry || !entry->write) {
		softgpu_plain_write(gpu, offset, value);
		return;
	}
	if (entry->nests) {
		entry->write(gpu, offset, value);
		return;
	}
	raw_spin_lock_irqsave(&gpu->lock, flags);
	entry->write(gpu, offset, value);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

/**
 * softgpu_mmio_read - read a register, from any context that holds no lock of ours
 * @gpu: the device
 * @offset: the register
 *
 * Returns: its value.
 */
u32 softgpu_mmio_read(struct softgpu *gpu, u32 offset)
{
	struct softgpu_engine *engine = softgpu_regs_owner(gpu, offset);
	unsigned long flags;
	u32 value;

	if (offset >= SOFTGPU_REG_BYTES)
		return 0;
	if (!engine)
		return softgpu_reg_read(gpu, offset);

	raw_spin_lock_irqsave(&engine->lock, flags);
	value = softgpu_engine_reg_read(engine, offset);
	raw_spin_unlock_irqrestore(&engine->lock, flags);
	return value;
}

/**
 * softgpu_mmio_write - write a register, from any context that holds no lock of ours
 * @gpu: the device
 * @offset: the register
 * @value: what to write
 */
void softgpu_mmio_write(struct softgpu *gpu, u32 offset, u32 value)
{
	struct softgpu_engine *engine = softgpu_regs_owner(gpu, offset);
	unsigned long flags;

	if (offset >= SOFTGPU_REG_BYTES)
		return;
	if (!engine) {
		softgpu_reg_write(gpu, offset, value);
		return;
	}
	raw_spin_lock_irqsave(&engine->lock, flags);
	softgpu_engine_reg_write(engine, offset, value);
	raw_spin_unlock_irqrestore(&engine->lock, flags);
}

/* The engine's own registers, or those of the device that concern no other engine. */
static bool softgpu_regs_in_reach(struct softgpu_engine *engine, u32 offset)
{
	struct softgpu_engine *owner = softgpu_regs_owner(engine->gpu, offset);
	const struct softgpu_reg *entry = softgpu_reg_find(offset);

	if (offset >= SOFTGPU_REG_BYTES || (owner && owner != engine))
		return false;
	return owner || !entry || !entry->nests;
}

/**
 * softgpu_regs_read - a command reads a register
 * @engine: the engine that runs it, whose lock is held
 * @offset: the register
 * @value: where its value goes
 *
 * Returns: whether commands on this engine can reach the register.
 */
bool softgpu_regs_read(struct softgpu_engine *engine, u32 offset, u32 *value)
{
	if (!softgpu_regs_in_reach(engine, offset))
		return false;
	*value = softgpu_regs_owner(engine->gpu, offset) ?
		 softgpu_engine_reg_read(engine, offset) :
		 softgpu_reg_read(engine->gpu, offset);
	return true;
}

/**
 * softgpu_regs_write - a command writes a register
 * @engine: the engine that runs it, whose lock is held
 * @offset: the register
 * @value: what to write
 *
 * Returns: whether commands on this engine can reach the register.
 */
bool softgpu_regs_write(struct softgpu_engine *engine, u32 offset, u32 value)
{
	if (!softgpu_regs_in_reach(engine, offset))
		return false;
	if (softgpu_regs_owner(engine->gpu, offset))
		softgpu_engine_reg_write(engine, offset, value);
	else
		softgpu_reg_write(engine->gpu, offset, value);
	return true;
}

/**
 * softgpu_regs_reset - give all registers the values they have after power-on
 * @gpu: the device
 */
void softgpu_regs_reset(struct softgpu *gpu)
{
	unsigned long flags;
	unsigned int i;

	raw_spin_lock_irqsave(&gpu->lock, flags);
	memset(gpu->reg, 0, SOFTGPU_REG_BYTES);
	for (i = 0; i < ARRAY_SIZE(softgpu_regs); i++)
		softgpu_plain_write(gpu, softgpu_regs[i].first,
				    softgpu_regs[i].reset);
	softgpu_irq_reset(gpu);
	raw_spin_unlock_irqrestore(&gpu->lock, flags);
}

void softgpu_regs_show_entry(struct seq_file *m, const char *base, u32 first,
			     u32 last, const char *name, const char *expects,
			     const char *does)
{
	seq_printf(m, "%s%#08x", base, first);
	if (last)
		seq_printf(m, "-%#08x", last);
	seq_printf(m, " %s\n\texpected: %s\n\tdone: %s\n", name, expects,
		   does);
}

/**
 * softgpu_regs_show - print the tables
 * @m: where to
 */
void softgpu_regs_show(struct seq_file *m)
{
	const struct softgpu_reg *reg;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(softgpu_regs); i++) {
		reg = &softgpu_regs[i];
		softgpu_regs_show_entry(m, "", reg->first, reg->last, reg->name,
					reg->expects, reg->does);
	}
	softgpu_engine_regs_show(m);
}
