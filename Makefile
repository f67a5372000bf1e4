# SPDX-License-Identifier: MIT
#
# The front door. Every target is a script; the variables of make's command line are
# its options, so a misspelt one is refused: make run VRAM=128 SEED=7

.DEFAULT_GOAL := help

run: ## walk buffers through video memory on an unmodified kernel (scripts/run --help)
	@scripts/run $(MAKEOVERRIDES)

check: ## run every test and count the results (scripts/check --help)
	@scripts/check $(MAKEOVERRIDES)

modules: ## build ttm_move.ko and vttm.ko against the distribution's headers
	@scripts/modules $(MAKEOVERRIDES)

kernel: ## build a kernel with the overlay, lockdep and i915's tests
	@scripts/build-kernel $(MAKEOVERRIDES)

htmldocs: ## build the documentation
	@scripts/htmldocs $(MAKEOVERRIDES)

readme: ## put the table of the last make run into README.md
	@scripts/readme

clean: ## remove everything that was built or reported, but not the downloads
	@rm -rf build out

help: ## show this
	@sed -n 's/^\([a-z]*\): ## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 12

.PHONY: run check modules kernel htmldocs readme clean help
