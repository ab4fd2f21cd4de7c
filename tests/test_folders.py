"""Folders that hold anything, names that are odd, weights that are not numbers, files that are not ours.

Each command ends with one line and a status, before it has done any work, and leaves everything as it was.
"""
import warnings
from pathlib import Path
import pytest, torch
import matplotlib.pyplot as plt
from safetensors.torch import load_file, save_file
from ndm_nb import cli, runs
from ndm_nb.cli import eval_main, ndm_eval, ndm_sample, runs_main, sample_main, train_main
from ndm_nb.core import InputError
from ndm_nb.metrics import Statistics
from ndm_nb.presets import BuiltModel, build

@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    "A folder with a run of images, and one of a bridge between points."
    folder = tmp_path_factory.mktemp('trained')
    small = '--compare none --width 8 --depth 1 --iterations 2 --batch 8 --valid 9 --test 20 --test_repeats 1'
    bridge = '--preset brownian_bridge --data0 circles --data1 two_moons --name points'
    for options in ('--name digits', bridge): train_main([*f'{small} {options}'.split(), '--out', folder])
    return folder

@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    "An empty folder, but for what somebody has written."
    (tmp_path/'thesis.txt').write_text('two years of work')
    (tmp_path/'thesis.png').write_text('a figure, I thought')
    plt.imsave(tmp_path/'photo.png', torch.rand(4, 4, 3).numpy())
    (tmp_path/'album').mkdir()
    plt.imsave(tmp_path/'album'/'00000.png', torch.rand(4, 4, 3).numpy())
    monkeypatch.chdir(tmp_path)

def everything(*folders):
    "All files, with what they hold."
    return {p: p.is_file() and p.read_bytes() for folder in folders for p in folder.rglob('*')}

@pytest.fixture
def fails(trained, tmp_path, monkeypatch, capsys):
    def run(main, *argv):
        "The message of a command that must fail without having drawn a sample or touched a file."
        def never(*args, **options): raise AssertionError('samples were drawn')
        with monkeypatch.context() as patch:
            for name in ('sample_run', 'sample_many'): patch.setattr(cli, name, never)
            return ends(main, *argv)
    def ends(main, *argv):
        before = everything(trained, tmp_path)
        capsys.readouterr()
        with pytest.raises(SystemExit) as e: main(argv)
        said, printed = e.value.code, capsys.readouterr().out
        assert isinstance(said, str) and '\n' not in said and not printed
        assert everything(trained, tmp_path) == before
        return said
    run.late = ends
    return run

odd = '', ' ', 'a\0b', 'a'*300, 'a'*5000, '/dev/null', 'thesis.txt', 'no/such'

@pytest.mark.parametrize('name', odd, ids=lambda name: repr(name[:9]))
def test_odd_names(name, trained, fails):
    for main in (sample_main, eval_main): fails(main, name)
    if name.strip() and name != 'thesis.txt': fails(runs_main, name)
    fails(sample_main, trained/'digits', '--out', name)
    fails(sample_main, trained/'digits', '--out', f'{name}/x.png') if name.strip() else None
    fails(sample_main, trained/'digits', '--save', name)
    fails(sample_main, trained/'digits', '--save', f'{name}/x.npz') if name.strip() else None
    fails(sample_main, trained/'digits', '--device', name)
    if name != 'no/such': fails(sample_main, trained/'digits', '--out', f'{name[:5000]}.txt')
    fails(eval_main, trained/'digits', '--fid', '--stats', name)
    fails(eval_main, trained/'digits', '--data', name)
    fails(sample_main, trained/'points', '--from', name)

@pytest.mark.parametrize('options, message', [
    ('--out thesis.png', 'thesis.png exists, and may be of somebody else'),
    ('--out photo.png', 'photo.png exists, and may be of somebody else'),
    ('--out album.png --save png', 'album exists, and may be of somebody else'),
    ('--save album.png', 'album exists, and may be of somebody else'),
    ('--save thesis.csv', 'with samples of shape (1, 8, 8) and 17 levels; expected it with points or tables'),
    ('--save thesis.txt', "unknown ending in save 'txt'; expected one of png, npz, npy, csv, pt"),
    ('--device meta', "device 'meta' cannot be used"),
    ('--data1 circles', 'has no effect: it is for a bridge'),
    ('--trajectories', 'leave --trajectories out')])
def test_nothing_of_others_is_replaced(options, message, trained, fails):
    assert message in fails(sample_main, trained/'digits', *options.split())

def test_a_file_of_samples_is_not_replaced_either(trained, fails):
    ndm_sample(trained/'points', n=2, steps=1, out='x.png', save='x.npz')
    assert 'x.npz exists' in fails(sample_main, trained/'points', '--out', 'x.png', '--save', 'x.npz')
    assert 'x.npz exists' in fails(sample_main, trained/'points', '--out', 'x.png', '--save', 'npz')
    ndm_sample(trained/'points', n=2, steps=1, out='x.png')                # the picture is ours

def test_a_bridge_between_points_has_no_use_for_images(trained, fails):
    assert 'expected a bridge between images' in fails(sample_main, trained/'points', '--from', 'album')
    assert 'expected it with images' in fails(sample_main, trained/'points', '--save', 'png')

def test_save_pretrained_here(tmp_path):
    model = build('ndm', (2,), width=4, depth=0)
    for name in ('README.md', 'config.json'):
        Path(name).write_text('# mine')
        before = everything(tmp_path)
        with pytest.raises(InputError, match=f'{name} in . would be replaced'): model.save_pretrained('.')
        assert everything(tmp_path) == before
        Path(name).unlink()
    for _ in range(2): model.save_pretrained('.')
    assert BuiltModel.from_pretrained('.').config == model.config

def test_a_run_with_something_else_in_it(tmp_path, trained, fails):
    options = ['--out', '.', '--name', 'mine', *'--compare none --width 4 --depth 0 --iterations 1'.split(),
               *'--valid 5 --test 5 --test_repeats 1'.split()]
    train_main(options)
    ndm_sample('mine', n=2, steps=1, save='png')
    Path('mine/notes.txt').write_text('what I saw')
    assert 'mine also holds notes.txt, which would be lost' in fails(train_main, *options, '--overwrite')
    Path('mine/notes.txt').unlink()
    train_main([*options, '--overwrite'])

# --- weights ---

@pytest.fixture
def changed(trained, tmp_path):
    def change(function):
        "A copy of the run, whose weights have been changed."
        run = tmp_path/'changed'
        run.mkdir(exist_ok=True)
        (run/'config.json').write_bytes((trained/'digits'/'config.json').read_bytes())
        weights = load_file(trained/'digits'/'model.safetensors')
        save_file({name: function(v).contiguous() for name, v in weights.items()}, run/'model.safetensors')
        return run
    return change

@pytest.mark.parametrize('function, message', [
    (lambda v: v*torch.nan, 'has weights that are NaN or infinite'), (lambda v: v.long(), 'is of I64'),
    (lambda v: v.bool(), 'is of BOOL'), (lambda v: v + 0j, 'is of C64'), (lambda v: v[None], 'has shape')])
def test_weights_that_are_none(function, message, changed, fails):
    run = changed(function)
    for main in (sample_main, eval_main): assert message in fails(main, run)

def test_weights_from_which_nothing_finite_comes(changed, fails):
    run = changed(lambda v: v + 1e30)
    assert '64 of 64 samples are not finite' in fails.late(sample_main, run)
    message = fails.late(eval_main, run)
    assert 'the bound: ' in message and 'expected finite numbers' in message
    assert 'is not finite' in fails.late(eval_main, run, '--likelihood', 'ode', '--n', '4', '--steps', '2')
    assert 'not finite' in fails.late(eval_main, run, '--solvers', '--n', '4')

def test_precision(trained, changed):
    single, double = ndm_eval(trained/'digits'), changed(lambda v: v.double())
    assert {p.dtype for p in BuiltModel.from_pretrained(double).parameters()} == {torch.float64}
    assert ndm_sample(double, n=2, steps=2).dtype == torch.float64
    assert abs(ndm_eval(double)['total'] - single['total']) < 3*single['stderr']           # other noise
    ndm_eval(double, likelihood='ode', n=4, steps=2)
    ndm_eval(double, solvers=True, n=4)
    with pytest.warns(UserWarning, match='in half precision .F16.; it is used in float32'):
        assert ndm_sample(changed(lambda v: v.half()), n=2, steps=2).dtype == torch.float32

# --- FID ---

class Colours(torch.nn.Module):
    "In place of the Inception network: a few features."
    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(64, 5, generator=torch.Generator().manual_seed(0)))

    def forward(self, x): return x.flatten(1) @ self.weight

@pytest.fixture
def small_network(monkeypatch): monkeypatch.setattr(cli, 'Inception', Colours)

def test_few_images_are_said_to_be_few(trained, small_network):
    with pytest.warns(UserWarning, match='FID of 4 images with 5 features: their covariance is singular'):
        assert not ndm_eval(trained/'digits', fid=True, n=4, steps=1)['full_rank']
    with warnings.catch_warnings():
        warnings.simplefilter('error', UserWarning)
        assert ndm_eval(trained/'digits', fid=True, n=6, steps=1)['full_rank']
    with pytest.raises(InputError, match='n=1; expected a whole number, at least 2'):
        ndm_eval(trained/'digits', fid=True, n=1)

def test_statistics_have_one_name(trained, small_network):
    first = ndm_eval(trained/'digits', fid=True, n=10, steps=1, stats='st')
    assert Path('st').is_file() and not Path('st.npz').exists() and 'kid' in first
    again = ndm_eval(trained/'digits', fid=True, n=10, steps=1, stats='st')
    assert again['fid'] == pytest.approx(first['fid']) and 'kid' not in again

def test_statistics_that_do_not_serve(trained, small_network, fails):
    fid = trained/'digits', '--fid', '--n', '10', '--steps', '1', '--stats'
    Statistics.of(torch.randn(9, 3)).save('three')
    assert 'three is about 3 features; expected 5' in fails(eval_main, *fid, 'three')
    assert 'no is not a folder; expected --stats' in fails(eval_main, *fid, 'no/st')
    assert 'thesis.txt cannot be read' in fails(eval_main, *fid, 'thesis.txt')

# --- devices ---

def test_auto_takes_what_works(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    monkeypatch.setattr(torch.backends.mps, 'is_available', lambda: True)
    monkeypatch.setattr(runs, '_problem', lambda device: None)
    assert runs._best_device() == 'mps'
    monkeypatch.setattr(runs, '_problem', lambda device: 'no derivatives')
    with pytest.warns(UserWarning, match='the device mps is there and cannot be used .no derivatives.'):
        assert runs.parse_device('auto') == torch.device('cpu')
