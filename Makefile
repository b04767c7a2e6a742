# Two commands set everything up by themselves: `make draw` paints a picture, `make test` passes the tests.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
TEXT ?= 帮我画一只红色的苹果

.PHONY: draw test lint bench measure fuzz docs clean

draw: .venv/ready
	$(BIN)/easel draw "$(TEXT)" --out pictures

test: .venv/ready
	$(BIN)/pytest -n 2

lint: .venv/ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# Seconds and memory of everything that a person waits for; prints a table. Not a test: machines differ.
bench: .venv/ready
	$(BIN)/python tests/bench.py

# How well requests are understood, rewritten and found again; needs ../shared/data. EASEL_HOME keeps its library.
measure: .venv/ready
	$(BIN)/python tests/measure_rewriting.py

# Ten thousand strange updates to a running bot, and as many buttons and texts; some minutes.
fuzz: .venv/ready
	EASEL_FUZZ=10000 $(BIN)/pytest tests/fuzz

# What is promised when the bot is killed and the network fails, two hundred times over; fails when a promise is broken.
chaos: .venv/ready
	$(BIN)/python tests/chaos.py

# The README's command help is made by the commands themselves.
docs: .venv/ready
	$(BIN)/cog -r README.md README.zh.md

# PIP_FLAGS="--extra-index-url https://download.pytorch.org/whl/cpu" saves gigabytes on a machine without a GPU.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(PIP_FLAGS) --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv pictures
