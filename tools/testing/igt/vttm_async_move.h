/* SPDX-License-Identifier: MIT */
/*
 * The parts of vttm_async_move.
 */
#ifndef VTTM_ASYNC_MOVE_H
#define VTTM_ASYNC_MOVE_H

#include "igt_vttm.h"

extern const struct subtest basic_subtests[];
extern const struct subtest fence_subtests[];
extern const struct subtest access_subtests[];
extern const struct subtest life_subtests[];
extern const struct subtest walk_subtests[];
extern const struct subtest secret_subtests[];
extern const struct subtest error_subtests[];
extern const struct subtest gone_subtests[];

#endif
