// SPDX-License-Identifier: MIT
/*
 * Every end that a subtest can have, in the words of IGT and in those of vttm-test. Whoever
 * runs it knows what each must end with; it needs no device.
 */
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "igt_vttm.h"

IGT_TEST_DESCRIPTION("Ends in every way that there is, to try what the other tests rely on.");

static void pass(void)
{
}

static void skip_it(void)
{
	skip("there is no device, and there are %d others", 0);
}

static void require_it(void)
{
	igt_require_f(getpid() < 0, "no process has such a number\n");
}

static void fail_it(void)
{
	fail("it fails with a %s", "message");
}

static void check_it(void)
{
	check(getpid() < 0, "it fails with a %s", "condition");
}

static void expect_it(void)
{
	expect(-EINVAL, 0, "a call");
}

static void assert_it(void)
{
	igt_assert(getpid() < 0);
}

/* What @argument points to, in a helper. */
static void do_it(void *argument)
{
	(*(void (**)(void))argument)();
}

static void help(void (*body)(void))
{
	join(spawn(do_it, &body), "a helper");
}

static void helper_passes(void)
{
	help(pass);
}

static void helper_fails(void)
{
	help(check_it);
}

static void helper_asserts(void)
{
	help(assert_it);
}

static void helper_skips(void)
{
	help(skip_it);
}

static void sleep_for_ever(void)
{
	for (;;)
		pause();
}

static void helper_is_killed(void)
{
	void (*body)(void) = sleep_for_ever;

	kill_and_reap(spawn(do_it, &body), "a helper that does not end");
}

static void children(int failing)
{
	igt_fork(child, 3)
		igt_assert_f(child != failing, "child %d fails\n", child);
	igt_waitchildren_timeout(60, "children");
}

static void children_pass(void)
{
	children(3);
}

static void child_fails(void)
{
	children(1);
}

static void die(void)
{
	raise(SIGSEGV);
}

static void hang(void)
{
	igt_set_timeout(1, "something that does not come");
	sleep_for_ever();
}

static const struct subtest subtests[] = {
	{ "pass", "It passes.", pass },
	{ "skip", "It is skipped.", skip_it },
	{ "require", "What it requires is not there.", require_it },
	{ "fail", "It fails.", fail_it },
	{ "check", "A condition does not hold.", check_it },
	{ "expect", "A call does not end as expected.", expect_it },
	{ "assert", "An assertion of IGT does not hold.", assert_it },
	{ "helper-pass", "A process passes.", helper_passes },
	{ "helper-check", "A condition does not hold in a process.", helper_fails },
	{ "helper-assert", "An assertion of IGT does not hold in a process.", helper_asserts },
	{ "helper-skip", "A process cannot skip.", helper_skips },
	{ "helper-kill", "A process is killed on purpose.", helper_is_killed },
	{ "children-pass", "All children pass.", children_pass },
	{ "child-fail", "One child of several fails.", child_fails },
	{ "die", "It dies.", die },
	{ "hang", "It takes too long.", hang },
	{ }
};

static void subtest_run(const struct subtest *t)
{
	igt_describe(t->what);
	igt_subtest(t->name)
		t->run();
}

vttm_main
{
	for (const struct subtest *t = subtests; t->name; t++)
		subtest_run(t);
}
