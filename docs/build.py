"""The documentation site, from the notebooks and their stored outputs, with nothing but packages from PyPI.

    python docs/build.py            # everything anew, into _docs/; a broken link, anchor or equation is an error

nbdev processes each notebook, and `chapter` puts the result into MyST Markdown. `describe` makes the pages of the reference from
the installed package. Sphinx draws both as docs/conf.py says. No notebook is executed.
"""
import inspect, re, shutil, sys
from importlib import import_module
from pathlib import Path
import yaml
from execnb.nbio import mk_cell, read_nb, write_nb
from fastcore.docments import docments
from nbdev.config import get_config
from nbdev.doclinks import NbdevLookup
from nbdev.processors import FilterDefaults

root = Path(__file__).resolve().parents[1]
nbs, source, site = root/'nbs', root/'_site', root/'_docs'
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
    "Links to notebooks, as links to their pages."
    to = lambda m: f'](/{pages[(folder/m[1]).resolve()]}.ipynb{m[2] or ""})'
    return re.sub(r'\]\((?!/)([\w./]+\.ipynb)(#[\w-]+)?\)', to, text)

def plain(markdown):
    "The last paragraph of a cell without its marks, to say in words what a figure shows."
    return re.sub(r'[$*`\\{}]|\]\([^)]*\)|\[', '', markdown.strip().split('\n\n')[-1]).replace('\n', ' ')[:300]

def chapter(path, pages):
    "A notebook, processed by nbdev, in MyST Markdown. An exported cell gets a caption, which leads to the reference."
    nb, text = read_nb(path), path.stem
    Processors()(nb)
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == 'raw':
            front = yaml.safe_load(cell.source.strip().strip('-'))
            url = f'{get_config().git_url}/blob/{get_config().branch}/nbs/{path.relative_to(nbs)}'
            lead = f'{{.lead}}\n[notebook]({url}) {front.get("description", "")}'
            nb.cells[i] = mk_cell(f'# {front["title"]}\n\n{lead}', 'markdown')
        elif cell.cell_type == 'code':
            hidden = re.search(r'^#\| echo: false', cell.source, re.M)
            cell.source = re.sub(r'^#\|.*\n', '', cell.source, flags=re.M)
            cell.metadata['mystnb'] = {'image': {'alt': text}}
            if cell.source.startswith('show_doc('):
                name = cell.source[len('show_doc('):-1]
                nb.cells[i] = mk_cell(f'({name.lower()})=\n{{.exported}}\n`{module_of(name)}.{name}`', 'markdown')
            elif hidden:                                            # only what it shows
                assert cell.outputs, f'{path}: a cell that only shows its output has none; run docs/refresh.py on it'
                shown = [o.get('data', {}).get('text/markdown') for o in cell.outputs]
                if None in shown: cell.metadata['tags'] = ['remove-input']       # a figure
                else: nb.cells[i] = mk_cell(relink('\n\n'.join(map(''.join, shown)), path.parent, pages), 'markdown')
        else:
            text = plain(cell.source)
            cell.source = relink(cell.source, path.parent, pages)
    return nb

# --- reference ---

def ours(cls): return cls.__module__.startswith('ndm_nb')

def inherits_init(obj):
    "Is it a class whose constructor is not of this library, such as that of `nn.Module`?"
    return inspect.isclass(obj) and not hasattr(obj, '_fields') and not any('__init__' in vars(c) for c in obj.__mro__ if ours(c))

def parameters(obj):
    "Rows (name, type, default, details) of a function, of the constructor of a class, or of the fields of a named tuple."
    if inherits_init(obj): return []
    if hasattr(obj, '_fields'): return re.findall(r'^    (\w+):(.*?)(?:=(.*?))? *# (.*)$', inspect.getsource(obj), re.M)
    text = lambda v: '' if v in (empty, type(None)) else v.__name__ if inspect.isroutine(v) else inspect.formatannotation(v)
    return [(name, text(p['anno']), text(p.get('default', empty)), p['docment'] or '')
            for name, p in docments(obj, full=True, returns=True).items()
            if name not in ('self', 'cls', 'args', 'kwargs', 'options')
            and (name != 'return' or p['anno'] is not empty or p['docment'])]

def table(obj):
    "The parameters in Markdown; no column for defaults where there are none."
    bare = lambda s: re.sub(r'(torch|ndm_nb|typing|collections|contextlib)[.][a-z_.]*', '', s).replace('|', r'\|')
    code = lambda s: f'`{bare(s)}`' if s else ''
    rows = [('*returns*' if name == 'return' else f'`{name}`', code(anno), code(default), text)
            for name, anno, default, text in parameters(obj)]
    keep = [0, 1, 2, 3] if any(row[2] for row in rows) else [0, 1, 3]
    lines = [('Parameter', 'Type', 'Default', 'Details'), ('---',)*4, *rows] if rows else []
    return '\n'.join('| ' + ' | '.join(line[i] for i in keep) + ' |' for line in lines)

def signature(obj):
    if inspect.isclass(obj) and issubclass(obj, Exception): return '(message)'
    if inherits_init(obj): return '()'
    bare = [p.replace(annotation=empty) for name, p in inspect.signature(obj).parameters.items() if name not in ('self', 'cls')]
    return re.sub(r'<\w+ \'?(?:\w+\.)*(\w+).*?>', r'\1', str(inspect.Signature(bare)))

def function(member):
    "What a property, a class method or a plain method is made of."
    return getattr(member, 'fget', None) or getattr(member, '__func__', member)

def describe(obj, name, kind, fence=4):
    "A directive of Sphinx's Python domain; a class has its methods inside, described as in a base if they have no docstring."
    parts = [inspect.getdoc(obj) or '', table(obj) if kind != 'property' else '']
    if kind == 'class' and (bases := [b.__name__ for b in obj.__bases__ if ours(b)]): parts[0] += f' A kind of `{bases[0]}`.'
    for key, member in vars(obj).items() if kind == 'class' else ():
        documented = [vars(c)[key] for c in obj.__mro__ if ours(c) and key in vars(c) and vars(c)[key].__doc__]
        if not inspect.isfunction(function(member)) or not documented or (key[0] == '_' and key != '__call__'): continue
        inner = 'property' if isinstance(member, property) else 'method'
        parts.append(describe(function(documented[0]), f'{name}.{key}', inner, fence - 1))
    if '.' not in name and NbdevLookup().doc(name): parts[0] += f' {{ref}}`↗ chapter <{name.lower()}>`'
    body = '\n\n'.join(filter(None, parts))
    return f'{"`"*fence}{{py:{kind}}} {name}{signature(obj) if kind != "property" else ""}\n\n{body}\n{"`"*fence}'

def reference(name):
    "The page of a module: every public name, in the order of the chapters."
    module = import_module(name)
    parts = [f'# {name}\n\n```{{py:module}} {name}\n```']
    for key in module.__all__:
        obj = getattr(module, key)
        if callable(obj): parts.append(describe(obj, key, 'class' if inspect.isclass(obj) else 'function'))
        else: parts.append(f'```{{py:data}} {key}\n\nBy name: {", ".join(f"`{k}`" for k in obj)}.\n```')
    return '\n\n'.join(parts) + '\n'

# --- all of it ---

def toctree(entries, *options):
    return mk_cell('\n'.join(['```{toctree}', ':hidden:', *options, '', *map(str, entries), '```']), 'markdown')

def write_pages():
    "The notebooks of nbs/sidebar.yml, and the reference, as pages under `source`."
    contents = yaml.safe_load((nbs/'sidebar.yml').read_text(encoding='utf-8'))['website']['sidebar']['contents']
    sections = {entry['section']: [nbs/name for name in entry['contents']] for entry in contents if isinstance(entry, dict)}
    paths = [nbs/'index.ipynb', *(path for entries in sections.values() for path in entries)]
    exist = {p for p in nbs.rglob('*.ipynb') if not any(part[0] in '._' for part in p.relative_to(nbs).parts)}
    assert set(paths) == exist, f'nbs/sidebar.yml and the notebooks differ: {sorted(map(str, set(paths) ^ exist))}'
    pages = {path.resolve(): page(path) for path in paths}
    modules = [f'ndm_nb.{to}' for to in pages.values() if (root/'ndm_nb'/f'{to}.py').exists()]
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(nbs/'images', source/'images')
    for path, to in pages.items():
        nb = chapter(path, pages)
        if path.name == 'reference.ipynb': nb.cells.append(toctree([f'reference/{name}' for name in modules]))
        if path.name == 'index.ipynb':
            nb.cells += [toctree([page(p) for p in entries], f':caption: {caption}') for caption, entries in sections.items()]
        (source/to).parent.mkdir(parents=True, exist_ok=True)
        write_nb(nb, source/f'{to}.ipynb')
    (source/'reference').mkdir()
    for name in modules:
        (source/'reference'/f'{name}.md').write_text(relink(reference(name), nbs, pages), encoding='utf-8')

if __name__ == '__main__':
    from sphinx.cmd.build import main
    write_pages()
    shutil.rmtree(site, ignore_errors=True)
    status = main(['-W', '--keep-going', '-q', '-E', '-a', '-c', str(root/'docs'), str(source), str(site)])
    shutil.rmtree(root/'jupyter_execute', ignore_errors=True)           # a copy of all notebooks that MyST-NB leaves behind
    sys.exit(status)
