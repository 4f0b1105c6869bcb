# Every habit of this repository is one of these words. Each is a script in
# build/scripts or a check of build/tools/gate, so that it runs the same by hand.
.DEFAULT_GOAL := help
.PHONY: help run test check build bench soak repro fresh generate
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## set up what is missing, build, and open the studio
	@build/scripts/run

test: ## everything: set-up, build, checks and every test
	@build/scripts/test

check: ## linters, types, schema, licences; under three minutes when warm
	@build/scripts/check

build: ## the four programs, in build/bin
	@build/scripts/build

generate: ## the code made from backend/proto, and the floors of .golangci.yml
	@build/scripts/generate

bench: ## measure against tmux, a bare pseudo-terminal and other stores of events
	@build/scripts/bench

soak: ## the long run of the tests that have one
	@build/scripts/soak

repro: ## build twice in two places and compare the bytes
	@build/scripts/repro

fresh: ## both README commands in a bare Debian root (FRESH=run for the first alone)
	@build/scripts/fresh $(FRESH)
