// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Faults on purpose: what tests ask for in debugfs. Off until somebody writes there.
 */
#include <linux/debugfs.h>
#include <linux/delay.h>

#include "vttm_drv.h"

/* Far below what the kernel takes for a hang. */
#define VTTM_MAX_DELAY_US	USEC_PER_SEC
#define VTTM_MAX_COUNT		1000000

/* Whether this time is one of those that are to fail. */
static bool vttm_fault_is_due(struct vttm_fault *fault)
{
	return atomic_dec_if_positive(&fault->value) >= 0;
}

/**
 * vttm_faults_prepare() - refuse a job, if that was asked for
 * @job: a job that is not armed
 *
 * Context: Process context.
 * Return: 0, or -ENOMEM: the move is then made in the caller.
 */
int vttm_faults_prepare(struct ttm_move_job *job)
{
	struct vttm_device *vdev = job->mdev->priv;

	return vttm_fault_is_due(&vdev->faults.fail_allocs) ? -ENOMEM : 0;
}

/**
 * vttm_faults_begin() - hold a copy up, and make it fail, if that was asked for
 * @job: a job whose bytes have not been touched
 *
 * Context: Process context, inside the fence signalling section: takes no lock, and
 * sleeps for a bounded time only.
 * Return: 0, or -EIO.
 */
int vttm_faults_begin(struct ttm_move_job *job)
{
	struct vttm_device *vdev = job->mdev->priv;
	int delay_us = atomic_read(&vdev->faults.copy_delay_us.value);

	if (delay_us)
		fsleep(delay_us);
	return vttm_fault_is_due(&vdev->faults.fail_moves) ? -EIO : 0;
}

static int vttm_fault_get(void *data, u64 *value)
{
	struct vttm_fault *fault = data;

	*value = atomic_read(&fault->value);
	return 0;
}

static int vttm_fault_set(void *data, u64 value)
{
	struct vttm_fault *fault = data;

	if (value > fault->max)
		return -EINVAL;
	atomic_set(&fault->value, value);
	return 0;
}
DEFINE_DEBUGFS_ATTRIBUTE(vttm_fault_fops, vttm_fault_get, vttm_fault_set,
			 "%llu\n");

static void vttm_fault_create(struct dentry *root, const char *name,
			      struct vttm_fault *fault, u32 max)
{
	fault->max = max;
	debugfs_create_file_unsafe(name, 0600, root, fault, &vttm_fault_fops);
}

/**
 * vttm_faults_debugfs_init() - let tests ask for faults
 * @vdev: the device
 * @root: its debugfs directory, which must go before @vdev does
 *
 * Context: Process context. May sleep.
 */
void vttm_faults_debugfs_init(struct vttm_device *vdev, struct dentry *root)
{
	struct vttm_faults *faults = &vdev->faults;

	vttm_fault_create(root, "copy_delay_us", &faults->copy_delay_us,
			  VTTM_MAX_DELAY_US);
	vttm_fault_create(root, "fail_moves", &faults->fail_moves,
			  VTTM_MAX_COUNT);
	vttm_fault_create(root, "fail_allocs", &faults->fail_allocs,
			  VTTM_MAX_COUNT);
}
