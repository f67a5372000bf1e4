// SPDX-License-Identifier: MIT
/*
 * The tests of vttm-test as subtests of IGT: every ioctl with every invalid input, and
 * what each error of vttm_drm.h takes.
 */
#include "igt_vttm.h"

IGT_TEST_DESCRIPTION("Every ioctl of vttm with every invalid input, and what each error takes.");

vttm_main
{
	igt_fixture() {
		vttm_init();
	}

	tests_run(input_tests);
	tests_run(fence_tests);
	tests_run(held_tests);
	tests_run(share_tests);
	/* They take the device away, and may fail to give it back. */
	tests_run(unbind_tests);

	igt_fixture() {
		vttm_fini();
	}
}
