"What all tests share: threads, what is made once for all workers, and which tests come first."
import json, os, subprocess, sys
from pathlib import Path
import pytest
from filelock import FileLock

os.environ.setdefault('OMP_NUM_THREADS', '1')               # workers and their children share the cores
os.environ.setdefault('MPLBACKEND', 'agg')

root = Path(__file__).parents[1]
long = ('test_notebooks', 'test_shell', 'test_interrupted', 'test_inception', 'test_site', 'test_distributed',
        'test_faults', 'test_next_commands', 'test_memory', 'test_streaming')

def pytest_addoption(parser):
    parser.addoption('--long', action='store_true', help='only the tests that take long')

def pytest_collection_modifyitems(config, items):
    "The short tests or the long ones, unless some were asked for by name; files that take longest first."
    def is_long(item): return item.path.stem in long
    if config.args == config.getini('testpaths') and not config.option.keyword:
        config.hook.pytest_deselected(items=[item for item in items if is_long(item) != config.option.long])
        items[:] = [item for item in items if is_long(item) == config.option.long]
    items.sort(key=lambda item: long.index(item.path.stem) if is_long(item) else len(long))

@pytest.fixture(scope='session')
def once(tmp_path_factory):
    "`once(name, make)` is what `make()` returns, as JSON has it, made by the worker that asks first."
    folder = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ: folder = folder.parent          # of all workers
    def get(name, make):
        file = folder/f'{name}.json'
        with FileLock(folder/f'{name}.lock'):
            if not file.exists(): file.write_text(json.dumps(make()))
        return json.loads(file.read_text())
    return get

@pytest.fixture(scope='session')
def site(once):
    "The folder of the documentation, built now."
    def build():
        done = subprocess.run([sys.executable, 'docs/build.py'], cwd=root, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr
    status, said = once('site', build)
    assert status == 0, said
    return root/'_docs'
