"""How much memory data take: a set of two gigabytes is trained on without being held, pictures are held once.

The peak of a process of its own, less that of the same process with little data.
"""
import subprocess, sys
import numpy as np
import pytest

measure = '''
import resource, sys, torch
from ndm_nb import Trainer, bound_for, build, dataset
torch.set_num_threads(1)
data = dataset(f'file:{sys.argv[1]}')
model = build('ndm', data.event, data.levels, width=8, depth=1, standardise=data.standardise)
if data.standardise: model.units.fit(data.train)
options = dict(iterations=4, batch=64, repeats=1)
Trainer(model, bound_for(10), data.train, data.valid[:32], **options).fit(progress=False)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss//1024)
'''

def peak(file):
    "Of a training run, in megabytes."
    done = subprocess.run([sys.executable, '-c', measure, str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return int(done.stdout)

def sparse(file, shape, dtype):
    "An array whose zeros take no room on the disk, with a few other numbers."
    x = np.lib.format.open_memmap(file, mode='w+', dtype=dtype, shape=shape)
    x[::max(1, len(x)//50)] = 1
    x.flush()

two = dict(images=((3, 32, 32), np.uint8), table=((768,), np.float32))

@pytest.mark.parametrize('event, dtype', two.values(), ids=two)
def test_two_gigabytes_are_not_held(event, dtype, tmp_path):
    number = 2**31//(int(np.prod(event))*np.dtype(dtype).itemsize)
    sparse(tmp_path/'large.npy', (number, *event), dtype)
    sparse(tmp_path/'small.npy', (2000, *event), dtype)
    small, large = peak(tmp_path/'small.npy'), peak(tmp_path/'large.npy')
    print(f'{small} MB with little data, {large} MB with 2,048 MB of data')
    assert large - small < 200
