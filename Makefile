# SPDX-License-Identifier: MIT
#
# The front door. Every target is a script; the variables of make's command line are
# its options, so a misspelt one is refused: make run VRAM=128 SEED=7

.DEFAULT_GOAL := help

# As they were typed: make has unquoted them, but for spaces.
options = $(subst >,\>,$(subst <,\<,$(subst &,\&,$(subst ;,\;,$(subst |,\|,$(MAKEOVERRIDES))))))

run: ## walk buffers through video memory on an unmodified kernel (scripts/run --help)
	@scripts/run $(options)

check: ## run every test and count the results (scripts/check --help)
	@scripts/check $(options)

check-all: ## make check, and all that takes long (scripts/check --help)
	@scripts/check --all $(options)

modules: ## build ttm_move.ko and vttm.ko against the distribution's headers
	@scripts/modules $(options)

lockdep: ## break each rule of the fence, and see that the kernel notices
	@scripts/lockdep $(options)

kernel: ## build a kernel with the overlay, lockdep and i915's tests
	@scripts/build-kernel $(options)

i915: ## a shell with i915 on a GPU in software (scripts/i915 --help)
	@scripts/i915 $(options)

i915-selftests: ## run i915's own tests, with the overlay and without, and compare
	@scripts/i915-selftests $(options)

i915-moves: ## how long i915's moves block, with the overlay and without
	@scripts/i915-moves $(options)

i915-igt: ## run programs of IGT GPU Tools on a GPU in software
	@scripts/i915-igt $(options)

igt: ## run the tests in IGT's form on an unmodified kernel (scripts/igt --help)
	@scripts/igt $(options)

igt-tree: ## put those tests into a tree of IGT's (scripts/igt-tree --help)
	@scripts/igt-tree $(options)

stress: ## move, evict, kill and fail for five minutes (scripts/stress --help)
	@scripts/stress $(options)

bench-copy: ## measure the ways to move bytes (scripts/bench-copy --help)
	@scripts/bench-copy $(options)

model: ## search all interleavings of the model of a job's life (scripts/model --help)
	@scripts/model $(options)

mutants: ## plant faults into the worker, and see whether the tests notice
	@scripts/mutants $(options)

drivers: ## convert all other drivers to the worker, and compile what that changes
	@scripts/drivers $(options)

screens: ## compare screenshots of converted and other display drivers in QEMU
	@scripts/screens $(options)

bench: ## measure the worker against TTM and memcpy (scripts/bench --help)
	@scripts/bench $(options)

patches: ## make a series of patches for the mailing list, and test that it applies
	@scripts/patches $(options)

deb: ## make a Debian package that builds the modules by DKMS (scripts/deb --help)
	@scripts/deb $(options)

htmldocs: ## build the documentation
	@scripts/htmldocs $(options)

readme: ## put the tables of the last measurements into the documents
	@scripts/readme

clean: ## remove everything that was built or reported, but not the downloads
	@rm -rf build out

help: ## show this
	@sed -n 's/^\([a-z0-9-]*\): ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: run check check-all modules lockdep kernel i915 i915-selftests i915-moves i915-igt igt igt-tree stress bench-copy model mutants patches deb bench drivers screens htmldocs readme clean help
