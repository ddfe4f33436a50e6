# Two commands: `make lab` opens the lessons, `make test` runs every test.
# The logic is in bootstrap.py, which also works without make.
.DEFAULT_GOAL := help
.PHONY: help lab test

# The first Python that runs and is new enough; `make lab PYTHON=...` chooses one.
define bootstrap
	@for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    exec "$$python" bootstrap.py $(1) $(ARGS); \
	  fi; \
	done; \
	echo "replication_viz needs Python 3.11 or newer, and none was found on the PATH." >&2; exit 1
endef

help:
	@echo "make lab   make the environment, install, open JupyterLab on the first lesson"
	@echo "make test  make the environment, install, run every test"
	@echo "ARGS='...' passes flags on to JupyterLab or pytest; PYTHON=... chooses the Python."

lab:
	$(call bootstrap,lab)

test:
	$(call bootstrap,test)
