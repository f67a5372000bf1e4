// SPDX-License-Identifier: MIT
/*
 * The software GPU: submission.
 *
 * The driver submits up to two contexts at once. The engine runs one after the other,
 * says in the context status buffer which one it has come to, and leaves a context for
 * the next submission where that context may be left. A thread per engine does the work,
 * a bounded piece at a time with the engine's lock held.
 */
#include <linux/delay.h>
#include <linux/hrtimer.h>
#include <linux/kthread.h>
#include <linux/sched.h>
#include <linux/timekeeping.h>

#include "softgpu.h"

#define COMMANDS_AT_ONCE	64
#define BYTES_AT_ONCE		SZ_64K
#define POLL_NS			(20 * NSEC_PER_USEC)	/* while a command waits */

static const struct softgpu_engine_info softgpu_engine_infos[] = {
	[SOFTGPU_RCS] = {
		.name = "rcs0",
		.base = 0x2000,
		.reset_bit = BIT(1),
		.irq_bit = 0,
		.irq_class = 0,
	},
	[SOFTGPU_BCS] = {
		.name = "bcs0",
		.base = 0x22000,
		.reset_bit = BIT(2),
		.irq_bit = 15,
		.irq_class = 3,
	},
};

u32 softgpu_ticks(void)
{
	return div_u64(ktime_get_ns() * SOFTGPU_TICKS_PER_US, NSEC_PER_USEC);
}

/* Contexts */

/* Register state in a context's image: its second page, indices of words. */
#define IMAGE_OFFSET		PAGE_SIZE
#define IMAGE_HEAD		5
#define IMAGE_START		9
#define IMAGE_CTL		11
#define IMAGE_TIMESTAMP		35
#define IMAGE_ROOT_HI		49
#define IMAGE_ROOT_LO		51
#define IMAGE_SAVED		0x380	/* behind what the driver knows */

#define HEAD_MASK		GENMASK(20, 2)
#define CTL_BYTES		GENMASK(20, 12)

#define SAVED_MAGIC		0x50475453

/**
 * struct softgpu_saved - where a context was when it was left
 * @magic: SAVED_MAGIC, or this is not valid
 * @head: the ring's head at that time; if the driver moved it, forget about batches
 * @level: the level it was at
 * @ppgtt: a bit per level: that batch is in its own address space
 * @addr: place in each batch
 * @gpr: general purpose registers
 */
struct softgpu_saved {
	u32 magic;
	u32 head;
	u32 level;
	u32 ppgtt;
	u64 addr[SOFTGPU_LEVELS];
	u32 gpr[SOFTGPU_GPRS];
};

static struct softgpu_saved *softgpu_context_saved(struct softgpu_context *ctx)
{
	return (struct softgpu_saved *)&ctx->image[IMAGE_SAVED];
}

u32 softgpu_context_ticks(const struct softgpu_engine *engine)
{
	return engine->ctx.ticks + softgpu_ticks() - engine->ctx.loaded_at;
}

static void softgpu_context_restore(struct softgpu_context *ctx)
{
	struct softgpu_saved *saved = softgpu_context_saved(ctx);
	unsigned int i;

	if (saved->magic != SAVED_MAGIC)
		return;
	memcpy(ctx->gpr, saved->gpr, sizeof(ctx->gpr));
	if (saved->head != ctx->pc[0].addr || saved->level >= SOFTGPU_LEVELS)
		return;
	ctx->level = saved->level;
	for (i = 1; i <= ctx->level; i++) {
		ctx->pc[i].addr = saved->addr[i];
		ctx->pc[i].ppgtt = saved->ppgtt & BIT(i);
	}
}

static bool softgpu_context_load(struct softgpu_engine *engine, u32 lo, u32 hi)
{
	struct softgpu_context *ctx = &engine->ctx;

	memset(ctx, 0, sizeof(*ctx));
	ctx->lrca = lo & PAGE_MASK;
	ctx->desc = hi;
	ctx->image = softgpu_mem_map(engine, softgpu_global(),
				     ctx->lrca + IMAGE_OFFSET);
	if (!ctx->image)
		return false;

	ctx->pc[0].addr = ctx->image[IMAGE_HEAD] & HEAD_MASK;
	ctx->ring = ctx->image[IMAGE_START] & PAGE_MASK;
	ctx->ring_bytes = (ctx->image[IMAGE_CTL] & CTL_BYTES) + PAGE_SIZE;
	ctx->space.root = (u64)ctx->image[IMAGE_ROOT_HI] << 32 |
			  ctx->image[IMAGE_ROOT_LO];
	ctx->ticks = ctx->image[IMAGE_TIMESTAMP];
	ctx->loaded_at = softgpu_ticks();
	ctx->preemptible = true;
	softgpu_context_restore(ctx);
	return true;
}

static void softgpu_context_save(struct softgpu_engine *engine)
{
	struct softgpu_context *ctx = &engine->ctx;
	struct softgpu_saved *saved = softgpu_context_saved(ctx);
	unsigned int i;

	ctx->image[IMAGE_HEAD] = ctx->pc[0].addr;
	ctx->image[IMAGE_TIMESTAMP] = softgpu_context_ticks(engine);

	saved->magic = SAVED_MAGIC;
	saved->head = ctx->pc[0].addr;
	saved->level = ctx->level;
	saved->ppgtt = 0;
	for (i = 0; i < SOFTGPU_LEVELS; i++) {
		saved->addr[i] = ctx->pc[i].addr;
		saved->ppgtt |= ctx->pc[i].ppgtt ? BIT(i) : 0;
	}
	memcpy(saved->gpr, ctx->gpr, sizeof(saved->gpr));
}

/* The context status buffer */

#define STATUS_PAGE		0x080	/* register: where it is */
#define STATUS_BUFFER		0x040	/* in the page */
#define STATUS_WRITE		0x0bc	/* the last entry that was written */
#define STATUS_ENTRIES		12
#define STATUS_ID_SHIFT		15
#define STATUS_NEW_QUEUE	BIT(0)
#define ID_IDLE			0x7ff
#define DESC_ID(desc)		((desc) >> 5 & 0x7ff)

static void softgpu_status_write(struct softgpu_engine *engine, u32 to,
				 u32 away, bool new_queue)
{
	u32 page = softgpu_plain_read(engine->gpu, engine->info->base +
				      STATUS_PAGE) & PAGE_MASK;
	void *ptr = softgpu_mem_map(engine, softgpu_global(), page);
	u64 *buffer = ptr + STATUS_BUFFER;
	u32 *write = ptr + STATUS_WRITE;

	if (!ptr)
		return;
	engine->csb_write = (engine->csb_write + 1) % STATUS_ENTRIES;
	WRITE_ONCE(buffer[engine->csb_write],
		   (u64)away << (32 + STATUS_ID_SHIFT) |
		   to << STATUS_ID_SHIFT |
		   (new_queue ? STATUS_NEW_QUEUE : 0));
	/* The driver reads the entry after it has seen the index. */
	smp_store_release(write, engine->csb_write);
	softgpu_irq_engine(engine, SOFTGPU_IRQ_SWITCH);
}

/* Errors and resets */

#define RING_EIR		0x0b0
#define EIR_INSTRUCTION		BIT(0)

/* Stand still and say so: the driver resets the engine, and blames the context. */
static void softgpu_engine_error(struct softgpu_engine *engine)
{
	engine->halted = true;
	engine->stats.errors++;
	softgpu_plain_write(engine->gpu, engine->info->base + RING_EIR,
			    EIR_INSTRUCTION);
	softgpu_irq_engine(engine, SOFTGPU_IRQ_ERROR);
}

/**
 * softgpu_engine_reset - forget what is running and what was submitted
 * @engine: the engine, whose lock is held
 */
void softgpu_engine_reset(struct softgpu_engine *engine)
{
	lockdep_assert_held(&engine->lock);

	engine->submitted = false;
	engine->running = false;
	engine->halted = false;
	engine->stopped = false;
	engine->reset_ready = false;
	engine->blit.rows = 0;
	engine->num_ports = 0;
	engine->csb_write = STATUS_ENTRIES - 1;
	engine->stats.resets++;
	softgpu_plain_write(engine->gpu, engine->info->base + RING_EIR, 0);
}

bool softgpu_engine_idle(const struct softgpu_engine *engine)
{
	return !engine->running && !engine->submitted;
}

/* Submission */

#define SQ_CONTENTS		0x510	/* register: descriptors, low half first */

static bool softgpu_engine_run_port(struct softgpu_engine *engine,
				    unsigned int port)
{
	engine->port = port;
	engine->arbitration = false;
	engine->looping = false;
	engine->running = softgpu_context_load(engine, engine->ports[port].lo,
					       engine->ports[port].hi);
	if (!engine->running)
		softgpu_engine_error(engine);
	return engine->running;
}

static void softgpu_engine_read_queue(struct softgpu_engine *engine)
{
	u32 queue = engine->info->base + SQ_CONTENTS;
	unsigned int i;

	engine->num_ports = 0;
	for (i = 0; i < SOFTGPU_PORTS; i++) {
		engine->ports[i].lo = softgpu_plain_read(engine->gpu,
							 queue + 8 * i);
		engine->ports[i].hi = softgpu_plain_read(engine->gpu,
							 queue + 8 * i + 4);
		if (!engine->ports[i].lo)
			break;
		engine->num_ports++;
	}
}

static void softgpu_engine_take_queue(struct softgpu_engine *engine)
{
	u32 away = ID_IDLE;

	engine->submitted = false;
	engine->stats.submits++;
	if (engine->running) {
		away = DESC_ID(engine->ctx.desc);
		softgpu_context_save(engine);
		engine->stats.preemptions++;
	}
	engine->running = false;
	softgpu_engine_read_queue(engine);
	if (engine->num_ports && softgpu_engine_run_port(engine, 0))
		softgpu_status_write(engine, DESC_ID(engine->ctx.desc), away,
				     true);
}

/* The context that runs is in the queue again, with more to do. */
static bool softgpu_engine_is_resubmitted(struct softgpu_engine *engine)
{
	u32 lo = softgpu_plain_read(engine->gpu,
				    engine->info->base + SQ_CONTENTS);

	return (lo & PAGE_MASK) == engine->ctx.lrca;
}

static bool softgpu_engine_is_held(const struct softgpu_engine *engine)
{
	return softgpu_engines_dead() || engine->halted || engine->stopped ||
	       engine->reset_ready;
}

static bool softgpu_engine_may_take_queue(struct softgpu_engine *engine)
{
	if (!engine->submitted || engine->blit.rows ||
	    softgpu_engine_is_held(engine))
		return false;
	return !engine->running || softgpu_engine_is_resubmitted(engine) ||
	       (engine->arbitration && engine->ctx.preemptible);
}

/**
 * softgpu_engine_submit - the driver loads the queue
 * @engine: into this engine, whose lock is held
 *
 * An engine that is idle, or waits where its context may be left, takes the queue up
 * at once: the driver gives some contexts no more than a millisecond to leave, which
 * must not depend on when a thread gets to run.
 */
void softgpu_engine_submit(struct softgpu_engine *engine)
{
	lockdep_assert_held(&engine->lock);

	engine->submitted = true;
	if (softgpu_engine_may_take_queue(engine))
		softgpu_engine_take_queue(engine);
	softgpu_engine_kick(engine);
}

/* The ring is at its tail: go on to the next context. */
static void softgpu_engine_complete(struct softgpu_engine *engine)
{
	u32 away = DESC_ID(engine->ctx.desc);

	softgpu_context_save(engine);
	engine->running = false;
	if (engine->port + 1 >= engine->num_ports)
		softgpu_status_write(engine, ID_IDLE, away, false);
	else if (softgpu_engine_run_port(engine, engine->port + 1))
		softgpu_status_write(engine, DESC_ID(engine->ctx.desc), away,
				     false);
}

/* Running */

/**
 * enum softgpu_pace - what to do after a piece of work
 * @SOFTGPU_PACE_GO_ON: there is more to do
 * @SOFTGPU_PACE_POLL: a command waits, or loops
 * @SOFTGPU_PACE_SLEEP: nothing to do until the driver touches a register
 */
enum softgpu_pace {
	SOFTGPU_PACE_GO_ON,
	SOFTGPU_PACE_POLL,
	SOFTGPU_PACE_SLEEP,
};

/*
 * A loop rests once per turn: where its context may be left, if there is such a place,
 * so that it can be left while it rests.
 */
static enum softgpu_pace softgpu_engine_loop(struct softgpu_engine *engine)
{
	if (engine->looping)
		return SOFTGPU_PACE_POLL;
	engine->looping = true;
	return SOFTGPU_PACE_GO_ON;
}

static enum softgpu_pace softgpu_engine_rest(struct softgpu_engine *engine)
{
	if (!engine->looping || !engine->arbitration)
		return SOFTGPU_PACE_GO_ON;
	engine->looping = false;
	return SOFTGPU_PACE_POLL;
}

/* One command, or one change of contexts. */
static enum softgpu_pace softgpu_engine_step(struct softgpu_engine *engine)
{
	if (softgpu_engine_may_take_queue(engine)) {
		softgpu_engine_take_queue(engine);
		return SOFTGPU_PACE_GO_ON;
	}
	if (!engine->running)
		return SOFTGPU_PACE_SLEEP;
	if (softgpu_cs_at_end(engine)) {
		softgpu_engine_complete(engine);
		return SOFTGPU_PACE_GO_ON;
	}

	engine->arbitration = false;
	switch (softgpu_cs_command(engine)) {
	case SOFTGPU_STEP_WAIT:
		return SOFTGPU_PACE_POLL;
	case SOFTGPU_STEP_LOOP:
		return softgpu_engine_loop(engine);
	case SOFTGPU_STEP_ERROR:
		softgpu_engine_error(engine);
		return SOFTGPU_PACE_SLEEP;
	default:
		return softgpu_engine_rest(engine);
	}
}

/* A piece of work that is bounded, since the driver may spin for the lock. */
static enum softgpu_pace softgpu_engine_work(struct softgpu_engine *engine)
{
	enum softgpu_pace pace = SOFTGPU_PACE_GO_ON;
	unsigned int i;

	lockdep_assert_held(&engine->lock);

	for (i = 0; i < COMMANDS_AT_ONCE && pace == SOFTGPU_PACE_GO_ON; i++) {
		if (softgpu_engine_is_held(engine))
			return SOFTGPU_PACE_SLEEP;
		if (engine->blit.rows) {
			softgpu_blt_run(engine, BYTES_AT_ONCE);
			return pace;
		}
		pace = softgpu_engine_step(engine);
	}
	return pace;
}

/* What the piece of a copy that comes next takes in addition. */
static unsigned int softgpu_engine_delay(const struct softgpu_engine *engine)
{
	return engine->blit.rows && !engine->blit.fill ?
	       softgpu_copy_delay_us() : 0;
}

static void softgpu_engine_sleep(struct softgpu_engine *engine,
				 ktime_t *timeout)
{
	/* Pairs with softgpu_engine_kick(): sees the kick, or is woken. */
	set_current_state(TASK_IDLE);
	if (!READ_ONCE(engine->kicked) && !kthread_should_stop())
		schedule_hrtimeout_range(timeout, POLL_NS, HRTIMER_MODE_REL);
	__set_current_state(TASK_RUNNING);
}

static void softgpu_engine_pause(struct softgpu_engine *engine,
				 enum softgpu_pace pace)
{
	ktime_t poll = POLL_NS;

	if (pace == SOFTGPU_PACE_SLEEP)
		softgpu_engine_sleep(engine, NULL);
	else if (pace == SOFTGPU_PACE_POLL)
		softgpu_engine_sleep(engine, &poll);
	else
		cond_resched();
}

static int softgpu_engine_thread(void *data)
{
	struct softgpu_engine *engine = data;
	enum softgpu_pace pace;
	unsigned int delay;

	while (!kthread_should_stop()) {
		raw_spin_lock_irq(&engine->lock);
		engine->kicked = false;
		delay = softgpu_engine_delay(engine);
		pace = softgpu_engine_work(engine);
		raw_spin_unlock_irq(&engine->lock);

		if (delay)
			fsleep(delay);
		softgpu_engine_pause(engine, pace);
	}
	return 0;
}

/**
 * softgpu_engine_kick - there may be something to do
 * @engine: for this engine, whose lock is held
 */
void softgpu_engine_kick(struct softgpu_engine *engine)
{
	lockdep_assert_held(&engine->lock);

	WRITE_ONCE(engine->kicked, true);
	wake_up_process(engine->thread);
}

void softgpu_engine_kick_all(struct softgpu *gpu)
{
	unsigned long flags;
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		raw_spin_lock_irqsave(&gpu->engine[i].lock, flags);
		softgpu_engine_kick(&gpu->engine[i]);
		raw_spin_unlock_irqrestore(&gpu->engine[i].lock, flags);
	}
}

void softgpu_engine_init(struct softgpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		gpu->engine[i].gpu = gpu;
		gpu->engine[i].info = &softgpu_engine_infos[i];
		gpu->engine[i].csb_write = STATUS_ENTRIES - 1;
		raw_spin_lock_init(&gpu->engine[i].lock);
	}
}

int softgpu_engine_start(struct softgpu *gpu)
{
	struct softgpu_engine *engine;
	struct task_struct *thread;
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		engine = &gpu->engine[i];
		thread = kthread_run(softgpu_engine_thread, engine,
				     "softgpu/%s", engine->info->name);
		if (IS_ERR(thread)) {
			softgpu_engine_stop(gpu);
			return PTR_ERR(thread);
		}
		engine->thread = thread;
	}
	return 0;
}

void softgpu_engine_stop(struct softgpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SOFTGPU_ENGINES; i++) {
		if (gpu->engine[i].thread)
			kthread_stop(gpu->engine[i].thread);
		gpu->engine[i].thread = NULL;
	}
}
