"""What interrupts a training run, and what is left of it.

kill -9, a full disk, a folder that cannot be written, damaged and foreign checkpoints.
"""
import json, os, pickle, shutil, subprocess, sys
from pathlib import Path
import pytest, torch
from safetensors.torch import save
from ndm_nb import train
from ndm_nb.checkpoints import checkpoint_files, load_state, save_state

small = '--compare none --width 16 --depth 1 --batch 32 --valid 50 --test 20 --test_repeats 1'.split()

killer = """
import json, os, random, signal, sys, time
import accelerate, matplotlib.pyplot, safetensors.torch, sklearn.datasets, sklearn.model_selection
import torch, torch._dynamo, torch.func, tqdm.auto, tyro
from torch.optim import swa_utils
from ndm_nb.checkpoints import checkpoint_files, load_state
from ndm_nb.train import train_main
torch.set_num_threads(1)

def start(*options):
    "The command in a process of its own, which is this one, copied."
    if pid := os.fork(): return pid
    try:
        train_main([*sys.argv[1:], *options])
        os._exit(0)
    finally: os._exit(1)

def wait_until(ready, seconds=30):
    "Look again and again."
    end = time.time() + seconds
    while not ready() and time.time() < end: time.sleep(.001)

partial = 'killed/digits-nfdm-Tinf.partial'
pid = start('--out', 'unbroken')
assert os.waitpid(pid, 0)[1] == 0
rng, seen = random.Random(0), []
while len(seen) < 20:
    before, pid = checkpoint_files(partial), start('--out', 'killed', '--resume')
    early = len(seen) % 4 == 0                                          # some die while they start
    if not early: wait_until(lambda: checkpoint_files(partial) != before)
    time.sleep(rng.uniform(0, .3 if early else .15))
    assert os.waitpid(pid, os.WNOHANG) == (0, 0), 'the training run ended before it was killed'
    os.kill(pid, signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    files = checkpoint_files(partial)
    seen.append([load_state(file)[1]['iteration'] for file in files])
pid = start('--out', 'killed', '--resume')
assert os.waitpid(pid, 0)[1] == 0
print(json.dumps(seen))
"""

@pytest.mark.skipif(not hasattr(os, 'fork'), reason='forks processes')
def test_killed_at_twenty_moments(tmp_path):
    "No checkpoint is ever unreadable, and the end is that of a run that nobody killed, bit by bit."
    (tmp_path/'killer.py').write_text(killer)
    options = [*small, *'--preset nfdm --times learned --iterations 800 --every 40 --save 20'.split()]
    run = [sys.executable, 'killer.py', *options]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    reached = [iterations[-1] if iterations else 0 for iterations in seen]
    print('checkpoints at the moments of death:', reached)
    assert reached == sorted(reached) and len(set(reached)) >= 10
    assert all(len(iterations) in (1, 2, 3) for iterations in seen if iterations)
    first, second = (tmp_path/out/'digits-nfdm-Tinf' for out in ('unbroken', 'killed'))
    assert history(first) == history(second) and len(history(first)) == 20
    assert (first/'model.safetensors').read_bytes() == (second/'model.safetensors').read_bytes()
    assert {p.name for p in first.iterdir()} == {p.name for p in second.iterdir()}
    assert not checkpoint_files(second)

def history(run):
    "What was noted at each validation, but for the time."
    return [json.loads(line) | dict(seconds=0) for line in (run/'metrics.jsonl').read_text().splitlines()]

# --- unfinished runs ---

def command(*options):
    "A short run, with a checkpoint for each third of it."
    train.train_main([*small, *'--iterations 60 --every 20 --save 20'.split(), *map(str, options)])

@pytest.fixture
def fails(capsys):
    def run(*options):
        "The message of a command that must fail, in one line and with a status that is not 0."
        with pytest.raises(SystemExit) as e: command(*options)
        said = e.value.code
        print(said)
        assert isinstance(said, str) and said.startswith('ndm_train: ') and '\n' not in said
        return said + capsys.readouterr().err
    return run

def stop(monkeypatch, *options):
    "A run that is stopped after 40 of its 60 iterations."
    def report(job):
        "As if somebody had pressed Ctrl-C at iteration 40, after its checkpoint."
        def log(entry):
            if entry['iteration'] == 60: raise KeyboardInterrupt
        return log
    with monkeypatch.context() as patch:
        patch.setattr(train, '_report', report)
        with pytest.raises(SystemExit, match='interrupted'): command(*options)

@pytest.fixture
def stopped(tmp_path, monkeypatch):
    "An unfinished run: its folder, and its last checkpoint."
    stop(monkeypatch, '--out', tmp_path)
    partial = tmp_path/'digits-ndm-T10.partial'
    files = checkpoint_files(partial)
    assert [p.name for p in files] == [f'checkpoint-000000{n}.safetensors' for n in (20, 40)]
    return partial, files[-1]

coins = '--binary --latent 2 --kl_warmup .8'

@pytest.mark.parametrize('options', (f'--preset lsgm_ndm {coins}', f'--preset vae {coins}',
                                     f'--preset lsgm_nfdm --workers 1 --prior-lr .01 {coins}',
                                     '--preset nfdm --conditional --drop .3 --binary',
                                     '--preset ddpm --conditional --variance network'))
def test_numbers_go_on_where_they_were(options, tmp_path, monkeypatch):
    "With coins that are tossed anew each time, and labels that are dropped, it ends the same, bit by bit."
    options = options.split()
    command('--out', tmp_path/'whole', *options)
    stop(monkeypatch, '--out', tmp_path/'parts', *options)
    command('--out', tmp_path/'parts', *options, '--resume')
    whole, parts = ((run/'model.safetensors').read_bytes() for out in ('whole', 'parts')
                    for run in (tmp_path/out).iterdir())
    assert whole == parts

def mounted(path, options):
    "A file system of its own, for those who may."
    mount = ['mount', '-t', 'tmpfs', '-o', options, 'tmpfs', path]
    if subprocess.run(mount, capture_output=True).returncode: pytest.skip('may not mount a file system')

def test_a_full_disk(tmp_path, fails, stopped):
    partial, last = stopped
    disk, size = tmp_path/'disk', last.stat().st_size
    disk.mkdir()
    mounted(disk, f'size={int(2.6*size) + 60_000}')             # room for two checkpoints, and some more
    try:
        message = fails('--out', disk)
        assert 'No space left on device' in message and 'with --resume goes on from' in message
        kept = checkpoint_files(disk/'digits-ndm-T10.partial')
        assert [load_state(p)[1]['iteration'] for p in kept] == [20, 40] and not list(disk.rglob('*.tmp'))
        subprocess.run(['mount', '-o', f'remount,size={20*size}', disk], check=True)
        command('--out', disk, '--resume')
        assert (disk/'digits-ndm-T10'/'model.safetensors').is_file()
    finally: subprocess.run(['umount', '-l', disk], check=True)

def test_a_folder_that_cannot_be_written(tmp_path, fails):
    disk = tmp_path/'disk'
    disk.mkdir()
    mounted(disk, 'ro')
    try: assert 'Read-only file system' in fails('--out', disk)
    finally: subprocess.run(['umount', '-l', disk], check=True)

class Weights:
    def __reduce__(self): return exec, ("open('surprise.txt', 'w').write('I was only loaded')",)

def cut(file): file.write_bytes(file.read_bytes()[:-1000])
def pickled(file): file.write_bytes(pickle.dumps(Weights()))

def other_model(file):
    "A weight of another shape."
    tensors, info = load_state(file)
    name = 'model.predictor.net.head.weight'
    tensors[name] = torch.zeros(3, *tensors[name].shape[1:])
    save_state(file, tensors, info)

def described(value):
    def damage(file):
        "All tensors, and something else in the place of what goes along."
        file.write_bytes(save(load_state(file)[0], {'info': json.dumps(value)}))
    return damage

@pytest.mark.parametrize('damage, message', [(cut, 'cannot be read'), (pickled, 'cannot be read'),
                                             (described(None), 'cannot be read'),
                                             (described([1]), 'cannot be read'),
                                             (other_model, 'is a checkpoint of another model')])
def test_a_checkpoint_that_cannot_be_used(damage, message, tmp_path, monkeypatch, fails, stopped):
    partial, last = stopped
    good = checkpoint_files(partial)[0].read_bytes()
    monkeypatch.chdir(tmp_path)
    damage(last)
    assert message in fails('--out', tmp_path, '--resume') and not Path('surprise.txt').exists()
    assert checkpoint_files(partial)[0].read_bytes() == good
    last.unlink()
    command('--out', tmp_path, '--resume')                      # the one before serves

def test_work_is_not_thrown_away(tmp_path, fails, stopped):
    partial, last = stopped
    assert 'expected --resume to go on with it, or --overwrite' in fails('--out', tmp_path)
    message = fails('--out', tmp_path, '--lr', '.02', '--resume')
    assert 'was begun with lr=0.002 (now 0.02); expected the same options' in message
    assert last.is_file()
    shutil.copytree(partial, tmp_path/'copy')
    command('--out', tmp_path, '--resume')
    command('--out', tmp_path, '--resume')                      # complete already: nothing to do
    shutil.copytree(tmp_path/'copy', partial)                   # as after --overwrite, interrupted
    command('--out', tmp_path, '--resume')
    assert not partial.exists()

def test_files_of_others_are_not_thrown_away(tmp_path, fails, stopped):
    partial, last = stopped
    for file in ('notes.txt', 'checkpoint-best.safetensors'):
        (partial/file).write_text('mine')
        for option in ('--resume', '--overwrite'):
            assert f'also holds {file}, which would be lost' in fails('--out', tmp_path, option)
        assert (partial/file).read_text() == 'mine' and last.is_file()
        (partial/file).unlink()

def test_no_such_device_and_no_such_memory(tmp_path, fails, monkeypatch):
    def no_memory(*_): raise MemoryError
    assert "device 'cuda:99' cannot be used" in fails('--out', tmp_path, '--device', 'cuda:99')
    huge = '--network', 'unet', '--multipliers', 1024, 1024, 1024
    assert 'expected a network that fits into' in fails('--out', tmp_path, *huge)
    monkeypatch.setattr(train, 'prepare', no_memory)
    assert 'out of memory; a smaller --batch or --width' in fails('--out', tmp_path)
    assert not list(tmp_path.iterdir())
