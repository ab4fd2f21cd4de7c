"What only shows from outside: what an import costs, the names of the package, commands as a shell sees them."
import ast, json, re, subprocess, sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
import pytest
import ndm_nb
from test_structure import graph, modules

root = Path(__file__).parents[1]

def python(code):
    "What a program prints."
    return subprocess.run([sys.executable, '-c', code], check=True, capture_output=True, text=True).stdout

# --- imports ---

def cost(line):
    "Seconds of processor time, which other programs change little."
    return float(python(f'{line}\nimport time; print(time.process_time())'))

def test_import_costs_little_more_than_torch():
    lines = 'import torch', 'import ndm_nb', 'from ndm_nb import NeuralDiffusion'
    rounds = [[cost(line) for line in lines] for _ in range(3)]
    torchs, package, model = map(min, zip(*rounds))
    print(f'in units of import torch: the package {package/torchs:.2f}, with a model {model/torchs:.2f}')
    assert package < 1.3*torchs and model < 1.3*torchs

heavy = {'IPython', 'accelerate', 'huggingface_hub', 'matplotlib', 'nbdev', 'scipy', 'sklearn', 'torchdiffeq',
         'torchvision', 'tqdm', 'tyro'}

def first_loaded(wanted):
    "Which of the packages are loaded by which module: all are imported, each after those that it needs."
    order = TopologicalSorter(graph(modules, modules)).static_order()
    names = ['ndm_nb', *(f'ndm_nb.{name}' for name in order)]
    return json.loads(python(f'''if True:
        import json, sys, torch
        from importlib import import_module
        found, seen = {{}}, set(sys.modules)
        for name in {names}:
            import_module(name)
            if new := {wanted} & (set(sys.modules) - seen): found[name] = sorted(new)
            seen = set(sys.modules)
        print(json.dumps(found))'''))

def test_heavy_imports_are_lazy():
    assert first_loaded(heavy) == {'ndm_nb.presets': ['huggingface_hub']}

def test_an_import_that_is_not_lazy_is_seen(): assert len(first_loaded({'fastcore'})) == 1

# --- names ---

@pytest.mark.parametrize('name', ndm_nb.__all__)
def test_a_name_of_the_package_is_that_of_its_module(name):
    assert getattr(ndm_nb, name) is getattr(import_module(f'ndm_nb.{ndm_nb._home[name]}'), name)
    assert name in dir(ndm_nb)

def test_other_names_are_none():
    with pytest.raises(AttributeError, match='has no attribute'): ndm_nb.nosuchname

def test_the_example_needs_two_lines_of_imports():
    blocks = re.findall(r'^```python\n(.*?)^```', (root/'README.md').read_text(encoding='utf-8'), re.S | re.M)
    nodes = ast.walk(ast.parse('\n'.join(blocks)))
    first, second = (ast.unparse(node) for node in nodes if isinstance(node, (ast.Import, ast.ImportFrom)))
    assert first == 'import torch' and second.startswith('from ndm_nb import ')

# --- commands ---

def fails(command, folder):
    "What a command says that must fail, without a traceback and without a trace."
    done = subprocess.run(command.split(), cwd=folder, capture_output=True, text=True)
    print(done.stderr)
    assert done.returncode != 0 and 'Traceback' not in done.stderr and not list(folder.iterdir())
    return done.stderr

@pytest.mark.parametrize('command', ['ndm_train --preset nmd', 'ndm_train --T 0', 'ndm_train --device gpu0',
                                     'ndm_sample nowhere', 'ndm_eval nowhere'])
def test_a_slip_ends_with_one_line_and_a_status(command, tmp_path):
    name, *_, value = command.split()
    line, = fails(command, tmp_path).splitlines()
    assert line.startswith(f'{name}: ') and value in line

@pytest.mark.parametrize('command, said', [
    ('ndm_train --lr fast', 'Error parsing --lr'), ('ndm_train --nosuch 3', '--nosuch'),
    ('ndm_sample', 'Missing from ndm_sample')])
def test_what_cannot_be_parsed_ends_with_a_status(command, said, tmp_path):
    assert said in fails(command, tmp_path)

def test_a_damaged_run_is_named(tmp_path):
    train = 'ndm_train --compare none --iterations 1 --width 8 --depth 1 --test_repeats 1'.split()
    subprocess.run(train, cwd=tmp_path, check=True, capture_output=True)
    run = tmp_path/'runs'/'digits-ndm-T10'
    (run/'model.safetensors').write_bytes((run/'model.safetensors').read_bytes()[:-8])
    done = subprocess.run(['ndm_eval', str(run)], capture_output=True, text=True)
    assert done.returncode != 0 and 'Traceback' not in done.stderr
    assert 'model.safetensors cannot be read' in done.stderr
    again = subprocess.run(train, cwd=tmp_path, capture_output=True, text=True)
    assert again.returncode != 0 and 'already holds a run' in again.stderr
