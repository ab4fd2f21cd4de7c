"""What a training step costs, beside torchcfm and Meta's flow_matching, and what each idea gives.

    python nbs/experiments/step_time.py                  # four minutes on one CPU core
    python nbs/experiments/step_time.py --compile        # with torch.compile as well, some minutes a model
    python nbs/experiments/step_time.py --device cuda    # CIFAR-10 size on a GPU
    python nbs/experiments/step_time.py --device cuda --graph    # with steps replayed as CUDA graphs as well
    python nbs/experiments/step_time.py --show           # the tables from the committed results

A step is all that a training step does: batch, times, noise, loss, gradient, Adam, weight average. The two
others have the same network, Adam and average as we, and none of our clipping and checks; without their
packages (pip install --no-deps torchcfm pot flow_matching) their rows are left out. The data are random,
since the cost does not depend on them. Models take turns, and the fastest round of each counts; on a CPU in
seconds of the process, which other processes disturb less. An idea is measured by a step without it.
"""
import gc, time
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from typing import NamedTuple
import torch
from ndm_nb import nfdm, transforms
from ndm_nb.core import t_jvp, written_out
from ndm_nb.data import as_float
from ndm_nb.evaluation import bound_for
from ndm_nb.networks import MLP
from ndm_nb.presets import build, presets
from ndm_nb.runs import parse_device
from ndm_nb.training import Trainer, TrainingError, weight_average
from ndm_nb.unet import UNet
from harness import Experiment, hardware, markdown, parameters

class Setup(NamedTuple):
    "Data and a predictor."
    event:tuple
    batch:int
    gamma:tuple
    sizes:dict # for `build`
    levels:int=256

    def net(self):
        "The predictor's network by itself."
        sizes = dict(self.sizes)
        if sizes.pop('network') == 'mlp': return MLP(self.event, **sizes)
        return UNet(self.event, blocks=sizes.pop('depth'), **sizes)

unet = dict(network='unet', width=16, depth=1, multipliers=(1, 2), attention=(8,))
larger = dict(network='unet', width=64, depth=2, multipliers=(1, 2, 2), attention=(8,))
setups = {
    'MLP, 8×8': Setup((1, 8, 8), 128, (-7., 4.), dict(network='mlp', width=256, depth=3), 17),
    'U-Net, 16×16': Setup((3, 16, 16), 16, (-13.3, 5.), unet),
    'U-Net, 32×32': Setup((3, 32, 32), 128, (-13.3, 5.), larger)}
setups_of = dict(cpu=('MLP, 8×8', 'U-Net, 16×16'), cuda=('MLP, 8×8', 'U-Net, 32×32'))
rounds, seconds_of_a_turn = dict(cpu=6, cuda=4), dict(cpu=.15, cuda=.5)

# --- the models ---

class Rival:
    "Flow matching by another package: a step as in its examples."
    def __init__(self, setup, x, device):
        self.x, self.batch, self.model = as_float(x).to(device), setup.batch, setup.net().to(device)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=2e-3, fused=True)
        self.average, self.sample = weight_average(self.model, .998), self.sampler()

    def step(self):
        x1 = self.x[torch.randint(len(self.x), (self.batch,), device=self.x.device)]
        t, xt, velocity = self.sample(torch.randn_like(x1), x1)
        loss = (self.model(xt, t) - velocity).square().mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        self.optimiser.step()
        self.average.update_parameters(self.model)
        return loss.item()

class TorchCFM(Rival):
    package = 'torchcfm'
    def sampler(self):
        from torchcfm.conditional_flow_matching import ConditionalFlowMatcher
        return ConditionalFlowMatcher(sigma=0.).sample_location_and_conditional_flow

class Meta(Rival):
    package = 'flow_matching'
    def sampler(self):
        from flow_matching.path import CondOTProbPath
        path = CondOTProbPath()
        def sample(x0, x1):
            s = path.sample(t=torch.rand(len(x1), device=x1.device), x_0=x0, x_1=x1)
            return s.t, s.x_t, s.dx_t
        return sample

rivals = {"torchcfm": TorchCFM, "Meta's flow_matching": Meta}
full = dict(base='vp', predictor='v')
models = dict(flow_matching={}, ddpm={}, vdm={}, ndm={}, nfdm={}, ndm_full={}, nfdm_paper=full, nfdm_flow={})

# --- the ideas ---

@contextmanager
def replaced(*places):
    "Inside, names of modules stand for something else: `(module, name, value)`."
    before = [getattr(module, name) for module, name, _ in places]
    for module, name, value in places: setattr(module, name, value)
    try: yield
    finally:
        for (module, name, _), value in zip(places, before): setattr(module, name, value)

def in_forward_mode(): return replaced((transforms, 't_flow', t_jvp), (nfdm, 't_flow', t_jvp))
def one_by_one(): return replaced((nfdm.FlowMarginal, 'motion', lambda q, z: (q.velocity(z), q.score(z))))

class Way(NamedTuple):
    "A step without one of the ideas, or with one that is not used by default."
    models:tuple # for which it is measured
    inside:object=nullcontext # a context for the step
    options:object=lambda sizes: {} # more options for `build`
    trainer:dict={} # more options for `Trainer`
    change:object=lambda trainer: None # what else is different
    dropped:bool=False # an idea that is not used

def like_predictor(sizes):
    size = dict(transform_width=sizes['width'], transform_depth=sizes['depth'])
    return size | (dict(transform_coarse=1) if sizes['network'] == 'unet' else {})

def fine(sizes): return dict(transform_coarse=1) if sizes['network'] == 'unet' else None
def thinner(sizes): return dict(transform_width=max(sizes['width']//4, 4))

def plain_adam(trainer):
    lr, weights = trainer.options.lr, trainer.model.parameters()
    trainer.optimiser = torch.optim.Adam(weights, lr=lr, foreach=False, fused=False)

def forgetful(trainer): trainer.module.memory = nullcontext
def channels_last(trainer): trainer.model.to(memory_format=torch.channels_last)

ideas = {
    'layers fused': Way(('ddpm', 'ndm', 'ndm_full', 'nfdm_paper', 'nfdm_flow'), written_out),
    'Adam in one operation': Way(('ddpm',), change=plain_adam),
    'a schedule once for each time': Way(('ddpm', 'vdm'), change=forgetful),
    'F half as wide, of one block, on coarse pixels': Way(('ndm', 'nfdm', 'ndm_full', 'nfdm_paper'),
                                                          options=like_predictor),
    'coarse pixels': Way(('ndm', 'nfdm', 'ndm_full', 'nfdm_flow'), options=fine),
    'time derivatives by two passes backward': Way(('nfdm_paper', 'nfdm_flow'), in_forward_mode),
    'one inverse for velocity and score': Way(('nfdm_flow',), one_by_one),
    'F a quarter as wide': Way(('ndm', 'nfdm', 'ndm_full'), options=thinner, dropped=True),
    'three terms': Way(('ndm', 'nfdm'), options=lambda sizes: dict(terms=3), dropped=True),
    'bf16': Way(('ddpm', 'ndm'), trainer=dict(precision='bf16'), dropped=True),
    'channels last': Way(('ddpm', 'ndm'), change=channels_last, dropped=True)}
compiled = Way(('flow_matching', 'ddpm', 'ndm', 'nfdm', 'ndm_full', 'nfdm_paper'),
               trainer=dict(compile=True), dropped=True)

replayed = Way(('flow_matching', 'ddpm', 'ndm', 'nfdm', 'ndm_full', 'nfdm_paper', 'nfdm_flow'),
               trainer=dict(graph=True), dropped=True)
more = dict(compiled={'torch.compile': compiled}, replayed={'CUDA graphs': replayed})

# --- measuring ---

step_time = Experiment('step_time', key=('device', 'setup', 'kind'))

@step_time.override
def jobs(device, compile, graph):
    device = parse_device(device).type
    kinds = 'models', 'ideas', *['compiled']*compile, *['replayed']*graph
    return [dict(device=device, setup=setup, kind=kind) for kind in kinds for setup in setups_of[device]]

class Run:
    "A model, run in some way: its fastest step, and its peak memory on a GPU."
    def __init__(self, make, device, inside=nullcontext):
        torch.manual_seed(0)
        self.trainer, self.device, self.inside = make(), device, inside
        self.seconds, self.peak, self.failed = float('inf'), None, None

    def steps(self, n):
        "So many steps, in seconds for each."
        wait = torch.cuda.synchronize if self.device == 'cuda' else lambda: None
        clock = time.perf_counter if self.device == 'cuda' else time.process_time    # of this process alone
        wait()
        start = clock()
        with self.inside():
            for _ in range(n):
                self.trainer.step()
                if isinstance(self.trainer, Trainer): self.trainer.iteration += 1
        wait()
        return (clock() - start)/n

    def turn(self):
        "Steps for a while, after one that does not count."
        if self.failed: return
        if self.device == 'cuda': torch.cuda.reset_peak_memory_stats()
        held = torch.cuda.memory_allocated() if self.device == 'cuda' else 0
        try:
            first = self.steps(1)
            self.seconds = min(self.seconds, self.steps(max(2, int(seconds_of_a_turn[self.device]/first))))
        except TrainingError as e: self.failed = str(e)
        if self.device == 'cuda': self.peak = (torch.cuda.max_memory_allocated() - held)/2**20

    def found(self):
        if self.failed: return dict(failed=self.failed)
        return dict(seconds=self.seconds, peak=self.peak, parameters=parameters(self.trainer.model))

def trainer(name, setup, x, device, way=Way(())):
    "Our trainer of a model; None where the way is of no use."
    more = way.options(setup.sizes)
    if more is None: return None
    options = dict(levels=setup.levels, gamma=setup.gamma) | setup.sizes | models[name] | more
    made = Trainer(build(name, setup.event, **options), bound_for(presets[name].steps), x, x[:2],
                   device=device, batch=setup.batch, **way.trainer)
    way.change(made)
    return made

@step_time.measure
def run(device, setup, kind):
    "All models of a kind in turns."
    setup = setups[setup]
    levels = torch.randint(0, setup.levels, (4*setup.batch, *setup.event))
    x = levels.to(torch.uint8) if setup.levels == 256 else levels*2/(setup.levels - 1) - 1
    make = {name: lambda name=name: trainer(name, setup, x, device) for name in models}
    runs = {}
    if kind == 'models':
        for name, rival in rivals.items():
            if find_spec(rival.package): runs[name] = Run(lambda rival=rival: rival(setup, x, device), device)
        runs |= {name: Run(made, device) for name, made in make.items()}
    ways = (more | dict(ideas=ideas)).get(kind, {})
    for idea, way in ways.items():
        if way.options(setup.sizes) is None: continue
        for name in way.models:
            if name not in runs: runs[name] = Run(make[name], device)
            other = lambda name=name, way=way: trainer(name, setup, x, device, way)
            runs[f'{idea} | {name}'] = Run(other, device, way.inside)
    for _ in range(rounds[device]):
        for r in runs.values(): r.turn()
    gc.collect()
    machine = dict(hardware=hardware(device), torch=torch.__version__)
    return machine | dict(found={name: r.found() for name, r in runs.items()})

# --- tables ---

@step_time.table
def table(runs):
    "Seconds of a step relative to the rivals and to our ddpm."
    for name in (*rivals, *models):
        of = {r['setup']: r['found'][name] for r in runs if name in r['found']}
        if not of: continue
        row = dict(model=f'`{name}`' if name in models else name)
        for r in runs:
            if r['setup'] not in of: continue
            mine, found = of[r['setup']], r['found']
            row[f"{r['setup']}: parameters"] = f"{mine['parameters']:,}"
            for base in (*rivals, 'ddpm'):
                if base not in found: continue
                row[f"× {base} ({r['setup']})"] = f"{mine['seconds']/found[base]['seconds']:.2f}"
            if mine['peak']: row[f"peak, MiB ({r['setup']})"] = f"{mine['peak']:,.0f}"
        yield row

def of_ideas(runs):
    "What an idea gives: the time of a step without it, relative to that with it."
    for idea, way in [item for ways in (ideas, *more.values()) for item in ways.items()]:
        row = dict(idea=idea, used='no' if way.dropped else 'yes')
        for r in runs:
            for name in way.models:
                mine = r['found'].get(f'{idea} | {name}')
                if not mine: continue
                base = r['found'][name]['seconds']
                factor = mine.get('seconds', float('nan'))/base
                words = 'failed' if 'failed' in mine else f'{1/factor if way.dropped else factor:.2f}'
                row[r['setup']] = ', '.join(filter(None, [row.get(r['setup']), f'{name} {words}']))
        if len(row) > 2: yield row

@step_time.override
def report(record):
    "Two tables for each kind of device."
    for runs in record['runs'].by('device').values():
        kinds = runs.by('kind')
        first = kinds['models']
        base = ', '.join(f"{r['found']['ddpm']['seconds']*1e3:.1f} ms ({r['setup']})" for r in first)
        where = f"{runs[0]['hardware']}, torch {runs[0]['torch']}"
        yield f"{table(first)}\n\nA step of `ddpm` takes {base}: {where}."
        rest = [r for kind in ('ideas', *more) for r in kinds.get(kind, [])]
        if rest: yield f'How many times faster a step is with an idea:\n\n{markdown(of_ideas(rest))}'

if __name__ == '__main__': step_time.main(device='auto', compile=False, graph=False)
