# make demo: a running sample district. make test: the whole test suite. Both do all the set-up that they need.

# An empty environment (env -i) has no PATH, and a Python found without one does not know where it is.
export PATH := $(or $(PATH),/usr/local/bin:/usr/bin:/bin)

PORT ?= 8080
PYTHON ?=

# The newest Python of 3.13, 3.12, 3.11 that can make a virtual environment, or the one that PYTHON names.
FIND_PYTHON = for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
			2>/dev/null; then echo "$$python"; exit 0; fi; done; \
	echo "Python 3.11, 3.12 or 3.13 with its venv module is needed; on Debian or Ubuntu: apt install python3 python3-venv" >&2; \
	exit 1

.PHONY: demo test soak check lock clean

demo: .venv/ready
	@PYTHONUNBUFFERED=1 exec .venv/bin/meide demo --port $(PORT)

# On two cores at once, each with a server of its own; a file's tests stay together.
test: .venv/ready
	.venv/bin/python -m pytest -n 2 --dist loadfile -m "not soak"

soak: .venv/ready
	.venv/bin/python -m pytest -m soak

check: .venv/ready
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy

# Made anew when the locked list or the project's own metadata change; never used half made.
.venv/ready: requirements-test.lock pyproject.toml
	@python=$$($(FIND_PYTHON)) || exit 1; \
	echo "Installing into .venv with $$($$python --version) …"; \
	rm -rf .venv && "$$python" -m venv .venv
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-test.lock
	@.venv/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
	@touch .venv/ready

# The locked lists (what runs, and with the tests): every package with the hashes of its files, for all supported
# Pythons and platforms.
LOCK = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-annotate \
	--no-emit-index-url --custom-compile-command "make lock"

lock:
	$(LOCK) --extra build --output-file requirements.lock
	$(LOCK) --extra build --extra test --constraint requirements.lock --output-file requirements-test.lock

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
