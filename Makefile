# agent-harness. Needs: make, and bun or npm. `make build` and `make test` are all a new user needs.
BUN_VERSION := 1.4.5
TOOLCHAIN   := .toolchain/bun-$(BUN_VERSION)

# The pinned Bun from PATH when it is there, else our own copy (made by the rule below).
PATH_BUN := $(shell bun --version 2>/dev/null | grep -qx '$(BUN_VERSION)' && command -v bun)
BUN      := $(if $(PATH_BUN),$(PATH_BUN),$(CURDIR)/$(TOOLCHAIN)/bun)

# A daemon that is started inside a repository must not run that repository's code: nothing of the current folder is
# loaded at run time. test/e2e/autoload.test.ts plants it all and looks.
# The outermost functions are compiled ahead: a fifth less time and processor until it listens, for 0.8 MB.
COMPILE_FLAGS := --compile --target=bun --minify --splitting --sourcemap=none \
  --bytecode --bytecode-depth=0 --format=esm \
  --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
  --no-compile-autoload-tsconfig --no-compile-autoload-package-json

SOURCES := $(shell find src -type f) package.json Makefile

.PHONY: build test test-again test-live test-work check demo demo-fleet bench plans chaos chaos-broken size dist clean mutants

build: agent-harness webhook-receiver

agent-harness: $(SOURCES) .build/page/.ready | $(BUN)
	$(call compile,src/main.ts $(CURDIR)/.build/page/*.page --asset-naming=[name].[ext] --loader .page:file,$@)

# The second name of one file: it picks its program by the name it is started under. A copy where links cannot be had.
webhook-receiver: agent-harness
	@ln -f $< $@ 2>/dev/null || cp -f $< $@

# The inspector: bundled for the browser first, its files then embedded into the daemon as they are (src/page.ts finds
# them by their ending). An HTML import inside the daemon's own bundle would break the imports between its chunks.
PAGE := src/inspector
.build/page/.ready: $(shell find $(PAGE) -type f) Makefile | $(BUN)
	@rm -rf .build/page && mkdir -p .build/page.d
	cd .build/page.d && $(BUN) build $(CURDIR)/$(PAGE)/index.html --outdir $(CURDIR)/.build/page --minify --splitting \
	  --sourcemap=none --public-path=/inspect/
	cd .build/page.d && $(BUN) build $(CURDIR)/$(PAGE)/css/later.css --outfile $(CURDIR)/.build/page/later.css --minify
	@cp $(PAGE)/static/* .build/page/
	@for file in .build/page/*; do mv "$$file" "$$file.page"; done
	@touch $@

# Built aside and moved into place: a running binary cannot be written over. The folder is empty, so that no config
# file of this one is taken into the build.
define compile
	@mkdir -p .build/$(2).d
	cd .build/$(2).d && $(BUN) build $(COMPILE_FLAGS) $(CURDIR)/$(1) --outfile $(CURDIR)/.build/$(2)
	@mv -f .build/$(2) $(2)
endef

# What needs no network; `make test-again` takes the same.
SUITE := types unit provider e2e browser

test: build node_modules/.ready
	$(BUN) test/run.ts $(SUITE)

# The whole suite N times in a row (BUSY=1: with a busy loop on each core): what fails now and then hangs on luck.
test-again: build node_modules/.ready
	$(BUN) test/again.ts $(SUITE)

# The real programs. `make test-live CLAUDE=2.1.285,2.1.332 CODEX=0.139.0` tries these versions of these programs only.
PROGRAMS := CLAUDE CODEX OPENCODE PI GEMINI QWEN CLAUDEACP CODEXACP
VERSIONS = $(foreach p,$(PROGRAMS),$(if $(filter command,$(origin $(p))),$(p)=$($(p))))

test-live: build node_modules/.ready
	$(BUN) test/run.ts live $(VERSIONS)

check: node_modules/.ready
	$(BUN) node_modules/typescript/bin/tsc --noEmit -p tsconfig.json
	$(BUN) node_modules/typescript/bin/tsc --noEmit -p src/inspector

demo: build
	$(BUN) test/demo.ts

# Three boxes as one on this machine, twenty tasks, one box killed. Needs PostgreSQL.
demo-fleet: build node_modules/.ready
	$(BUN) test/demo-fleet.ts

# Cases of each kind of the fuzz tests in `make chaos`; 0 = none. `make test` takes 20 000.
FUZZ ?= 1000000

# One long storm over both compiled programs, then the long fuzz: make chaos FUZZ=0 SEED=7 MINUTES=10 (ONLY="kill,disk", AGENTS=3, KEEP=1).
chaos: build node_modules/.ready
	$(BUN) test/chaos/main.ts
	$(if $(filter 0,$(FUZZ)),,AH_TEST_FUZZ_CASES=$(FUZZ) $(BUN) test/run.ts unit/fuzz)

# Some twenty builds that are broken on purpose, each in a short storm that must find it. ROW="receiver" takes those whose
# names hold it. Takes a quarter of an hour.
chaos-broken: build node_modules/.ready
	$(BUN) test/chaos/broken.ts

# Agents' work at full size: snapshots of FILES files, ROUNDS deaths at any moment. `make test` takes fewer.
FILES  ?= 100000
ROUNDS ?= 100

test-work: build node_modules/.ready
	AH_TEST_FILES=$(FILES) AH_TEST_ROUNDS=$(ROUNDS) $(BUN) test/run.ts unit/workspaces/many.test.ts \
	  e2e/workspaces-rounds.test.ts

# Breaks the heart in some hundred and sixty places, one at a time, and looks whether a test notices. Takes a while.
mutants: build node_modules/.ready
	$(BUN) test/mutants.ts

# Every statement of a fleet explained with so many rows in each large table (make test: 60 000). Needs PostgreSQL.
ROWS ?= 1000000

plans: node_modules/.ready
	AH_TEST_FLEET_ROWS=$(ROWS) $(BUN) test/run.ts e2e/fleet/explain.test.ts

bench: build node_modules/.ready
	$(BUN) test/bench/main.ts $(COMPILE_FLAGS)

# What the executable carries, against its bounds.
size: build
	$(BUN) nix/size.ts

# Release archives in dist/: all targets, or TARGETS=linux-x64,linux-arm64-musl; LEVEL is zstd's (19 for a release).
LEVEL   ?= 9
TARGETS ?= all
dist: build
	$(BUN) nix/dist.ts $(CURDIR)/dist $(LEVEL) $(TARGETS) $(COMPILE_FLAGS)

clean:
	rm -rf agent-harness webhook-receiver .build .toolchain node_modules dist

# Only types for the checker; nothing of it is in the binaries.
node_modules/.ready: package.json bun.lock | $(BUN)
	$(BUN) install --frozen-lockfile --ignore-scripts
	@touch $@

# npm may leave out install scripts, so the program is taken from the package of this platform; where there are several
# (with and without AVX2, glibc and musl), the first that runs is the right one.
$(CURDIR)/$(TOOLCHAIN)/bun:
	@mkdir -p $(TOOLCHAIN)
	@echo '{"private":true,"dependencies":{"bun":"$(BUN_VERSION)"}}' > $(TOOLCHAIN)/package.json
	@echo "installing Bun $(BUN_VERSION) into $(TOOLCHAIN)"
	@if command -v npm >/dev/null; then \
	  npm install --prefix $(TOOLCHAIN) --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error; \
	elif command -v bun >/dev/null; then \
	  bun install --cwd $(TOOLCHAIN) --ignore-scripts --no-save; \
	else \
	  echo "cannot build: neither bun nor npm is in PATH; install one of them" >&2; exit 1; \
	fi
	@for program in $(TOOLCHAIN)/node_modules/@oven/bun-*/bin/bun; do \
	  if [ "$$("$$program" --version 2>/dev/null)" = "$(BUN_VERSION)" ]; then \
	    ln -sfn "$(CURDIR)/$$program" $@; exit 0; \
	  fi; \
	done; echo "cannot build: no program of the bun package runs on this machine" >&2; exit 1
