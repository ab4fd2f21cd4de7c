"""Every command that README and the notebooks show, run by a shell; or it is marked as `# not run: why`.

The commands of a folder are run one after another, in a copy of the repository in which small pictures lie
where folders of pictures are named, and small tables where files are. One that is shown twice is run once.
`ndm_train` takes two steps, with small values for what it is not told. An experiment shows its committed
record, and the site is the one that the tests of the site look at.
"""
import json, re, shutil, subprocess
from pathlib import Path
import numpy as np
import pytest
from PIL import Image

root = Path(__file__).parents[1]
nbs = root/'nbs'
shown = dict(chapters=[root/'README.md', *sorted(nbs.glob('*.ipynb'))],
             tutorials=sorted(nbs.glob('tutorials/*.ipynb')),
             experiments=sorted(nbs.glob('experiments/*.ipynb')))
steps = dict(iterations=2, every=1)
small = steps | dict(width=8, depth=1, batch=8, repeats=1, valid=10, test=10, test_repeats=1)

def markdown(path):
    "The text of a file, without code cells."
    text = path.read_text(encoding='utf-8')
    if path.suffix != '.ipynb': return text
    cells = json.loads(text)['cells']
    return '\n\n'.join(''.join(cell['source']) for cell in cells if cell['cell_type'] == 'markdown')

def lines(text):
    "The lines of all shell blocks; one that goes on in the next is one."
    blocks = re.findall(r'^```(?:sh|bash|shell)\n(.*?)^```', text, re.S | re.M)
    return [line for block in blocks for line in block.replace('\\\n', ' ').splitlines() if line.strip()]

def marked(line): return re.search(r'#\s*not run: \S', line)

def as_tested(line):
    "A line with few steps, and with the sizes that it leaves open."
    command = re.sub(r'\s+#.*', '', line)
    if re.match(r'(\w+=\S+ )?python nbs/experiments/\w+\.py', command): return f'{command} --show'
    for name, value in steps.items(): command = re.sub(rf'--{name} \d+', f'--{name} {value}', command)
    told = ' '.join(f'--{name} {value}' for name, value in small.items() if f'--{name} ' not in command)
    return re.sub(r'\bndm_train\b', f'ndm_train {told}', command)

def commands_of(text):
    "The commands of a text, each of them once."
    shown = [line for line in lines(text) if not marked(line) and line[0] != '#']
    return [*dict.fromkeys(map(as_tested, shown))]

def data(commands, folder):
    "Make the folders of pictures that are named, and the tables and series."
    text = '\n'.join(commands)
    with_classes = {*re.findall(r'folder:(\S+) .*--conditional', text)}
    for name in {*re.findall(r'(?:folder:|--from )(\S+)', text)}:
        for i in range(20):
            path = folder/name/('two', 'seven')[i % 2] if name in with_classes else folder/name
            path.mkdir(parents=True, exist_ok=True)
            Image.new('RGB', (16, 16), (10*i, 255 - 10*i, 0)).save(path/f'{i}.png')
    numbers = np.random.default_rng(0).normal(size=(30, 5))
    for name in {*re.findall(r'file:(\S+)', text)}:
        if name.endswith('.csv'): np.savetxt(folder/name, numbers, delimiter=',')
        else: np.savez(folder/name, train=numbers, valid=numbers[:5], test=numbers[:5])

def shell(commands, folder):
    "Run lines in one shell. The first that fails is the last one in what is said."
    alarming = [line for line in commands if re.match(r'(git|pip|nbdev_test|pytest)\b', line)]
    assert not alarming, f'to be marked, since it changes more than a folder: {alarming}'
    script = '\n'.join(['set -xuo pipefail', *(f'{command} || exit 1' for command in commands)])
    done = subprocess.run(['bash', '-c', script], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f'{done.stdout[-1000:]}\n{done.stderr[-3000:]}'

@pytest.mark.parametrize('paths', shown.values(), ids=shown)
def test_commands(paths, tmp_path, request):
    commands = commands_of('\n'.join(map(markdown, paths)))
    if 'python docs/build.py' in commands:
        request.getfixturevalue('site')
        commands.remove('python docs/build.py')
    for name in ('docs', 'nbs', 'ndm_nb'): shutil.copytree(root/name, tmp_path/name)
    for name in ('settings.ini', 'README.md'): shutil.copy(root/name, tmp_path)
    data(commands, tmp_path)
    shell(commands, tmp_path)

def test_no_notebook_is_forgotten():
    known = {path for paths in shown.values() for path in paths}
    assert {path for path in nbs.rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts} <= known

def test_the_front_page_is_in_the_notebook():
    readme, index = (lines(markdown(path)) for path in (root/'README.md', nbs/'index.ipynb'))
    assert readme == index and len(index) > 10

@pytest.mark.parametrize('line', ['ndm_train --coupling optimal', 'ndm_train --preset nfdm --gamma_min -7',
                                  'ndm_trian', 'ndm_eval runs/nowhere', 'python nbs/experiments/nowhere.py',
                                  'false && true', 'pip install .'])
def test_a_wrong_line_is_seen(line, tmp_path):
    commands = commands_of(f'words\n```sh\ntrue\n{line}    # not run\n```\n')
    with pytest.raises(AssertionError): shell([*commands, 'true'], tmp_path)

def test_what_is_marked_is_left_out():
    block = '```sh\nndm_train --width 16 \\\n  --iterations 99\npytest   # not run: it is this\n```\n'
    command, = commands_of(block + '```py\nprint(1)\n```\n')
    for told in ('--iterations 2', '--width 16', '--batch 8'): assert told in command
    assert '99' not in command and '--width 8' not in command
