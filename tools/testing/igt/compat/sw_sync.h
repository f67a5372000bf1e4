/* SPDX-License-Identifier: MIT */
/*
 * The part of IGT's sw_sync.h that the tests here use; see igt.h beside it.
 */
#ifndef COMPAT_SW_SYNC_H
#define COMPAT_SW_SYNC_H

#include <stdint.h>

int sw_sync_timeline_create(void);
int sw_sync_timeline_create_fence(int timeline, uint32_t seqno);
void sw_sync_timeline_inc(int timeline, uint32_t count);
/* 0 while the fence is active, 1 once it has signalled, or a negative errno. */
int sync_fence_status(int fence);

#endif
