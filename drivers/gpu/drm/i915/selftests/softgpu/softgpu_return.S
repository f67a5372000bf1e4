/* SPDX-License-Identifier: MIT */
/*
 * The software GPU: what a probed function continues with that shall return to its
 * caller at once.
 */
#include <linux/linkage.h>

	.text
SYM_FUNC_START(softgpu_trap_return)
	RET
SYM_FUNC_END(softgpu_trap_return)
