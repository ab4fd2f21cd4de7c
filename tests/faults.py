"""Small faults, each of which a test must catch.

    python tests/faults.py                  # plant all of them, one at a time, and print what survives
    python tests/faults.py times bridges    # those of some modules
    python tests/faults.py --list           # only the table
    python tests/faults.py --sound          # nothing planted: do the tests that are named pass?

Each is planted in a copy of the package. A chapter runs against the package (test_notebooks.py), so that its
checks are tried as well. Ten, chosen anew each day, are planted whenever the tests run (test_faults.py).
"""
import argparse, os, shutil, subprocess, sys, tempfile, time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from fault_table import table

root = Path(__file__).parents[1]

class Fault(NamedTuple):
    "A text of a module that occurs there once, and what it is exchanged for."
    module:str
    what:str # is wrong then
    old:str
    new:str
    test:str # that must fail: a chapter, or file::name of a test

faults = [Fault(module, *row) for module, rows in table.items() for row in rows]

ignored = shutil.ignore_patterns('__pycache__', 'runs')

@contextmanager
def copied():
    "A copy of what tests need."
    with tempfile.TemporaryDirectory() as folder:
        for name in ('ndm_nb', 'nbs', 'tests', 'docs'):
            shutil.copytree(root/name, f'{folder}/{name}', ignore=ignored)
        for name in ('pytest.ini', 'settings.ini', 'README.md'): shutil.copy(root/name, folder)
        yield Path(folder)

def passes(copy, test):
    "Does a test pass in a copy? None if it was skipped. What it printed, too."
    node = f'tests/{test}' if '::' in test else f'tests/test_notebooks.py::test_notebook[{test}]'
    env = os.environ | dict(PYTHONPATH=str(copy), OMP_NUM_THREADS='1', PYTHONDONTWRITEBYTECODE='1')
    command = [sys.executable, *'-m pytest -q -x -n 0 -p no:cacheprovider'.split(), node]
    done = subprocess.run(command, cwd=copy, env=env, capture_output=True, text=True)
    said = done.stdout + done.stderr
    if done.returncode not in (0, 1): raise ValueError(f'{test} could not be run:\n{said}')
    return None if ' passed' not in said and ' skipped' in said else done.returncode == 0, said

def planted(fault, copy):
    "The module with the fault in it. Raises `ValueError` for a text that is not there once."
    code = (copy/f'ndm_nb/{fault.module}.py').read_text()
    if (n := code.count(fault.old)) != 1:
        raise ValueError(f'{fault.module}, {fault.what}: {n} of {fault.old!r}; expected one')
    code = code.replace(fault.old, fault.new)
    compile(code, fault.module, 'exec')                                 # a fault, not a misprint
    return code

def survives(fault):
    "Does the test that should catch it pass? None if it was skipped. And the seconds that this took."
    with copied() as copy:
        code, start = planted(fault, copy), time.time()
        (copy/f'ndm_nb/{fault.module}.py').write_text(code)
        return passes(copy, fault.test)[0], time.time() - start

def main():
    plain = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=plain)
    parser.add_argument('modules', nargs='*', metavar='MODULE', help='by default all')
    parser.add_argument('--list', action='store_true', help='only print the table')
    parser.add_argument('--sound', action='store_true', help='plant nothing; the tests should pass')
    parser.add_argument('--processes', type=int, default=os.cpu_count())
    told = parser.parse_args()
    if unknown := set(told.modules) - set(table): parser.error(f'no faults of {", ".join(unknown)}')
    chosen = [fault for fault in faults if not told.modules or fault.module in told.modules]
    if told.list:
        for fault in chosen: print(f'{fault.module:12} {fault.test:40} {fault.what}')
        return
    if told.sound:
        with copied() as copy, ThreadPoolExecutor(told.processes) as pool:
            tests = sorted({fault.test for fault in chosen})
            for test, (sound, said) in zip(tests, pool.map(lambda test: passes(copy, test), tests)):
                print(f'{test:40} {"passes" if sound else "skipped" if sound is None else said}', flush=True)
        return
    caught, seconds, alive = Counter(), Counter(), []
    with ThreadPoolExecutor(told.processes) as pool:
        for fault, (alone, took) in zip(chosen, pool.map(survives, chosen)):
            if alone: alive.append(fault)
            if alone is False: caught[fault.module] += 1
            seconds[fault.test] = max(seconds[fault.test], took)
            word = {None: 'skipped', True: 'SURVIVES', False: 'caught'}[alone]
            print(f'{word:8} {took:6.1f} s  {fault.module}: {fault.what}', flush=True)
    print('\n| module | planted | caught |\n|---|---|---|')
    for module, n in Counter(fault.module for fault in chosen).items():
        print(f'| {module} | {n} | {caught[module]} |')
    print(f'| all | {len(chosen)} | {sum(caught.values())} |')
    print('\nThe slowest test that was needed:', *seconds.most_common(1)[0])
    if alive: sys.exit('\n'.join(['', *(f'{f.module}: {f.what} survives {f.test}' for f in alive)]))

if __name__ == '__main__': main()
