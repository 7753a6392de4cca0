# Two commands do everything: `make demo` and `make test`. Both set up .venv by themselves.
# README.md gives the same without make.

VENV := .venv
SUITABLE := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(shell $(name) -c '$(SUITABLE)' >/dev/null 2>&1 && echo $(name))))
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
ACTIVATE := $(VENV)\Scripts\activate
else
BIN := $(VENV)/bin
ACTIVATE := . $(VENV)/bin/activate
endif
PIP := $(BIN)/python -m pip --disable-pip-version-check
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
	@$(say-path)
	$(BIN)/python -m demo.webcam $(if $(MODEL),--model "$(MODEL)") --save "$(OUT)"
	@$(say-path)

test: check

check: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

quick: $(VENV)/installed-dev
	$(BIN)/python -m pytest -n 2 -m "not keras and not slow" tests/configs tests/detector

proofs: $(VENV)/installed-dev
	SSDLITE_PROOFS=1 $(BIN)/python -m pytest --timeout=3600
	$(BIN)/python -m tests.bench.bench_predictor
	$(BIN)/python -m tests.bench.bench_heads
	$(BIN)/python -m tests.bench.bench_coco
	$(BIN)/python -m tests.bench.bench_loader
	$(BIN)/python -m tests.bench.bench_similar
	$(BIN)/python -m tests.bench.bench_leaks
	$(BIN)/python -m tests.bench.bench_evaluator
	$(BIN)/python -m tests.bench.bench_page
	$(BIN)/python -m tests.bench.bench_live
	$(BIN)/python -m tests.bench.bench_stream

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
	@echo "installing TensorFlow, OpenCV and what they need into $(VENV): 4 GB, some minutes"
	@{ $(PIP) install -c constraints.txt -e . || touch $@-failed; } | $(show-packages); $(end-show)
	$(fix-opencv)
	@touch $@

# All at once: behind `installed`, pip would resolve, build and install OpenCV a second time.
$(VENV)/installed-dev: $(VENV)/created pyproject.toml constraints.txt
	@echo "installing TensorFlow, OpenCV, and what the checks need into $(VENV): up to 4 GB, some minutes"
	@{ $(PIP) install -c constraints.txt -e ".[dev]" || touch $@-failed; } | $(show-packages); $(end-show)
	$(fix-opencv)
	@touch $(VENV)/installed $@

# albumentations pulls in opencv-python-headless, whose cv2 may overwrite the one with windows.
define fix-opencv
@echo "installing OpenCV once more, with windows"
@$(PIP) --quiet install --force-reinstall --no-deps "$(OPENCV)"
@$(BIN)/python -c 'import cv2, sys; sys.exit(None if cv2.currentUIFramework() else "error: cv2 has no window support")'
endef

# pip is silent for minutes, or says a thousand lines: here are the packages' names as they come.
define show-packages
awk '\
	/^Collecting / { name = $$2; sub(/[][=<>!~;(].*/, "", name); printf "%s ", name } \
	/^ *Downloading .*\([0-9][0-9][0-9][.0-9]* MB\)/ { printf "%s MB ", substr($$(NF - 1), 2) } \
	/^Installing collected/ { printf "\n%d packages are here and are being unpacked ...\n", NF - 3 } \
	{ fflush() }'
endef

# A pipe has the exit status of its end; that of pip is left in a file.
define end-show
if [ -e $@-failed ]; then rm $@-failed; echo "error: pip failed, as said above" >&2; exit 2; fi
endef

define say-path
echo; echo "for \`ssdlite\` in this shell:  $(ACTIVATE)"; echo
endef
