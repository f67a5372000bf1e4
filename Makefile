# SPDX-License-Identifier: MIT
#
# The front door. Every target is a script; the variables of make's command line are
# its options, so a misspelt one is refused: make run VRAM=128 SEED=7

.DEFAULT_GOAL := help

run: ## walk buffers through video memory on an unmodified kernel (scripts/run --help)
	@scripts/run $(MAKEOVERRIDES)

check: ## run every test and count the results (scripts/check --help)
	@scripts/check $(MAKEOVERRIDES)

check-all: ## make check, and all that takes long (scripts/check --help)
	@scripts/check --all $(MAKEOVERRIDES)

modules: ## build ttm_move.ko and vttm.ko against the distribution's headers
	@scripts/modules $(MAKEOVERRIDES)

lockdep: ## break each rule of the fence, and see that the kernel notices
	@scripts/lockdep $(MAKEOVERRIDES)

kernel: ## build a kernel with the overlay, lockdep and i915's tests
	@scripts/build-kernel $(MAKEOVERRIDES)

i915: ## a shell with i915 on a GPU in software (scripts/i915 --help)
	@scripts/i915 $(MAKEOVERRIDES)

i915-selftests: ## run i915's own tests, with the overlay and without, and compare
	@scripts/i915-selftests $(MAKEOVERRIDES)

i915-moves: ## how long i915's moves block, with the overlay and without
	@scripts/i915-moves $(MAKEOVERRIDES)

i915-igt: ## run programs of IGT GPU Tools on a GPU in software
	@scripts/i915-igt $(MAKEOVERRIDES)

igt: ## run the tests in IGT's form on an unmodified kernel (scripts/igt --help)
	@scripts/igt $(MAKEOVERRIDES)

igt-tree: ## put those tests into a tree of IGT's (scripts/igt-tree --help)
	@scripts/igt-tree $(MAKEOVERRIDES)

stress: ## move, evict, kill and fail for five minutes (scripts/stress --help)
	@scripts/stress $(MAKEOVERRIDES)

bench-copy: ## measure the ways to move bytes (scripts/bench-copy --help)
	@scripts/bench-copy $(MAKEOVERRIDES)

model: ## search all interleavings of the model of a job's life (scripts/model --help)
	@scripts/model $(MAKEOVERRIDES)

mutants: ## plant faults into the worker, and see whether the tests notice
	@scripts/mutants $(MAKEOVERRIDES)

drivers: ## convert all other drivers to the worker, and compile what that changes
	@scripts/drivers $(MAKEOVERRIDES)

screens: ## compare screenshots of converted and other display drivers in QEMU
	@scripts/screens $(MAKEOVERRIDES)

bench: ## measure the worker against TTM and memcpy (scripts/bench --help)
	@scripts/bench $(MAKEOVERRIDES)

patches: ## make a series of patches for the mailing list, and test that it applies
	@scripts/patches $(MAKEOVERRIDES)

htmldocs: ## build the documentation
	@scripts/htmldocs $(MAKEOVERRIDES)

readme: ## put the tables of the last make run and make bench into the documents
	@scripts/readme

clean: ## remove everything that was built or reported, but not the downloads
	@rm -rf build out

help: ## show this
	@sed -n 's/^\([a-z0-9-]*\): ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: run check check-all modules lockdep kernel i915 i915-selftests i915-moves i915-igt igt igt-tree stress bench-copy model mutants patches bench drivers screens htmldocs readme clean help
