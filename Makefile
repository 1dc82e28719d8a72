# Everything a person or CI types. `make` alone prints this list.
.DEFAULT_GOAL := help
.PHONY: help setup check test demo bench install uninstall purge wheel lock clean
SHELL := bash
PYTHON := .venv/bin/python

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## make .venv/ (quick where it is there already)
	@install/setup

check: setup  ## the fast part: lint, types, imports and every test that needs neither root nor the testbed
	@$(PYTHON) -m pytest --ignore=tests/e2e -q

lock: setup  ## write requirements.lock and install/requirements.lock anew
	@install/lock

clean:  ## remove what the other targets made in the checkout
	rm -rf .venv .cache build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
