"What only shows from outside: the cost of an import, and the commands as a shell sees them."
import subprocess, sys, time
import pytest

def seconds(code):
    start = time.perf_counter()
    subprocess.run([sys.executable, '-c', code], check=True)
    return time.perf_counter() - start

def test_import_costs_little_more_than_torch():
    pairs = [(seconds('import torch'), seconds('import ndm_nb.paths')) for _ in range(5)]
    ours, torchs = min(p[1] for p in pairs), min(p[0] for p in pairs)
    print(f'import ndm_nb.paths takes {ours/torchs:.2f} times import torch')
    assert ours < 1.3*torchs

@pytest.mark.parametrize('module', ['paths', 'model', 'discrete', 'continuous', 'data', 'sampling', 'likelihood', 'training', 'metrics', 'presets', 'cli'])
def test_heavy_imports_are_lazy(module):
    heavy = {'matplotlib', 'sklearn', 'torchvision', 'torchdiffeq', 'tqdm', 'nbdev', 'IPython'}
    code = f'import sys, torch; before = set(sys.modules); import ndm_nb.{module}; print(*{heavy!r} & (set(sys.modules) - before))'
    assert subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout.strip() == ''

@pytest.mark.parametrize('command', [['ndm_train', '--preset', 'nmd'], ['ndm_train', '--T', '0'], ['ndm_train', '--device', 'gpu0'], ['ndm_train', '--lr', 'fast'],
                                     ['ndm_sample', 'nowhere'], ['ndm_sample'], ['ndm_eval', 'nowhere']], ids=' '.join)
def test_a_slip_ends_with_one_line_and_a_status(command, tmp_path):
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode != 0 and 'Traceback' not in done.stderr
    assert command[0] in done.stderr.strip().splitlines()[-1]
    assert list(tmp_path.iterdir()) == []

def test_a_damaged_run_is_named(tmp_path):
    run = tmp_path/'runs'/'digits-ndm-T10'
    subprocess.run(['ndm_train', '--compare', 'none', '--iterations', '1', '--width', '8', '--depth', '1'], cwd=tmp_path, check=True, capture_output=True)
    (run/'model.safetensors').write_bytes((run/'model.safetensors').read_bytes()[:-8])
    done = subprocess.run(['ndm_eval', str(run)], capture_output=True, text=True)
    assert done.returncode != 0 and 'model.safetensors does not fit' in done.stderr and 'Traceback' not in done.stderr
    again = subprocess.run(['ndm_train', '--compare', 'none', '--iterations', '1'], cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode != 0 and 'already holds a run' in again.stderr
