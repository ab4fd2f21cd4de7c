"What Sphinx needs to know; docs/build.py runs it."
from configparser import ConfigParser
from importlib.metadata import files
from pathlib import Path
from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.nodes import make_refnode

logger = logging.getLogger(__name__)

root = Path(__file__).resolve().parents[1]
config = ConfigParser(delimiters=['='], interpolation=None)
config.read(root/'settings.ini', encoding='utf-8')
settings = config['DEFAULT']

project, author, version = settings['lib_name'], 'The ndm_nb authors', settings['version']
copyright = f'2026, {author}. Apache License 2.0'
extensions = ['myst_nb', 'sphinx.ext.mathjax', 'sphinx_copybutton']

# Notebooks: outputs as they are stored
nb_execution_mode = 'off'
exclude_patterns = ['notebooks']                                        # those to be downloaded
nb_render_markdown_format = 'myst'
nb_merge_streams = True
myst_enable_extensions = ['amsmath', 'dollarmath', 'attrs_inline', 'attrs_block', 'colon_fence']
myst_heading_anchors = 3
myst_dmath_double_inline = True

# Equations without a network: MathJax from its package on PyPI
mathjax = next(f.locate() for f in files('sphinx-mathjax-offline') if f.name == 'tex-svg-full.js')
html_static_path = ['site.css', 'site.js', str(mathjax)]
mathjax_path = 'tex-svg-full.js'
mathjax3_config = {'tex': {'packages': {'[-]': ['noundefined']}},       # an unknown command is an error
                   'options': {'enableMenu': False}}

html_theme = 'furo'
html_title = 'ndm_nb'
html_favicon = 'favicon.svg'
templates_path, html_additional_pages = ['templates'], {'404': '404.html'}
html_context = dict(description=settings['description'])
html_css_files = ['site.css']
html_js_files = [('site.js', {'defer': 'defer'})]
html_copy_source = html_show_sphinx = False
html_theme_options = dict(top_of_page_buttons=[])
pygments_style, pygments_dark_style = 'a11y-high-contrast-light', 'github-dark'
add_module_names = False
toc_object_entries_show_parents = 'hide'

class NameLinks(SphinxPostTransform):
    "A name of the library in backticks, such as `GaussianPath` or `sample_ode(model, z)`, becomes a link."
    default_priority = 5
    def run(self, **kwargs):
        domain = self.env.domains['py']
        known = {key: (name, entry) for name, entry in domain.objects.items()
                 for key in ((name,) if entry.objtype == 'module' else (name, name.split('.', 2)[-1]))}
        for literal in list(self.document.findall(nodes.literal)):
            text = literal.astext()
            name = text.split('(')[0] if text.endswith(')') else text
            if name.startswith('ndm_nb.') and name not in known and name.replace('.', '').isidentifier():
                logger.warning('%s is no name of the library', name, location=literal)
            entry = literal.parent.parent               # in the first column, the names of parameters
            first = isinstance(entry, nodes.entry) and entry.parent.index(entry) == 0
            head = next(entry.parent.parent.parent.findall(nodes.entry)).astext() if first else ''
            parameter = head == 'Parameter'
            here = isinstance(literal.parent, (nodes.reference, nodes.title, addnodes.desc_signature))
            if here or parameter or name not in known: continue
            full, to = known[name]
            builder, page = self.app.builder, self.env.docname
            link = make_refnode(builder, page, to.docname, to.node_id, literal.deepcopy(), full)
            literal.replace_self(link)

class NumberedEquations(SphinxPostTransform):
    r"Equations with a `\tag` as they are: Sphinx puts several lines into `split`, which takes no tags."
    default_priority = 5
    def run(self, **kwargs):
        for block in self.document.findall(nodes.math_block):
            if r'\tag' not in block.astext(): continue
            block['no-wrap'] = block['nowrap'] = True                   # before Sphinx 8.2 it was one word
            block[:] = [nodes.Text(rf'\[{block.astext()}\]')]

def setup(app):
    for transform in NameLinks, NumberedEquations: app.add_post_transform(transform)
