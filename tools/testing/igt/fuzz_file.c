// SPDX-License-Identifier: MIT
/*
 * Calls in a file, a line each: "THREAD NAME A B C D E F G H", in hexadecimal.
 */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define LINE_BYTES	256

static int print(char line[LINE_BYTES], const struct fuzz_call *call)
{
	int bytes = snprintf(line, LINE_BYTES, "%" PRIx32 " %s", call->thread,
			     fuzz_op_name(call->op));

	for (int i = 0; i < FUZZ_ARGUMENTS; i++)
		bytes += snprintf(line + bytes, LINE_BYTES - bytes, " %" PRIx64, call->a[i]);
	line[bytes++] = '\n';
	return bytes;
}

/* At once, and as a whole: whoever reads it may be all that is left. */
void fuzz_write(int log, const struct fuzz_call *calls, int count)
{
	char text[LINE_BYTES * FUZZ_BATCH];
	int bytes = 0;

	for (int i = 0; i < count && i < FUZZ_BATCH; i++)
		bytes += print(text + bytes, &calls[i]);
	/* A full disk costs the record, and not the run. */
	if (write(log, text, bytes) < 0)
		return;
}

static bool parse(const char *line, struct fuzz_call *call)
{
	char name[32];
	uint64_t *a = call->a;

	if (sscanf(line, "%" SCNx32 " %31s %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		   " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64, &call->thread, name,
		   &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &a[6], &a[7]) != 10)
		return false;
	for (call->op = 0; call->op < NUM_OPS; call->op++)
		if (!strcmp(name, fuzz_op_name(call->op)))
			return true;
	return false;
}

bool fuzz_read(FILE *log, struct fuzz_call *call)
{
	char line[LINE_BYTES];

	while (fgets(line, sizeof(line), log))
		if (parse(line, call))
			return true;
	return false;
}
