// SPDX-License-Identifier: MIT
/*
 * The software GPU: how the driver's accesses to registers come in.
 *
 * Registers must act when they are read and written, which memory does not. So the
 * driver gets, when it maps the register BAR, an address that no x86-64 processor can
 * access: one that is not canonical. Every access through it raises a general
 * protection fault, in whatever context, which the kernel offers to die notifiers
 * before it gives up. Ours decodes the instruction, which readl() and its kin narrow
 * down to a plain move, does what the register does, and continues behind it. So a
 * register acts at once, as far as the driver can tell, and nobody polls.
 *
 * To hand out that address, ioremap() and iounmap() are probed. That is why nothing
 * here needs to know i915's structures, and why this belongs into test machines only.
 */
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/notifier.h>
#include <linux/uaccess.h>

#include <asm/ptrace.h>
#include <asm/trapnr.h>

#include "softgpu.h"

/* Not canonical with 48 and with 57 bits, whatever is added to it. */
#define WINDOW			0xbf50000000000000ul
#define WINDOW_BYTES		SOFTGPU_GTT_OFFSET

static struct softgpu *softgpu_trap_gpu;

/* Instructions */

#define MAX_INSN		15	/* bytes, by the architecture */
#define PREFIX_16_BIT		0x66
#define REX			0x40
#define REX_MASK		0xf0
#define REX_W			BIT(3)
#define REX_R			BIT(2)
#define REX_X			BIT(1)
#define REX_B			BIT(0)
#define RM_SIB			4	/* a byte follows that names two registers */
#define NO_INDEX		4
#define NO_BASE			5

/**
 * struct softgpu_insn - a move between a register and memory
 * @code: what is being decoded
 * @pos: how far
 * @rex: prefix that extends the numbers of registers, or 0
 * @bytes: how many bytes are moved
 * @store: to memory
 * @immediate: a constant is moved, rather than a register
 * @value: that constant
 * @number: that register
 * @addr: address in memory
 */
struct softgpu_insn {
	u8 code[MAX_INSN];
	unsigned int pos;
	u8 rex;
	unsigned int bytes;
	bool store;
	bool immediate;
	u64 value;
	unsigned int number;
	unsigned long addr;
};

/**
 * struct softgpu_opcode - the moves that compilers make of readl() and writel()
 * @code: the opcode
 * @byte: moves a byte rather than a word of the operand's size
 * @store: to memory
 * @immediate: of a constant
 */
struct softgpu_opcode {
	u8 code;
	bool byte;
	bool store;
	bool immediate;
};

static const struct softgpu_opcode softgpu_opcodes[] = {
	{ .code = 0x8a, .byte = true },
	{ .code = 0x8b },
	{ .code = 0x88, .byte = true, .store = true },
	{ .code = 0x89, .store = true },
	{ .code = 0xc6, .byte = true, .store = true, .immediate = true },
	{ .code = 0xc7, .store = true, .immediate = true },
};

/* In the order in which instructions number them. */
static const unsigned int softgpu_reg_offsets[] = {
	offsetof(struct pt_regs, ax), offsetof(struct pt_regs, cx),
	offsetof(struct pt_regs, dx), offsetof(struct pt_regs, bx),
	offsetof(struct pt_regs, sp), offsetof(struct pt_regs, bp),
	offsetof(struct pt_regs, si), offsetof(struct pt_regs, di),
	offsetof(struct pt_regs, r8), offsetof(struct pt_regs, r9),
	offsetof(struct pt_regs, r10), offsetof(struct pt_regs, r11),
	offsetof(struct pt_regs, r12), offsetof(struct pt_regs, r13),
	offsetof(struct pt_regs, r14), offsetof(struct pt_regs, r15),
};

static unsigned long *softgpu_trap_reg(struct pt_regs *regs,
				       unsigned int number)
{
	return (void *)regs + softgpu_reg_offsets[number];
}

static u8 softgpu_insn_byte(struct softgpu_insn *insn)
{
	return insn->pos < MAX_INSN ? insn->code[insn->pos++] : 0;
}

/* Little endian, sign extended. */
static s64 softgpu_insn_number(struct softgpu_insn *insn, unsigned int bytes)
{
	u64 number = 0;
	unsigned int i;

	for (i = 0; i < bytes; i++)
		number |= (u64)softgpu_insn_byte(insn) << (8 * i);
	return sign_extend64(number, 8 * bytes - 1);
}

static unsigned int softgpu_insn_displacement(unsigned int mod)
{
	return mod == 1 ? 1 : mod == 2 ? 4 : 0;
}

static unsigned long softgpu_insn_sib(struct softgpu_insn *insn,
				      const struct pt_regs *regs,
				      unsigned int mod)
{
	struct pt_regs *r = (struct pt_regs *)regs;
	u8 sib = softgpu_insn_byte(insn);
	unsigned int index = (sib >> 3 & 7) | (insn->rex & REX_X ? 8 : 0);
	unsigned int base = (sib & 7) | (insn->rex & REX_B ? 8 : 0);
	unsigned long addr = 0;

	if (index != NO_INDEX)
		addr = *softgpu_trap_reg(r, index) << (sib >> 6);
	if ((sib & 7) == NO_BASE && mod == 0)
		return addr + softgpu_insn_number(insn, 4);
	return addr + *softgpu_trap_reg(r, base);
}

/* The operands: a register, or part of the opcode, and an address. */
static bool softgpu_insn_operands(struct softgpu_insn *insn,
				  const struct pt_regs *regs)
{
	struct pt_regs *r = (struct pt_regs *)regs;
	u8 modrm = softgpu_insn_byte(insn);
	unsigned int mod = modrm >> 6, rm = modrm & 7;

	/* A register, or relative to the instruction, cannot be ours. */
	if (mod == 3 || (mod == 0 && rm == NO_BASE))
		return false;
	insn->number = (modrm >> 3 & 7) | (insn->rex & REX_R ? 8 : 0);
	if (rm == RM_SIB)
		insn->addr = softgpu_insn_sib(insn, regs, mod);
	else
		insn->addr = *softgpu_trap_reg(r, rm | (insn->rex & REX_B ? 8 : 0));
	if (mod)
		insn->addr += softgpu_insn_number(insn,
						  softgpu_insn_displacement(mod));
	return true;
}

static const struct softgpu_opcode *softgpu_insn_opcode(u8 code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(softgpu_opcodes); i++) {
		if (softgpu_opcodes[i].code == code)
			return &softgpu_opcodes[i];
	}
	return NULL;
}

static bool softgpu_insn_decode(struct softgpu_insn *insn,
				const struct pt_regs *regs)
{
	const struct softgpu_opcode *opcode;
	bool word = false;
	u8 code;

	/* Shorter where it is at the end of a page with nothing behind it. */
	if (copy_from_kernel_nofault(insn->code, (void *)regs->ip, MAX_INSN) &&
	    copy_from_kernel_nofault(insn->code, (void *)regs->ip, 8))
		return false;

	code = softgpu_insn_byte(insn);
	if (code == PREFIX_16_BIT) {
		word = true;
		code = softgpu_insn_byte(insn);
	}
	if ((code & REX_MASK) == REX) {
		insn->rex = code;
		code = softgpu_insn_byte(insn);
	}
	opcode = softgpu_insn_opcode(code);
	if (!opcode || !softgpu_insn_operands(insn, regs))
		return false;

	insn->store = opcode->store;
	insn->bytes = opcode->byte ? 1 : insn->rex & REX_W ? 8 : word ? 2 : 4;
	insn->immediate = opcode->immediate;
	if (insn->immediate)
		insn->value = softgpu_insn_number(insn, min(insn->bytes, 4u));
	/* Without a prefix, these are the upper halves of 16-bit registers. */
	return insn->bytes > 1 || insn->immediate || insn->rex ||
	       insn->number < 4;
}

/* Accesses */

/* Registers have 32 bits; larger and smaller accesses are made of such. */
static u64 softgpu_trap_load(struct softgpu *gpu, u32 offset, unsigned int bytes)
{
	u64 value = softgpu_mmio_read(gpu, offset & ~3u);

	if (bytes == 8)
		return value | (u64)softgpu_mmio_read(gpu, offset + 4) << 32;
	value >>= 8 * (offset & 3);
	return value & GENMASK_ULL(8 * bytes - 1, 0);
}

static void softgpu_trap_store(struct softgpu *gpu, u32 offset, u64 value,
			       unsigned int bytes)
{
	unsigned int shift = 8 * (offset & 3);
	u32 mask, old;

	if (bytes < 4) {
		mask = GENMASK(8 * bytes - 1, 0) << shift;
		old = softgpu_mmio_read(gpu, offset & ~3u);
		value = (old & ~mask) | (value << shift & mask);
	}
	softgpu_mmio_write(gpu, offset & ~3u, value);
	if (bytes == 8)
		softgpu_mmio_write(gpu, offset + 4, value >> 32);
}

static void softgpu_trap_set_reg(struct pt_regs *regs, unsigned int number,
				 u64 value, unsigned int bytes)
{
	unsigned long *reg = softgpu_trap_reg(regs, number);
	u64 mask = GENMASK_ULL(8 * bytes - 1, 0);

	/* 32 bits clear the upper half, less keeps the rest. */
	*reg = bytes >= 4 ? value : (*reg & ~mask) | (value & mask);
}

static void softgpu_trap_access(struct softgpu *gpu, struct softgpu_insn *insn,
				struct pt_regs *regs)
{
	u32 offset = insn->addr - WINDOW;

	atomic64_inc(&gpu->traps);
	if (!insn->store)
		softgpu_trap_set_reg(regs, insn->number,
				     softgpu_trap_load(gpu, offset, insn->bytes),
				     insn->bytes);
	else if (insn->immediate)
		softgpu_trap_store(gpu, offset, insn->value, insn->bytes);
	else
		softgpu_trap_store(gpu, offset,
				   *softgpu_trap_reg(regs, insn->number),
				   insn->bytes);
	regs->ip += insn->pos;
}

/* Accesses through the stack pointer or the frame pointer raise another fault. */
static bool softgpu_trap_may_be_ours(unsigned long what,
				     const struct die_args *args)
{
	return !user_mode(args->regs) &&
	       (what == DIE_GPF ||
		(what == DIE_TRAP && args->trapnr == X86_TRAP_SS));
}

static int softgpu_trap_notify(struct notifier_block *nb, unsigned long what,
			       void *data)
{
	struct softgpu_insn insn = {};
	struct die_args *args = data;

	if (!softgpu_trap_may_be_ours(what, args) ||
	    !softgpu_insn_decode(&insn, args->regs) ||
	    insn.addr - WINDOW > WINDOW_BYTES - insn.bytes)
		return NOTIFY_DONE;
	softgpu_trap_access(softgpu_trap_gpu, &insn, args->regs);
	return NOTIFY_STOP;
}

static struct notifier_block softgpu_trap_notifier = {
	.notifier_call = softgpu_trap_notify,
	.priority = INT_MAX - 1,
};

/* ioremap() and iounmap() */

static int softgpu_trap_skip(struct pt_regs *regs)
{
	regs->ip = (unsigned long)softgpu_trap_return;
	return 1;
}

static int softgpu_trap_ioremap(struct kprobe *probe, struct pt_regs *regs)
{
	u64 offset = regs->di - softgpu_trap_gpu->bar0;

	if (offset >= WINDOW_BYTES)
		return 0;
	regs->ax = WINDOW + offset;
	return softgpu_trap_skip(regs);
}

static int softgpu_trap_iounmap(struct kprobe *probe, struct pt_regs *regs)
{
	if (regs->di - WINDOW >= WINDOW_BYTES)
		return 0;
	return softgpu_trap_skip(regs);
}

/* A probe that has something to do behind the function keeps its trap, which may skip. */
static void softgpu_trap_nothing(struct kprobe *probe, struct pt_regs *regs,
				 unsigned long flags)
{
}

static struct kprobe softgpu_trap_ioremap_probe = {
	.symbol_name = "ioremap",
	.pre_handler = softgpu_trap_ioremap,
	.post_handler = softgpu_trap_nothing,
};

static struct kprobe softgpu_trap_iounmap_probe = {
	.symbol_name = "iounmap",
	.pre_handler = softgpu_trap_iounmap,
	.post_handler = softgpu_trap_nothing,
};

static struct kprobe *softgpu_trap_probes[] = {
	&softgpu_trap_ioremap_probe,
	&softgpu_trap_iounmap_probe,
};

int softgpu_trap_init(struct softgpu *gpu)
{
	int ret;

	softgpu_trap_gpu = gpu;
	ret = register_die_notifier(&softgpu_trap_notifier);
	if (ret)
		return ret;
	ret = register_kprobes(softgpu_trap_probes,
			       ARRAY_SIZE(softgpu_trap_probes));
	if (ret)
		unregister_die_notifier(&softgpu_trap_notifier);
	return ret;
}

void softgpu_trap_fini(void)
{
	unregister_kprobes(softgpu_trap_probes,
			   ARRAY_SIZE(softgpu_trap_probes));
	unregister_die_notifier(&softgpu_trap_notifier);
}
