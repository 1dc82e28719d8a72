# Everything that a person or CI types. `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup check test demo bench wheel wheelhouse install uninstall purge lock clean
SHELL := bash
PYTHON := .venv/bin/python
CACHE = $${PVDIFY_BED_CACHE:-$${XDG_CACHE_HOME:-~/.cache}/pvdify}

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv/ and the testbed (quick where they are there already)
	@install/setup
	@$(PYTHON) -m tests.e2e.bed build

check:  ## the fast part: lint, types, imports and every test that needs neither root nor the testbed
	@install/setup
	@$(PYTHON) -m pytest --ignore=tests/e2e

test:  ## set everything up and pass every test, in the testbed
	@echo "make test: lint, types and unit tests, then the end-to-end tests in a throw-away Debian 13 with a systemd of its own."
	@echo "It writes into this checkout and $(CACHE), and installs missing Debian packages with apt."
	@echo "It needs root. It does not touch this machine's systemd, containers or network."
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m pytest

demo:  ## set everything up and watch the main job, in the testbed
	@echo "make demo: deploys, rollback, scaling, a name over HTTPS and a reboot under load, in a throw-away Debian 13 with a systemd of its own."
	@echo "It writes into this checkout and $(CACHE), and installs missing Debian packages with apt."
	@echo "It needs root. It does not touch this machine's systemd, containers or network."
	@$(MAKE) --no-print-directory setup
	@$(PYTHON) -m tests.e2e.demo

bench:  ## measure, in the testbed: one JSON object a line
	@$(MAKE) --no-print-directory setup >&2
	@$(PYTHON) -m bench

wheel:  ## build dist/pvdify-*.whl and the source distribution
	@install/setup
	@.venv/bin/hatchling build --directory dist

wheelhouse:  ## fetch and build all wheels that `make install WHEELS=dist/wheelhouse` needs, for a host without a network
	@install/setup
	@.venv/bin/pip wheel --quiet --no-deps --no-build-isolation --require-hashes --wheel-dir dist/wheelhouse -r install/build.lock -r install/host.lock

install:  ## put pvdify on this host (root; WHEELS=DIR for one without a network)
	@install/host install

uninstall:  ## take pvdify off this host; its apps go on running, and come back at a boot
	@install/host uninstall

purge:  ## remove pvdify with its apps and all state, after asking (YES=1 does not ask)
	@install/host purge

lock:  ## write the lock files anew
	@install/setup
	@install/lock

clean:  ## remove what the other targets made in the checkout
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
