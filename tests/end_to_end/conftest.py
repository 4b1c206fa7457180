"""What all end-to-end tests share: async tests, and the programs that they start."""

import asyncio
import inspect
import os
import resource
import sys

import pytest

sys.dont_write_bytecode = True

from support.process import PATIENCE, Processes  # noqa: E402

TEST_PATIENCE = 6 * PATIENCE

# a thousand clients need more than the thousand descriptors that are usual
HARD_LIMIT = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD_LIMIT, HARD_LIMIT))

for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
    del os.environ[name]  # every peer of these tests is on this machine


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    """Runs `async def` tests, each in a loop of its own and not for ever."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = inspect.signature(pyfuncitem.obj).parameters
    test = pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names})
    asyncio.run(asyncio.wait_for(test, TEST_PATIENCE))
    return True


@pytest.fixture
def processes(tmp_path):
    """Starts programs for one test; afterwards all are stopped, and judged by how they ended."""
    with Processes(tmp_path) as started:
        yield started


@pytest.fixture(scope="module")
def shared_processes(tmp_path_factory):
    """The same for all tests of a file."""
    with Processes(tmp_path_factory.mktemp("shared")) as started:
        yield started
