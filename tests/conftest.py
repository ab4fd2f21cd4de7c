"What all tests share: the threads of a worker, and one build of the site."
import json, os, subprocess, sys
from pathlib import Path
import pytest
from filelock import FileLock

os.environ.setdefault('OMP_NUM_THREADS', '1')                       # workers and their children share the cores
os.environ.setdefault('MPLBACKEND', 'agg')

root = Path(__file__).parents[1]

@pytest.fixture(scope='session')
def site(tmp_path_factory):
    "The documentation, built once, by the worker that needs it first: the folder of its pages."
    shared = tmp_path_factory.getbasetemp()
    if 'PYTEST_XDIST_WORKER' in os.environ: shared = shared.parent  # of all workers
    result = shared/'site.json'
    with FileLock(shared/'site.lock'):
        if not result.exists():
            done = subprocess.run([sys.executable, 'docs/build.py'], cwd=root, capture_output=True, text=True)
            result.write_text(json.dumps([done.returncode, done.stdout + done.stderr]))
    status, said = json.loads(result.read_text())
    assert status == 0, said
    return root/'_docs'
