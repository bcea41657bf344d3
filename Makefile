# make help lists the targets. The environment is made once, in .venv, from exact pins with hashes.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.PHONY: help env env-floor demo test test-floor slow lint format types bench kill docs sizes lock clean

# Python 3.11 or newer that can make environments; override with make PYTHON=/path/to/python
CAN_RUN := 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$python" -c $(CAN_RUN) >/dev/null 2>&1 && { command -v "$$python"; break; }; done)

# The stamp's name holds a checksum of what the environment is made from, so that it is made again
# when the content changes and only then. The floor is the oldest torch that tilth supports.
key = $(shell cat $(1) pyproject.toml | cksum | cut -d' ' -f1)
STAMP := .venv/.made-$(call key,requirements.lock)
FLOOR_STAMP := .venv-floor/.made-$(call key,requirements-floor.lock)
BIN := .venv/bin
FLOOR_TESTS := tests/train tests/parity tests/contracts

# pytest runs in one process per core, each with one thread
PYTEST_ARGS ?= -n 2
TEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(PYTEST_ARGS)

define make_environment
	@test -n "$(PYTHON)" || { echo "tilth needs Python 3.11 or newer with the venv module, and none"; \
	  echo "was found. Install one (on Debian: apt install python3 python3-venv), or name yours:"; \
	  echo "make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up $(1) with $(PYTHON): once, a few minutes ..."
	@$(1)/bin/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear $(1)
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r $(2)
	@$(1)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	@rm -f $(1)/.made-*
	@touch $@
endef

$(STAMP):
	$(call make_environment,.venv,requirements.lock)

$(FLOOR_STAMP):
	$(call make_environment,.venv-floor,requirements-floor.lock)

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

env: $(STAMP) ## make the environment in .venv

env-floor: $(FLOOR_STAMP) ## make the environment with the oldest supported torch in .venv-floor

demo: $(STAMP) ## train on scikit-learn's handwritten digits and show where things are
	@$(BIN)/tilth demo --force
	@echo "(tilth is $(BIN)/tilth; . $(BIN)/activate puts it on the path)"

test: $(STAMP) ## run the tests (PYTEST_ARGS="-k resume" chooses)
	@$(TEST)

test-floor: $(FLOOR_STAMP) ## run the core of the tests on the oldest supported torch
	@OMP_NUM_THREADS=1 .venv-floor/bin/python -m pytest $(PYTEST_ARGS) $(wildcard $(FLOOR_TESTS))

slow: $(STAMP) ## run the learning runs of minutes
	@$(TEST) -m slow -n 0

lint: $(STAMP) ## check style and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(STAMP) ## format the code and mend what can be mended
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

types: $(STAMP) ## check types
	@$(BIN)/mypy

bench: $(STAMP) ## time tilth beside its peers, in an environment of their own
	@$(BIN)/python -m bench

kill: $(STAMP) ## kill training 50 times per kind of data and compare what resumes (an hour)
	@$(BIN)/python -m bench kill

docs: $(STAMP) ## build the documentation into docs/_build/html
	@$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build/html
	@echo "docs/_build/html/index.html"

sizes: $(STAMP) ## print loop, file and function sizes and import cycles
	@$(BIN)/python -m tests.house.report

# Every pin stays where it is unless it must move; to move one: make lock UV_ARGS="-P rich"
UV ?= $(shell command -v uv || echo $(BIN)/uv)
COMPILE = $(UV) pip compile -q --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-header --extra dev $(UV_ARGS) pyproject.toml

lock: $(STAMP) ## write both lock files again (needs uv)
	@command -v $(UV) >/dev/null || { echo "make lock needs uv: $(BIN)/pip install uv"; exit 1; }
	@mkdir -p build
	@printf 'torch==2.15.0\ntorchvision==0.29.2\n' > build/pins.txt
	@$(COMPILE) --extra docs -c build/pins.txt -o requirements.lock
	@sed -nE 's/^([a-z0-9.-]+==[^\\]*)\\?$$/\1/p' requirements.lock \
	  | grep -vE '^(torch|torchvision|triton|setuptools|nvidia-|cuda-)' > build/pins-floor.txt
	@printf 'torch==2.11.0\ntorchvision==0.26.0\n' >> build/pins-floor.txt
	@$(COMPILE) -c build/pins-floor.txt -o requirements-floor.lock

clean: ## remove what was built; the environments stay
	@rm -rf build dist docs/_build docs/api .pytest_cache .mypy_cache .ruff_cache
