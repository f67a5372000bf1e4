/* SPDX-License-Identifier: MIT */
/*
 * As much of IGT's interface as the tests here use, for building them against the
 * distribution's libigt.so.0, which comes without headers. Inside an IGT tree, leave
 * this folder out of the include path: IGT's own igt.h declares the same. Blocks have
 * the form of IGT 2.5, with parentheses; the functions behind them are those of older
 * libraries too.
 */
#ifndef COMPAT_IGT_H
#define COMPAT_IGT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/types.h>

struct option;

#define IGT_EXIT_SUCCESS	0
#define IGT_EXIT_SKIP		77
#define IGT_EXIT_FAILURE	98

#define IGT_LOG_DOMAIN		((const char *)NULL)

enum igt_log_level {
	IGT_LOG_DEBUG,
	IGT_LOG_INFO,
	IGT_LOG_WARN,
};

/* What a handler of a test's own options returns. */
#define IGT_OPT_HANDLER_SUCCESS	0
#define IGT_OPT_HANDLER_ERROR	(-2)

typedef int (*igt_opt_handler_t)(int option, int index, void *data);

/* A program and its end */

int igt_subtest_init_parse_opts(int *argc, char **argv, const char *short_options,
				const struct option *long_options, const char *help,
				igt_opt_handler_t handler, void *data);
_Noreturn void igt_exit(void);
/* @handler gets the signal that ends the program, or 0. */
void igt_install_exit_handler(void (*handler)(int signal));

/* What --help-description prints. */
extern const char *__igt_test_description __attribute__((weak));

#define IGT_TEST_DESCRIPTION(text)	const char *__igt_test_description = text

/* "int igt_main_args(...) { }" is the program, between its options and its end. */
#define igt_main_args(short_options, long_options, help, handler, data)		\
	main(int argc, char **argv);						\
	static void igt_main_body(void);					\
	int main(int argc, char **argv)						\
	{									\
		igt_subtest_init_parse_opts(&argc, argv, short_options,		\
					    long_options, help, handler, data);	\
		igt_main_body();						\
		igt_exit();							\
	}									\
	static void igt_main_body(void)

/*
 * Blocks. Where a block fails or skips, the library jumps back to its head: variables
 * that a block changes and that are used behind it must be static or volatile.
 */

extern sigjmp_buf igt_subtest_jmpbuf;

bool __igt_fixture(void);
void __igt_fixture_complete(void);

#define igt_fixture()								\
	for (bool igt_once = true;						\
	     igt_once && __igt_fixture() &&					\
	     (sigsetjmp(igt_subtest_jmpbuf, 1) == 0);				\
	     igt_once = false, __igt_fixture_complete())

bool __igt_run_subtest(const char *name, const char *file, int line);
void igt_success(void);

#define igt_subtest(name)							\
	for (; __igt_run_subtest((name), __FILE__, __LINE__) &&			\
	       (sigsetjmp(igt_subtest_jmpbuf, 1) == 0);				\
	     igt_success())

void igt_describe_f(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define igt_describe(text)	igt_describe_f("%s", text)

/* Ends of a block */

void igt_skip(const char *format, ...)
	__attribute__((format(printf, 1, 2), __noreturn__));
_Noreturn void igt_fail(int status);
void __igt_skip_check(const char *file, int line, const char *function,
		      const char *condition, const char *format, ...)
	__attribute__((format(printf, 5, 6), __noreturn__));
void __igt_fail_assert(const char *domain, const char *file, int line,
		       const char *function, const char *condition,
		       const char *format, ...)
	__attribute__((format(printf, 6, 7), __noreturn__));

#define igt_assert_f(condition, ...)						\
	do {									\
		if (!(condition))						\
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
					  __func__, #condition, __VA_ARGS__);	\
	} while (0)

#define igt_assert(condition)							\
	do {									\
		if (!(condition))						\
			__igt_fail_assert(IGT_LOG_DOMAIN, __FILE__, __LINE__,	\
					  __func__, #condition, NULL);		\
	} while (0)

#define igt_require_f(condition, ...)						\
	do {									\
		if (!(condition))						\
			__igt_skip_check(__FILE__, __LINE__, __func__,		\
					 #condition, __VA_ARGS__);		\
	} while (0)

/* What is said */

void igt_log(const char *domain, enum igt_log_level level, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void igt_vlog(const char *domain, enum igt_log_level level, const char *format,
	      va_list arguments);

#define igt_info(...)	igt_log(IGT_LOG_DOMAIN, IGT_LOG_INFO, __VA_ARGS__)
#define igt_warn(...)	igt_log(IGT_LOG_DOMAIN, IGT_LOG_WARN, __VA_ARGS__)

/* Bounded time */

void igt_set_timeout(unsigned int seconds, const char *what);
void igt_reset_timeout(void);

/* Processes: children, whose failures are the test's, and helpers, which are killed. */

bool __igt_fork(void);
void igt_waitchildren_timeout(int seconds, const char *reason);

static bool compat_is_child;

/* Returns in each child with its number, and at last in the parent. */
static inline int compat_fork(int count)
{
	int child = 0;

	while (child < count && !__igt_fork())
		child++;
	compat_is_child = child < count;
	return child;
}

#define igt_fork(child, count)							\
	for (int child = compat_fork(count); compat_is_child; exit(IGT_EXIT_SUCCESS))

struct igt_helper_process {
	bool running;
	bool use_SIGKILL;
	pid_t pid;
	int id;
};

bool __igt_fork_helper(struct igt_helper_process *helper);
int igt_wait_helper(struct igt_helper_process *helper);
void igt_stop_helper(struct igt_helper_process *helper);

#define igt_fork_helper(helper)							\
	for (; __igt_fork_helper(helper); exit(IGT_EXIT_SUCCESS))

/* debugfs of the device behind an open file */

int igt_debugfs_open(int device, const char *name, int mode);

#endif
