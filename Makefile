# SPDX-License-Identifier: MIT
#
# The only door: what one can do here, each a short call of meson or of a script in tools/.
# `make` alone prints the list. Options: PYTHON=python3.12 (which interpreter), PREFIX=/usr/local
# and DESTDIR= (install), ARGS="..." (handed on to the script behind a target).

PYTHON ?=
PREFIX ?= /usr/local
ARGS ?=
export PYTHON

.PHONY: help setup run test check lint asan tsan valgrind model arm pythons soak bench install dist format clean

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 18

run: ## install what is needed into .venv, then show what hec does
	@tools/setup run
	@tools/install_wheel .venv
	.venv/bin/python examples/demo.py $(ARGS)

setup: ## install what the tests and the linters need
	@tools/setup test

test: setup ## every test: C, command line, Python 3.9 to 3.13, tools, examples in the docs
	@tools/test $(ARGS)

check: setup ## the C and command-line tests only (seconds)
	@tools/configure build
	@tools/meson test -C build --print-errorlogs $(ARGS)

lint: setup ## format, warnings, clang-tidy, cppcheck, shellcheck, spelling, types, our own rules
	@tools/lint $(ARGS)

asan: setup ## C and Python tests under the address, leak and undefined-behaviour sanitizers
	@tools/sanitize address $(ARGS)

tsan: setup ## C tests under the thread sanitizer (it sees one process, not memory shared by two)
	@tools/sanitize thread $(ARGS)

valgrind: setup ## C tests under valgrind
	@tools/sanitize valgrind $(ARGS)

model: ## models of the lock-free parts, every state, by spin (and mutations that must be found)
	@tests/model/run.sh build-model

arm: setup ## cross-build for 64-bit Arm and run the C tests under qemu-user
	@tools/cross/run $(ARGS)

pythons: setup ## the Python tests on every supported Python found
	@.venv/bin/python tools/pythons $(ARGS)

soak: setup ## ten minutes of kills, stops and short memory (ARGS="--minutes 60 --seed 7")
	@tools/install_wheel .venv
	@tools/configure build
	@tools/meson compile -C build test_journal_crash >/dev/null
	.venv/bin/python tests/soak/soak.py --crash build/tests/unit/test_journal_crash $(ARGS)

bench: ## measure against other tools (ARGS=--quick: under three minutes)
	@tools/setup bench
	@tools/install_wheel .venv-bench
	.venv-bench/bin/python bench/run.py $(ARGS)

install: ## install the library, its headers and the program hec below PREFIX
	@tools/setup run
	@tools/configure build-install --prefix=$(PREFIX) --buildtype=release -Dtests=false
	@tools/meson install -C build-install

dist: ## a source archive of the last commit, in build/meson-dist
	@tools/setup run
	@tools/configure build
	@tools/meson dist -C build --no-tests --allow-dirty

format: ## lay out the C sources with clang-format
	git ls-files '*.c' '*.h' | xargs clang-format -i

clean: ## remove what was built and the Python environments made here
	rm -rf build build-* .venv .venv-bench .venv-pythons .venv-bootstrap .mypy_cache .pytest_cache
