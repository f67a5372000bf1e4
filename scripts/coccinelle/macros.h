/* SPDX-License-Identifier: MIT */
/* Macros of the kernel that stand where spatch expects none (its --macro-file). */
#define I915_SELFTEST_DECLARE(x)
