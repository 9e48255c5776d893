# Every target sets up what it needs: a virtual environment in .venv, with the versions of constraints.txt.
# Another interpreter, or another place:  make test PYTHON=python3.12 VENV=../skopdist-venv

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check
# Two workers with one thread each: the nets are small, and threads of several workers would fight for the cores.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --durations 12

# Where `make bench` stores its rows and tables; results/ holds those that README and docs quote.
BENCH_RESULTS ?= build/bench/$(if $(FULL),full,quick)
# The longest first. The latter measure times.
BENCHES     := search_efficiency ablations any_length claims differentiable datasets faults \
  $(if $(SKOPDIST_DATA),spaces transfer equal_cost limited practice)
BENCH_TIMES := training_speed batched parallel memory export time_limit $(if $(SKOPDIST_DATA),batches revisions suggestion_times)

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-slow lint typecheck docs bench clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.installed  ## the environment; renewed when setup.cfg or constraints.txt changes

$(VENV)/.installed: setup.cfg constraints.txt | $(BIN)/pip
	@echo "Installing into $(VENV) (torch is large: the first time takes minutes) ..."
	@$(PIP) install -qq --upgrade pip
	@$(PIP) install -qq -c constraints.txt torch  # first and alone: nothing else may choose its build
	@$(PIP) install -qq -c constraints.txt -e '.[dev]'
	@touch $@

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "skopdist needs Python 3.11 or newer, and '$(PYTHON)' is not that. Name one, for example:" >&2; \
	  echo "  make venv PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.installed-docs: $(VENV)/.installed
	@$(PIP) install -qq -c constraints.txt -e '.[docs]'
	@touch $@

$(VENV)/.installed-clusters: $(VENV)/.installed
	@$(PIP) install -qq -c constraints.txt -e '.[dask,ray]'
	@touch $@

demo: venv  ## search a network for handwritten digits, and draw the search
	$(BIN)/python examples/plot_digits.py

test: venv  ## the tests and doctests, but for the slow ones
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/.installed-clusters  ## the slow tests, those on clusters of dask and ray among them
	$(PYTEST) --dist loadgroup -m slow || [ $$? -eq 5 ]  # 5: there are none

lint: venv  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

typecheck: venv  ## mypy, strictly
	$(BIN)/mypy skopdist

docs: $(VENV)/.installed-docs  ## the documentation, into docs/_build/html
	$(BIN)/python -m sphinx -W --keep-going -j 2 -b html docs docs/_build/html

$(VENV)/.installed-bench: $(VENV)/.installed
	@$(PIP) install -qq -c constraints.txt -e '.[bench,plot]'
	@touch $@

# Two scripts at a time, with one thread each, and those that measure times with nothing beside them; an interrupted run
# goes on where it stopped.
bench: $(VENV)/.installed-bench  ## the figures that we claim, in brief; all of them with FULL=1
	@mkdir -p $(BENCH_RESULTS)
	@[ -n "$$SKOPDIST_DATA" ] || echo "SKOPDIST_DATA is not set: only what needs no data. See benchmarks/README.md."
	@$(MAKE) --no-print-directory -j 2 $(BENCHES:%=bench-%)
	@$(MAKE) --no-print-directory -j 1 $(BENCH_TIMES:%=bench-%)
	$(BIN)/python benchmarks/figures.py --results $(BENCH_RESULTS) --output $(BENCH_RESULTS)/figures

bench-any_length: BENCH_PART := --images digits $(if $(SKOPDIST_DATA),fashion)
bench-differentiable: BENCH_PART := $(if $(SKOPDIST_DATA),,--suite cells digits)
bench-spaces: BENCH_PART := $(if $(CIFAR10),--cifar10 $(CIFAR10))
bench-datasets: BENCH_PART := $(if $(SKOPDIST_DATA),,--suite digits)
bench-%:
	$(BIN)/python benchmarks/$*.py $(if $(FULL),,--quick) $(BENCH_PART) \
	  --results $(BENCH_RESULTS)/$*.jsonl > $(BENCH_RESULTS)/$*.txt

clean:  ## remove all that was built, but for the environment
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/auto_examples docs/generated docs/sg_execution_times.rst skopdist_*.png examples/skopdist_*.png
	find skopdist tests docs examples benchmarks -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true
