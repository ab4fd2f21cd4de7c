"""README.md from nbs/index.ipynb, with its stored outputs and without its hidden cells.

    python docs/readme.py           # write it
    python docs/readme.py --check   # fail if it is not up to date

Stock `nbdev_readme` does the same where Quarto is installed.
"""
import re, sys
from pathlib import Path

root = Path(__file__).resolve().parents[1]
ours = 'https://github.com/ndm-nb/ndm_nb'
badges = f"""[![tests]({ours}/actions/workflows/test.yaml/badge.svg)]({ours}/actions/workflows/test.yaml)
[![Python 3.10+](https://img.shields.io/badge/python-3.10%2B-0072B2)]({ours}/blob/main/settings.ini)
[![Apache 2.0](https://img.shields.io/badge/license-Apache%202.0-009E73)]({ours}/blob/main/LICENSE)"""

def readme():
    "The text of README.md."
    import nbformat
    from nbconvert import MarkdownExporter
    nb = nbformat.read(root/'nbs'/'index.ipynb', as_version=4)
    nb.cells = [cell for cell in nb.cells if not re.search(r'^#\|\s*hide\s*$', cell.source, re.M)]
    for i, cell in enumerate(nb.cells):
        if re.search(r'^#\|\s*echo:\s*false', cell.source, re.M):      # only what it shows
            shown = '\n\n'.join(out.data['text/markdown'] for out in cell.outputs)
            nb.cells[i] = nbformat.v4.new_markdown_cell(shown)
    nb.metadata.language_info = {'name': 'python'}
    body, resources = MarkdownExporter().from_notebook_node(nb)
    assert not resources.get('outputs'), 'index.ipynb shows pictures from nbs/images, not as outputs'
    body = re.sub(r'\n\s*\n\s*\n+', '\n\n', body)
    body = re.sub(r'\]\((images/|[\w/]+\.ipynb)', r'](nbs/\1', body)   # links as seen from the root
    title, body = body.strip().split('\n', 1)               # the site has no badges: it needs no network
    origin = '<!-- Made from nbs/index.ipynb by docs/readme.py; edit the notebook. -->'
    return f'{origin}\n\n{title}\n\n{badges}\n{body.rstrip()}\n'

if __name__ == '__main__':
    path, text = root/'README.md', readme()
    if '--check' not in sys.argv: path.write_text(text, encoding='utf-8')
    elif path.read_text(encoding='utf-8') != text:
        sys.exit('README.md is not what nbs/index.ipynb says: run python docs/readme.py and commit')
