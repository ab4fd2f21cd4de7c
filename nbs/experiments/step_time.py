"""What a training step costs: NDM and NFDM, full and separable, relative to DDPM with the same predictor.

    python nbs/experiments/step_time.py                # CIFAR-10 size on a GPU, a small one on the CPU
    python nbs/experiments/step_time.py --compile      # with torch.compile as well
    python nbs/experiments/step_time.py --show         # the tables from the committed results

In continuous time. The data are random bytes, since the cost does not depend on them. Models take turns, and
the fastest round of each counts. A step is all that `Trainer.step` does: batch, bound, gradient, Adam,
average. Compiled models are in bfloat16 on a GPU, and in float32 on the CPU, where bfloat16 and attention
gave gradients that are not finite (PyTorch 2.14).
"""
import gc, os, time
from typing import NamedTuple
import torch
from ndm_nb.evaluation import bound_for
from ndm_nb.presets import build
from ndm_nb.runs import parse_device
from ndm_nb.training import Trainer
from harness import Experiment, Runs, hardware, parameters

class Way(NamedTuple):
    "How a model is run."
    precision:str
    compile:bool=False
    rounds:int=3 # once where it is compiled anew each time, which takes minutes

models = {
    'DDPM': dict(preset='ddpm'), 'NDM, full': dict(preset='ndm_full'), 'NDM, separable': dict(preset='ndm'),
    'NFDM, full': dict(preset='nfdm_paper', base='vp', predictor='v'), 'NFDM, separable': dict(preset='nfdm')}
ways = {
    'fp32': Way('fp32'), 'fp32, compiled': Way('fp32', compile=True, rounds=1),
    'bf16': Way('bf16'), 'bf16, compiled': Way('bf16', compile=True, rounds=1)}
sizes = dict(
    cuda=dict(side=32, batch=128, network=dict(width=64, depth=2, multipliers=(1, 2, 2), attention=(8,))),
    cpu=dict(side=16, batch=16, network=dict(width=16, depth=1, multipliers=(1, 2), attention=(8,))))
steps, compiled = dict(cuda=20, cpu=4), dict(cuda='bf16, compiled', cpu='fp32, compiled')
step_time = Experiment('step_time', key=('device', 'way'), threads=os.cpu_count())

@step_time.override
def unpack(file):
    "The file has a record for each device, in which what was found is named by model and way."
    runs = Runs()
    for device, record in file.items():
        shared = dict(device=device) | {name: value for name, value in record.items() if name != 'found'}
        for name, found in record['found'].items():
            model, way = name.split(' | ')
            if not runs.of(device=device, way=way): runs.append(shared | dict(way=way, found={}))
            runs.of(device=device, way=way)[0]['found'][model] = found
    return dict(runs=runs)

@step_time.override
def pack(record):
    file = {}
    for r in record['runs']:
        shared = {name: value for name, value in r.items() if name not in ('device', 'way', 'found')}
        part = file.setdefault(r['device'], shared | dict(found={}))
        part['found'] |= {f"{model} | {r['way']}": found for model, found in r['found'].items()}
    return file

@step_time.override
def jobs(device, compile):
    device = parse_device(device).type
    return [dict(device=device, way=way) for way in ('fp32', 'bf16', *[compiled[device]]*compile)]

@step_time.measure
def run(device, way):
    "All models in turns."
    found = {}
    for name in list(models)*ways[way].rounds:
        now = measure(name, device, ways[way])
        best = min(now['seconds'], found.get(name, now)['seconds'])
        found[name] = now | dict(seconds=best)
        gc.collect()
        if device == 'cuda': torch.cuda.empty_cache()
    machine = dict(hardware=hardware(device, torch.get_num_threads()), torch=torch.__version__)
    return machine | sizes[device] | dict(found=found)

def measure(name, device, way):
    "Seconds for a step of a model, its peak memory in MiB (on a GPU), and its number of parameters."
    side, batch, network = sizes[device].values()
    torch.manual_seed(0)
    options = dict(levels=256, gamma=(-13.3, 5.), network='unet') | network | models[name]
    model = build(event=(3, side, side), **options)
    x = torch.randint(0, 256, (4*batch, 3, side, side), dtype=torch.uint8)
    trainer = Trainer(model, bound_for(None), x, x[:2], device=device, batch=batch, precision=way.precision,
                      compile=way.compile)
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    def step(n):
        for _ in range(n):
            trainer.step()
            trainer.iteration += 1
        wait()
    step(3)
    if device == 'cuda': torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    step(steps[device])
    seconds = (time.perf_counter() - start)/steps[device]
    peak = torch.cuda.max_memory_allocated()/2**20 if device == 'cuda' else None
    return dict(seconds=seconds, peak=peak, parameters=parameters(model))

@step_time.table
def table(runs):
    "Times relative to DDPM in the same way."
    for name in models:
        of = {r['way']: r['found'][name] for r in runs if name in r['found']}
        row = dict(model=name, parameters=f"{next(iter(of.values()))['parameters']:,}")
        ddpm = {r['way']: r['found']['DDPM']['seconds'] for r in runs}
        row |= {way: f"{found['seconds']/ddpm[way]:.2f}" for way, found in of.items()}
        yield row | {f'peak, {way}, MiB': f"{f['peak']:,.0f}" for way, f in of.items() if f['peak']}

@step_time.override
def report(record):
    "A table for each kind of device, and what it is relative to."
    for runs in record['runs'].by('device').values():
        base = ', '.join(f"{r['found']['DDPM']['seconds']*1e3:.0f} ms ({r['way']})" for r in runs)
        words = 'batch {batch}, {side}×{side} pixels in colour, {hardware}, torch {torch}'.format(**runs[0])
        yield f'{table(runs)}\n\nA step of DDPM takes {base}: {words}.'

if __name__ == '__main__': step_time.main(device='auto', compile=False)
