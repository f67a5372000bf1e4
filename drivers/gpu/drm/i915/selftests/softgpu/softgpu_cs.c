// SPDX-License-Identifier: MIT
/*
 * The software GPU: the command streamer.
 *
 * Fetches a command from the ring or from a batch, looks it up in a table, runs it.
 * Copies and fills are another file's.
 */
#include <linux/bitfield.h>

#include "softgpu.h"

#define TAIL_MASK		GENMASK(20, 3)

/* First words */
#define CLIENT			GENMASK(31, 29)
#define CLIENT_MI		0
#define CLIENT_BLT		2
#define CLIENT_3D		3
#define MI_OPCODE		GENMASK(28, 23)
#define FIRST_LONG_OPCODE	0x10	/* those before have no length */
#define LENGTH_BIAS		2
#define GLOBAL_GTT		BIT(22)

/* Fetching */

static struct softgpu_pc *softgpu_cs_pc(struct softgpu_engine *engine)
{
	return &engine->ctx.pc[engine->ctx.level];
}

static struct softgpu_space softgpu_cs_space(struct softgpu_engine *engine,
					     bool global)
{
	return global ? softgpu_global() : engine->ctx.space;
}

/**
 * softgpu_cs_word - fetch a word of the command that is being run
 * @engine: the engine
 * @n: which one
 *
 * Returns: the word.
 */
u32 softgpu_cs_word(struct softgpu_engine *engine, unsigned int n)
{
	struct softgpu_pc *pc = softgpu_cs_pc(engine);
	u64 addr = pc->addr + n * sizeof(u32);

	if (engine->ctx.level)
		return softgpu_mem_read(engine,
					softgpu_cs_space(engine, !pc->ppgtt),
					addr);
	return softgpu_mem_read(engine, softgpu_global(),
				engine->ctx.ring +
				(u32)addr % engine->ctx.ring_bytes);
}

/**
 * softgpu_cs_address - fetch an address, which takes two words
 * @engine: the engine
 * @n: the first one
 *
 * Returns: the address.
 */
u64 softgpu_cs_address(struct softgpu_engine *engine, unsigned int n)
{
	return softgpu_cs_word(engine, n) |
	       (u64)softgpu_cs_word(engine, n + 1) << 32;
}

static struct softgpu_space softgpu_cs_data(struct softgpu_engine *engine)
{
	return softgpu_cs_space(engine, engine->dword0 & GLOBAL_GTT);
}

static void softgpu_cs_skip(struct softgpu_engine *engine, unsigned int words)
{
	struct softgpu_pc *pc = softgpu_cs_pc(engine);

	pc->addr += words * sizeof(u32);
	if (!engine->ctx.level)
		pc->addr = (u32)pc->addr % engine->ctx.ring_bytes;
}

bool softgpu_cs_at_end(const struct softgpu_engine *engine)
{
	const struct softgpu_context *ctx = &engine->ctx;
	u32 tail = READ_ONCE(ctx->image[SOFTGPU_IMAGE_TAIL]) & TAIL_MASK;

	return !ctx->level && ctx->pc[0].addr == tail;
}

/* Registers */

#define LRI_CS_MMIO		BIT(19)	/* relative to the engine: destination */
#define LRR_SOURCE_CS_MMIO	BIT(18)	/* likewise: source */
#define REG_OFFSET		GENMASK(22, 2)
#define REG_OFFSET_CS		GENMASK(11, 2)

static u32 softgpu_cs_reg(struct softgpu_engine *engine, u32 word, u32 relative)
{
	if (engine->dword0 & relative)
		return engine->info->base + (word & REG_OFFSET_CS);
	return word & REG_OFFSET;
}

static enum softgpu_step softgpu_cs_unreachable(struct softgpu_engine *engine,
						u32 reg)
{
	engine->stats.unknown++;
	dev_notice_ratelimited(&engine->gpu->pdev->dev,
			       "%s: command %08x cannot reach register %#x\n",
			       engine->info->name, engine->dword0, reg);
	return softgpu_is_strict() ? SOFTGPU_STEP_ERROR : SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_reg_write(struct softgpu_engine *engine,
					      u32 reg, u32 value)
{
	if (softgpu_regs_write(engine, reg, value))
		return SOFTGPU_STEP_NEXT;
	return softgpu_cs_unreachable(engine, reg);
}

static enum softgpu_step softgpu_cs_lri(struct softgpu_engine *engine,
					unsigned int words)
{
	enum softgpu_step step = SOFTGPU_STEP_NEXT;
	unsigned int i;
	u32 reg;

	for (i = 1; i + 1 < words && step == SOFTGPU_STEP_NEXT; i += 2) {
		reg = softgpu_cs_reg(engine, softgpu_cs_word(engine, i),
				     LRI_CS_MMIO);
		step = softgpu_cs_reg_write(engine, reg,
					    softgpu_cs_word(engine, i + 1));
	}
	return step;
}

static enum softgpu_step softgpu_cs_srm(struct softgpu_engine *engine,
					unsigned int words)
{
	u32 reg = softgpu_cs_reg(engine, softgpu_cs_word(engine, 1),
				 LRI_CS_MMIO);
	u32 value;

	if (!softgpu_regs_read(engine, reg, &value))
		return softgpu_cs_unreachable(engine, reg);
	softgpu_mem_write(engine, softgpu_cs_data(engine),
			  softgpu_cs_address(engine, 2), value);
	return SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_lrm(struct softgpu_engine *engine,
					unsigned int words)
{
	u32 reg = softgpu_cs_reg(engine, softgpu_cs_word(engine, 1),
				 LRI_CS_MMIO);

	return softgpu_cs_reg_write(engine, reg,
				    softgpu_mem_read(engine,
						     softgpu_cs_data(engine),
						     softgpu_cs_address(engine, 2)));
}

static enum softgpu_step softgpu_cs_lrr(struct softgpu_engine *engine,
					unsigned int words)
{
	u32 src = softgpu_cs_reg(engine, softgpu_cs_word(engine, 1),
				 LRR_SOURCE_CS_MMIO);
	u32 dst = softgpu_cs_reg(engine, softgpu_cs_word(engine, 2),
				 LRI_CS_MMIO);
	u32 value;

	if (!softgpu_regs_read(engine, src, &value))
		return softgpu_cs_unreachable(engine, src);
	return softgpu_cs_reg_write(engine, dst, value);
}

/* Memory */

static enum softgpu_step softgpu_cs_sdi(struct softgpu_engine *engine,
					unsigned int words)
{
	struct softgpu_space space = softgpu_cs_data(engine);
	u64 addr = softgpu_cs_address(engine, 1);
	unsigned int i;

	for (i = 3; i < words; i++)
		softgpu_mem_write(engine, space, addr + (i - 3) * sizeof(u32),
				  softgpu_cs_word(engine, i));
	return SOFTGPU_STEP_NEXT;
}

#define COPY_SOURCE_GLOBAL	BIT(22)
#define COPY_DESTINATION_GLOBAL	BIT(21)

static enum softgpu_step softgpu_cs_copy(struct softgpu_engine *engine,
					 unsigned int words)
{
	bool src_global = engine->dword0 & COPY_SOURCE_GLOBAL;
	bool dst_global = engine->dword0 & COPY_DESTINATION_GLOBAL;
	u32 value = softgpu_mem_read(engine,
				     softgpu_cs_space(engine, src_global),
				     softgpu_cs_address(engine, 3));

	softgpu_mem_write(engine, softgpu_cs_space(engine, dst_global),
			  softgpu_cs_address(engine, 1), value);
	return SOFTGPU_STEP_NEXT;
}

/* Flushes: nothing is cached, what remains is to write and to interrupt. */

#define POST_SYNC		GENMASK(15, 14)
#define POST_SYNC_NONE		0
#define POST_SYNC_IMMEDIATE	1
#define POST_SYNC_TIMESTAMP	3
#define FLUSH_NOTIFY		BIT(8)
#define FLUSH_STORE_INDEX	BIT(21)	/* into the context's first page */
#define FLUSH_ADDRESS		GENMASK_ULL(47, 3)
#define FLUSH_DW_GLOBAL		BIT(2)	/* in the address */
#define PIPE_CONTROL_GLOBAL	BIT(24)

static void softgpu_cs_post_sync(struct softgpu_engine *engine, u32 flags,
				 bool global, u64 addr, u64 value)
{
	u32 what = FIELD_GET(POST_SYNC, flags);
	struct softgpu_space space = softgpu_cs_space(engine, global);

	if (what == POST_SYNC_NONE)
		return;
	if (what == POST_SYNC_TIMESTAMP)
		value = softgpu_ticks();
	if (flags & FLUSH_STORE_INDEX) {
		space = softgpu_global();
		addr = engine->ctx.lrca + offset_in_page(addr);
	}
	softgpu_mem_write(engine, space, addr, lower_32_bits(value));
	/* The driver asks for four bytes in places that have no more. */
	if (!IS_ALIGNED(addr, sizeof(u64)) || what != POST_SYNC_IMMEDIATE)
		return;
	softgpu_mem_write(engine, space, addr + sizeof(u32),
			  upper_32_bits(value));
}

static enum softgpu_step softgpu_cs_flush_dw(struct softgpu_engine *engine,
					     unsigned int words)
{
	u64 addr = softgpu_cs_address(engine, 1);
	u64 value = softgpu_cs_word(engine, 3);

	if (words > 4)
		value |= (u64)softgpu_cs_word(engine, 4) << 32;
	softgpu_cs_post_sync(engine, engine->dword0, addr & FLUSH_DW_GLOBAL,
			     addr & FLUSH_ADDRESS, value);
	if (engine->dword0 & FLUSH_NOTIFY)
		softgpu_irq_engine(engine, SOFTGPU_IRQ_USER);
	return SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_pipe_control(struct softgpu_engine *engine)
{
	u32 flags = softgpu_cs_word(engine, 1);

	softgpu_cs_post_sync(engine, flags, flags & PIPE_CONTROL_GLOBAL,
			     softgpu_cs_address(engine, 2) & FLUSH_ADDRESS,
			     softgpu_cs_address(engine, 4));
	if (flags & FLUSH_NOTIFY)
		softgpu_irq_engine(engine, SOFTGPU_IRQ_USER);
	return SOFTGPU_STEP_NEXT;
}

/* Flow of control */

static enum softgpu_step softgpu_cs_noop(struct softgpu_engine *engine,
					 unsigned int words)
{
	return SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_user_interrupt(struct softgpu_engine *engine,
						   unsigned int words)
{
	softgpu_irq_engine(engine, SOFTGPU_IRQ_USER);
	return SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_arb_check(struct softgpu_engine *engine,
					      unsigned int words)
{
	engine->arbitration = true;
	return SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_arb_on_off(struct softgpu_engine *engine,
					       unsigned int words)
{
	engine->ctx.preemptible = engine->dword0 & BIT(0);
	return SOFTGPU_STEP_NEXT;
}

#define BATCH_SECOND_LEVEL	BIT(22)
#define BATCH_PPGTT		BIT(8)
#define BATCH_ADDRESS		GENMASK_ULL(47, 2)

/* From the ring or with that bit: come back behind it; otherwise, never. */
static enum softgpu_step softgpu_cs_batch_start(struct softgpu_engine *engine,
						unsigned int words)
{
	struct softgpu_context *ctx = &engine->ctx;
	u64 addr = softgpu_cs_address(engine, 1) & BATCH_ADDRESS;
	bool call = !ctx->level || engine->dword0 & BATCH_SECOND_LEVEL;
	u64 here = softgpu_cs_pc(engine)->addr;

	if (call && ctx->level + 1 < SOFTGPU_LEVELS) {
		softgpu_cs_skip(engine, words);
		ctx->level++;
	}
	ctx->pc[ctx->level].addr = addr;
	ctx->pc[ctx->level].ppgtt = engine->dword0 & BATCH_PPGTT;
	return !call && here - addr < PAGE_SIZE ? SOFTGPU_STEP_LOOP :
						  SOFTGPU_STEP_JUMP;
}

static enum softgpu_step softgpu_cs_batch_end(struct softgpu_engine *engine,
					      unsigned int words)
{
	if (!engine->ctx.level)
		return SOFTGPU_STEP_NEXT;
	engine->ctx.level--;
	return SOFTGPU_STEP_JUMP;
}

#define CONDITION		GENMASK(14, 12)
#define SEMAPHORE_REGISTER	BIT(16)

static bool softgpu_cs_compare(u32 condition, u32 value, u32 with)
{
	switch (condition) {
	case 0:
		return value > with;
	case 1:
		return value >= with;
	case 2:
		return value < with;
	case 3:
		return value <= with;
	case 4:
		return value == with;
	default:
		return value != with;
	}
}

static enum softgpu_step softgpu_cs_semaphore_wait(struct softgpu_engine *engine,
						   unsigned int words)
{
	u32 with = softgpu_cs_word(engine, 1), value;
	u64 addr = softgpu_cs_address(engine, 2);

	engine->arbitration = true;
	if (!(engine->dword0 & SEMAPHORE_REGISTER))
		value = softgpu_mem_read(engine, softgpu_cs_data(engine), addr);
	else if (!softgpu_regs_read(engine, addr & REG_OFFSET, &value))
		return softgpu_cs_unreachable(engine, addr & REG_OFFSET);
	return softgpu_cs_compare(FIELD_GET(CONDITION, engine->dword0), value,
				  with) ?
	       SOFTGPU_STEP_NEXT : SOFTGPU_STEP_WAIT;
}

/* The batch goes on while the condition holds. */
static enum softgpu_step
softgpu_cs_conditional_end(struct softgpu_engine *engine, unsigned int words)
{
	u32 value = softgpu_mem_read(engine, softgpu_cs_data(engine),
				     softgpu_cs_address(engine, 2));

	if (softgpu_cs_compare(FIELD_GET(CONDITION, engine->dword0), value,
			       softgpu_cs_word(engine, 1)))
		return SOFTGPU_STEP_NEXT;
	return softgpu_cs_batch_end(engine, words);
}

/* Arithmetic */

#define MATH_OPCODE		GENMASK(31, 20)
#define MATH_OPERAND1		GENMASK(19, 10)
#define MATH_OPERAND2		GENMASK(9, 0)
#define MATH_SRCA		0x20
#define MATH_SRCB		0x21
#define MATH_ACCU		0x31
#define MATH_ZF			0x32
#define MATH_CF			0x33

/**
 * struct softgpu_math - the arithmetic unit
 * @a: first source
 * @b: second source
 * @accu: result
 * @carry: of the last addition or subtraction
 */
struct softgpu_math {
	u64 a;
	u64 b;
	u64 accu;
	bool carry;
};

static u64 softgpu_math_get(struct softgpu_engine *engine,
			    const struct softgpu_math *math, u32 operand)
{
	const u32 *gpr = engine->ctx.gpr;

	if (operand < SOFTGPU_GPRS / 2)
		return gpr[2 * operand] | (u64)gpr[2 * operand + 1] << 32;
	switch (operand) {
	case MATH_ACCU:
		return math->accu;
	case MATH_ZF:
		return math->accu ? 0 : ~0ull;
	case MATH_CF:
		return math->carry ? ~0ull : 0;
	default:
		return 0;
	}
}

static void softgpu_math_load(struct softgpu_math *math, u32 operand, u64 value)
{
	if (operand == MATH_SRCA)
		math->a = value;
	else
		math->b = value;
}

static void softgpu_math_store(struct softgpu_engine *engine, u32 operand,
			       u64 value)
{
	if (operand >= SOFTGPU_GPRS / 2)
		return;
	engine->ctx.gpr[2 * operand] = lower_32_bits(value);
	engine->ctx.gpr[2 * operand + 1] = upper_32_bits(value);
}

static bool softgpu_math_run(struct softgpu_engine *engine,
			     struct softgpu_math *math, u32 word)
{
	u32 op1 = FIELD_GET(MATH_OPERAND1, word);
	u32 op2 = FIELD_GET(MATH_OPERAND2, word);

	switch (FIELD_GET(MATH_OPCODE, word)) {
	case 0x000:	/* NOOP */
		break;
	case 0x080:	/* LOAD */
		softgpu_math_load(math, op1, softgpu_math_get(engine, math, op2));
		break;
	case 0x480:	/* LOADINV */
		softgpu_math_load(math, op1, ~softgpu_math_get(engine, math, op2));
		break;
	case 0x081:	/* LOAD0 */
		softgpu_math_load(math, op1, 0);
		break;
	case 0x481:	/* LOAD1 */
		softgpu_math_load(math, op1, ~0ull);
		break;
	case 0x100:	/* ADD */
		math->carry = check_add_overflow(math->a, math->b, &math->accu);
		break;
	case 0x101:	/* SUB */
		math->carry = check_sub_overflow(math->a, math->b, &math->accu);
		break;
	case 0x102:	/* AND */
		math->accu = math->a & math->b;
		break;
	case 0x103:	/* OR */
		math->accu = math->a | math->b;
		break;
	case 0x104:	/* XOR */
		math->accu = math->a ^ math->b;
		break;
	case 0x180:	/* STORE */
		softgpu_math_store(engine, op1, softgpu_math_get(engine, math, op2));
		break;
	case 0x580:	/* STOREINV */
		softgpu_math_store(engine, op1, ~softgpu_math_get(engine, math, op2));
		break;
	default:
		return false;
	}
	return true;
}

/**
 * softgpu_cs_unknown - report the command that is being run
 * @engine: the engine
 *
 * Returns: what becomes of it.
 */
enum softgpu_step softgpu_cs_unknown(struct softgpu_engine *engine)
{
	struct softgpu_pc *pc = softgpu_cs_pc(engine);
	struct softgpu *gpu = engine->gpu;

	engine->stats.unknown++;
	if (softgpu_unknown_note(gpu, &gpu->unknown_commands, engine->dword0,
				 false))
		dev_notice_ratelimited(&gpu->pdev->dev,
				       "%s: command %08x at %#llx is not known\n",
				       engine->info->name, engine->dword0,
				       pc->addr);
	return softgpu_is_strict() ? SOFTGPU_STEP_ERROR : SOFTGPU_STEP_NEXT;
}

static enum softgpu_step softgpu_cs_math(struct softgpu_engine *engine,
					 unsigned int words)
{
	struct softgpu_math math = {};
	unsigned int i;

	for (i = 1; i < words; i++) {
		if (!softgpu_math_run(engine, &math,
				      softgpu_cs_word(engine, i)))
			return softgpu_cs_unknown(engine);
	}
	return SOFTGPU_STEP_NEXT;
}

/* The table */

/**
 * struct softgpu_command - a command to the memory interface
 * @name: as in the driver's headers
 * @length: bits of its first word that hold its length, where it has one
 * @run: what it does
 */
struct softgpu_command {
	const char *name;
	u32 length;
	enum softgpu_step (*run)(struct softgpu_engine *engine,
				 unsigned int words);
};

#define COMMAND(name_, run_) { .name = (name_), .run = (run_), .length = 0xff }
#define COMMAND_LENGTH(name_, run_, length_) \
	{ .name = (name_), .run = (run_), .length = (length_) }

static const struct softgpu_command softgpu_commands[] = {
	[0x00] = COMMAND("MI_NOOP", softgpu_cs_noop),
	[0x02] = COMMAND("MI_USER_INTERRUPT", softgpu_cs_user_interrupt),
	[0x04] = COMMAND("MI_FLUSH", softgpu_cs_noop),
	[0x05] = COMMAND("MI_ARB_CHECK", softgpu_cs_arb_check),
	[0x07] = COMMAND("MI_REPORT_HEAD", softgpu_cs_noop),
	[0x08] = COMMAND("MI_ARB_ON_OFF", softgpu_cs_arb_on_off),
	[0x0a] = COMMAND("MI_BATCH_BUFFER_END", softgpu_cs_batch_end),
	[0x1a] = COMMAND("MI_MATH", softgpu_cs_math),
	[0x1c] = COMMAND("MI_SEMAPHORE_WAIT", softgpu_cs_semaphore_wait),
	[0x20] = COMMAND_LENGTH("MI_STORE_DATA_IMM", softgpu_cs_sdi, 0x3ff),
	[0x22] = COMMAND("MI_LOAD_REGISTER_IMM", softgpu_cs_lri),
	[0x24] = COMMAND("MI_STORE_REGISTER_MEM", softgpu_cs_srm),
	[0x26] = COMMAND_LENGTH("MI_FLUSH_DW", softgpu_cs_flush_dw, 0x3f),
	[0x29] = COMMAND("MI_LOAD_REGISTER_MEM", softgpu_cs_lrm),
	[0x2a] = COMMAND("MI_LOAD_REGISTER_REG", softgpu_cs_lrr),
	[0x2e] = COMMAND("MI_COPY_MEM_MEM", softgpu_cs_copy),
	[0x31] = COMMAND("MI_BATCH_BUFFER_START", softgpu_cs_batch_start),
	[0x36] = COMMAND("MI_CONDITIONAL_BATCH_BUFFER_END",
			 softgpu_cs_conditional_end),
};

static const struct softgpu_command *softgpu_cs_find(u32 dword0)
{
	u32 opcode = FIELD_GET(MI_OPCODE, dword0);

	if (FIELD_GET(CLIENT, dword0) != CLIENT_MI ||
	    opcode >= ARRAY_SIZE(softgpu_commands) ||
	    !softgpu_commands[opcode].run)
		return NULL;
	return &softgpu_commands[opcode];
}

#define PIPE_CONTROL		0x7a00
#define PIPELINE_SELECT		0x6904	/* has no length */

static unsigned int softgpu_cs_length(u32 dword0)
{
	const struct softgpu_command *command = softgpu_cs_find(dword0);

	if (FIELD_GET(CLIENT, dword0) == CLIENT_MI &&
	    FIELD_GET(MI_OPCODE, dword0) < FIRST_LONG_OPCODE)
		return 1;
	if (dword0 >> 16 == PIPELINE_SELECT)
		return 1;
	return (dword0 & (command ? command->length : 0xff)) + LENGTH_BIAS;
}

static enum softgpu_step softgpu_cs_run(struct softgpu_engine *engine,
					unsigned int words)
{
	const struct softgpu_command *command = softgpu_cs_find(engine->dword0);

	if (command)
		return command->run(engine, words);
	if (FIELD_GET(CLIENT, engine->dword0) == CLIENT_BLT)
		return softgpu_blt_command(engine, engine->dword0);
	if (engine->dword0 >> 16 == PIPE_CONTROL)
		return softgpu_cs_pipe_control(engine);
	return softgpu_cs_unknown(engine);
}

/**
 * softgpu_cs_command - run one command
 * @engine: the engine, whose lock is held
 *
 * A copy or fill has only been started when this returns.
 *
 * Returns: what became of it.
 */
enum softgpu_step softgpu_cs_command(struct softgpu_engine *engine)
{
	enum softgpu_step step;
	unsigned int words;

	lockdep_assert_held(&engine->lock);

	engine->dword0 = softgpu_cs_word(engine, 0);
	words = softgpu_cs_length(engine->dword0);
	step = softgpu_cs_run(engine, words);
	if (step == SOFTGPU_STEP_NEXT)
		softgpu_cs_skip(engine, words);
	if (step != SOFTGPU_STEP_WAIT) {
		engine->stats.commands++;
		softgpu_count_command();
	}
	return step;
}
