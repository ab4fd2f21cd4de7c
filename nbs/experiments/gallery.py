"""Each preset on the checkerboard: what it reaches, how it moves the data, and samples.

    python nbs/experiments/gallery.py           # a quarter of an hour of one CPU core
    python nbs/experiments/gallery.py --show    # the table from the committed results

All have the same sizes and the same number of iterations. Runs are left in --out.
"""
import torch
from ndm_nb.data import moving_points, toy
from ndm_nb.presets import presets
from ndm_nb.runs import sample_many
from harness import Experiment, origin, square_of
from images import costs, load, options, train

names = tuple(name for name, row in presets.items() if row.task == 'generation')
shared = dict(data='checkerboard', width=96, batch=256, iterations=4000)
steps_of = dict(nfdm_ot=('euler', 2), flow_matching=('euler', 8))  # others: ten ancestral steps, or Heun's
moments, held = 11, toy('checkerboard', 160, seed=1)                # of the paths that are shown
gallery = Experiment('gallery', key=('preset',))

@gallery.override
def settings(): return dict(settings=shared)

def how(preset):
    "Its options."
    return shared | dict(preset=preset) | (dict(variance='step') if presets[preset].steps else {})

@gallery.fact
def seconds(options):
    "Of a training step of each, in turns and on a quiet machine."
    return costs({name: how(name) for name in names}, options | shared, n=32)

def packed(x):
    "Points as a text, in hundredths."
    return ' '.join(map(str, (100*x).round().int().flatten().tolist()))

def points(text, *shape):
    "And back."
    return torch.tensor([int(word) for word in text.split()]).reshape(*shape, -1, 2)/100

@gallery.measure
@torch.no_grad()
def run(preset, out, job):
    "Train one; its bound, its path, and its samples."
    row, name = presets[preset], f'gallery-{preset}'
    with torch.enable_grad(): figures = train(name=name, job=job, **how(preset))
    model, config = load(name, out, 'cpu')
    solver, steps = steps_of.get(preset, ('ancestral', 10) if row.steps else ('heun', 5))
    samples, nfe = sample_many(model, config, 1500, steps, solver, seed=0)
    torch.manual_seed(0)
    path, noise = model.forward_process(held), torch.randn_like(held)
    moved = [path(t.expand(len(held))).sample(noise) for t in torch.linspace(0, 1, moments)]
    kept = {key: figures[key] for key in ('total', 'stderr', 'parameters')}
    return kept | dict(steps=row.steps or 0, solver=solver, nfe=nfe, samples=packed(samples),
                       path=packed(torch.stack(moved)))

@gallery.table
def table(record):
    "A row for each preset."
    for r in record['runs']:
        minutes = record['seconds'][r['preset']]*record['settings']['iterations']/60
        time = f"T = {r['steps']}" if r['steps'] else 'continuous'
        yield {'preset': f"`{r['preset']}`", 'what it is': presets[r['preset']].about, 'time': time,
               'bound, bits/dim': f"{r['total']:.3f} ± {r['stderr']:.3f}",
               'parameters': f"{r['parameters']:,}", 'training': f"{minutes:.1f} min",
               'samples by': f"{r['solver']}, {r['nfe']:g} evaluations"}

def moving(record, chosen):
    "The forward processes of some presets, with the same points and the same noise."
    paths = {r['preset']: points(r['path'], moments) for r in record['runs'] if r['preset'] in chosen}
    return moving_points(paths, square_of(held), start=moments//2)

def draw(record, axs):
    "The samples of each."
    for ax, r in zip(axs.flat, record['runs']):
        ax.plot(*points(r['samples'])[:800].T, '.', ms=2, color='#0072B2')
        ax.set(title=f"{r['preset']}\n{r['nfe']:g} evaluations", xticks=[], yticks=[], aspect='equal',
               xlim=(-2.7, 2.7), ylim=(-2.7, 2.7))

@gallery.override
def report(record):
    "The table."
    yield origin(record)
    yield table(record)

if __name__ == '__main__': gallery.main(preset=names, **options | dict(device='cpu'))
