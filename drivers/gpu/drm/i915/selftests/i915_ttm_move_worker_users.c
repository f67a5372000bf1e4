// SPDX-License-Identifier: MIT
/*
 * Selftests of the move worker on a device with local memory: those who come upon an
 * object while it moves, or when it is lost.
 */
#include <linux/dma-buf.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>

#include "gem/i915_gem_dmabuf.h"
#include "gem/selftests/igt_gem_utils.h"

#include "igt_mmap.h"

/* Looks at words all over the object, in an order that defeats faulting around. */
#define MW_LOOKS	64

static u64 mw_look_at(unsigned int look)
{
	return (look * 37 % MW_LOOKS) * (MW_BYTES / sizeof(u64) / MW_LOOKS) + look;
}

static int mw_look(u64 word, u64 i, u64 seed)
{
	if (word == mw_word(seed, i))
		return 0;
	pr_err("word %llu is %llx instead of %llx\n", i, word, mw_word(seed, i));
	return -EINVAL;
}

static int mw_look_at_mapping(unsigned long addr, u64 seed)
{
	u64 __user *words = u64_to_user_ptr((u64)addr);
	unsigned int look;
	u64 word, i;
	int ret = 0;

	for (look = 0; !ret && look < MW_LOOKS; look++) {
		i = mw_look_at(look);
		ret = get_user(word, words + i) ?: mw_look(word, i, seed);
	}
	return ret;
}

static int mw_task_read(struct mw_task *task)
{
	int ret;

	kthread_use_mm(task->mm);
	ret = mw_look_at_mapping(task->addr, task->seed);
	kthread_unuse_mm(task->mm);
	return ret;
}

/* As a debugger does. */
static int mw_task_access(struct mw_task *task)
{
	unsigned int look;
	int ret = 0;

	for (look = 0; !ret && look < MW_LOOKS; look++) {
		u64 i = mw_look_at(look), word;
		int bytes = access_process_vm(task->owner, task->addr + i * sizeof(u64),
					      &word, sizeof(word), 0);

		ret = mw_expect("the debugger's bytes", bytes, sizeof(word)) ?:
		      mw_look(word, i, task->seed);
	}
	return ret;
}

/* As another driver's display might. */
static int mw_task_vmap(struct mw_task *task)
{
	struct iosys_map map;
	unsigned int look;
	int ret;

	ret = dma_buf_begin_cpu_access(task->dmabuf, DMA_FROM_DEVICE) ?:
	      dma_buf_vmap_unlocked(task->dmabuf, &map);
	if (ret)
		return ret;

	for (look = 0; !ret && look < MW_LOOKS; look++) {
		u64 i = mw_look_at(look);

		ret = mw_look(iosys_map_rd(&map, i * sizeof(u64), u64), i, task->seed);
	}
	dma_buf_vunmap_unlocked(task->dmabuf, &map);
	return ret ?: dma_buf_end_cpu_access(task->dmabuf, DMA_FROM_DEVICE);
}

static int mw_look_at_pages(struct sg_table *st, u64 seed)
{
	struct sg_page_iter iter;
	u64 i = 0;
	int ret = 0;

	for_each_sgtable_page(st, &iter, 0) {
		u64 *words = kmap_local_page(sg_page_iter_page(&iter));

		ret = mw_look(words[i % 512], i + i % 512, seed);
		kunmap_local(words);
		if (ret)
			return ret;
		i += PAGE_SIZE / sizeof(u64);
	}
	return mw_expect("the number of words", i, MW_BYTES / sizeof(u64));
}

/* What is mapped is for the device: look at the pages that the attachment pins. */
static int mw_look_at_attachment(struct dma_buf_attachment *attach,
				 struct drm_i915_gem_object *obj, u64 seed)
{
	struct sg_table *st;
	int ret;

	st = dma_buf_map_attachment_unlocked(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(st))
		return PTR_ERR(st);

	ret = mw_look_at_pages(obj->mm.pages, seed);
	dma_buf_unmap_attachment_unlocked(attach, st, DMA_BIDIRECTIONAL);
	return ret;
}

/* As another device would: the object has to come to system memory, and stay there. */
static int mw_task_attach(struct mw_task *task)
{
	struct dma_buf_attachment *attach;
	int ret;

	attach = dma_buf_attach(task->dmabuf, task->obj->base.dev->dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);

	ret = mw_look_at_attachment(attach, task->obj, task->seed);
	dma_buf_detach(task->dmabuf, attach);
	return ret;
}

/* Looks while the move is held back: that waits, and sees the right bytes. */
static int mw_task_run(struct mw_task *task, struct mw_pending *p)
{
	int ret, err;

	task->seed = p->seed;
	ret = mw_task_start(task);
	if (ret)
		return ret;

	ret = mw_task_expect_blocked(task);
	err = mw_fence_signal(p->dep);
	ret = ret ?: err;
	err = mw_task_join(task);
	return err == -ETIME ? err : ret ?: err;
}

static int mw_look_during(struct mw_task *task, struct mw_pending *p,
			  enum mw_engine engine, enum mw_direction dir)
{
	int ret = mw_pending_prepare(p, mw_fence_create, engine, dir);

	/* A mapping has its pages before, so that the move has to take them away. */
	if (!ret && task->addr)
		ret = mw_look_at_mapping(task->addr, p->seed);
	ret = ret ?: mw_pending_go(p, dir) ?: mw_task_run(task, p);
	if (ret)
		pr_err("engine %s, %s: %d\n", mw_engine_names[engine],
		       mw_direction_names[dir], ret);
	return ret ?: mw_check_obj(p->obj, p->seed);
}

static int mw_mmap_during(struct mw_task *task, struct mw_pending *p,
			  enum mw_engine engine, enum mw_direction dir)
{
	struct drm_i915_gem_object *obj = p->obj;
	unsigned long addr;
	int ret;

	addr = igt_mmap_offset(p->i915, obj->ops->mmap_offset(obj), obj->base.size,
			       PROT_READ, MAP_SHARED);
	if (IS_ERR_VALUE(addr))
		return addr;

	task->mm = current->mm;
	task->owner = current;
	task->addr = addr;
	ret = mw_look_during(task, p, engine, dir);
	/* A fault that never ends holds on to its mapping. */
	if (ret != -ETIME)
		vm_munmap(addr, obj->base.size);
	return ret;
}

static int mw_dmabuf_during(struct mw_task *task, struct mw_pending *p,
			    enum mw_engine engine, enum mw_direction dir)
{
	int ret;

	task->dmabuf = i915_gem_prime_export(&p->obj->base, 0);
	if (IS_ERR(task->dmabuf))
		return PTR_ERR(task->dmabuf);

	ret = mw_look_during(task, p, engine, dir);
	if (ret != -ETIME)
		dma_buf_put(task->dmabuf);
	return ret;
}

typedef int (*mw_during_fn)(struct mw_task *task, struct mw_pending *p,
			    enum mw_engine engine, enum mw_direction dir);

static int mw_user_once(struct drm_i915_private *i915, mw_during_fn during,
			int (*fn)(struct mw_task *task), enum mw_engine engine,
			enum mw_direction dir)
{
	struct mw_task *task = kzalloc(sizeof(*task), GFP_KERNEL);
	struct mw_pending p;
	int ret;

	if (!task)
		return -ENOMEM;

	ret = mw_pending_init(&p, i915, MW_BYTES);
	if (!ret) {
		task->fn = fn;
		task->obj = i915_gem_object_get(p.obj);
		ret = during(task, &p, engine, dir);
	}
	mw_task_free(task, ret);
	return mw_pending_fini(&p, ret);
}

static int mw_user(struct drm_i915_private *i915, mw_during_fn during,
		   int (*fn)(struct mw_task *task))
{
	enum mw_engine engine;
	enum mw_direction dir;
	int ret = 0;

	for (engine = 0; !ret && engine < MW_ENGINES; engine++)
		for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++)
			ret = mw_user_once(i915, during, fn, engine, dir);
	return ret;
}

static bool mw_has_no_mm(void)
{
	if (!current->mm)
		pr_info("no address space to map the object in, skipping\n");
	return !current->mm;
}

static int mw_live_mmap(void *arg)
{
	return mw_has_no_mm() ? 0 : mw_user(arg, mw_mmap_during, mw_task_read);
}

static int mw_live_debugger(void *arg)
{
	return mw_has_no_mm() ? 0 : mw_user(arg, mw_mmap_during, mw_task_access);
}

static int mw_live_dmabuf_vmap(void *arg)
{
	return mw_user(arg, mw_dmabuf_during, mw_task_vmap);
}

static int mw_live_dmabuf_attach(void *arg)
{
	return mw_user(arg, mw_dmabuf_during, mw_task_attach);
}

/* Those who look at an object whose bytes are lost: they are told */

/**
 * struct mw_lost - an object, and all ways to look at it
 * @i915: the device
 * @obj: the object
 * @other: who takes its place
 * @addr: where it is mapped
 * @dmabuf: what it is exported as
 */
struct mw_lost {
	struct drm_i915_private *i915;
	struct drm_i915_gem_object *obj;
	struct drm_i915_gem_object *other;
	unsigned long addr;
	struct dma_buf *dmabuf;
};

static int mw_lost_init(struct mw_lost *l, struct drm_i915_private *i915)
{
	*l = (struct mw_lost) { .i915 = i915 };
	l->obj = mw_create_piece(i915, MW_BYTES);
	if (IS_ERR(l->obj))
		return PTR_ERR(l->obj);

	l->dmabuf = i915_gem_prime_export(&l->obj->base, 0);
	if (IS_ERR(l->dmabuf))
		return PTR_ERR(l->dmabuf);

	l->addr = igt_mmap_offset(i915, l->obj->ops->mmap_offset(l->obj), MW_BYTES,
				  PROT_READ, MAP_SHARED);
	return IS_ERR_VALUE(l->addr) ? l->addr : 0;
}

static int mw_lost_fini(struct mw_lost *l, int ret)
{
	if (l->addr && !IS_ERR_VALUE(l->addr))
		vm_munmap(l->addr, MW_BYTES);
	if (!IS_ERR_OR_NULL(l->dmabuf))
		dma_buf_put(l->dmabuf);
	ret = mw_end(l->i915, ret);
	mw_put(l->other);
	mw_put(l->obj);
	return ret;
}

static int mw_lost_read(const struct mw_lost *l)
{
	u64 word;

	if (copy_from_user(&word, u64_to_user_ptr((u64)l->addr), sizeof(word)))
		return -EFAULT;
	return 0;
}

/* How many bytes a debugger gets. */
static int mw_lost_access(const struct mw_lost *l)
{
	u64 word;

	return access_process_vm(current, l->addr, &word, sizeof(word), 0);
}

static int mw_lost_map(const struct mw_lost *l)
{
	void *words = i915_gem_object_pin_map_unlocked(l->obj, I915_MAP_WC);

	if (IS_ERR(words))
		return PTR_ERR(words);
	i915_gem_object_unpin_map(l->obj);
	return 0;
}

static int mw_lost_attach(const struct mw_lost *l)
{
	struct dma_buf_attachment *attach;

	attach = dma_buf_attach(l->dmabuf, l->i915->drm.dev);
	if (IS_ERR(attach))
		return PTR_ERR(attach);
	dma_buf_detach(l->dmabuf, attach);
	return 0;
}

static int mw_lose(struct mw_lost *l, enum mw_direction dir)
{
	u64 seed;
	int ret;

	/* The mapping has its page before, so that the move has to take it away. */
	ret = mw_prepare(l->obj, dir != MW_IN, &seed) ?:
	      mw_expect("the fault's result before", mw_lost_read(l), 0) ?:
	      mw_quiesce(l->i915);
	if (ret)
		return ret;

	i915_ttm_migrate_set_failure_modes(true, false);
	i915_ttm_migrate_set_ban_memcpy(true);
	ret = mw_go(l->obj, dir, true, &l->other);
	i915_ttm_migrate_set_failure_modes(false, false);
	i915_ttm_migrate_set_ban_memcpy(false);
	return ret;
}

static int mw_lost_once(struct drm_i915_private *i915, enum mw_direction dir)
{
	struct mw_lost l;
	int ret;

	ret = mw_lost_init(&l, i915) ?: mw_lose(&l, dir) ?:
	      mw_expect("the fault's result", mw_lost_read(&l), -EFAULT) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(i915)), true) ?:
	      mw_expect("the debugger's bytes", mw_lost_access(&l), 0) ?:
	      mw_expect("the mapping's result", mw_lost_map(&l), -EIO) ?:
	      mw_expect("attach's result", mw_lost_attach(&l), -EIO);
	if (ret)
		pr_err("%s: %d\n", mw_direction_names[dir], ret);
	return mw_lost_fini(&l, ret);
}

static int mw_live_lost(void *arg)
{
	enum mw_direction dir;
	int ret = 0;

	if (mw_has_no_mm())
		return 0;
	for (dir = 0; !ret && dir < MW_DIRECTIONS; dir++)
		ret = mw_lost_once(arg, dir);
	return ret;
}

/* Requests on an object that is to be lost, or is */

/* Without waiting for the binding. */
static int mw_pin_vma(struct i915_vma *vma)
{
	struct i915_gem_ww_ctx ww;
	int ret;

	for_i915_gem_ww(&ww, ret, false)
		ret = i915_gem_object_lock(vma->obj, &ww) ?:
		      i915_vma_pin_ww(vma, &ww, 0, 0, PIN_USER);
	return ret;
}

/* A reference, or why it may not use the object. */
static struct i915_request *mw_request_with(struct intel_context *ce,
					    struct i915_vma *vma)
{
	struct i915_request *rq = intel_context_create_request(ce);
	int ret;

	if (IS_ERR(rq))
		return rq;

	ret = igt_vma_move_to_active_unlocked(vma, rq, 0);
	i915_request_get(rq);
	i915_request_add(rq);
	if (!ret)
		return rq;
	i915_request_put(rq);
	return ERR_PTR(ret);
}

static struct i915_request *mw_request_on(struct intel_context *ce,
					  struct drm_i915_gem_object *obj)
{
	struct i915_vma *vma = i915_vma_instance(obj, ce->vm, NULL);
	struct i915_request *rq;
	int ret;

	if (IS_ERR(vma))
		return ERR_CAST(vma);

	ret = mw_pin_vma(vma);
	if (ret)
		return ERR_PTR(ret);

	rq = mw_request_with(ce, vma);
	i915_vma_unpin(vma);
	return rq;
}

/* The move waits, and is going to lose the object. */
static int mw_pending_lose(struct mw_pending *p)
{
	int ret = mw_pending_prepare(p, mw_fence_create, MW_OK, MW_IN);

	if (ret)
		return ret;

	i915_ttm_migrate_set_failure_modes(true, false);
	i915_ttm_migrate_set_ban_memcpy(true);
	ret = mw_go(p->obj, MW_IN, false, &p->other);
	i915_ttm_migrate_set_failure_modes(false, false);
	i915_ttm_migrate_set_ban_memcpy(false);
	return ret;
}

/* It is not the wedging, which the mutex holds back, that ends the request. */
static int mw_expect_skipped(struct mw_pending *p, struct i915_request *rq)
{
	struct mutex *lock = &to_gt(p->i915)->reset.mutex;
	int ret;

	mutex_lock(lock);
	dma_fence_signal(&p->dep->base);
	ret = wait_for(dma_fence_is_signaled(&rq->fence), 60000);
	mutex_unlock(lock);
	if (ret)
		pr_err("the request does not end\n");
	return ret ?: mw_expect("the request's error", rq->fence.error, -EIO);
}

static int mw_expect_refused(struct intel_context *ce, struct drm_i915_gem_object *obj)
{
	struct i915_request *rq = mw_request_on(ce, obj);

	if (!IS_ERR(rq))
		i915_request_put(rq);
	return mw_expect("the request's result", PTR_ERR_OR_ZERO(rq), -EIO);
}

/* Those under way when the object is lost, and later ones, though the GPU lives again. */
static int mw_lost_requests(struct mw_pending *p, struct intel_context *ce)
{
	struct i915_request *rq;
	int ret;

	ret = mw_pending_lose(p);
	if (ret)
		return ret;

	rq = mw_request_on(ce, p->obj);
	if (IS_ERR(rq))
		return PTR_ERR(rq);

	ret = mw_expect_skipped(p, rq) ?:
	      mw_expect("whether the object is lost",
			i915_ttm_move_worker_is_lost(p->obj), true) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(p->i915)), true) ?:
	      mw_revive(p->i915) ?: mw_expect_refused(ce, p->obj);
	i915_request_put(rq);
	return ret;
}

/* A fault while the object is lost */

/* The fault waits for the move, and then for the wedging, which the mutex holds back. */
static int mw_fault_blocked(struct mw_pending *p, struct mw_task *task)
{
	struct dma_fence *fence = mw_get_job_fence(p->obj, p->since);
	struct mutex *lock = &to_gt(p->i915)->reset.mutex;
	int ret, err;

	ret = mw_expect("whether there is a job", !!fence, true) ?: mw_task_start(task);
	if (ret)
		goto out;

	ret = mw_task_expect_blocked(task);
	mutex_lock(lock);
	dma_fence_signal(&p->dep->base);
	ret = ret ?: wait_for(dma_fence_is_signaled(fence), 60000) ?:
	      mw_task_expect_blocked(task);
	mutex_unlock(lock);
	err = mw_task_join(task);
	ret = err == -ETIME ? err : ret ?: mw_expect("the fault's result", err, -EFAULT);
out:
	dma_fence_put(fence);
	return ret;
}

static int mw_fault_during(struct mw_task *task, struct mw_pending *p,
			   enum mw_engine engine, enum mw_direction dir)
{
	unsigned long addr;
	int ret;

	addr = igt_mmap_offset(p->i915, p->obj->ops->mmap_offset(p->obj), MW_BYTES,
			       PROT_READ, MAP_SHARED);
	if (IS_ERR_VALUE(addr))
		return addr;

	task->mm = current->mm;
	task->addr = addr;
	ret = mw_pending_lose(p) ?: mw_fault_blocked(p, task) ?:
	      mw_expect("wedging", intel_gt_is_wedged(to_gt(p->i915)), true);
	if (ret != -ETIME)
		vm_munmap(addr, MW_BYTES);
	return ret;
}

/* Who is told finds the device wedged. */
static int mw_live_lost_fault(void *arg)
{
	return mw_has_no_mm() ? 0 : mw_user_once(arg, mw_fault_during, mw_task_read,
						 MW_OK, MW_IN);
}

static int mw_live_lost_requests(void *arg)
{
	struct drm_i915_private *i915 = arg;
	struct intel_context *ce = intel_context_create(to_gt(i915)->engine[BCS0]);
	struct mw_pending p;
	int ret;

	if (IS_ERR(ce))
		return PTR_ERR(ce);

	ret = mw_pending_init(&p, i915, MW_BYTES) ?: mw_lost_requests(&p, ce);
	intel_context_put(ce);
	return mw_pending_fini(&p, ret);
}
