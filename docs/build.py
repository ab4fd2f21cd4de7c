"""The documentation site, from the notebooks and their stored outputs, with nothing but packages from PyPI.

    python docs/build.py        # everything anew, into _docs/; a broken link, anchor or equation is an error

nbdev processes each notebook, and `chapter` puts the result into MyST Markdown. `describe` makes the pages
of the reference from the installed package. Sphinx draws both as docs/conf.py says. No notebook is
executed.
"""
import ast, inspect, re, shutil, sys
from importlib import import_module
from operator import attrgetter
from pathlib import Path
from typing import Literal, get_args, get_origin
import yaml
from execnb.nbio import mk_cell, read_nb, write_nb
from fastcore.docments import docments
from nbdev.config import get_config
from nbdev.doclinks import NbdevLookup
from nbdev.processors import FilterDefaults

root = Path(__file__).resolve().parents[1]
nbs, source, site = root/'nbs', root/'_site', root/'_docs'
words = yaml.safe_load((root/'docs'/'search.yml').read_text(encoding='utf-8'))  # for the index, by page
empty = inspect.Parameter.empty

# --- chapters ---

class Processors(FilterDefaults):
    "nbdev's, but for those that execute cells and those that write for Quarto."
    def base_procs(self):
        left_out = 'insert_warning', 'exec_show_docs', 'add_links', 'add_fold'
        return [p for p in super().base_procs() if p.__name__ not in left_out]

def page(path):
    "The page that a notebook becomes, by the name that nbdev gives it."
    exports = re.search(r'"#\| default_exp (\w+)', path.read_text(encoding='utf-8'))
    return path.relative_to(nbs).with_name(exports[1] if exports else re.sub(r'^\d+_', '', path.stem))

def module_of(name): return NbdevLookup().syms[name][1].removesuffix('.py').replace('/', '.')

def relink(text, folder, pages):
    "Links to notebooks, as links to their pages; and to papers that are named by their number."
    to = lambda m: f'](/{pages[(folder/m[1]).resolve()]}.ipynb{m[2] or ""})'
    text = re.sub(r'(?<!\[)arXiv (\d{4}\.\d{5})', r'[arXiv \1](https://arxiv.org/abs/\1)', text)
    return re.sub(r'\]\((?!/)([\w./]+\.ipynb)(#[\w-]+)?\)', to, text)

def plain(markdown):
    "The last paragraph of a cell without its marks, to say in words what a figure shows."
    last = markdown.strip().split('\n\n')[-1]
    return re.sub(r'[$*`\\{}]|\]\([^)]*\)|\[', '', last).replace('\n', ' ')[:300]

def shown_alone(path, cell):
    "The Markdown that a cell shows, if that is all that it shows; None for figures."
    assert cell.outputs, f'{path}: a cell that only shows its output has none; run docs/refresh.py on it'
    texts = [output.get('data', {}).get('text/markdown') for output in cell.outputs]
    return None if None in texts else '\n\n'.join(map(''.join, texts))

def only_checks(node):
    "Is a statement nothing but checks that bad input is refused?"
    if isinstance(node, (ast.For, ast.With)): return all(map(only_checks, node.body))
    return isinstance(node, ast.Expr) and ast.unparse(node).startswith(('test_fail(', 'test_warns('))

def folded(code):
    "What a cell is called that is folded away, since it is read on demand; None for all others."
    if code.startswith('# Answer to'): return 'An answer'
    nodes = [node for node in ast.parse(code).body if not isinstance(node, ast.FunctionDef)]
    if nodes and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in nodes): return 'Imports'
    if nodes and all(map(only_checks, nodes)): return 'Checks of bad input'

def exported(name):
    "What stands above the cell that defines a name: a link to the reference, and its parameters, folded."
    module, more = module_of(name), ''
    if rows := table(attrgetter(name)(import_module(module))):
        more = f'\n\n<details class="parameters">\n<summary>Parameters</summary>\n\n{rows}\n\n</details>'
    return f'({name.lower()})=\n{{.exported}}\n`{module}.{name}`{more}'

def chapter(path, pages):
    "A notebook in MyST Markdown, with nbdev's help. A caption leads from an exported cell to the reference."
    nb, text = read_nb(path), path.stem
    Processors()(nb)
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == 'raw':
            front = yaml.safe_load(cell.source.strip().strip('-'))
            where = path.relative_to(nbs)
            url = f'{get_config().git_url}/blob/{get_config().branch}/nbs/{where}'
            file = '' if where.parts[0] == 'experiments' else f' {{download}}`download </notebooks/{where}>`'
            lead = f'{{.lead}}\n[notebook]({url}){file} {front.get("description", "")}'
            found = words.get(str(where), ())
            main = ', '.join(f'!{word}' for word in found)                    # main entries come first
            index = f'```{{index}} {main}\n```\n\n' if main else ''
            number = f'{int(path.name[:2])}. ' if path.name[:2].isdigit() else ''
            nb.cells[i] = mk_cell(f'{index}# {number}{front["title"]}\n\n{lead}', 'markdown')
        elif cell.cell_type == 'code':
            hidden = re.search(r'^#\| echo: false', cell.source, re.M)
            if alt := re.search(r'^#\| fig-alt: (.*)', cell.source, re.M): text = alt[1]
            cell.source = re.sub(r'^#\|.*\n', '', cell.source, flags=re.M)
            cell.metadata['mystnb'] = {'image': {'alt': text}}
            if name := folded(cell.source):
                cell.metadata['mystnb'] |= dict(code_prompt_show=name, code_prompt_hide=name)
                cell.metadata['tags'] = ['hide-input']
            if cell.source.startswith('show_doc('):
                name = cell.source[len('show_doc('):-1]
                nb.cells[i] = mk_cell('' if name[0] == '_' else exported(name), 'markdown')  # private classes
            elif hidden:
                shown = shown_alone(path, cell)
                if shown is None: cell.metadata['tags'] = ['remove-input']
                else: nb.cells[i] = mk_cell(relink(shown, path.parent, pages), 'markdown')
        else:
            text = plain(cell.source)
            cell.source = relink(cell.source, path.parent, pages)
    return nb

# --- reference ---

def ours(cls): return cls.__module__.startswith('ndm_nb')

def inherits_init(obj):
    "Is it a class whose constructor is not of this library, such as that of `nn.Module`?"
    if not inspect.isclass(obj) or hasattr(obj, '_fields'): return False
    return not any('__init__' in vars(c) for c in obj.__mro__ if ours(c))

class Shown:
    "A default value, as it is written."
    def __init__(self, value):
        text = re.sub(r'<(?:\w+\.)*(\w+) object at \w+>', r'\1()', repr(value))         # such as EvenTimes()
        if inspect.isclass(value) or inspect.isroutine(value): text = value.__name__
        self.text = '...' if '<' in text else text                                    # a lambda, or made anew

    def __repr__(self): return self.text

def parameters(obj):
    "Rows (name, type, default, details) of a function, a constructor, or a named tuple."
    if inherits_init(obj): return []
    if hasattr(obj, '_fields'):
        return re.findall(r'^    (\w+):(.*?)(?:=(.*?))? *# (.*)$', inspect.getsource(obj), re.M)
    nothing = empty, type(None)
    def kind(p): return '' if p['anno'] in nothing else inspect.formatannotation(p['anno'])
    def default(p): return '' if p.get('default', empty) in nothing else str(Shown(p['default']))
    known = docments(obj, full=True, returns=True)
    rows = [(name, kind(p), default(p), p['docment'] or '') for name, p in known.items()
            if name not in ('self', 'cls', 'args', 'kwargs', 'options')]
    return [row for row in rows if row[0] != 'return' or any(row[1:])]

def table(obj):
    "The parameters in Markdown; no column for defaults where there are none."
    def code(text):
        "In backticks, and without the names of modules."
        bare = re.sub(r'(torch|ndm_nb|typing|collections|contextlib)[.][a-z_.]*', '', text)
        return f'`{bare}`'.replace('|', r'\|') if text else ''
    rows = [('*returns*' if name == 'return' else f'`{name}`', code(anno), code(default), text)
            for name, anno, default, text in parameters(obj)]
    keep = [0, 1, 2, 3] if any(row[2] for row in rows) else [0, 1, 3]
    lines = [('Parameter', 'Type', 'Default', 'Details'), ('---',)*4, *rows] if rows else []
    return '\n'.join('| ' + ' | '.join(line[i] for i in keep) + ' |' for line in lines)

def signature(obj):
    if inspect.isclass(obj) and issubclass(obj, Exception): return '(message)'
    if inherits_init(obj): return '()'
    bare = [p.replace(annotation=empty, default=empty if p.default is empty else Shown(p.default))
            for name, p in inspect.signature(obj).parameters.items() if name not in ('self', 'cls')]
    return str(inspect.Signature(bare))

def function(member):
    "What a property, a class method or a plain method is made of."
    return getattr(member, 'fget', None) or getattr(member, '__func__', member)

def methods(cls):
    """The public methods of a class: name, function, docstring, and the kind of directive.

    A docstring, and a function with comments at its parameters, are taken from a base if need be."""
    for name, member in vars(cls).items():
        if not inspect.isfunction(function(member)) or (name[0] == '_' and name != '__call__'): continue
        known = [function(vars(c)[name]) for c in cls.__mro__ if ours(c) and name in vars(c)]
        doc = next((func.__doc__ for func in known if func.__doc__), '')
        commented = [func for func in known if any(row[3] for row in parameters(func))]
        if doc or commented:
            yield name, (commented or known)[0], doc, 'property' if isinstance(member, property) else 'method'

def describe(obj, name, kind, doc, fence=4):
    "A directive of Sphinx's Python domain; a class has its methods inside."
    title, words, inner = name, [inspect.cleandoc(doc or '')], []
    if kind != 'property':
        title += signature(obj)
        inner.append(table(obj))
    if kind == 'class':
        words += [f'A kind of `{base.__name__}`.' for base in obj.__bases__ if ours(base)][:1]
        for key, func, said, directive in methods(obj):
            inner.append(describe(func, f'{name}.{key}', directive, said, fence - 1))
    if '.' not in name and NbdevLookup().doc(name): words.append(f'{{ref}}`↗ chapter <{name.lower()}>`')
    body = '\n\n'.join(filter(None, [' '.join(words), *inner]))
    return f'{"`"*fence}{{py:{kind}}} {title}\n\n{body}\n{"`"*fence}'

def contents(obj):
    "What a table, a list or a `Literal` has, in words; nothing for any other thing."
    if get_origin(obj) is Literal: obj = get_args(obj)
    if not isinstance(obj, (dict, list, tuple)): return ''
    return f'By name: {", ".join(f"`{name}`" for name in obj)}.'

def reference(name):
    "The page of a module: every public name, in the order of the chapters."
    module = import_module(name)
    parts = [f'# {name}\n\n```{{py:module}} {name}\n```']
    for key in module.__all__:
        obj = getattr(module, key)
        if inspect.isclass(obj) or inspect.isfunction(obj):
            parts.append(describe(obj, key, 'class' if inspect.isclass(obj) else 'function', obj.__doc__))
        else: parts.append(f'```{{py:data}} {key}\n\n{contents(obj)}\n```')
    return '\n\n'.join(parts) + '\n'

# --- all of it ---

def toctree(entries, *options):
    lines = ['```{toctree}', ':hidden:', *options, '', *map(str, entries), '```']
    return mk_cell('\n'.join(lines), 'markdown')

def write_pages():
    "The notebooks of nbs/sidebar.yml, and the reference, as pages under `source`."
    sidebar = yaml.safe_load((nbs/'sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']
    sections = {entry['section']: [nbs/name for name in entry['contents']]
                for entry in sidebar['contents'] if isinstance(entry, dict)}
    paths = [nbs/'index.ipynb', *(path for entries in sections.values() for path in entries)]
    exist = {p for p in nbs.rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(nbs).parts)}
    other = sorted(map(str, {*paths} ^ exist))
    assert not other, f'nbs/sidebar.yml and the notebooks differ: {other}'
    pages = {path.resolve(): page(path) for path in paths}
    modules = [f'ndm_nb.{to}' for to in pages.values() if (root/'ndm_nb'/f'{to}.py').exists()]
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(nbs/'images', source/'images')
    for path, to in pages.items():
        nb = chapter(path, pages)
        if path.name == 'reference.ipynb': nb.cells.append(toctree(f'reference/{name}' for name in modules))
        if path.name == 'index.ipynb':
            for caption, entries in sections.items():
                nb.cells.append(toctree([page(p) for p in entries], f':caption: {caption}'))
        (source/to).parent.mkdir(parents=True, exist_ok=True)
        write_nb(nb, source/f'{to}.ipynb')
        as_it_is = source/'notebooks'/path.relative_to(nbs)                 # to be downloaded
        as_it_is.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, as_it_is)
    (source/'reference').mkdir()
    for name in modules:
        (source/'reference'/f'{name}.md').write_text(relink(reference(name), nbs, pages), encoding='utf-8')

if __name__ == '__main__':
    from sphinx.cmd.build import main
    write_pages()
    shutil.rmtree(site, ignore_errors=True)
    status = main(['-W', '--keep-going', '-q', '-E', '-a', '-c', str(root/'docs'), str(source), str(site)])
    shutil.rmtree(root/'jupyter_execute', ignore_errors=True)           # a copy of all notebooks, by MyST-NB
    sys.exit(status)
