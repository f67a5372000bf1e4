// SPDX-License-Identifier: MIT
/*
 * How many calls were made, and what they returned.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "fuzz.h"
#include "igt_vttm.h"

uint64_t fuzz_figures_count(struct fuzz_figures *f, uint32_t op, int error)
{
	return __atomic_fetch_add(&f->results[op][-error % FUZZ_ERRNOS], 1, __ATOMIC_RELAXED);
}

static unsigned int count_pairs(const struct fuzz_figures *f)
{
	unsigned int pairs = 0;

	for (int op = 0; op < NUM_OPS; op++)
		for (int error = 0; error < FUZZ_ERRNOS; error++)
			pairs += f->results[op][error] != 0;
	return pairs;
}

static bool was_seen(const struct fuzz_figures *f, int error)
{
	for (int op = 0; op < NUM_OPS; op++)
		if (f->results[op][error])
			return true;
	return false;
}

void fuzz_figures_tell(const struct fuzz_figures *f, unsigned int seconds)
{
	char errors[1024] = "";

	for (int error = 0; error < FUZZ_ERRNOS; error++)
		if (was_seen(f, error))
			snprintf(errors + strlen(errors), sizeof(errors) - strlen(errors), " %s",
				 error_name(-error));
	igt_info("seed %" PRIu64 ": %" PRIu64 " calls in %u s, %" PRIu64
		 " per second, %u pairs of call and result:%s\n", seed, f->calls, seconds,
		 f->calls / seconds, count_pairs(f), errors);
}

static void write_results(FILE *file, const struct fuzz_figures *f, int op)
{
	const char *comma = "";

	fprintf(file, "  \"%s\": {", fuzz_op_name(op));
	for (int error = 0; error < FUZZ_ERRNOS; error++) {
		if (!f->results[op][error])
			continue;
		fprintf(file, "%s\"%s\": %" PRIu64, comma, error_name(-error),
			f->results[op][error]);
		comma = ", ";
	}
	fprintf(file, "}%s\n", op < NUM_OPS - 1 ? "," : "");
}

void fuzz_figures_write(const struct fuzz_figures *f, unsigned int seconds, const char *folder)
{
	char path[PATH_MAX];
	FILE *file;

	snprintf(path, sizeof(path), "%s/figures.json", folder);
	file = fopen(path, "we");
	igt_assert_f(file, "%s cannot be written\n", path);
	fprintf(file, "{\"seed\": %" PRIu64 ", \"seconds\": %u, \"threads\": %d,\n", seed,
		seconds, FUZZ_THREADS);
	fprintf(file, " \"calls\": %" PRIu64 ", \"calls_per_second\": %" PRIu64
		", \"pairs\": %u,\n \"results\": {\n", f->calls, f->calls / seconds,
		count_pairs(f));
	for (int op = 0; op < NUM_OPS; op++)
		write_results(file, f, op);
	fprintf(file, " }}\n");
	fclose(file);
}
