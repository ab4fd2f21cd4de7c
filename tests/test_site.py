"""The documentation site in a browser, Chromium or Chrome, with everything outside blocked.

Without a browser these tests are skipped; where CI is set they fail instead.
"""
import functools, json, os, re, shutil, subprocess, sys, threading
from importlib import import_module
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag
import pytest
from test_structure import modules

root = Path(__file__).parents[1]
source = root/'_site'                                   # what docs/build.py writes the site from
flags = ('--no-sandbox --disable-gpu --disable-background-networking --disable-component-update '
         '--disable-sync --disable-quic').split()

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@pytest.fixture(scope='module')
def base(site):
    "Serve the site."
    server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()

@pytest.fixture(scope='module')
def browser():
    path = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
    if path is None:
        missing = pytest.fail if 'CI' in os.environ else pytest.skip
        missing('no chromium, chromium-browser or google-chrome on the PATH')
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p: yield p.chromium.launch(executable_path=path, args=flags)

@pytest.fixture
def page(base, browser):
    "A page that knows what went wrong on it (`page.problems`)."
    context = browser.new_context(viewport=dict(width=1280, height=900))
    page = context.new_page()
    page.problems = []
    def route(request):
        if request.request.url.startswith((base, 'data:')): return request.continue_()
        page.problems.append(f'asks for {request.request.url}')
        request.abort()
    context.route('**/*', route)
    page.on('console', lambda said: page.problems.append(said.text) if said.type == 'error' else None)
    page.on('pageerror', lambda error: page.problems.append(str(error)))
    yield page
    context.close()

look = """async () => {
    await window.MathJax?.startup?.promise
    document.querySelectorAll('img[loading=lazy]').forEach(img => img.loading = 'eager')
    const loaded = img => img.complete || new Promise(r => img.onload = img.onerror = r)
    await Promise.all([...document.images].map(loaded))
    const all = (css, from = document) => [...from.querySelectorAll(css)]
    const prose = document.querySelector('article').cloneNode(true)
    all('pre, code, .math, mjx-container, script, style, dt.sig', prose).forEach(e => e.remove())
    return {
        h1: all('h1').length, prose: prose.textContent, headings: all('article h2, article h3').length,
        figures: all('.cell_output img').length,
        printed: all('.cell_output .output.text_plain, .cell_output .output.stream').length,
        bare: all('img').filter(img => !img.alt || img.alt.endsWith('.png')).map(img => img.src),
        untypeset: all('.math').filter(e => !e.querySelector('mjx-container')).map(e => e.textContent),
        merror: all('mjx-merror, [data-mml-node=merror]').map(e => e.closest('.math').textContent),
        images: all('img').filter(img => !img.naturalWidth).map(img => img.src),
        corners: all('th').filter(cell => !cell.textContent.trim()).length,
        code: all('div.highlight pre').length, copy: all('button.copybtn').length,
        addresses: document.querySelector('article').textContent.match(/<.* at 0x[0-9a-f]+>/g) || [],
        ids: all('[id]').map(e => e.id), links: all('a[href]').map(a => a.href)}
}"""

cut_off = """() => [...document.querySelectorAll('article *')].filter(e => {
    const fits = e => e.getBoundingClientRect().right <= window.innerWidth + 1
    const scrolls = e => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(e).overflowX)
    if (fits(e) || e.closest('mjx-assistive-mml')) return false
    for (let up = e; up.tagName != 'ARTICLE'; up = up.parentElement) if (scrolls(up) && fits(up)) return false
    return true
}).map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"""

scrolling = 'div.math, .table-wrapper, .highlight pre, .cell_output, .cell_output pre'
overflowing = """css => [...document.querySelectorAll(css)].filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => ({reached: e.tabIndex >= 0, text: e.tagName + ' ' + e.textContent.trim().slice(0, 60)}))"""
too_small = """() => [...document.querySelectorAll('.cell_output img')]
    .filter(e => e.offsetWidth < .649*(e.getAttribute('width') || e.naturalWidth)).map(e => e.src)"""

drawn = '() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))'

def counts(url):
    "How many headings, figures and outputs a page must have, by the notebook that it was made from."
    path = source/(url.split('/', 3)[3].removesuffix('.html') + '.ipynb')
    if not path.exists(): return {}
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    prose = '\n'.join(''.join(c['source']) for c in cells if c['cell_type'] == 'markdown')
    prose = re.sub(r'^```.*?^```', '', prose, flags=re.S | re.M)
    shown = [set(o.get('data', {'stream': 0})) for c in cells for o in c.get('outputs', [])]
    return dict(headings=len(re.findall(r'^##+ ', prose, re.M)),
                figures=sum('image/png' in o for o in shown),
                printed=sum(not {'image/png', 'text/markdown', 'text/html'} & o for o in shown))

raw = re.compile(r'```|:::|\{py:|#\||\{#|\$\$|show_doc|\*\*|\]\(|\$[^$\s][^$\n]*\$|\\[a-z]+|Traceback')

def visit(page, url):
    "Everything that is wrong with one page, and its links and anchors."
    page.problems.clear()
    page.set_viewport_size(dict(width=1280, height=900))
    response = page.goto(url)
    seen, problems = page.evaluate(look), page.problems
    if response.status != 200: problems.append(f'status {response.status}')
    if not page.title(): problems.append('no title')
    if seen['h1'] != 1: problems.append(f'{seen["h1"]} headings of the first level')
    problems += [f'not typeset: {text}' for text in seen['untypeset']]
    problems += [f'TeX error: {text}' for text in seen['merror']]
    problems += [f'no image {src}' for src in seen['images']]
    if seen['corners']: problems.append('a heading of a table without words')
    problems += [f'no words for {src}' for src in seen['bare']]
    problems += [f'an address in memory: {text}' for text in seen['addresses']]
    problems += [f'{name}: {seen[name]} on the page, {count} in the notebook'
                 for name, count in counts(url).items() if seen[name] != count]
    problems += [f'raw in the text: {m}' for m in raw.findall(seen['prose'])]
    if seen['copy'] < seen['code']: problems.append('code without a copy button')
    page.set_viewport_size(dict(width=1440, height=900))
    wide = page.evaluate(overflowing, 'div.math, .table-wrapper')
    problems += [f'cut off at 1440: {part["text"]}' for part in wide]
    page.set_viewport_size(dict(width=390, height=844))
    page.evaluate(drawn)                                    # the page has seen its new size
    problems += [f'wider than a phone: {text}' for text in page.evaluate(cut_off)[:3]]
    unreached = [part['text'] for part in page.evaluate(overflowing, scrolling) if not part['reached']]
    problems += [f'not for the keyboard: {text}' for text in unreached[:3]]
    problems += [f'too small on a phone: {src}' for src in page.evaluate(too_small)]
    return [f'{url}: {problem}' for problem in problems], seen['ids'], seen['links']

def broken(base, ids, links):
    "Links into the site that lead nowhere; `ids` and `links` by page."
    for here, targets in links.items():
        for target in sorted(set(targets)):
            url, anchor = urldefrag(target)
            file = url.partition('/blob/main/')[2]
            if file and not (root/file).exists(): yield f'{here}: no file {file} in the repository'
            if not url.startswith(base + '/'): continue
            if not (root/'_docs'/url.removeprefix(base + '/')).is_file(): yield f'{here}: no page {url}'
            elif anchor and url in ids and anchor not in ids[url]: yield f'{here}: no anchor {target}'

not_checked = 'search.html', 'genindex.html', 'py-modindex.html', '404.html', 'planted.html'

def test_pages(site, base, page):
    "Every page loads, is whole, and leads only to what exists."
    problems, ids, links = [], {}, {}
    for path in sorted(path for path in site.rglob('*.html') if path.name not in not_checked):
        url = f'{base}/{path.relative_to(site)}'
        found, ids[url], links[url] = visit(page, url)
        problems += found
    assert len(ids) > 30
    problems += broken(base, ids, links)
    listed = links[f'{base}/index.html']
    problems += [f'{url} is not in the sidebar' for url in ids
                 if 'reference/' not in url and not any(link.startswith(url) for link in listed)]
    for module in modules:
        public = {f'ndm_nb.{module}.{name}' for name in import_module(f'ndm_nb.{module}').__all__}
        missing = public - set(ids.get(f'{base}/reference/ndm_nb.{module}.html', ()))
        problems += [f'no entry for {name}' for name in missing]
    assert not problems, '\n'.join(problems)

def test_faults_are_seen(site, base, page):
    "What the test above looks for, planted in a copy of a page."
    text = (site/'paths.html').read_text(encoding='utf-8')
    copy, like = site/'planted.html', source/'planted.ipynb'
    anchor = re.search('href="(#[a-z-]+)"', text)[1]
    def before_a_heading(html): return lambda s: s.replace('<h2>', f'{html}<h2>', 1)
    faults = {
        'no image': lambda s: s.replace('src="_images/', 'src="_images/gone-', 1),
        'TeX error': lambda s: re.sub(r'\\\[(.*?)\\\]', r'\\[\\nosuchcommand\\]', s, count=1, flags=re.S),
        'figures: ': lambda s: re.sub(r'<img [^>]*_images/[^>]*>', '', s, count=1),
        'headings: ': lambda s: s.replace('<h2>', '<p>').replace('</h2>', '</p>'),
        'no file': lambda s: s.replace('03_paths.ipynb', '04_gone.ipynb'),
        'no anchor': lambda s: s.replace(f'href="{anchor}"', 'href="#nowhere"', 1),
        'asks for https://example.com/x.js': before_a_heading('<script src="https://example.com/x.js"></script>'),
        'raw in the text: \\frac': before_a_heading(r'<p>\frac12</p>'),
        'an address in memory: <f at 0x7f>': before_a_heading('<pre>&lt;f at 0x7f&gt;</pre>'),
        'raw in the text: **': before_a_heading('<p>a **bold** claim</p>'),
        'cut off at 1440': before_a_heading('<div class="math"><div style="width: 1500px">x</div></div>'),
        'not for the keyboard': lambda s: s.replace('site.js', 'nosuch.js').replace(
            '<h2>', '<div class="cell_output"><div style="width: 900px">wide</div></div><h2>', 1),
        'a heading of a table': lambda s: s.replace('site.js', 'nosuch.js').replace(
            '<h2>', '<table><tr><th></th></tr></table><h2>', 1),
        'too small on a phone': lambda s: s.replace('site.js', 'nosuch.js'),
        'wider than a phone': before_a_heading('<div style="width: 900px">wide</div>')}
    shutil.copy(source/'paths.ipynb', like)
    try:
        for name, plant in faults.items():
            assert plant(text) != text, name
            copy.write_text(plant(text), encoding='utf-8')
            url = f'{base}/planted.html'
            problems, ids, links = visit(page, url)
            problems += broken(base, {url: ids}, {url: links})
            assert any(name in problem for problem in problems), f'{name} was not seen: {problems}'
    finally:
        copy.unlink(missing_ok=True)
        like.unlink()

def test_search(base, page):
    page.goto(f'{base}/search.html?q=NeuralForward')
    page.wait_for_selector('#search-results li a')
    found = page.eval_on_selector_all('#search-results li a', 'links => links.map(a => a.href)')
    assert any('paths.html' in url for url in found) and not page.problems, (found, page.problems)
    page.click('#search-results li a')
    page.wait_for_selector('[id="ndm_nb.paths.NeuralForward"]')

queries = {
    'ELBO': 'model', 'own data': 'tutorials/own_data', 'NaN': 'tutorials/troubleshooting',
    'learning rate': 'tutorials/choosing', 'guidance': 'tutorials/labels', 'push to hub': 'tutorials/sharing',
    'out of memory': 'tutorials/troubleshooting', 'several GPUs': 'tutorials/sharing', 'FID': 'tutorials/fid',
    'few steps': 'tutorials/few_steps', 'own network': 'tutorials/own_parts', 'inpainting': 'conditions',
    'DDIM': 'sampling', 'exact likelihood': 'likelihood', 'noise schedule': 'schedules', 'EMA': 'training',
    'optimal transport': 'transport', 'bits per dimension': 'evaluation',
    'latent diffusion': 'tutorials/latents',
    'diffusers': 'tutorials/coming_from', 'U-Net': 'unet', 'distillation': 'average', 'pretrained': 'presets',
    'DDPM': 'ten_minutes', 'which preset': 'tutorials/choosing'}

def test_what_people_look_for_comes_first(base, page):
    wrong = []
    for query, expected in queries.items():
        page.goto(f'{base}/search.html?q={query.replace(" ", "+")}')
        page.wait_for_selector('#search-results li a')
        first = page.eval_on_selector('#search-results li a', 'link => link.href')
        if urldefrag(first)[0] != f'{base}/{expected}.html': wrong.append(f'{query}: {first}')
    assert not wrong, '\n'.join(wrong)

def test_excerpts_are_words(base, page):
    "No raw TeX and no code in what the search shows of a page."
    page.goto(f'{base}/search.html?q=Girsanov')
    page.wait_for_selector('#search-results li p.context')
    excerpts = page.locator('#search-results li p.context').all_text_contents()
    assert any('Girsanov' in text for text in excerpts), excerpts
    assert not any(re.search(r'\\[a-z]|\$', text) for text in excerpts), excerpts

def test_names_are_links(base, page):
    page.goto(f'{base}/index.html')
    page.click('article a >> text="sample_ode"')
    page.wait_for_url(f'{base}/reference/ndm_nb.sampling.html#ndm_nb.sampling.sample_ode')
    assert page.locator('[id="ndm_nb.sampling.sample_ode"] + dd table').first.locator('tr').count() > 3

def test_dark(base, page):
    "The button goes from light to dark, and text of every kind is readable in both."
    page.emulate_media(color_scheme='light')
    contrast = """css => {
        const light = color => color.match(/[\\d.]+/g).slice(0, 3).reduce((sum, v) => sum + v/765, 0)
        const ground = e => {
            const c = getComputedStyle(e).backgroundColor
            return e.parentElement && c.endsWith(', 0)') ? ground(e.parentElement) : light(c)
        }
        const e = document.querySelector(css)
        return [ground(e), Math.abs(light(getComputedStyle(e).color) - ground(e))]
    }"""
    chapter = ('article p:not(.lead)', 'article h2', 'article a', 'article td',
               'div.cell_input pre', 'div.cell_output pre')
    reference = 'article td', 'dt.sig .sig-name', 'dd p', 'article a'
    for name, kinds in {'paths': chapter, 'reference/ndm_nb.paths': reference}.items():
        page.goto(f'{base}/{name}.html')
        for theme, good in dict(light=lambda ground: ground > .85, dark=lambda ground: ground < .25).items():
            while page.evaluate('document.body.dataset.theme') != theme:
                page.click('.content-icon-container .theme-toggle')
            for css in kinds:
                ground, difference = page.evaluate(contrast, css)
                assert good(ground) and difference > .35, (name, css, theme, ground, difference)

def test_stock_nbdev_processes_the_notebooks(tmp_path):
    "What `nbdev_docs` does before it calls Quarto."
    script = '''if True:
        import matplotlib.pyplot, torch, ndm_nb.cli             # once, and not for each notebook
        from nbdev.serve import proc_nbs
        if __name__ == '__main__': proc_nbs(force=True, n_workers=2)'''
    (tmp_path/'run.py').write_text(script)
    done = subprocess.run([sys.executable, tmp_path/'run.py'], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    made, chapters = ({path.stem for path in (root/folder).glob('*.ipynb')} for folder in ('_proc', 'nbs'))
    assert made == chapters
