"What `ndm_train` suggests in the end works, for a run of every kind, in a folder with an odd name."
import re, shlex
import pytest
from PIL import Image
from ndm_nb.cli import eval_main, sample_main
from ndm_nb.train import train_main

commands = dict(ndm_sample=sample_main, ndm_eval=eval_main)
small = '--compare none --width 8 --depth 1 --iterations 2 --test 20 --test-repeats 1'

@pytest.mark.parametrize('options, parts', [
    ('--conditional', ('of a class', 'likelihood', 'solvers')),
    ('--preset ddpm', ('more samples', 'likelihood', 'solvers')),
    ('--preset flow_matching --data circles', ('paths', 'likelihood', 'solvers')),
    ('--preset bridge --data0 digits --data1 digits', ('more samples', 'translate', 'bound')),
    ('--preset vae --data circles', ('more samples', 'likelihood')),
    ('--preset lsgm_ndm --binary --latent 2', ('more samples', 'likelihood')),
    ('--preset bridge_flow --data0 circles --data1 two_moons', ('paths', 'bound'))])
def test_every_suggestion_works(options, parts, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path/'FOLDER').mkdir()
    Image.new('RGB', (9, 9)).save(tmp_path/'FOLDER'/'black.png')
    train_main([*options.split(), *small.split(), '--out', "it's my folder"])
    said = capsys.readouterr()
    suggested = re.findall(r'^  (ndm_.*?) +# (.*)$', said.out, re.M)
    assert len(suggested) == len(parts) and all(part in what for part, (_, what) in zip(parts, suggested))
    assert len(re.findall(r'parameters, 2 iterations of \d+ samples on ', said.out)) == 1
    assert said.err.count('evaluating 20 test samples, 1 pass ...\n') == said.err.count(' samples ...\n') == 1
    for command, _ in suggested:
        name, *argv = shlex.split(command)
        commands[name](argv)
