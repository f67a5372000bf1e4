// SPDX-License-Identifier: MIT
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "options.h"

_Noreturn void misuse(void)
{
	fprintf(stderr, "Try '%s --help'.\n", program_invocation_short_name);
	exit(2);
}

uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max)
{
	char *end;
	uint64_t value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (*text >= '0' && *text <= '9' && !*end && !errno && value >= min && value <= max)
		return value;
	fprintf(stderr, "%s: --%s takes %" PRIu64 " to %" PRIu64 ", not '%s'\n",
		program_invocation_short_name, option, min, max, text);
	misuse();
}

void refuse_arguments(int argc, char **argv)
{
	if (optind == argc)
		return;
	fprintf(stderr, "%s: unexpected argument '%s'\n", program_invocation_short_name,
		argv[optind]);
	misuse();
}
