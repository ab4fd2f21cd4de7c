"What a task takes from where: sets, parts, labels, units and options."
import numpy as np
import torch
from ndm_nb.data import dataset
from ndm_nb.presets import build
from ndm_nb.runs import write_json
from ndm_nb.train import configure, prepare

def task(**given): return configure(given).configuration.task

def rows(x): return {tuple(row) for row in x.tolist()}

def test_a_bridge_leads_from_data1_to_data0():
    bridge = task(preset='bridge', data0='circles', data1='two_moons')
    test = bridge.splits().test
    targets, sources = rows(dataset('circles').test), rows(dataset('two_moons').test)
    assert rows(test[:, 0]) <= targets and rows(test[:, 1]) <= sources
    assert torch.equal(bridge.targets(test), test[:, 0])
    assert torch.equal(bridge.sources(test, 5), test[:5, 1])

def test_units_are_those_of_the_training_part(tmp_path):
    rng = np.random.default_rng(0)
    np.savez(tmp_path/'table.npz', train=rng.normal(5, 2, (50, 3)), valid=rng.normal(size=(10, 3)),
             test=rng.normal(size=(10, 3)))
    generation = task(data=f'file:{tmp_path}/table.npz')
    splits = generation.splits()
    model = build('ddpm', (3,), width=8, depth=0, standardise=True)
    generation.begin(model, splits)
    assert torch.allclose(model.units.mean.double(), splits.train.mean(0).double(), atol=1e-5)

def test_labels_come_one_class_after_another():
    model = build('ddpm', (1, 8, 8), 17, width=8, depth=0, classes=('a', 'b', 'c'))
    generation = task(conditional=True)
    assert generation.labels(model, n=6).tolist() == [0, 0, 1, 1, 2, 2]
    assert generation.labels(model, 'b', 2).tolist() == generation.labels(model, '1', 2).tolist() == [1, 1]

def test_a_tenth_of_the_labels_is_dropped_unless_told():
    assert task(conditional=True).bound().drop == .1
    assert [task(conditional=True, drop=drop).bound().drop for drop in (0., .3)] == [0., .3]

def test_the_command_line_is_stronger_than_a_file(tmp_path):
    write_json(tmp_path/'config.json', configure(dict(lr=.01, batch=32)).configuration.to_dict())
    command = configure(dict(config=str(tmp_path/'config.json'), lr=.02))
    assert (command.training.lr, command.training.batch) == (.02, 32)

def test_validation_by_as_many_samples_as_were_asked_for(tmp_path):
    config = configure(dict(valid=11, width=8, depth=0)).configuration
    assert len(prepare(config, config.task.splits(), tmp_path/'run').trainer.valid) == 11
