# Two commands do everything: `make demo` and `make test`. Both set up .venv by themselves.
# README.md gives the same without make.

VENV := .venv
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c '$(SUITABLE)' >/dev/null 2>&1 && echo $(name))))
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
OPENCV := $(shell grep '^opencv-python==' constraints.txt)

OUT ?= out/demo.mp4

.PHONY: help demo test check quick proofs format clean

help:
	@echo "make demo [MODEL=...]  install, detect live (or in the built-in clip), save $(OUT)"
	@echo "make test              install, then run every check that CI runs"
	@echo "make quick             the quick tests of configs and detector, without TensorFlow"
	@echo "make proofs            the same proofs at full size (long)"
	@echo "make format            format the code"
	@echo "make clean             remove .venv and caches"

demo: $(VENV)/installed
	$(BIN)/python -m demo.webcam $(if $(MODEL),--model "$(MODEL)") --save "$(OUT)"

test: check

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -n 2 --dist loadfile

quick: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 -m "not keras and not slow" tests/configs tests/detector

proofs: $(VENV)/installed-dev
	SSDLITE_PROOFS=1 $(BIN)/python -m pytest --timeout=3600
	$(BIN)/python -m tests.bench.bench_predictor
	$(BIN)/python -m tests.bench.bench_coco
	$(BIN)/python -m tests.bench.bench_loader
	$(BIN)/python -m tests.bench.bench_similar
	$(BIN)/python -m tests.bench.bench_leaks
	$(BIN)/python -m tests.bench.bench_evaluator
	$(BIN)/python -m tests.bench.bench_page
	$(BIN)/python -m tests.bench.bench_live

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis *.egg-info

$(VENV)/created:
	@test -n "$(PYTHON)" || { echo "error: needs Python 3.11, 3.12 or 3.13; install one, or run make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c '$(SUITABLE)' || { echo "error: $(PYTHON) is not Python 3.11, 3.12 or 3.13" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed: $(VENV)/created pyproject.toml constraints.txt
	$(PIP) install -c constraints.txt -e .
	$(fix-opencv)
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	$(PIP) install -c constraints.txt -e ".[dev]"
	$(fix-opencv)
	@touch $@

# albumentations pulls in opencv-python-headless, whose cv2 may overwrite the one with windows.
define fix-opencv
$(PIP) install --force-reinstall --no-deps "$(OPENCV)"
@$(BIN)/python -c 'import cv2, sys; sys.exit(None if cv2.currentUIFramework() else "error: cv2 has no window support")'
endef
