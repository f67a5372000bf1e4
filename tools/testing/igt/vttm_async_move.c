// SPDX-License-Identifier: MIT
/*
 * Asynchronous moves of vttm as user space sees them.
 */
#include "vttm_async_move.h"

IGT_TEST_DESCRIPTION("Asynchronous moves of vttm: contents, order, fences, ends of their users.");

vttm_main
{
	igt_fixture() {
		vttm_init();
	}

	subtests_run(basic_subtests);
	subtests_run(fence_subtests);
	subtests_run(access_subtests);
	subtests_run(life_subtests);
	subtests_run(walk_subtests);
	subtests_run(secret_subtests);
	subtests_run(error_subtests);
	/* Those that take the device away come last: they may fail to give it back. */
	subtests_run(gone_subtests);

	igt_fixture() {
		vttm_fini();
	}
}
