// SPDX-License-Identifier: MIT
/*
 * The software GPU: interrupts.
 *
 * Engines set bits, the driver takes them through three levels of registers: master,
 * word (a bit per engine), identity (what the engine has to say). The line is raised
 * while the master switch is on and anything is pending. It is a line of the kernel's
 * with nothing behind it, and raised by irq_work, so that the driver's own handler
 * runs, in hard interrupt context, on the CPU whose doing raised it.
 *
 * The line is an edge to the kernel: raised on one CPU while the handler still runs on
 * another, it makes the handler run once more. A simulated interrupt (irq_sim) would
 * be lost then.
 */
#include <linux/interrupt.h>
#include <linux/irq.h>

#include "softgpu.h"

#define MASTER_ENABLE		BIT(31)
#define MASTER_TILE0		BIT(0)
#define IDENTITY_VALID		BIT(31)
#define IDENTITY_CLASS_SHIFT	16

/* What the engines may say, and whether anyone listens: halves for two engines each. */
#define REG_ENABLE		0x190030	/* copy low, render high */
#define REG_RENDER_MASK		0x190090	/* render high */
#define REG_COPY_MASK		0x1900a0	/* copy high */

static bool softgpu_irq_is_pending(const struct softgpu_irq *irq)
{
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		if (irq->pending[i])
			return true;
	}
	return false;
}

/* Tell the CPU. A line that is up already stays up. */
static void softgpu_irq_update(struct softgpu *gpu)
{
	lockdep_assert_held(&gpu->lock);

	if (!gpu->irq.enabled || !softgpu_irq_is_pending(&gpu->irq))
		return;
	gpu->irq.raised++;
	irq_work_queue(&gpu->irq.work);
}

static u32 softgpu_irq_heard(const struct softgpu_engine *engine)
{
	bool render = engine->info->irq_bit == 0;
	struct softgpu *gpu = engine->gpu;
	u32 enable = softgpu_plain_read(gpu, REG_ENABLE);
	u32 mask = softgpu_plain_read(gpu, render ? REG_RENDER_MASK :
						    REG_COPY_MASK);

	return (render ? enable >> 16 : enable) & ~(mask >> 16) & 0xffff;
}

/**
 * softgpu_irq_engine - an engine has something to say
 * @engine: the engine
 * @what: SOFTGPU_IRQ_*
 */
void softgpu_irq_engine(struct softgpu_engine *engine, u32 what)
{
	struct softgpu *gpu = engine->gpu;

	lockdep_assert_held(&engine->lock);

	raw_spin_lock(&gpu->lock);
	gpu->irq.pending[engine - gpu->engine] |=
		what & softgpu_irq_heard(engine);
	softgpu_irq_update(gpu);
	raw_spin_unlock(&gpu->lock);
}

u32 softgpu_irq_master_read(struct softgpu *gpu)
{
	return (gpu->irq.enabled ? MASTER_ENABLE : 0) |
	       (softgpu_irq_is_pending(&gpu->irq) ? MASTER_TILE0 : 0);
}

/* Writing the tile's bit acknowledges it, which means nothing while it is pending. */
void softgpu_irq_master_write(struct softgpu *gpu, u32 value)
{
	gpu->irq.enabled = value & MASTER_ENABLE;
	softgpu_irq_update(gpu);
}

/* Which words have bits: only the first one ever does. */
u32 softgpu_irq_words_read(struct softgpu *gpu)
{
	return softgpu_irq_is_pending(&gpu->irq) ? BIT(0) : 0;
}

u32 softgpu_irq_word_read(struct softgpu *gpu)
{
	u32 word = 0;
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		if (gpu->irq.pending[i])
			word |= BIT(gpu->engine[i].info->irq_bit);
	}
	return word;
}

/* The driver wants to hear the engine whose bit this is. */
void softgpu_irq_select(struct softgpu *gpu, u32 bits)
{
	const struct softgpu_engine_info *info;
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		info = gpu->engine[i].info;
		if (!(bits & BIT(info->irq_bit)))
			continue;
		gpu->irq.identity = IDENTITY_VALID | gpu->irq.pending[i] |
				    info->irq_class << IDENTITY_CLASS_SHIFT;
		gpu->irq.pending[i] = 0;
	}
}

u32 softgpu_irq_identity_read(struct softgpu *gpu)
{
	return gpu->irq.identity;
}

void softgpu_irq_identity_write(struct softgpu *gpu, u32 value)
{
	if (value & IDENTITY_VALID)
		gpu->irq.identity = 0;
}

void softgpu_irq_reset(struct softgpu *gpu)
{
	lockdep_assert_held(&gpu->lock);

	gpu->irq.enabled = false;
	gpu->irq.identity = 0;
	memset(gpu->irq.pending, 0, sizeof(gpu->irq.pending));
}

static void softgpu_irq_deliver(struct irq_work *work)
{
	struct softgpu_irq *irq = container_of(work, struct softgpu_irq, work);

	generic_handle_irq(irq->line);
}

int softgpu_irq_init(struct softgpu *gpu)
{
	int line = irq_alloc_desc(NUMA_NO_NODE);

	if (line < 0)
		return line;
	gpu->irq.line = line;
	gpu->irq.work = IRQ_WORK_INIT_HARD(softgpu_irq_deliver);
	irq_set_chip_and_handler(line, &dummy_irq_chip, handle_edge_irq);
	return 0;
}

/* The driver has let go of the line, and the engines are at rest. */
void softgpu_irq_fini(struct softgpu *gpu)
{
	irq_work_sync(&gpu->irq.work);
	irq_free_desc(gpu->irq.line);
}
