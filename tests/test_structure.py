"""How the package is put together, read from its source, not run.

A chapter is a numbered notebook of nbs/ and makes one module. The numbers are the order in which chapters
are read; their imports come first, and have no circles. No code asks for the name of a preset: what is
different about a model is in its row of `presets`. No cell of a notebook does more than its page shows, so
that "Run all" in Jupyter is safe. Equations are numbered by chapter, and a number that is named exists. Each
check returns what is wrong, and is itself checked with faults that are planted.
"""
import ast, json, math, re
from graphlib import CycleError, TopologicalSorter
from itertools import chain
from pathlib import Path
import pytest, yaml
from ndm_nb.presets import presets

root = Path(__file__).parents[1]
nbs, package = root/'nbs', root/'ndm_nb'
notebooks = sorted(p for p in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
numbered = sorted(nbs.glob('[0-9][0-9]_*.ipynb'))
other_files = {'__init__', '_modidx'}                       # written by hand, and nbdev's index
modules = {p.stem: p.read_text(encoding='utf-8') for p in package.glob('*.py') if p.stem not in other_files}

def cells(path, kind):
    "The sources of the cells of a notebook that are 'code' or 'markdown'."
    found = json.loads(path.read_text(encoding='utf-8'))['cells']
    return [''.join(cell['source']) for cell in found if cell['cell_type'] == kind]

def code(path): return cells(path, 'code')

def exports(cells): return re.findall(r'^#\|\s*default_exp\s+(\S+)', '\n'.join(cells), re.M)

chapters = {path.stem: exports(code(path)) for path in numbered}

# --- chapters and modules ---

def mismatched(chapters, names):
    "What is not one module for each chapter: `chapters` from the notebooks to the modules that each makes."
    for notebook, made in chapters.items():
        if len(made) != 1: yield f'{notebook} makes {len(made)} modules: {", ".join(made)}'
    made = [*chain(*chapters.values())]
    for name in sorted({*made, *names}):
        if made.count(name) != 1 or name not in names: yield f'{made.count(name)} chapters make {name}.py'
    numbers = [notebook[:2] for notebook in chapters]
    for number in sorted({n for n in numbers if numbers.count(n) > 1}): yield f'several chapters {number}'

def test_a_chapter_is_a_module():
    assert len(chapters) > 20 and not [*mismatched(chapters, modules)]
    others = [path.name for path in notebooks if path not in numbered and exports(code(path))]
    assert not others, f'{others} export, and have no number'

@pytest.mark.parametrize('chapters, names', [
    ({'29_core': ['core', 'more']}, ['core', 'more']),
    ({'29_core': []}, []),
    ({'29_core': ['core']}, []),
    ({}, ['core']),
    ({'29_core': ['core'], '01_more': ['core']}, ['core']),
    ({'29_core': ['core'], '29_more': ['more']}, ['core', 'more'])])
def test_a_chapter_without_its_module_is_seen(chapters, names): assert [*mismatched(chapters, names)]

# --- imports ---

def imported(tree):
    "The modules of the package that a module imports anywhere, also inside functions, with line numbers."
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in (a.name for a in node.names):
                if name.startswith('ndm_nb.'): yield node.lineno, name.split('.')[1]
        if not isinstance(node, ast.ImportFrom): continue
        parts = (node.module or '').split('.')
        if node.level == 0 and parts.pop(0) != 'ndm_nb': continue
        for name in parts[:1] if any(parts) else [a.name for a in node.names]: yield node.lineno, name

def graph(names, sources):
    "Which of the modules each of them imports."
    return {name: {other for _, other in imported(ast.parse(source)) if other in names}
            for name, source in sources.items()}

def tangled(names, sources):
    "Imports of modules that no chapter makes, and modules that import each other in a circle."
    for name, source in sources.items():
        for line, other in imported(ast.parse(source)):
            if other.startswith('__') or other in names: continue   # such as the version
            yield f'{name}.py, line {line}: no chapter makes {other}'
    try: TopologicalSorter(graph(names, sources)).prepare()
    except CycleError as e: yield ' is imported by '.join(e.args[1])

def not_first(source):
    "Imports of a module that come after something else."
    begun = False
    for node in ast.parse(source).body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_all = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '__all__'
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            if begun: yield f'line {node.lineno}: {ast.unparse(node)}'
        elif not (is_docstring or is_all): begun = True

def test_chapters_do_not_import_each_other_in_a_circle():
    assert not [*tangled(modules, modules)]
    assert any([*imported(ast.parse(source))] for source in modules.values())

@pytest.mark.parametrize('line', [
    'from .late import f', 'from . import late', 'import ndm_nb.late', 'from ndm_nb.late import f',
    'from ndm_nb import late', 'from .nowhere import f', 'from .early import f'])
@pytest.mark.parametrize('where', [
    '{}', 'def f():\n    {}', 'class A:\n    def f(self):\n        if self: {}'])
def test_a_circle_of_imports_is_seen(line, where):
    sources = dict(early=where.format(line), late='from .early import f\nimport torch, ndm_nb')
    assert len([*tangled(['early', 'late'], sources)]) == 1

@pytest.mark.parametrize('name', modules)
def test_imports_come_first(name): assert not [*not_first(modules[name])]

def test_an_import_that_comes_late_is_seen():
    source = '"Words."\n__all__ = ["f"]\nimport os\ndef f(): import re\nimport sys'
    assert [*not_first(source)] == ['line 5: import sys']

# --- lines ---

def too_long(source, most=110):
    "Lines that are too long, apart from nbdev's `__all__`."
    nodes = [node for node in ast.parse(source).body if ast.unparse(node).startswith('__all__')]
    known = {line for node in nodes for line in range(node.lineno, node.end_lineno + 1)}
    for number, line in enumerate(source.splitlines(), 1):
        if len(line) > most and number not in known: yield f'line {number}: {len(line)} columns'

@pytest.mark.parametrize('name', modules)
def test_lines_fit(name): assert not [*too_long(modules[name])]

def test_a_long_line_is_seen():
    source = f'x = 1\n__all__ = ["{"a"*120}",\n           "{"b"*120}"]\n# {"c"*109}\n# {"d"*108}\n'
    assert [*too_long(source)] == ['line 4: 111 columns']

# --- names of presets ---

def of_a_preset(node):
    "Does an expression stand for the name of a preset?"
    return ast.unparse(node).rpartition('.')[2] == 'preset'

def asks(node, names):
    "Does a piece of code ask for the name of a preset, or know one?"
    if isinstance(node, ast.Constant): return node.value in names
    if isinstance(node, ast.keyword): return node.arg in names                          # dict(nfdm=...)
    if isinstance(node, ast.Match): return of_a_preset(node.subject)
    if isinstance(node, ast.Compare):
        looks_up = ast.unparse(node.comparators[0]) == 'presets'
        questions = ast.Eq, ast.NotEq, ast.In, ast.NotIn
        return of_a_preset(node.left) and isinstance(node.ops[0], questions) and not looks_up
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)): return False
    if node.func.attr not in ('startswith', 'endswith'): return False
    parts = {a.value for a in node.args if isinstance(a, ast.Constant) and a.value}
    return of_a_preset(node.func.value) or any(n.startswith(p) or n.endswith(p) for n in names for p in parts)

def decisions(source, names=tuple(presets)):
    "Where a module asks for the name of a preset, or knows one. An option `preset` may have a default."
    nodes = [*ast.walk(ast.parse(source))]
    allowed = [node.value for node in nodes if isinstance(node, ast.AnnAssign) and of_a_preset(node.target)]
    for node in nodes:
        if asks(node, names) and node not in allowed: yield f'line {node.lineno}: {ast.unparse(node)}'

@pytest.mark.parametrize('name', [name for name in modules if name != 'presets'])
def test_no_code_asks_for_the_name_of_a_preset(name): assert not [*decisions(modules[name])]

@pytest.mark.parametrize('line', [
    "if name.startswith('nfdm'): pass", "if preset in bridges: pass", "if o.preset == other: pass",
    "special = {'nfdm_ot': 1}", "special = dict(nfdm_ot=1)", "if kind in ('ddpm', None): pass",
    "if config.model.preset.endswith(tail): pass", "match o.preset:\n    case _: pass",
    "def f(model='ndm'): pass"])
def test_a_question_for_a_name_is_seen(line): assert [*decisions(line)]

def test_a_look_into_the_table_is_none():
    source = "class Options:\n    preset:str='ndm'\n    def f(self): return presets[self.preset], 'a bridge'"
    assert not [*decisions(source)]

# --- notebooks ---

def unsafe(cells):
    "Code cells that Jupyter runs, and nbdev's tests do not."
    for source in cells:
        if 'nbdev_export'+'(' in source: yield f'rewrites the package: {source}'
        if re.search(r'^#\|\s*eval:\s*false', source, re.M | re.I): yield f'is not tested: {source}'

@pytest.mark.parametrize('path', notebooks, ids=[str(p.relative_to(nbs).with_suffix('')) for p in notebooks])
def test_run_all_is_safe(path): assert not [*unsafe(code(path))]

@pytest.mark.parametrize('cell', [
    '#| hide\nimport nbdev; nbdev.nbdev_export'+'()', '#| hide\n#| eval: false\n!python slow.py'])
def test_an_unsafe_cell_is_seen(cell): assert len([*unsafe(['1 + 1', cell])]) == 1

def undescribed(cells):
    "Figures without a text for those who do not see them: cells of a notebook, as JSON has them."
    for cell in cells:
        shows = any('image/png' in output.get('data', {}) for output in cell.get('outputs', []))
        if shows and '#| fig-alt: ' not in ''.join(cell['source']): yield cell['id']

@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_figures_are_described(path):
    assert not [*undescribed(json.loads(path.read_text(encoding='utf-8'))['cells'])]

def test_a_figure_without_words_is_seen():
    cell = dict(id='a', source=['plt.plot(x)'], outputs=[dict(data={'image/png': ''})])
    assert [*undescribed([cell, cell | dict(outputs=[]), dict(id='b', source=['# A'])])] == ['a']

def words_before_a_picture(cells):
    "How many words of text come before the first figure of a notebook; infinity without one."
    words = 0
    for cell in cells:
        if cell['cell_type'] == 'markdown': words += len(''.join(cell['source']).split())
        shown = [kind for output in cell.get('outputs', []) for kind in output.get('data', {})]
        if {'image/png', 'text/html'} & {*shown}: return words
    return math.inf

numbered = [path for path in notebooks if re.match(r'\d\d_', path.stem)]

@pytest.mark.parametrize('path', numbered, ids=lambda p: p.stem)
def test_a_picture_comes_early(path):
    assert words_before_a_picture(json.loads(path.read_text(encoding='utf-8'))['cells']) < 300

def test_a_late_picture_is_seen():
    text = dict(cell_type='markdown', source=['a b\n', 'c'])
    figure = dict(cell_type='code', outputs=[dict(data={'image/png': ''})])
    assert [words_before_a_picture(cells) for cells in ([text, figure, text], [text, text])] == [3, math.inf]

def muted(cells):
    "Cells that print and end with a semicolon, which keeps what they print out of the stored outputs."
    for source in cells:
        if re.search(r'\bprint\(', source) and source.rstrip().endswith(';'): yield source

@pytest.mark.parametrize('path', notebooks, ids=lambda p: p.stem)
def test_what_is_printed_is_stored(path): assert not [*muted(code(path))]

def test_a_muted_cell_is_seen():
    assert [*muted(['print(1)', 'ax.plot(x);', 'print(1)\nax.plot(x);\n'])] == ['print(1)\nax.plot(x);\n']

# --- equations ---

pages = {str(path.relative_to(nbs).with_suffix('')): path for path in notebooks}
prose = {name: '\n\n'.join(cells(path, 'markdown')) for name, path in pages.items()}

def tags(text): return re.findall(r'\\tag\{(.*?)\}', text)

def chapter_of(name):
    "The number of a chapter without a leading zero, by the name of its notebook; '' for other pages."
    number = re.match(r'(\d\d)_\w+$', name)
    return number[1].lstrip('0') if number else ''

def misnumbered(name, text):
    "Numbers of equations that are not C.1, C.2, ... in chapter C, or not at the end of their equation."
    found, chapter = tags(text), chapter_of(name)
    expected = [f'{chapter}.{i + 1}' for i in range(len(found))]
    if found and not chapter: yield f'{name} is no numbered chapter, and has equations {found}'
    elif found != expected: yield f'{name}: equations {found}; expected {expected}'
    inside = len(found) - len(re.findall(r'\\tag\{[^}]*\}\$\$$', text, re.M))
    if inside: yield f'{name}: {inside} numbers that are not at the end of their equation'

def unnumbered(names, texts):
    "Chapters that have no equation with a number."
    return {name for name in names if not tags(texts[name])}

def references(text):
    """The equations that a text names, as (8.3), each with the notebook that it links to, or ''.

    Code and formulas are left out, so that f(1.5) is none. Neither is (0.1, 0.9), nor version 2.11."""
    words = re.sub(r'```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$', '_', text, flags=re.S)
    return re.findall(r'(?<![\w)])\((\d{1,2}\.\d{1,2})\)(?:\]\(([^)]*)\))?', words)

def dangling(text, known):
    "Equations that are named and that a numbered chapter does not have, and links to another chapter."
    chapters = {number.split('.')[0] for number in known}
    for number, link in references(text):
        chapter = number.split('.')[0]
        if chapter in chapters and number not in known: yield f'there is no equation ({number})'
        notebook = link.partition('#')[0]
        if notebook and chapter_of(Path(notebook).stem) != chapter: yield f'({number}) links to {link}'

def docstrings(source):
    "All docstrings of a piece of code."
    with_one = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, with_one): yield ast.get_docstring(node) or ''

def part(name):
    "The notebooks of a part of the sidebar."
    sidebar = yaml.safe_load((nbs/'sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']
    found = [entry for entry in sidebar['contents'] if isinstance(entry, dict) and entry['section'] == name]
    return [Path(path).stem for path in found[0]['contents']]

def test_equations_are_numbered():
    assert not [problem for name, text in prose.items() for problem in misnumbered(name, text)]
    ideas = part('Part I: Ideas')
    assert len(ideas) > 10 and not unnumbered(ideas, prose)

def test_equations_that_are_named_exist():
    known = [number for text in prose.values() for number in tags(text)]
    said = {name: '\n\n'.join(chain(*map(docstrings, code(path)))) for name, path in pages.items()}
    texts = prose | {f'a docstring of {name}': text for name, text in said.items()}
    assert sum(len(references(text)) for text in texts.values()) > 50
    assert not [f'{name}: {problem}' for name, text in texts.items() for problem in dangling(text, known)]

@pytest.mark.parametrize('name, text', [
    ('08_some', r'$$a\tag{8.2}$$'), ('08_some', r'$$a\tag{9.1}$$'), ('08_some', r'$$a\tag{08.1}$$'),
    ('08_some', '$$a\\tag{8.1}$$\n\n$$b\\tag{8.3}$$'), ('08_some', '$$a\\tag{8.2}$$\n\n$$b\\tag{8.1}$$'),
    ('08_some', '$$a\\tag{8.1}$$\n\n$$b\\tag{8.1}$$'), ('08_some', r'$$\boxed{a\tag{8.1}}$$'),
    ('08_some', r'$a\tag{8.1}$'), ('glossary', r'$$a\tag{8.1}$$')])
def test_a_wrong_number_is_seen(name, text): assert len([*misnumbered(name, text)]) == 1

def test_a_chapter_without_numbers_is_seen():
    texts = {'01_one': r'$$a\tag{1.1}$$', '02_two': '$$a$$ and (1.1)'}
    assert unnumbered(texts, texts) == {'02_two'}

@pytest.mark.parametrize('text', [
    'Derived in this notebook, (8.2).', '(8.2) says', '(see (8.2))', 'a–(8.2)', '$x$, (8.10)',
    '[(8.2)](08_some.ipynb)', '[(8.1)](09_some.ipynb)', '[(8.1)](../18_some.ipynb#part)'])
def test_an_equation_that_does_not_exist_is_seen(text):
    assert len([*dangling(text, ['8.1', '10.1'])]) == 1

@pytest.mark.parametrize('text', [
    'by (8.1), and [(10.1)](../10_some.ipynb#part)', '[(8.1)](#part)', 'PyTorch 8.2', 'torch(8.2)', '(8.2%)',
    '$f$(8.2)', '$f(8.2)$', '`f (8.2)`', 'in (8.2, 8.3)', '(0.25)', '(9.4) of a chapter without numbers',
    '$$\n(8.2)\n$$', '```\n(8.2)\n```'])
def test_what_names_no_equation_is_none(text): assert not [*dangling(text, ['8.1', '10.1'])]
