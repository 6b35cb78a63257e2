# make test   everything that must hold
# make lint   formatting, clippy, fuzz targets (checked, not linked: no libFuzzer needed), licences
# make bench  kernel benchmarks
# make peers  Rarefy against its peers, in one run (installs them into target/peers)
# make methods   every sparsity method on MNIST beside its dense twin (hours; goes on where it was stopped)
# make doc    the documentation of all crates
# make fuzz   every reader under libFuzzer (FUZZ_SECONDS=600 each)

CARGO ?= cargo
PYTHON ?= python3
FUZZ_SECONDS ?= 600

.PHONY: test lint bench peers methods doc fuzz

test: lint
	$(CARGO) test --workspace --all-targets
	$(CARGO) test --workspace --doc
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --quiet

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	CUSTOM_LIBFUZZER_PATH=/nowhere/libfuzzer.a $(CARGO) check --quiet --locked --manifest-path fuzz/Cargo.toml
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check licenses bans sources; \
	else echo "cargo-deny is not installed: licences not checked (cargo install cargo-deny)"; fi

bench:
	$(CARGO) bench -p rarefy-core

peers:
	$(PYTHON) -m venv target/peers
	target/peers/bin/pip install --quiet numpy torch
	$(CARGO) build --release
	target/peers/bin/python bench/peers/training.py

methods:
	$(CARGO) build --release
	$(PYTHON) bench/peers/methods.py

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps

fuzz:
	fuzz/run.sh $(FUZZ_SECONDS)
