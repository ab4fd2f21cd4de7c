"""Every notebook, run against the package.

`nbdev_test` runs a notebook with its own copy of each exported cell. Here those cells are skipped, and
their names come from the exported module instead: what is tested is what users import.
"""
from importlib import import_module
from pathlib import Path
import matplotlib
import pytest
from execnb.nbio import mk_cell, read_nb
from nbdev.process import extract_directives

notebooks = Path(__file__).parents[1]/'nbs'
paths = sorted(p for p in notebooks.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)

@pytest.fixture(autouse=True)
def headless(monkeypatch):
    monkeypatch.setenv('IN_TEST', '1')
    backend = matplotlib.get_backend()
    matplotlib.use('agg')
    yield
    import matplotlib.pyplot as plt
    plt.close('all')
    matplotlib.use(backend)

def run(cells, name):
    "Run the cells that are not exported. One that belongs to a module other than the notebook's is an error."
    namespace, module = {'__name__': '__main__'}, None
    for number, cell in enumerate(cells):
        if cell.cell_type != 'code': continue
        directives = extract_directives(cell, remove=False)
        if 'default_exp' in directives: module = import_module('ndm_nb.' + directives['default_exp'][0])
        exported = {'export', 'exports', 'exporti'} & set(directives)
        others = [to for kind in exported for to in directives[kind]]
        assert not others, f'{name}, cell {number}, is of another module: {", ".join(others)}'
        if exported:
            named = {k: v for k, v in vars(module).items() if not k.startswith('__')}
            namespace.update({k: v for k, v in named.items() if v is not None}) # what `@patch` leaves is None
        else: exec(compile(cell.source, f'{name}, cell {number}', 'exec'), namespace)

@pytest.mark.parametrize('path', paths, ids=[str(p.relative_to(notebooks).with_suffix('')) for p in paths])
def test_notebook(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    monkeypatch.syspath_prepend(str(path.parent))
    run(read_nb(path).cells, path.name)

def test_there_are_notebooks(): assert len(paths) > 30

def test_names_come_from_the_package():
    exported = '#| exports\ndef expand(t, like): return "the one of the notebook"'
    check = 'from ndm_nb import core\nassert expand is core.expand'
    run([mk_cell(source) for source in ('#| default_exp core', exported, check)], 'good')

@pytest.mark.parametrize('directive', ['export', 'exports', 'exporti'])
def test_a_cell_of_another_module_is_seen(directive):
    with pytest.raises(AssertionError, match='is of another module'):
        run([mk_cell('#| default_exp core'), mk_cell(f'#| {directive} paths\n1')], 'planted')
