"""Data that are read while a model is trained: killed in the middle, a run goes on to the same end.

The killer of each kind of data trains three times in processes of its own, which are copies of it: without
a break, until it is killed (kill -9) after its second checkpoint, and on from there.
"""
import json, os, subprocess, sys
import datasets, pytest
from ndm_nb.data import dataset

killer = """
import json, os, signal, sys, time
from pathlib import Path
import accelerate, datasets, torch, torch._dynamo, torch.func, tqdm.auto
from torch.utils import data as _
from ndm_nb.checkpoints import checkpoint_files, load_state
from ndm_nb.evaluation import bound_for
from ndm_nb.files import read_hub
from ndm_nb.presets import build
from ndm_nb.training import Trainer
torch.set_num_threads(1)
datasets.disable_progress_bars()

def data(kind):
    "Images of the digits, by the library `datasets`: rows, or a stream of them in random order."
    parts = read_hub('digits', stream=kind == 'stream', held=40)
    return parts['train'], parts['valid'][torch.arange(20)].float()

def train(folder, kind, workers):
    torch.manual_seed(0)
    model = build('ndm', (64,), width=16, depth=1)
    images, valid = data(kind)
    options = dict(iterations=60, batch=48, every=2, save=15, workers=workers)
    trainer = Trainer(model, bound_for(None, 'learned'), images, valid, folder=folder, **options)
    trainer.fit(progress=False, resume=True)

def start(*args):
    "Train in a process of its own, which is this one, copied."
    if pid := os.fork(): return pid
    try:
        train(*args)
        os._exit(0)
    finally: os._exit(1)

kind, workers = sys.argv[1], int(sys.argv[2])
pid = start('unbroken', kind, workers)
assert os.waitpid(pid, 0)[1] == 0
pid, end = start('killed', kind, workers), time.time() + 60
while len(checkpoint_files('killed')) < 2 and time.time() < end: time.sleep(.001)
assert os.waitpid(pid, os.WNOHANG) == (0, 0), 'the training run ended before it was killed'
os.kill(pid, signal.SIGKILL)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
reached = load_state(checkpoint_files('killed')[-1])[1]['iteration']
pid = start('killed', kind, 0)                                      # the number of workers may change
assert os.waitpid(pid, 0)[1] == 0
print(json.dumps([reached, [load_state(checkpoint_files(run)[-1])[1] for run in ('unbroken', 'killed')]]))
"""

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks processes')
@pytest.mark.parametrize('kind, workers', [('rows', 2), ('stream', 1)])
def test_killed_while_it_reads(kind, workers, tmp_path):
    images = dataset('digits').train[:1000].flatten(1)
    (tmp_path/'digits').mkdir()
    datasets.Dataset.from_dict(dict(x=images.numpy())).to_parquet(tmp_path/'digits/train.parquet')
    (tmp_path/'killer.py').write_text(killer)
    run = [sys.executable, 'killer.py', kind, str(workers)]
    env = os.environ | dict(HF_HOME=str(tmp_path/'cache'))
    done = subprocess.run(run, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    reached, (unbroken, killed) = json.loads(done.stdout.splitlines()[-1])
    print(f'killed after iteration {reached}')
    assert 30 <= reached < 60
    def losses(info): return [(h['iteration'], h['train'], h['valid']) for h in info['history']]
    assert losses(unbroken) == losses(killed) and len(losses(killed)) == 30
    if kind == 'stream': assert killed['place'] == unbroken['place'] == [3, 60*48 - 3*(1000 - 2*40)]
