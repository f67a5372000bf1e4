// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What becomes of an object whose copy fails. Who moved it is told by the move's fence;
 * but nobody asked for an eviction, and so nobody looks at its fence.
 */
#include <linux/slab.h>

#include "vttm_drv.h"

/**
 * vttm_loss_create() - the state of a new object
 *
 * Context: Process context. May sleep.
 * Return: a reference, or NULL for want of memory.
 */
struct vttm_loss *vttm_loss_create(void)
{
	struct vttm_loss *loss = kzalloc(sizeof(*loss), GFP_KERNEL);

	if (loss)
		kref_init(&loss->ref);
	return loss;
}

static void vttm_loss_free(struct kref *ref)
{
	kfree(container_of(ref, struct vttm_loss, ref));
}

/**
 * vttm_loss_put() - drop a reference
 * @loss: the state, or NULL
 *
 * Context: Any.
 */
void vttm_loss_put(struct vttm_loss *loss)
{
	if (loss)
		kref_put(&loss->ref, vttm_loss_free);
}

/**
 * vttm_loss_prepare() - have a job know its object's state, unless the job is to be refused
 * @job: a job that is not armed; takes a reference, which goes with vttm_loss_retired()
 *
 * Context: Process context. The object's reservation is held.
 * Return: 0, or -ENOMEM if a test asked for that.
 */
int vttm_loss_prepare(struct ttm_move_job *job)
{
	struct vttm_loss *loss = vttm_from_bo(job->bo)->loss;
	int ret = vttm_faults_prepare(job);

	if (ret)
		return ret;

	kref_get(&loss->ref);
	job->priv = loss;
	return 0;
}

/**
 * vttm_loss_begin() - note a copy that will fail
 * @job: a job whose bytes have not been touched
 *
 * Context: Process context, inside the fence signalling section.
 * Return: 0, or -EIO if a test asked for that.
 */
int vttm_loss_begin(struct ttm_move_job *job)
{
	struct vttm_loss *loss = job->priv;
	int ret = vttm_faults_begin(job);

	/* Who has seen the fence signal sees this. */
	if (ret)
		WRITE_ONCE(loss->lost, true);
	return ret;
}

/**
 * vttm_loss_retired() - a job has ended
 * @job: the job
 *
 * Context: Process context.
 */
void vttm_loss_retired(struct ttm_move_job *job)
{
	struct vttm_loss *loss = job->priv;

	/* For what nobody asked: a part of the memory could not be reached. */
	if (job->error)
		WRITE_ONCE(loss->lost, true);
	vttm_loss_put(loss);
}
