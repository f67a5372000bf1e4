/* SPDX-License-Identifier: MIT */
/*
 * The software GPU: what its parts know of each other.
 *
 * The parts, from the driver inwards:
 *
 *	pci	the PCI function: its configuration space and its BARs
 *	trap	the driver's accesses to registers come in
 *	regs	what each register does
 *	irq	what the engines have to say, up to the interrupt line
 *	engine	submission: which context an engine runs, and when
 *	cs	the command streamer: one command after the other
 *	blt	copies and fills
 *	mem	local memory, page tables
 *
 * Locks: an engine's lock is taken before gpu->lock. Both are raw and taken with
 * interrupts off, since a register may be touched in any context. With its lock an
 * engine runs a bounded number of commands, so a driver that resets an engine waits for
 * a bounded time, and finds it at rest when its register write returns.
 */
#ifndef _SOFTGPU_H_
#define _SOFTGPU_H_

#include <linux/bits.h>
#include <linux/irq_work.h>
#include <linux/pci.h>
#include <linux/sizes.h>
#include <linux/spinlock.h>
#include <linux/types.h>

struct dentry;
struct seq_file;
struct task_struct;

/* BAR 0: registers, of which the driver maps 4 MiB, and the global page table */
#define SOFTGPU_BAR0_BYTES	SZ_16M
#define SOFTGPU_REG_BYTES	SZ_4M
#define SOFTGPU_GTT_OFFSET	SZ_8M
#define SOFTGPU_GTT_BYTES	SZ_8M

#define SOFTGPU_TICKS_PER_US	3	/* of the command streamers' clock */

/**
 * enum softgpu_engine_id - the engines there are
 * @SOFTGPU_RCS: render
 * @SOFTGPU_BCS: copy
 * @SOFTGPU_ENGINES: how many
 */
enum softgpu_engine_id {
	SOFTGPU_RCS,
	SOFTGPU_BCS,
	SOFTGPU_ENGINES,
};

/**
 * struct softgpu_engine_info - what tells engines apart
 * @name: the driver's name for it
 * @base: where its registers start
 * @reset_bit: its bit in the reset register
 * @irq_bit: its bit in the first interrupt word
 * @irq_class: its class in the interrupt identity
 */
struct softgpu_engine_info {
	const char *name;
	u32 base;
	u32 reset_bit;
	u32 irq_bit;
	u32 irq_class;
};

/**
 * struct softgpu_space - an address space
 * @root: bus address of the top-level page table in local memory; 0: the global one
 */
struct softgpu_space {
	u64 root;
};

/**
 * struct softgpu_pc - where commands come from
 * @addr: address of the next command; an offset in the ring at the lowest level
 * @ppgtt: in the context's own address space rather than the global one
 */
struct softgpu_pc {
	u64 addr;
	bool ppgtt;
};

#define SOFTGPU_IMAGE_TAIL	7	/* word of a context's register state */
#define SOFTGPU_LEVELS	3		/* ring, batch, second-level batch */
#define SOFTGPU_GPRS	32		/* of 32 bits each */

/**
 * struct softgpu_context - the context an engine has loaded
 * @lrca: its image, an offset in the global address space
 * @desc: upper half of its descriptor
 * @image: its register state in the image
 * @ring: where its ring starts, in the global address space
 * @ring_bytes: how large the ring is
 * @space: its own address space
 * @pc: where it is, per level
 * @level: the level it is at
 * @preemptible: whether arbitration is enabled
 * @gpr: general purpose registers
 * @ticks: its run time when it was loaded
 * @loaded_at: the clock when it was loaded
 */
struct softgpu_context {
	u32 lrca;
	u32 desc;
	u32 *image;
	u32 ring;
	u32 ring_bytes;
	struct softgpu_space space;
	struct softgpu_pc pc[SOFTGPU_LEVELS];
	unsigned int level;
	bool preemptible;
	u32 gpr[SOFTGPU_GPRS];
	u32 ticks;
	u32 loaded_at;
};

/**
 * struct softgpu_blit - a copy or fill in progress
 * @rows: rows that remain; 0: none in progress
 * @row_bytes: bytes of a row
 * @dst: where the next row goes
 * @src: where it comes from
 * @dst_pitch: bytes from one row of the destination to the next
 * @src_pitch: likewise for the source
 * @fill: a fill rather than a copy
 * @color: what to fill with
 * @color_bytes: bytes of a pixel: 1, 2 or 4
 */
struct softgpu_blit {
	u32 rows;
	u32 row_bytes;
	u64 dst;
	u64 src;
	s32 dst_pitch;
	s32 src_pitch;
	bool fill;
	u32 color;
	u32 color_bytes;
};

/**
 * struct softgpu_engine_stats - what an engine did
 * @submits: submissions that it took up
 * @preemptions: contexts it left before they were complete
 * @commands: commands it ran
 * @copies: copies it ran
 * @fills: fills it ran
 * @bytes: bytes it copied and filled
 * @resets: how often it was reset
 * @faults: accesses to addresses that are not mapped
 * @unknown: commands it does not know
 * @errors: commands that ended with an error
 */
struct softgpu_engine_stats {
	u64 submits;
	u64 preemptions;
	u64 commands;
	u64 copies;
	u64 fills;
	u64 bytes;
	u64 resets;
	u64 faults;
	u64 unknown;
	u64 errors;
};

struct softgpu;

#define SOFTGPU_PORTS	2

/**
 * struct softgpu_engine - an engine
 * @gpu: its device
 * @info: what tells it from the others
 * @thread: runs it
 * @lock: protects all that follows, and the engine's registers
 * @submitted: a submission waits in the queue registers
 * @ports: contexts to run, in this order: halves of their descriptors
 * @num_ports: how many were submitted
 * @port: the one that is running
 * @running: a context is loaded
 * @halted: stopped at an error, until it is reset
 * @stopped: the driver stopped it
 * @reset_ready: the driver announced a reset
 * @kicked: there may be something to do
 * @arbitration: at a place where the context may be left, if it allows it
 * @looping: the context runs in circles
 * @csb_write: the last entry of the context status buffer that was written
 * @ctx: the context, while running
 * @blit: the copy or fill in progress
 * @dword0: first word of the command being run
 * @stats: what it did
 */
struct softgpu_engine {
	struct softgpu *gpu;
	const struct softgpu_engine_info *info;
	struct task_struct *thread;

	raw_spinlock_t lock;
	bool submitted;
	struct {
		u32 lo;
		u32 hi;
	} ports[SOFTGPU_PORTS];
	unsigned int num_ports;
	unsigned int port;
	bool running;
	bool halted;
	bool stopped;
	bool reset_ready;
	bool kicked;
	bool arbitration;
	bool looping;
	unsigned int csb_write;
	struct softgpu_context ctx;
	struct softgpu_blit blit;
	u32 dword0;
	struct softgpu_engine_stats stats;
};

/**
 * struct softgpu_irq - the interrupt
 * @line: its number in Linux
 * @work: raises it
 * @enabled: the driver's master switch
 * @pending: what each engine has to say
 * @identity: what the driver is being told
 * @raised: how often the line was raised
 */
struct softgpu_irq {
	unsigned int line;
	struct irq_work work;
	bool enabled;
	u32 pending[SOFTGPU_ENGINES];
	u32 identity;
	u64 raised;
};

#define SOFTGPU_MAX_UNKNOWN	512

/**
 * struct softgpu_unknown - something the driver used that is not in a table
 * @key: register, or first word of a command
 * @reads: how often it was read; for a command, how often it was run
 * @writes: how often it was written
 */
struct softgpu_unknown {
	u32 key;
	u32 reads;
	u32 writes;
};

/**
 * struct softgpu_unknowns - all of them
 * @num: how many are in @entry
 * @lost: how many accesses found no place there
 * @entry: the first ones seen
 */
struct softgpu_unknowns {
	unsigned int num;
	u64 lost;
	struct softgpu_unknown entry[SOFTGPU_MAX_UNKNOWN];
};

/**
 * struct softgpu - the device
 * @base: bus address of local memory, the start of all reserved memory
 * @lmem_bytes: bytes of local memory
 * @bar2_bytes: so many of which the CPU sees through BAR 2
 * @bar0: bus address of BAR 0
 * @lmem: local memory
 * @gtt: the global page table
 * @pdev: the PCI function
 * @engine: the engines
 * @irq: the interrupt, protected by @lock
 * @lock: protects @irq, the registers that belong to no engine, and the unknown
 * @reg: values of all registers that merely keep what is written to them
 * @unknown_regs: registers that are in no table
 * @unknown_commands: commands that are in no table
 * @traps: accesses to registers
 * @debugfs: directory
 */
struct softgpu {
	u64 base;
	u64 lmem_bytes;
	u64 bar2_bytes;
	u64 bar0;
	void *lmem;
	u64 __iomem *gtt;
	struct pci_dev *pdev;
	struct softgpu_engine engine[SOFTGPU_ENGINES];

	raw_spinlock_t lock;
	struct softgpu_irq irq;
	u32 *reg;
	struct softgpu_unknowns unknown_regs;
	struct softgpu_unknowns unknown_commands;
	atomic64_t traps;
	struct dentry *debugfs;
};

/* drv: faults on demand */

bool softgpu_engines_dead(void);
bool softgpu_resets_fail(void);
void softgpu_count_command(void);
bool softgpu_copy_shall_fail(void);
unsigned int softgpu_copy_delay_us(void);
bool softgpu_is_strict(void);
bool softgpu_unknown_note(struct softgpu *gpu, struct softgpu_unknowns *list,
			  u32 key, bool write);

/* pci */

int softgpu_pci_init(struct softgpu *gpu);
void softgpu_pci_add_devices(void);
void softgpu_pci_fini(void);

/* trap */

int softgpu_trap_init(struct softgpu *gpu);
void softgpu_trap_fini(void);
void softgpu_trap_return(void);

/* regs */

void softgpu_regs_reset(struct softgpu *gpu);
u32 softgpu_mmio_read(struct softgpu *gpu, u32 offset);
void softgpu_mmio_write(struct softgpu *gpu, u32 offset, u32 value);
bool softgpu_regs_read(struct softgpu_engine *engine, u32 offset, u32 *value);
bool softgpu_regs_write(struct softgpu_engine *engine, u32 offset, u32 value);
u32 softgpu_plain_read(struct softgpu *gpu, u32 offset);
void softgpu_plain_write(struct softgpu *gpu, u32 offset, u32 value);
void softgpu_regs_show(struct seq_file *m);

/* irq */

#define SOFTGPU_IRQ_USER	BIT(0)	/* MI_USER_INTERRUPT */
#define SOFTGPU_IRQ_ERROR	BIT(3)	/* the command streamer met an error */
#define SOFTGPU_IRQ_SWITCH	BIT(8)	/* the context status buffer was written */

int softgpu_irq_init(struct softgpu *gpu);
void softgpu_irq_fini(struct softgpu *gpu);
void softgpu_irq_reset(struct softgpu *gpu);
void softgpu_irq_engine(struct softgpu_engine *engine, u32 what);
u32 softgpu_irq_master_read(struct softgpu *gpu);
void softgpu_irq_master_write(struct softgpu *gpu, u32 value);
u32 softgpu_irq_words_read(struct softgpu *gpu);
u32 softgpu_irq_word_read(struct softgpu *gpu);
void softgpu_irq_select(struct softgpu *gpu, u32 bits);
u32 softgpu_irq_identity_read(struct softgpu *gpu);
void softgpu_irq_identity_write(struct softgpu *gpu, u32 value);

/* engine */

u32 softgpu_ticks(void);
void softgpu_engine_init(struct softgpu *gpu);
int softgpu_engine_start(struct softgpu *gpu);
void softgpu_engine_stop(struct softgpu *gpu);
void softgpu_engine_kick_all(struct softgpu *gpu);
void softgpu_engine_kick(struct softgpu_engine *engine);
void softgpu_engine_submit(struct softgpu_engine *engine);
void softgpu_engine_reset(struct softgpu_engine *engine);
bool softgpu_engine_idle(const struct softgpu_engine *engine);
u32 softgpu_context_ticks(const struct softgpu_engine *engine);

/* cs */

/**
 * enum softgpu_step - what became of a command
 * @SOFTGPU_STEP_NEXT: done, the next one is behind it
 * @SOFTGPU_STEP_JUMP: done, the next one is elsewhere
 * @SOFTGPU_STEP_LOOP: likewise, and it has been here before
 * @SOFTGPU_STEP_WAIT: not done, it waits for somebody else
 * @SOFTGPU_STEP_ERROR: not done, and never will be
 */
enum softgpu_step {
	SOFTGPU_STEP_NEXT,
	SOFTGPU_STEP_JUMP,
	SOFTGPU_STEP_LOOP,
	SOFTGPU_STEP_WAIT,
	SOFTGPU_STEP_ERROR,
};

enum softgpu_step softgpu_cs_command(struct softgpu_engine *engine);
enum softgpu_step softgpu_cs_unknown(struct softgpu_engine *engine);
bool softgpu_cs_at_end(const struct softgpu_engine *engine);
u32 softgpu_cs_word(struct softgpu_engine *engine, unsigned int n);
u64 softgpu_cs_address(struct softgpu_engine *engine, unsigned int n);

/* blt */

enum softgpu_step softgpu_blt_command(struct softgpu_engine *engine,
				      u32 dword0);
void softgpu_blt_run(struct softgpu_engine *engine, u32 bytes);

/* mem */

int softgpu_mem_init(struct softgpu *gpu);
void softgpu_mem_fini(struct softgpu *gpu);
void *softgpu_mem_map(struct softgpu_engine *engine, struct softgpu_space space,
		      u64 addr);
u32 softgpu_mem_read(struct softgpu_engine *engine, struct softgpu_space space,
		     u64 addr);
void softgpu_mem_write(struct softgpu_engine *engine,
		       struct softgpu_space space, u64 addr, u32 value);

static inline struct softgpu_space softgpu_global(void)
{
	return (struct softgpu_space){};
}

/* debugfs */

void softgpu_debugfs_init(struct softgpu *gpu);
void softgpu_debugfs_fini(struct softgpu *gpu);

#endif
