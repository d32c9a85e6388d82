# Two commands do all: `make run` and `make test`. Both set up a virtual environment first and are safe to repeat.
PYTHON ?= python3
VENV   ?= .venv
# On Linux, plain torch wheels bring CUDA along; point pip at a CPU build, or set TORCH=, to choose another one.
TORCH  ?= torch==2.13.0
# Tests compare with these. Their own requirements, which the tests do without, bring torchvision, torchaudio and more.
PEERS  := neurobench spikingjelly
STUDY  ?= digits
BIN    := $(VENV)/bin

.PHONY: run test slow setup clean
.DEFAULT_GOAL := run

run: $(VENV)/.installed  ## search the default study and write its report
	$(BIN)/dse run $(STUDY)
	$(BIN)/dse report $(STUDY) -o report.html

test: $(VENV)/.installed-test  ## the whole default suite
	$(BIN)/python -m pytest -n 2 -q

slow: $(VENV)/.installed-test  ## the tests that the default suite leaves out, somewhat over a minute
	$(BIN)/python -m pytest -q -m slow

setup: $(VENV)/.installed-test  ## the environment of a developer

clean:
	rm -rf $(VENV) build *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check '$(TORCH)'
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps $(PEERS)
	touch $@
