# make dry-run   set up what is missing, run the six-day experiment around a simulated monkey
# make test      set up what is missing, run all tests
# make check     format, lint, import contracts, types (make lint: these alone), and the fast tests that what has changed
#                since they passed can reach (python -m tools.changed --all: all of them)
# make flakes    all tests RUNS times beside LOAD busy processes and a foreign Dask cluster; a log of each in runs/flakes
# make faults    every operation of a day and of a rig's session on the disk fails once: an hour or two, and it resumes
# make kills     a rig in real time is killed KILLS times, its terminal closed HANGUPS times, a service twenty times: 20 min
# make docs      the site from docs/ into site/, offline, a warning is an error
# make bench     measure the figures of docs/benchmarks.md
# make firmware  the program of the rig's microcontroller, for a Mega 2560 and an Uno, into build/firmware
# make fuzz      damaged files through every reader: FUZZ_INPUTS of them

PYTHON ?= python3.11
VENV ?= .venv
STUDY ?= runs/dry-run
RUNS ?= 10
LOAD ?= 6
# The index that torch comes from; empty for pip's own. On Linux pip's own may bring the CUDA build.
TORCH_INDEX ?=
TORCH_VERSION ?= 2.13.0
# Libraries of architectures, which the tests of networks from elsewhere need; empty leaves them out, and these tests skip.
# torchvision pairs with torch, and has a release for each of its own.
ZOO ?= torchvision==0.28.0 timm==1.0.31
FUZZ_INPUTS ?= 50000
FUZZ_SEED ?= 0
KILLS ?= 60
HANGUPS ?= 20
KILLS_SEED ?= 20261128

BIN := $(VENV)/bin
SETUP := $(VENV)/.set-up
SYSTEM := $(VENV)/.system-packages
# Two processes on one thread each beat one on two (docs/decisions): every command runs torch on one thread.
export OMP_NUM_THREADS ?= 1
# The checks start thousands of Pythons: each would compile all of the code and its libraries anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: dry-run test check lint types contracts faults kills flakes docs bench fuzz firmware set-up system-packages installed install
dry-run: $(SETUP)
	$(BIN)/closedloop dry-run $(STUDY)

# The display tests show images in real time, and mostly wait: three at a time, each file's on a screen of its own, and none
# beside the others, which compute.
test: $(SETUP) $(SYSTEM)
	$(BIN)/pytest -n 3 --dist loadfile -m display tests/unit/rig
	$(BIN)/pytest -n 2 --dist worksteal -m "not display"

check: lint
	$(BIN)/python -m tools.changed

# Types take as long as all the rest: side by side.
lint: $(SETUP)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target types contracts

types: $(SETUP)
	$(BIN)/mypy

contracts: $(SETUP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

flakes: $(SETUP) $(SYSTEM)
	$(BIN)/python -m tools.flakes --runs $(RUNS) --load $(LOAD) --command "$(MAKE) test"

faults: $(SETUP)
	$(BIN)/python -m tools.faults --folder runs/faults

# A dozen kills of a rig, six of a service and four hang-ups are in `make test`; here their number is free, and each is told as it comes.
kills: $(SETUP) $(SYSTEM)
	$(BIN)/python -m tools.kills --kills $(KILLS) --hang-ups $(HANGUPS) --seed $(KILLS_SEED)
	$(BIN)/python -m tools.service_kills --rounds 1

docs: $(SETUP)
	$(BIN)/python -m tools.pages
	$(BIN)/python -m tools.site

bench: $(SETUP)
	$(BIN)/python -m benchmarks

# An interrupted run is gone on with by the same command.
fuzz: $(SETUP)
	$(BIN)/python -m tools.fuzz --n $(FUZZ_INPUTS) --seed $(FUZZ_SEED)

firmware:
	@command -v avr-gcc >/dev/null || { echo "make firmware: expected avr-gcc, found none. Install gcc-avr and avr-libc \
	(apt-get install gcc-avr avr-libc)." >&2; exit 1; }
	$(MAKE) --no-print-directory -C rig/firmware BUILD=$(CURDIR)/build/firmware

set-up: $(SETUP)
system-packages: $(SYSTEM)

# One after the other: two of these commands in a new checkout would install over each other. Not uv's own file,
# .lock: it would wait for itself.
$(SETUP): pyproject.toml
	@mkdir -p $(VENV)
	@flock $(VENV)/.set-up.lock $(MAKE) --no-print-directory installed

installed:
	@[ $(SETUP) -nt pyproject.toml ] || $(MAKE) --no-print-directory install

# torch by pip first: uv does not look where the CPU build lies, and a bare requirement brings gigabytes of CUDA. So do
# torchvision and timm, which ask for it: they come alone (42 MB, and nothing else that they import is missing).
install:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip uv
	$(BIN)/python -c "import torch" 2>/dev/null || \
	  $(BIN)/pip install --quiet torch==$(TORCH_VERSION) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --editable '.[lab,rig,service]' --group dev
	$(if $(ZOO),$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --no-deps $(ZOO))
	touch $(SETUP)

# What PsychoPy needs to draw without a screen. Installed where that is possible, else said exactly.
$(SYSTEM): $(SETUP)
	./.ci/system-packages
	touch $@
