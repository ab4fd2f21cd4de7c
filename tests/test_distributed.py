"""Two processes train as one: the same losses at the same global batch.

`accelerate launch --cpu --num_processes 2` starts a single process in the versions of accelerate that were tried (1.15), without a word.
`--multi_gpu` starts as many as were asked for, on the CPU too where there is no GPU.
"""
import json, os, subprocess, sys
import pytest, torch
from ndm_nb.data import dataset
from ndm_nb.evaluation import bound_for
from ndm_nb.model import CategoricalDecoder, NeuralDiffusion, NoisePredictor
from ndm_nb.networks import MLP
from ndm_nb.nfdm import AffineForward
from ndm_nb.paths import NeuralForward
from ndm_nb.schedules import LinearGamma
from ndm_nb.training import Trainer
from ndm_nb.transforms import NetTransform, SeparableTransform
from ndm_nb.volatility import LearnedVolatility, MarkovVolatility

digits, schedule = dataset('digits'), LinearGamma(-7, 4)
def net(**options): return MLP(digits.event, width=16, depth=1, **options)

cases = {'separable, T = 10': (lambda: NeuralForward(schedule, SeparableTransform(net(outputs=5, time=False))), 10, 'antithetic'),
         'full in t, continuous': (lambda: NeuralForward(schedule, NetTransform(net())), None, 'antithetic'),            # its derivative is a JVP
         'spread, unused volatility, T = 10': (lambda: AffineForward(schedule, net(outputs=10, time=False), 5), 10, 'antithetic'),
         'importance': (lambda: NeuralForward(schedule, NetTransform(net())), None, 'importance'),
         'learned times': (lambda: NeuralForward(schedule, NetTransform(net())), None, 'learned')}

def losses(case, **options):
    "The losses of some iterations, wakened so that the forward process matters from the start."
    torch.set_num_threads(1)
    forward, T, times = cases[case]
    torch.manual_seed(0)
    model = NeuralDiffusion(forward(), NoisePredictor(net(), schedule), LearnedVolatility(MarkovVolatility(schedule)), CategoricalDecoder(17, schedule))
    for p in model.parameters(): p.data += .05*torch.randn_like(p)
    trainer = Trainer(model, bound_for(T, times), digits.train, digits.valid[:20], iterations=12, every=1, batch=64, flip=True, **options)
    history = trainer.fit(progress=False)
    return [h['train'] for h in history] + [h['valid'] for h in history], trainer.accelerator

def main():
    found = {case: losses(case) for case in cases}
    accelerator = found['importance'][1]
    if accelerator.is_main_process: print(json.dumps(dict(processes=accelerator.num_processes, losses={case: values for case, (values, _) in found.items()})))

@pytest.fixture(scope='module')
def two():
    launch = [sys.executable, '-m', 'accelerate.commands.launch', '--multi_gpu', '--num_processes', '2', __file__]
    done = subprocess.run(launch, capture_output=True, text=True, env=os.environ | dict(OMP_NUM_THREADS='1', CUDA_VISIBLE_DEVICES=''))
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads(done.stdout.strip().splitlines()[-1])
    assert result['processes'] == 2
    return result['losses']

def far(a, b): return (torch.tensor(a) - torch.tensor(b)).abs().max().item()

@pytest.mark.parametrize('case', cases)
def test_two_processes_train_as_one(case, two):
    one, _ = losses(case)
    print(f'{case}: largest difference {far(one, two[case]):.1e} bits/dim')
    assert far(one, two[case]) < 1e-4
    assert max(one) - min(one) > .3                                  # a training, not a standstill
    assert far(one, losses(case, seed=1)[0]) > .01                   # and another one is another one

def test_parts_of_a_batch_train_as_the_whole():
    assert far(losses('full in t, continuous')[0], losses('full in t, continuous', accumulate=4)[0]) < 1e-4

if __name__ == '__main__': main()
