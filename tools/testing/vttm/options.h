/* SPDX-License-Identifier: MIT */
/*
 * What the command lines of the programs have in common. A mistake in one ends the
 * program with a message and status 2.
 */
#ifndef VTTM_OPTIONS_H
#define VTTM_OPTIONS_H

#include <stdint.h>

/* Say how to get help; the message that says what is wrong comes before it. */
_Noreturn void misuse(void);

/* The argument @text of --@option, a number from @min to @max. */
uint64_t parse_number(const char *option, const char *text, uint64_t min, uint64_t max);

/* Once getopt_long() is through: there may be nothing but options. */
void refuse_arguments(int argc, char **argv);

#endif
