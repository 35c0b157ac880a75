# Everything below runs on private servers in .run/ and leaves nothing running, but for `make up`.

SANDBOX := target/debug/sandbox
CLIENT := .run/client
TOOLS := .run/tools
OSLO := .run/oslo
KEYSTONE := .run/keystone
TEMPEST := .run/tempest
GLANCE := .run/glance
CINDER := .run/cinder

# An environment of Python's with what a list names, made anew when the list changes: directory, list, what follows the installation
define python-environment
cmp -s $(2) $(1)/complete || { rm -rf $(1) && python3 -m venv $(1) \
  && $(1)/bin/pip install --quiet --disable-pip-version-check -r $(2) $(3) && cp $(2) $(1)/complete; }
endef

.PHONY: demo demo-ceph disaster recovery conformance bench bench-quick bench-relay scale oslo soak test test-as-root test-ceph up down check audit fuzz tools fmt lint doc fast-test packages ceph-packages client keystone glance tempest cinder cinder-backups nextest build docs help

help: ## Show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: packages build ## The fire drill, on real volumes, in under a minute
	@$(SANDBOX) demo

demo-ceph: packages ceph-packages build ## The same on two private Ceph clusters (four minutes; installs Ceph)
	@$(SANDBOX) demo --ceph

test: packages client keystone tempest glance nextest ## All tests, on private servers
	cargo build --workspace --features failpoints
	$(SANDBOX) run -- cargo nextest run --workspace --features failpoints --no-fail-fast

test-ceph: packages ceph-packages nextest ## The tests of the rbd driver, on two private Ceph clusters (five minutes)
	cargo build --workspace --features failpoints
	$(SANDBOX) run --ceph -- cargo nextest run --workspace --features failpoints --profile ceph --no-fail-fast

soak: packages client nextest ## What is random or takes disasters, many times (about five minutes)
	cargo build --workspace --features failpoints
	CINDERBLOCK_SOAK=1 $(SANDBOX) run -- cargo nextest run --profile soak -p cinderblock-tests --test replication --test resilience

disaster: packages build ## The primary burns under servers, ROUNDS times (300), with whatever else can go wrong; writes docs/reliability.md (a quarter of an hour)
	$(SANDBOX) run -- target/debug/disaster --record survive --rounds $(or $(ROUNDS),300) $(if $(SEED),--seed $(SEED))

recovery: packages build ## How long failovers and failbacks of 1, 10 and 100 volumes take; writes docs/reliability.md
	$(SANDBOX) run -- target/debug/disaster --record recover

conformance: packages keystone glance tempest build cinder-backups ## Tempest with a real Keystone and Glance, beside what Cinder passes; Cinder's backups (a quarter of an hour)
	target/debug/conformance

# one test needs a server that looks at signatures, which the one here does not
cinder-backups: packages cinder nextest ## Backups that Cinder 29 has made are restored here, and the other way round, in a directory and in S3 (a minute)
	CINDER_PYTHON=$(CURDIR)/$(CINDER)/bin/python scripts/with-s3-server.sh $(CINDER) \
	  cargo nextest run -p backup_store --run-ignored only -E 'not test(/wrong_secret/)'

fuzz: packages ## Random input for every parser that a stranger reaches, SECONDS each (300; the first build takes minutes)
	@cargo fuzz --version >/dev/null 2>&1 || cargo install cargo-fuzz --locked
	cargo build --workspace --features failpoints
	$(SANDBOX) run --cluster scripts/fuzz.sh $(or $(SECONDS),300) $(TARGETS)

bench: packages oslo keystone ## How fast everything is, beside the budget (five minutes, and the build); writes docs/performance.md
	cargo build --release --workspace
	target/release/load budget

bench-quick: packages oslo keystone ## The same in two minutes, and nothing is written
	cargo build --release --workspace
	target/release/load budget --quick

scale: packages ## The same work at a hundred, ten thousand and a million volumes (half an hour); writes docs/performance.md
	cargo build --release --workspace
	target/release/load scale

bench-relay: packages ## What a mirror costs, and what the relay adds to that (a minute)
	cargo build --release -p cinderblock-relay
	@mkdir -p .run && python3 scripts/relay-cost.py

up: packages build ## Start a development cluster and leave it running
	@$(SANDBOX) up

down: ## Stop the development cluster
	@[ ! -x $(SANDBOX) ] || $(SANDBOX) down

check: fmt lint doc fast-test ## Formatting, lints, rustdoc and the tests that need no servers

audit: tools ## Licences and sources of the dependencies, unused dependencies, typos
	$(TOOLS)/bin/cargo-deny --log-level error check licenses bans sources
	$(TOOLS)/bin/cargo-machete
	$(TOOLS)/bin/typos

test-as-root: packages nextest build ## The tests that mount file systems (a minute, as root)
	$(SANDBOX) run -- cargo nextest run --workspace --features failpoints --run-ignored only -E 'not package(backup_store)'

docs: build ## Write the generated documents
	$(SANDBOX) docs

# by their names: cargo fmt does not see modules that a macro declares
fmt:
	rustfmt --check $$(git ls-files '*.rs')

doc:
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --quiet

lint:
	cargo clippy --workspace --all-targets --features failpoints -- -D warnings

fast-test: packages
	cargo test --workspace --lib --bins --features failpoints
	cargo build -p cinderblock-relay
	cargo test -p cinderblock-driver-fake -p cinderblock-driver-file
	cargo test -p cinderblock-tests --test house

build:
	cargo build --workspace --features failpoints

packages: ## Install the Debian packages that are missing (as root or with passwordless sudo)
	@scripts/install-packages.sh

ceph-packages: ## Install Ceph's Debian packages, which the tests of the rbd driver need
	@scripts/install-packages.sh ceph

nextest: ## Install the test runner, where it is missing (cargo install, into cargo's own directory)
	@cargo nextest --version >/dev/null 2>&1 || cargo install cargo-nextest --locked

client: packages ## Install the real OpenStack clients in .run/client
	@$(call python-environment,$(CLIENT),scripts/clients.txt)

keystone: packages ## Install the real Keystone in .run/keystone
	@$(call python-environment,$(KEYSTONE),scripts/keystone.txt,&& scripts/keystone-template.sh $(CURDIR)/$(KEYSTONE))

tempest: packages ## Install Tempest and its plugin for Cinder in .run/tempest
	@$(call python-environment,$(TEMPEST),scripts/tempest.txt)

glance: packages ## Install the real Glance in .run/glance
	@$(call python-environment,$(GLANCE),scripts/glance.txt)

cinder: packages ## Install Cinder, and an S3 server, in .run/cinder
	@$(call python-environment,$(CINDER),scripts/cinder.txt)

oslo: packages ## Install oslo.messaging, which `make bench` measures too, in .run/oslo
	@$(call python-environment,$(OSLO),scripts/oslo.txt)

tools: packages ## Install the tools of `make audit` in .run/tools
	@cmp -s scripts/tools.txt $(TOOLS)/complete || { rm -rf $(TOOLS) && python3 -m venv $(TOOLS) \
	  && $(TOOLS)/bin/pip install --quiet --disable-pip-version-check $$(grep typos scripts/tools.txt) \
	  && cargo install --quiet --locked --root $(TOOLS) $$(grep cargo- scripts/tools.txt | sed 's/==/@/') \
	  && cp scripts/tools.txt $(TOOLS)/complete; }
