# What a user or CI asks for. Each target does everything it needs on a fresh Debian 12 with Swift.

SHELL := /bin/bash
BACKFILL := .build/release/backfill

.PHONY: help setup servers build test demo lint format bench fuzz clean

help:
	@echo 'make setup    install the Debian packages that are missing'
	@echo 'make build    build $(BACKFILL)'
	@echo 'make demo     copy a real Redis into a real Valkey and compare both'
	@echo 'make test     everything that CI runs'
	@echo 'make lint     check the format (make format writes it)'
	@echo 'make bench    measure (Benchmarks/)'
	@echo 'make fuzz     feed damaged input to the parser (SECONDS=60)'
	@echo 'make clean    remove what was built and fetched'

setup:
	@scripts/setup

servers: setup
	@scripts/servers

build: setup
	swift build -c release --product backfill

test: servers lint build
	swift test

demo: build
	@scripts/demo

lint:
	@scripts/format lint --strict

format:
	@scripts/format format --in-place

bench: servers build
	Benchmarks/run

fuzz: setup
	Fuzz/run $(or $(SECONDS),60)

clean:
	rm -rf .build .build-* .servers Benchmarks/.build Benchmarks/.data
