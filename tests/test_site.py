"""The documentation site in a browser, with everything outside blocked: Debian's or Ubuntu's Chromium, or Chrome.

Without a browser these tests are skipped; where CI is set they fail instead.
"""
import functools, os, re, shutil, subprocess, sys, threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urldefrag
import pytest

root = Path(__file__).parents[1]
site = root/'_docs'
flags = '--no-sandbox --disable-gpu --disable-background-networking --disable-component-update --disable-sync --disable-quic'.split()

class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args): pass

@pytest.fixture(scope='module')
def base():
    "Build the site, and serve it."
    done = subprocess.run([sys.executable, root/'docs'/'build.py'], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    server = ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=site))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}'
    server.shutdown()

@pytest.fixture(scope='module')
def browser():
    path = next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)
    if path is None: (pytest.fail if 'CI' in os.environ else pytest.skip)('no chromium, chromium-browser or google-chrome on the PATH')
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
    page.on('console', lambda message: page.problems.append(message.text) if message.type == 'error' else None)
    page.on('pageerror', lambda error: page.problems.append(str(error)))
    yield page
    context.close()

look = """async () => {
    await window.MathJax?.startup?.promise
    document.querySelectorAll('img[loading=lazy]').forEach(img => img.loading = 'eager')
    await Promise.all([...document.images].map(img => img.complete || new Promise(r => img.onload = img.onerror = r)))
    const all = (css, from = document) => [...from.querySelectorAll(css)]
    const prose = document.querySelector('article').cloneNode(true)
    all('pre, code, .math, mjx-container, script, style, dt.sig', prose).forEach(e => e.remove())
    return {
        h1: all('h1').length, prose: prose.textContent,
        untypeset: all('.math').filter(e => !e.querySelector('mjx-container')).map(e => e.textContent),
        merror: all('mjx-merror, [data-mml-node=merror]').map(e => e.closest('.math').textContent),
        images: all('img').filter(img => !img.naturalWidth).map(img => img.src),
        code: all('div.highlight pre').length, copy: all('button.copybtn').length,
        ids: all('[id]').map(e => e.id), links: all('a[href]').map(a => a.href)}
}"""

cut_off = """() => [...document.querySelectorAll('article *')].filter(e => {
    if (e.getBoundingClientRect().right <= window.innerWidth + 1 || e.closest('mjx-assistive-mml')) return false
    for (let up = e; up.tagName != 'ARTICLE'; up = up.parentElement)
        if (['auto', 'scroll', 'hidden'].includes(getComputedStyle(up).overflowX) && up.getBoundingClientRect().right <= window.innerWidth + 1) return false
    return true
}).map(e => e.tagName + ' ' + e.textContent.slice(0, 60))"""

def visit(page, url):
    "Everything that is wrong with one page, and its links and anchors."
    page.problems.clear()
    page.set_viewport_size(dict(width=1280, height=900))
    response = page.goto(url)
    seen, problems = page.evaluate(look), page.problems
    if response.status != 200: problems.append(f'status {response.status}')
    if not page.title(): problems.append('no title')
    if seen['h1'] != 1: problems.append(f'{seen["h1"]} headings of the first level')
    problems += [f'not typeset: {text}' for text in seen['untypeset']] + [f'TeX error: {text}' for text in seen['merror']]
    problems += [f'no image {src}' for src in seen['images']]
    problems += [f'raw in the text: {m}' for m in re.findall(r'```|:::|\{py:|#\||\{#|\$\$|\\begin|show_doc|\*\*|\]\(|\$[^$\s][^$\n]*\$', seen['prose'])]
    if seen['copy'] < seen['code']: problems.append('code without a copy button')
    page.set_viewport_size(dict(width=390, height=844))
    problems += [f'wider than a phone: {text}' for text in page.evaluate(cut_off)[:3]]
    return [f'{url}: {problem}' for problem in problems], seen['ids'], seen['links']

def broken(base, ids, links):
    "Links into the site that lead nowhere; `ids` and `links` by page."
    for here, targets in links.items():
        for target in sorted(set(targets)):
            url, anchor = urldefrag(target)
            if not url.startswith(base + '/') or not url.endswith('.html'): continue
            if not (site/url.removeprefix(base + '/')).exists(): yield f'{here}: no page {url}'
            elif anchor and url in ids and anchor not in ids[url]: yield f'{here}: no anchor {target}'

def test_pages(base, page):
    "Every page loads, is whole, and leads only to what exists."
    problems, ids, links = [], {}, {}
    for path in sorted(site.rglob('*.html')):
        url = f'{base}/{path.relative_to(site)}'
        if path.name in ('search.html', 'genindex.html', 'py-modindex.html'): continue
        found, ids[url], links[url] = visit(page, url)
        problems += found
    assert len(ids) > 30
    problems += broken(base, ids, links)
    assert not problems, '\n'.join(problems)

def test_faults_are_seen(base, page):
    "What the test above looks for, planted in a copy of a page."
    text, copy = (site/'paths.html').read_text(encoding='utf-8'), site/'planted.html'
    faults = {'no image': lambda s: s.replace('src="_images/', 'src="_images/gone-', 1),
              'TeX error': lambda s: re.sub(r'\\\[(.*?)\\\]', r'\\[\\nosuchcommand\\]', s, count=1, flags=re.S),
              'no anchor': lambda s: s.replace('href="#the-marginal"', 'href="#nowhere"', 1),
              'raw in the text: **': lambda s: s.replace('<h2>', '<p>a **bold** claim</p><h2>', 1),
              'asks for https://example.com/x.js': lambda s: s.replace('</head>', '<script src="https://example.com/x.js"></script></head>'),
              'wider than a phone': lambda s: s.replace('<h2>', '<div style="width: 900px">wide</div><h2>', 1)}
    try:
        for name, plant in faults.items():
            assert plant(text) != text, name
            copy.write_text(plant(text), encoding='utf-8')
            url = f'{base}/planted.html'
            problems, ids, links = visit(page, url)
            problems += broken(base, {url: ids}, {url: links})
            assert any(name in problem for problem in problems), f'{name} was not seen: {problems}'
    finally: copy.unlink(missing_ok=True)

def test_search(base, page):
    page.goto(f'{base}/search.html?q=NeuralForward')
    page.wait_for_selector('#search-results li a')
    found = page.eval_on_selector_all('#search-results li a', 'links => links.map(a => a.href)')
    assert any('paths.html' in url for url in found) and not page.problems, (found, page.problems)
    page.click('#search-results li a')
    page.wait_for_selector('[id="ndm_nb.paths.NeuralForward"]')

def test_names_are_links(base, page):
    page.goto(f'{base}/index.html')
    page.click('article a >> text="sample_ode"')
    page.wait_for_url(f'{base}/reference/ndm_nb.sampling.html#ndm_nb.sampling.sample_ode')
    assert page.locator('[id="ndm_nb.sampling.sample_ode"] + dd table').first.locator('tr').count() > 3

def test_dark(base, page):
    "The button goes from light to dark, and text stays readable."
    page.emulate_media(color_scheme='light')
    page.goto(f'{base}/paths.html')
    colors = """() => [getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('article p:not(.lead)')).color]
                      .map(color => color.match(/[\\d.]+/g).slice(0, 3).reduce((sum, v) => sum + v/765, 0))"""
    background, text = page.evaluate(colors)
    assert background > .9 and text < .3
    for _ in range(3):
        if page.evaluate('document.body.dataset.theme') != 'dark': page.click('.content-icon-container .theme-toggle')
    background, text = page.evaluate(colors)
    assert background < .2 and text > .6
