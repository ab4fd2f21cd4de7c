"""How the package is put together, read from its source, not run.

A chapter is a numbered notebook of nbs/ and makes one module, which may import those of earlier chapters only. Its imports
come first. No code asks for the name of a preset: what is different about a model is in its row of `presets`. And no cell
of a notebook does more than the page shows, so that "Run all" in Jupyter is safe.
Each check returns what is wrong, and is itself checked with a fault that is planted.
"""
import ast, json, re
from itertools import chain
from pathlib import Path
import pytest
from ndm_nb.presets import presets

root = Path(__file__).parents[1]
nbs, package = root/'nbs', root/'ndm_nb'
notebooks = sorted(p for p in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
numbered = sorted(nbs.glob('[0-9][0-9]_*.ipynb'))
other_files = {'__init__', '_modidx'}                               # written by hand, and nbdev's index
modules = {p.stem: p.read_text(encoding='utf-8') for p in package.glob('*.py') if p.stem not in other_files}

def code(path):
    "The code cells of a notebook."
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    return [''.join(cell['source']) for cell in cells if cell['cell_type'] == 'code']

def exports(cells): return re.findall(r'^#\|\s*default_exp\s+(\S+)', '\n'.join(cells), re.M)

order = [name for path in numbered for name in exports(code(path))]

# --- chapters and modules ---

def mismatched(chapters, names):
    "What is not one module for each chapter; `chapters` from names of notebooks to the modules that each one makes."
    for notebook, made in chapters.items():
        if len(made) != 1: yield f'{notebook} makes {len(made)} modules: {", ".join(made)}'
    made = list(chain(*chapters.values()))
    for name in sorted({*made, *names}):
        if made.count(name) != 1 or name not in names: yield f'{made.count(name)} chapters make {name}.py'
    numbers = [notebook[:2] for notebook in chapters]
    for number in sorted({n for n in numbers if numbers.count(n) > 1}): yield f'several chapters are number {number}'

def test_a_chapter_is_a_module():
    chapters = {path.stem: exports(code(path)) for path in numbered}
    assert len(chapters) > 20 and not [*mismatched(chapters, modules)]
    others = [path.name for path in notebooks if path not in numbered and exports(code(path))]
    assert not others, f'{others} export, and have no number'

@pytest.mark.parametrize('chapters, names', [
    ({'00_core': ['core', 'more']}, ['core', 'more']), ({'00_core': []}, []), ({'00_core': ['core']}, []), ({}, ['core']),
    ({'00_core': ['core'], '01_more': ['core']}, ['core']), ({'00_core': ['core'], '00_more': ['more']}, ['core', 'more'])])
def test_a_chapter_without_its_module_is_seen(chapters, names): assert [*mismatched(chapters, names)]

# --- imports ---

def imported(tree):
    "The modules of the package that are imported anywhere in a module, also inside functions, with line numbers."
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for a in node.names:
                if a.name.startswith('ndm_nb.'): yield node.lineno, a.name.split('.')[1]
        if not isinstance(node, ast.ImportFrom): continue
        parts = (node.module or '').split('.')
        if node.level == 0 and parts.pop(0) != 'ndm_nb': continue
        yield from ((node.lineno, name) for name in (parts[:1] if any(parts) else [a.name for a in node.names]))

def out_of_order(order, sources):
    "Imports of a later chapter, and of modules that no chapter makes."
    for name, source in sources.items():
        for line, other in imported(ast.parse(source)):
            if other.startswith('__'): continue                     # such as the version
            if other not in order: yield f'{name}.py, line {line}: no chapter makes {other}'
            elif order.index(other) >= order.index(name): yield f'{name}.py, line {line}: {other} comes later'

def not_first(source):
    "Imports of a module that come after something else."
    begun = False
    for node in ast.parse(source).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '__all__'
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if begun: yield f'line {node.lineno}: {ast.unparse(node)}'
        elif not (is_docstring or is_all): begun = True

def test_chapters_import_earlier_ones():
    assert not [*out_of_order(order, modules)]
    assert any([*imported(ast.parse(source))] for source in modules.values())

@pytest.mark.parametrize('line', ['from .late import f', 'from . import late', 'import ndm_nb.late', 'from ndm_nb.late import f',
                                  'from ndm_nb import late', 'from .nowhere import f', 'from .early import f'])
@pytest.mark.parametrize('where', ['{}', 'def f():\n    {}', 'class A:\n    def f(self):\n        if self: {}'])
def test_an_import_of_a_later_chapter_is_seen(line, where):
    sources = dict(early=where.format(line), late='from .early import f\nimport torch, ndm_nb')
    assert len([*out_of_order(['early', 'late'], sources)]) == 1

@pytest.mark.parametrize('name', modules)
def test_imports_come_first(name): assert not [*not_first(modules[name])]

def test_an_import_that_comes_late_is_seen():
    assert [*not_first('"Words."\n__all__ = ["f"]\nimport os\ndef f(): import re\nimport sys')] == ['line 5: import sys']

# --- names of presets ---

def of_a_preset(node):
    "Does an expression stand for the name of a preset?"
    return ast.unparse(node).rpartition('.')[2] == 'preset'

def decisions(source, names=tuple(presets)):
    "Where a module asks for the name of a preset, or knows one of them. The default of an argument or a field is none."
    tree, defaults = ast.parse(source), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and of_a_preset(node.target): defaults.add(node.value)
    for node in ast.walk(tree):
        found = False
        if isinstance(node, ast.Constant): found = node.value in names and node not in defaults
        elif isinstance(node, ast.keyword): found = node.arg in names                      # dict(nfdm=...)
        elif isinstance(node, ast.Compare):
            known = [ast.unparse(c) for c in node.comparators] == ['presets']              # a look into the table
            asks = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
            found = of_a_preset(node.left) and isinstance(node.ops[0], asks) and not known
        elif isinstance(node, ast.Match): found = of_a_preset(node.subject)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            parts = {a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str) and a.value}
            begins = any(name.startswith(part) or name.endswith(part) for name in names for part in parts)
            found = node.func.attr in ('startswith', 'endswith') and (of_a_preset(node.func.value) or begins)
        if found: yield f'line {getattr(node, "lineno", "?")}: {ast.unparse(node)}'

@pytest.mark.parametrize('name', [name for name in modules if name != 'presets'])
def test_no_code_asks_for_the_name_of_a_preset(name): assert not [*decisions(modules[name])]

@pytest.mark.parametrize('line', ["if name.startswith('nfdm'): pass", "if preset in bridges: pass", "if o.preset == other: pass",
                                  "special = {'nfdm_ot': 1}", "special = dict(nfdm_ot=1)", "if kind in ('ddpm', None): pass",
                                  "if config.model.preset.endswith(tail): pass", "match o.preset:\n    case _: pass",
                                  "def f(model='ndm'): pass"])
def test_a_question_for_a_name_is_seen(line):
    assert [*decisions(line)]
    assert not [*decisions("class Options:\n    preset:str='ndm'\n    def f(self): return presets[self.preset], 'a bridge'")]

# --- notebooks ---

def unsafe(cells):
    "Code cells that Jupyter runs, and nbdev's tests do not."
    for source in cells:
        if 'nbdev_export'+'(' in source: yield f'rewrites the package: {source}'
        if re.search(r'^#\|\s*eval:\s*false', source, re.M | re.I): yield f'is not tested: {source}'

@pytest.mark.parametrize('path', notebooks, ids=[str(p.relative_to(nbs).with_suffix('')) for p in notebooks])
def test_run_all_is_safe(path): assert not [*unsafe(code(path))]

@pytest.mark.parametrize('cell', ['#| hide\nimport nbdev; nbdev.nbdev_export'+'()', '#| hide\n#| eval: false\n!python slow.py'])
def test_an_unsafe_cell_is_seen(cell): assert len([*unsafe(['1 + 1', cell])]) == 1
