// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The module parameter that overrides the choice of a copy routine.
 */
#include <linux/moduleparam.h>
#include <linux/sysfs.h>

#include "ttm_move_copy.h"

static int ttm_move_param_set(const char *val, const struct kernel_param *kp)
{
	return ttm_move_copy_override(val);
}

static int ttm_move_param_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", ttm_move_copy_overridden());
}

static const struct kernel_param_ops ttm_move_param_ops = {
	.set = ttm_move_param_set,
	.get = ttm_move_param_get,
};

module_param_cb(copy, &ttm_move_param_ops, NULL, 0644);
MODULE_PARM_DESC(copy, "How to move bytes: auto (default), plain, or another routine that the CPU has");
