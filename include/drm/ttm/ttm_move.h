/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef _TTM_MOVE_H_
#define _TTM_MOVE_H_

#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include <drm/ttm/ttm_move_compat.h>
#include <drm/ttm/ttm_resource.h>

struct dentry;
struct io_mapping;
struct sg_table;
struct ttm_device;
struct ttm_move_device;
struct ttm_move_iter;
struct ttm_move_job;
struct ttm_move_mem;
struct ttm_operation_ctx;
struct ttm_tt;

/**
 * struct ttm_move_aperture - how the CPU reaches a device's memory
 * @iomap: the write-combined mapping of the whole aperture, or NULL
 * @map: where @iomap is NULL, a kernel mapping of the whole aperture
 * @bytes: size of the aperture
 * @plain: the aperture is memory, not registers: vector accesses are safe even in
 *	a virtual machine, where the hypervisor would have to emulate them if they
 *	hit an emulated device. The driver knows; when in doubt leave it false.
 *
 * Copied by value. The mapping must live until a ttm_move_device_flush() after
 * the last move of the device.
 */
struct ttm_move_aperture {
	struct io_mapping *iomap;
	struct iosys_map map;
	u64 bytes;
	bool plain;
};

/**
 * struct ttm_move_run - a contiguous piece of an aperture
 * @start: offset in the aperture, in bytes
 * @bytes: length
 */
struct ttm_move_run {
	u64 start;
	u64 bytes;
};

/**
 * struct ttm_move_mem_ops - one kind of memory, and how to walk it
 *
 * The iterators run inside the fence signalling section: no function here may
 * allocate, sleep, or take a lock that is elsewhere held over either.
 */
struct ttm_move_mem_ops {
	/** @maps_tt: the memory is the system pages of a &struct ttm_tt */
	bool maps_tt;

	/**
	 * @transient: the description points into a resource that TTM may free
	 * before the copy ends; ttm_move_mem_snapshot() replaces it
	 */
	bool transient;

	/**
	 * @map: map the longest run that starts @offset bytes into the memory,
	 * at most @max bytes, with the rules of kmap_local: unmapped by the same
	 * task, last mapped first. Returns the bytes mapped, or a negative errno.
	 */
	ssize_t (*map)(struct ttm_move_iter *iter, u64 offset, size_t max,
		       struct iosys_map *map);

	/** @unmap: undo @map; @map is the mapping as @map returned it */
	void (*unmap)(struct ttm_move_iter *iter, struct iosys_map *map);

	/**
	 * @next: the piece of the aperture that follows @piece, the first one for
	 * NULL; NULL after the last. Only for memory in an aperture.
	 */
	const void *(*next)(const struct ttm_move_mem *mem, const void *piece);

	/** @run: where @piece lies. Only for memory in an aperture. */
	struct ttm_move_run (*run)(const struct ttm_move_mem *mem,
				   const void *piece);
};

/* Run lists up to this length need no allocation of their own. */
#define TTM_MOVE_INLINE_RUNS	4

/**
 * struct ttm_move_mem - the memory of a resource, as the copy sees it
 * @ops: the kind of memory
 * @aperture: for memory in an aperture
 * @bytes: length
 * @base: subtracted from what a piece says of its place, to get its offset in
 *	the aperture
 * @pages: page vector of a &struct ttm_tt; borrowed
 * @prot: how to map @pages
 * @st: borrowed scatter-gather table; its DMA addresses count
 * @mm: allocator of @blocks
 * @blocks: borrowed list of buddy blocks
 * @runs: run list, owned
 * @inline_runs: run list if it is short
 * @num_runs: length of the run list
 * @owned_map: the mapping in @aperture was made for this memory alone, and goes
 *	with it
 * @uncached: the CPU's caches keep nothing of @pages where the kernel maps them
 *
 * Constant while a copy uses it, so that several iterators may walk it at once.
 */
struct ttm_move_mem {
	const struct ttm_move_mem_ops *ops;
	struct ttm_move_aperture aperture;
	u64 bytes;
	u64 base;
	union {
		struct {
			struct page **pages;
			pgprot_t prot;
		};
		struct sg_table *st;
		struct {
			struct gpu_buddy *mm;
			struct list_head *blocks;
		};
		struct {
			struct ttm_move_run *runs;
			struct ttm_move_run inline_runs[TTM_MOVE_INLINE_RUNS];
			u32 num_runs;
		};
	};
	bool owned_map;
	bool uncached;
};

/**
 * struct ttm_move_iter - a position in a &struct ttm_move_mem
 * @mem: what is walked
 * @piece: the piece that was used last, NULL at the beginning
 * @piece_start: offset of @piece in @mem, in bytes
 */
struct ttm_move_iter {
	const struct ttm_move_mem *mem;
	const void *piece;
	u64 piece_start;
};

void ttm_move_mem_init_tt(struct ttm_move_mem *mem, struct ttm_tt *tt,
			  pgprot_t prot);
void ttm_move_mem_init_linear(struct ttm_move_mem *mem,
			      const struct ttm_move_aperture *aperture,
			      u64 start, u64 bytes);
void ttm_move_mem_init_sg(struct ttm_move_mem *mem,
			  const struct ttm_move_aperture *aperture,
			  struct sg_table *st, u64 base, u64 bytes);
void ttm_move_mem_init_buddy(struct ttm_move_mem *mem,
			     const struct ttm_move_aperture *aperture,
			     struct gpu_buddy *mm, struct list_head *blocks,
			     u64 bytes);
int ttm_move_mem_snapshot(struct ttm_move_mem *mem);
unsigned int ttm_move_mem_num_runs(const struct ttm_move_mem *mem);
void ttm_move_mem_fini(struct ttm_move_mem *mem);

void ttm_move_iter_init(struct ttm_move_iter *iter,
			const struct ttm_move_mem *mem);
ssize_t ttm_move_iter_map(struct ttm_move_iter *iter, u64 offset, size_t max,
			  struct iosys_map *map);
void ttm_move_iter_unmap(struct ttm_move_iter *iter, struct iosys_map *map);

int ttm_move_copy(const struct ttm_move_mem *dst,
		  const struct ttm_move_mem *src, u64 offset, u64 bytes);
int ttm_move_clear(const struct ttm_move_mem *dst, u64 offset, u64 bytes);

/**
 * struct ttm_move_timeline - fences that signal in order
 * @ref: held by the creator and by each fence, whose lock lives here
 * @lock: guards @jobs, @seqno and the signalling of the timeline's fences; the
 *	lock of all of them
 * @jobs: armed jobs that have not signalled, in the order of their fences
 * @context: fence context
 * @seqno: of the fence armed last
 * @name: for traces and for sync_file
 */
struct ttm_move_timeline {
	struct kref ref;
	spinlock_t lock; /* jobs, seqno, signalling */
	struct list_head jobs;
	u64 context;
	u64 seqno;
	char name[16];
};

struct ttm_move_timeline *ttm_move_timeline_create(const char *name);
struct ttm_move_timeline *ttm_move_timeline_get(struct ttm_move_timeline *timeline);
void ttm_move_timeline_put(struct ttm_move_timeline *timeline);

/**
 * struct ttm_move_ops - what a driver may add to its moves; all optional
 */
struct ttm_move_ops {
	/**
	 * @init_mem: describe @res, which is not system memory, in @mem with one
	 * of the ttm_move_mem_init functions. Called with the object's
	 * reservation held; @mem may point into @res. Without this hook @res
	 * must be linear, and is reached through &struct ttm_resource.bus; a
	 * driver with &ttm_device_funcs.io_mem_free needs the hook, since TTM
	 * may call that while the copy is in flight.
	 */
	int (*init_mem)(struct ttm_move_device *mdev,
			struct ttm_buffer_object *bo, struct ttm_resource *res,
			struct ttm_move_mem *mem);

	/**
	 * @timeline: the timeline for moves of @bo that are no evictions;
	 * borrowed. NULL, or no hook, gives each such move a context of its own.
	 */
	struct ttm_move_timeline *(*timeline)(struct ttm_buffer_object *bo);

	/**
	 * @dependency: a fence that a move of @bo has to wait for besides those
	 * in its reservation; borrowed, for the duration of the move's call. NULL
	 * if there is none.
	 */
	struct dma_fence *(*dependency)(struct ttm_buffer_object *bo);

	/**
	 * @prepare: called before a job is armed, may sleep and allocate: take
	 * what the copy needs (runtime PM, references). The job knows its object,
	 * but not yet its memory. An error means that the job cannot be had:
	 * nothing may be held then, and the move is done synchronously. Copies
	 * in the caller call neither this nor @begin: what they need the driver's
	 * move() must hold, as for ttm_bo_move_memcpy().
	 */
	int (*prepare)(struct ttm_move_job *job);

	/**
	 * @begin: called by the worker right before it touches memory, inside
	 * the signalling section. A negative errno forbids the copy: the
	 * destination is cleared instead, and the fence carries the error.
	 * -ENODEV says that the device is gone, or without power: its memory is
	 * left alone then, and only system pages are cleared. For
	 * TTM_MOVE_REFUSE, nobody has written the destination, and nobody will:
	 * keep others away from it.
	 */
	int (*begin)(struct ttm_move_job *job);

	/**
	 * @guard_failed: whether @guard, which ended with an error, has left bytes
	 * of @job unwritten. Without this hook every error does. Any context.
	 */
	bool (*guard_failed)(const struct ttm_move_job *job,
			     const struct dma_fence *guard);

	/**
	 * @retired: called once for each job that @prepare accepted, in process
	 * context and outside the signalling section, after its fence signalled.
	 * Also for a job that is dropped unarmed, then with the object's
	 * reservation held: the hook must not lock it. May sleep.
	 */
	void (*retired)(struct ttm_move_job *job);
};

/**
 * struct ttm_move_stats - totals of a worker
 * @jobs: armed
 * @copied_bytes: copied by the worker
 * @cleared_bytes: cleared by the worker
 * @skipped: jobs that had nothing to copy (failsafe, no data, the object has died)
 * @errors: jobs whose fence carries an error
 * @sync_moves: moves done in the caller: of few bytes, or for want of memory for a job
 */
struct ttm_move_stats {
	u64 jobs;
	u64 copied_bytes;
	u64 cleared_bytes;
	u64 skipped;
	u64 errors;
	u64 sync_moves;
};

/**
 * struct ttm_move_device - the move worker of one TTM device
 * @bdev: the TTM device
 * @ops: the driver's hooks
 * @priv: the driver's
 * @evictions: one timeline per memory type; their fences may land in
 *	&struct ttm_resource_manager.move
 * @wq: runs the copies; everything on the way to a signal and nothing else
 * @urgent_wq: runs copies that somebody waits for by a deadline
 * @help_wq: runs the helpers of copies, which may come late or never
 * @pass_wq: runs the jobs that have nothing to do but to signal in order, which
 *	no copy may hold up
 * @free_wq: frees system pages, after the signal
 * @release_wq: runs what may sleep on anything, after the signal
 * @waiting: copies that are queued, and wait for a CPU
 * @copying: workers that copy, and helpers that are queued for it
 * @lock: guards @in_flight and @stats
 * @in_flight: jobs from arm to release, in the order of arming
 * @stats: totals; @stats.jobs is the ticket of the last job, too, and is never reset
 * @wait: woken when a job leaves @in_flight
 */
struct ttm_move_device {
	struct ttm_device *bdev;
	const struct ttm_move_ops *ops;
	void *priv;
	struct ttm_move_timeline *evictions[TTM_NUM_MEM_TYPES];
	struct workqueue_struct *wq;
	struct workqueue_struct *urgent_wq;
	struct workqueue_struct *help_wq;
	struct workqueue_struct *pass_wq;
	struct workqueue_struct *free_wq;
	struct workqueue_struct *release_wq;
	atomic_t waiting;
	atomic_t copying;
	spinlock_t lock; /* in_flight, stats */
	struct list_head in_flight;
	struct ttm_move_stats stats;
	wait_queue_head_t wait;
};

int ttm_move_device_init(struct ttm_move_device *mdev, struct ttm_device *bdev,
			 const char *name, const struct ttm_move_ops *ops,
			 void *priv);
void ttm_move_device_fini(struct ttm_move_device *mdev);
void ttm_move_device_flush(struct ttm_move_device *mdev);
int ttm_move_device_flush_timeout(struct ttm_move_device *mdev, long timeout);
void ttm_move_device_count_sync(struct ttm_move_device *mdev);
u64 ttm_move_device_pending(struct ttm_move_device *mdev);
u64 ttm_move_device_wait_pending(struct ttm_move_device *mdev);
void ttm_move_device_stats(struct ttm_move_device *mdev,
			   struct ttm_move_stats *stats);
void ttm_move_debugfs_init(struct ttm_move_device *mdev, struct dentry *root);

/**
 * enum ttm_move_op - what a job does with the bytes
 * @TTM_MOVE_COPY: copy source to destination
 * @TTM_MOVE_CLEAR: there is no data: fill the destination with zeroes
 * @TTM_MOVE_REFUSE: there is something to do, but the CPU may not touch the bytes:
 *	fail
 * @TTM_MOVE_NONE: nothing; only pass on that the dependencies are met
 */
enum ttm_move_op {
	TTM_MOVE_COPY,
	TTM_MOVE_CLEAR,
	TTM_MOVE_REFUSE,
	TTM_MOVE_NONE,
};

/**
 * enum ttm_move_state - how far a job has come
 * @TTM_MOVE_NEW: not armed
 * @TTM_MOVE_WAITING: for its dependencies
 * @TTM_MOVE_READY: queued for a worker
 * @TTM_MOVE_COPYING: in a worker
 * @TTM_MOVE_DONE: finished, behind an older job of its timeline
 * @TTM_MOVE_RETIRED: signalled
 */
enum ttm_move_state {
	TTM_MOVE_NEW,
	TTM_MOVE_WAITING,
	TTM_MOVE_READY,
	TTM_MOVE_COPYING,
	TTM_MOVE_DONE,
	TTM_MOVE_RETIRED,
};

/**
 * struct ttm_move_dep - a fence that must signal before the copy may start
 * @fence: reference
 * @cb: counts &struct ttm_move_job.pending down
 * @job: whose
 * @guard: the job does nothing unless such a fence ends with an error
 */
struct ttm_move_dep {
	struct dma_fence *fence;
	struct dma_fence_cb cb;
	struct ttm_move_job *job;
	bool guard;
};

/**
 * struct ttm_move_worker - one of those who share the chunks of a job
 * @work: its work item
 * @job: whose
 * @dst: where it is in the destination
 * @src: where it is in the source
 * @busy: a helper that is queued, or at work
 */
struct ttm_move_worker {
	struct work_struct work;
	struct ttm_move_job *job;
	struct ttm_move_iter dst;
	struct ttm_move_iter src;
	bool busy;
};

/* Dependencies up to this number need no allocation of their own. */
#define TTM_MOVE_INLINE_DEPS	4

/**
 * struct ttm_move_job - one move in flight
 * @fence: signals when the move is done; initialised by ttm_move_job_arm()
 * @mdev: worker; valid until release
 * @ops: the driver's hooks; after release only to tell whose job it was
 * @bo: the object that moves, or NULL; borrowed: not to be used after arming
 *	unless the driver's prepare hook takes a reference
 * @priv: the driver's
 * @timeline: orders @fence; reference, unless it is @own
 * @own: the timeline of a job that needs no order with others
 * @link: in &struct ttm_move_timeline.jobs, guarded by its lock; afterwards the
 *	list of the worker that releases the job
 * @tracked: in &struct ttm_move_device.in_flight, guarded by its lock
 * @ticket: number in the order of arming
 * @op: what to do
 * @state: for the timeline (guarded by its lock) and for debugfs (a hint)
 * @direction: of the bytes, for people: "in" to an aperture, "out" of one,
 *	"across" from one to another, "clear", "refuse" or "none"
 * @error: of the copy; the first one of its workers', published with the signal
 * @bytes: how much to copy or clear
 * @dst: destination, owned
 * @src: source, owned; only for TTM_MOVE_COPY
 * @pending: dependencies that have not signalled, plus one until armed
 * @deps: dependencies; @inline_deps or an allocation
 * @inline_deps: space for the usual number of dependencies
 * @num_deps: length of @deps
 * @max_deps: capacity of @deps
 * @guarded: a failsafe job: some of @deps are copies that it guards
 * @failed: of the copies that the job guards, one that it does not wait for failed
 * @foreign: waits, directly or behind other jobs, for a fence of somebody else,
 *	on which the worker has no hold
 * @leaves_tt: the source is system pages, which are freed when @fence has signalled
 * @tt: system pages that @bo has left for good, freed after the signal; owned. NULL
 *	where TTM keeps them
 * @claimed: somebody in reclaim counts these pages as what he has found; exchanged
 *	atomically
 * @dies_with_bo: there is nothing to do once @bo has died and nobody uses it; for
 *	jobs whose fence is in the reservation of @bo, which lives until it has signalled
 * @urgent: somebody has set a deadline for @fence, or for one that signals after it
 * @prepared: the driver's prepare hook has accepted the job
 * @worker: the one that always comes
 * @helpers: those that share its chunks; an allocation, or NULL
 * @num_helpers: length of @helpers
 * @max_workers: the limit that counts for the job
 * @num_chunks: how many there are
 * @chunk_bytes: size of all but the last one
 * @chunks_taken: by workers; counts on when there is none left
 * @chunks_left: those that nobody has ended; whoever ends the last one retires the job
 * @free_work: frees @tt, and goes on with the release
 * @release_work: release where that may sleep
 * @queued: when the job was armed
 * @since: when the job entered the stage that it is in; without dependencies it is ready
 *	when it is armed
 */
struct ttm_move_job {
	struct dma_fence fence;
	struct ttm_move_device *mdev;
	const struct ttm_move_ops *ops;
	struct ttm_buffer_object *bo;
	void *priv;
	struct ttm_move_timeline *timeline;
	struct ttm_move_timeline own;
	struct list_head link;
	struct list_head tracked;
	u64 ticket;
	enum ttm_move_op op;
	enum ttm_move_state state;
	const char *direction;
	int error;
	u64 bytes;
	struct ttm_move_mem dst;
	struct ttm_move_mem src;
	atomic_t pending;
	struct ttm_move_dep *deps;
	struct ttm_move_dep inline_deps[TTM_MOVE_INLINE_DEPS];
	unsigned int num_deps;
	unsigned int max_deps;
	bool guarded;
	bool failed;
	bool foreign;
	bool leaves_tt;
	struct ttm_tt *tt;
	atomic_t claimed;
	bool dies_with_bo;
	bool urgent;
	bool prepared;
	struct ttm_move_worker worker;
	struct ttm_move_worker *helpers;
	unsigned int num_helpers;
	const unsigned int *max_workers;
	unsigned int num_chunks;
	u64 chunk_bytes;
	atomic_t chunks_taken;
	atomic_t chunks_left;
	struct work_struct free_work;
	struct work_struct release_work;
	ktime_t queued;
	ktime_t since;
};

struct ttm_move_job *ttm_move_job_create(struct ttm_move_device *mdev,
					 struct ttm_move_timeline *timeline);
int ttm_move_job_set_copy(struct ttm_move_job *job, struct ttm_move_mem *dst,
			  struct ttm_move_mem *src, u64 bytes);
int ttm_move_job_set_clear(struct ttm_move_job *job, struct ttm_move_mem *dst,
			   u64 bytes);
int ttm_move_job_add_dependency(struct ttm_move_job *job,
				struct dma_fence *fence);
int ttm_move_job_add_resv(struct ttm_move_job *job, struct dma_resv *resv,
			  enum dma_resv_usage usage);
void ttm_move_job_set_refuse(struct ttm_move_job *job, u64 bytes);
int ttm_move_job_add_guard(struct ttm_move_job *job, struct dma_fence *guard);
int ttm_move_job_prepare(struct ttm_move_job *job);
struct dma_fence *ttm_move_job_arm(struct ttm_move_job *job);
void ttm_move_job_drop(struct ttm_move_job *job);
struct ttm_move_job *ttm_move_job_from_fence(struct dma_fence *fence);
bool ttm_move_fence_is_foreign(struct dma_fence *fence);

/**
 * ttm_move_bo_wait_moves() - wait until an object's bytes are where its resource is
 * @bo: the object
 * @interruptible: whether a signal ends the wait
 *
 * For whoever reaches the bytes by other ways than TTM's page faults and moves, which
 * wait by themselves: by ttm_bo_kmap() or ttm_bo_vmap(), or with a device that does
 * not look at the fences in the object's reservation.
 *
 * Context: Process context. Sleeps. Not inside a fence signalling section. Whoever
 * does not hold the reservation has to keep the object from being moved again.
 * Return: 0, or -ERESTARTSYS if interrupted; it cannot fail otherwise.
 */
static inline int ttm_move_bo_wait_moves(struct ttm_buffer_object *bo,
					 bool interruptible)
{
	long ret = dma_resv_wait_timeout(bo->base.resv, DMA_RESV_USAGE_KERNEL,
					 interruptible, MAX_SCHEDULE_TIMEOUT);

	return ret < 0 ? ret : 0;
}

bool ttm_move_bo_is_held_up(struct ttm_buffer_object *bo);
int ttm_move_bo_wait(struct ttm_move_device *mdev, struct ttm_buffer_object *bo,
		     struct ttm_operation_ctx *ctx);
int ttm_bo_move_memcpy_async(struct ttm_move_device *mdev,
			     struct ttm_buffer_object *bo, bool evict,
			     struct ttm_operation_ctx *ctx,
			     struct ttm_resource *dst_mem);

#endif
