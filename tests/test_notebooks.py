"""Every notebook, run against the package.

`nbdev_test` runs a notebook with its own copy of each exported cell. Here those cells are skipped, and their names come from
the exported module instead: what is tested is what users import.
"""
import importlib
from pathlib import Path
import matplotlib
import pytest
from execnb.nbio import read_nb
from fastcore.basics import str2bool
from nbdev.process import extract_directives

notebooks = Path(__file__).parents[1]/'nbs'
paths = sorted(p for p in notebooks.rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(notebooks).parts))

@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.setenv('IN_TEST', '1')
    backend = matplotlib.get_backend()
    matplotlib.use('agg')
    yield
    import matplotlib.pyplot as plt
    plt.close('all')
    matplotlib.use(backend)

@pytest.mark.parametrize('path', paths, ids=[str(p.relative_to(notebooks).with_suffix('')) for p in paths])
def test_notebook(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    monkeypatch.syspath_prepend(str(path.parent))
    namespace, module = {'__name__': '__main__'}, None
    for number, cell in enumerate(read_nb(path).cells):
        if cell.cell_type != 'code' or 'nbdev_export'+'(' in cell.source: continue
        directives = extract_directives(cell, remove=False)
        if not str2bool(directives.get('eval:', ['true'])[0]): continue
        if 'default_exp' in directives: module = importlib.import_module('ndm_nb.' + directives['default_exp'][0])
        if {'export', 'exports', 'exporti'} & set(directives):
            other = directives.get('exports')                    # `#| exports paths`: a cell of another module
            namespace.update({k: v for k, v in vars(importlib.import_module('ndm_nb.' + other[0]) if other else module).items() if not k.startswith('__')})
        else: exec(compile(cell.source, f'{path.name}, cell {number}', 'exec'), namespace)

def test_there_are_notebooks(): assert len(paths) >= 12
