"""What earlier versions wrote: runs are refused, and their models load.

older_run/ was written by the version before options had sections, by `ndm_train --preset nfdm --compare
none --data two_moons --width 8 --depth 1 --iterations 20 --every 10 --batch 32`. What its model made of
some noise, and the volatility that it had learned, is in expected.json.
"""
import json, subprocess
from pathlib import Path
import pytest, torch
from safetensors.torch import load_file
from ndm_nb.core import InputError
from ndm_nb.presets import BuiltModel
from ndm_nb.runs import load_run
from ndm_nb.sampling import sample_ode
from ndm_nb.train import check_resume, configure

run = Path(__file__).parent/'older_run'

def test_a_run_of_an_earlier_version_is_refused():
    with pytest.raises(InputError) as e: load_run(run)
    assert 'is not the configuration of a run of this version of ndm_nb' in str(e.value)
    assert 'BuiltModel.from_pretrained' in str(e.value) and '\n' not in str(e.value)

def test_it_cannot_be_resumed():
    config = configure(dict(preset='nfdm', data='two_moons')).configuration
    with pytest.raises(InputError, match='a run of this version'): check_resume(run, config)

def test_the_command_says_so_in_one_line():
    done = subprocess.run(['ndm_sample', run], capture_output=True, text=True)
    line, = done.stderr.splitlines()
    assert done.returncode == 1 and line.startswith('ndm_sample: ') and 'of this version of ndm_nb' in line

def test_its_model_loads():
    model, saved = BuiltModel.from_pretrained(run), load_file(run/'model.safetensors')
    weights = model.state_dict()
    assert {*saved} == {*weights} and len(saved) > 20
    assert all(torch.equal(saved[name], weights[name]) for name in saved)
    expected = json.loads((run/'expected.json').read_text())
    samples = sample_ode(model, torch.linspace(-2, 2, 8).reshape(4, 2), 10)
    torch.testing.assert_close(samples, torch.tensor(expected['samples']), rtol=1e-4, atol=1e-4)
    volatility = model.volatility(torch.linspace(0, 1, 5))
    torch.testing.assert_close(volatility, torch.tensor(expected['volatility']), rtol=1e-5, atol=1e-5)
