"""What does a learned F(x,t) do to the data, and where does the bound spend its bits?

    NDM_DATA=data python nbs/experiments/what_f_learns.py        # half an hour of one CPU core
    python nbs/experiments/what_f_learns.py --data digits        # of one data set
    python nbs/experiments/what_f_learns.py --show               # tables from the committed results

Models are trained, those of MNIST taken from the library, and compared at a grid of times: how far F moves
the data, the effective dimension and the entropy of α F(x,t) + σ ε, and how well a fixed estimator, the same
for all, tells ε from it. The rival is the ordinary diffusion, whose F is the identity; and, since size alone
makes data easier and noise harder to find, the data enlarged by one number to the variance that F(x,t) has.
NDM_DATA is the folder in which MNIST lies (or --data_root). New models are left in --out, for the pictures.
"""
import math, re
from dataclasses import fields
from functools import cache
from itertools import product
from pathlib import Path
from statistics import mean
from typing import NamedTuple
import matplotlib.pyplot as plt
import torch
from ndm_nb.continuous import continuous_bound
from ndm_nb.core import evaluating, repeatable
from ndm_nb.data import as_float, colours, dataset
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.networks import MLP
from ndm_nb.presets import build, load_folder, settings_for, trained_models
from ndm_nb.training import Trainer, TrainingOptions
from harness import Experiment, markdown, origin, parameters, square_of

class Model(NamedTuple):
    "What is trained."
    preset:str
    T:int|None=None # number of steps; None for continuous time
    fixed_spread:bool=True # is z = α F(x,t) + σ ε, with the σ of the base?

class Suite(NamedTuple):
    "A data set, and what is done with it."
    models:tuple # names in `models`
    told:dict={} # options of `build` and `Trainer`, where they differ from the settings for the data
    at_hand:dict={} # those of the models that come with the library, and their names there
    fit:int=2000 # training samples from which covariance and estimators come
    few:int=2000 # as many of them, from which the entropy comes
    judge:int=1000 # test samples on which the estimators are judged
    bound:int=1000 # test samples on which bits are counted

models = {
    'vdm': Model('ddpm'), 'ndm': Model('ndm'), 'nfdm': Model('nfdm', fixed_spread=False),
    'ndm, T = 10': Model('ndm', 10)}
# the vdm of MNIST is there for its F, which is the identity however long it is trained
short = dict(iterations=150, every=75, repeats=1, valid=200)
suites = dict(
    checkerboard = Suite(tuple(models), dict(width=128, batch=256, iterations=1500)),
    digits       = Suite(tuple(models), judge=300, bound=300),
    mnist        = Suite(('vdm', 'ndm, T = 10', 'nfdm'), short,
                         {'ndm, T = 10': 'mnist-ndm', 'nfdm': 'mnist-nfdm'}, fit=4000, few=1000, bound=100))
times = tuple(i/10 for i in range(11))
pieces, neighbours, draws = 25, 4, 4
what_f_learns = Experiment('what_f_learns', key=('data', 'model', 'seed'))

# --- models ---

@cache
def read(data, data_root): return dataset(data, **(dict(root=data_root) if data_root else {}))

def options_for(data): return settings_for(data) | suites[data].told

def make(data, model, seed, splits):
    "A model that is yet to be trained, and its trainer."
    told, kind = options_for(data), models[model]
    known = {field.name for field in fields(TrainingOptions)}
    valid, *_ = (told.pop(name, None) for name in ('valid', 'test', 'test_repeats'))
    training = {name: value for name, value in told.items() if name in known}
    sizes = {name: value for name, value in told.items() if name not in known}
    steps = dict(variance='pixel', rows=kind.T) if kind.T else {}
    torch.manual_seed(seed)
    net = build(kind.preset, splits.event, splits.levels, **sizes, **steps)
    return Trainer(net, bound_for(kind.T), splits.train, splits.valid[:valid], seed=seed, **training)

def run_name(data, model, seed): return re.sub(r'\W+', '-', f'what-f-learns-{data}-{model}-{seed}')

def folder_of(data, model, seed, out):
    "Where a trained model is."
    name = suites[data].at_hand.get(model)
    return Path(trained_models()[name] if name else f'{out}/{run_name(data, model, seed)}')

def transformed(model, x, t, batch=500):
    "F(x,t) of samples, which is the mean of z over α, at several times: shape `(T, N, D)`."
    found = []
    with torch.no_grad(), evaluating(model):
        for part in x.split(batch):
            path = model.forward_process(part)
            one = torch.ones(len(part))
            at = [path(u*one).mean/model.forward_process.schedule(u*one[:1])[0] for u in t]
            found.append(torch.stack(at).flatten(2))
    return torch.cat(found, 1).double()

# --- what is measured ---

def covariance_of(points): return points.T.cov(correction=0).reshape(points.shape[1], -1)

def eigenvalues(points):
    "Of the covariance of points `(N, D)`, the largest first; none of them negative."
    return torch.linalg.eigvalsh(covariance_of(points)).flip(0).clamp(min=0)

def effective_dimension(variances):
    "The participation ratio of eigenvalues: D if all are equal, 1 if all but one are zero."
    return (variances.sum()**2/variances.square().sum()).item()

def entropy(points, k=neighbours):
    """The differential entropy of `(N, D)` points in nats, from the distance to the k-th neighbour.

    Kozachenko and Leonenko, 1987; in this form Kraskov et al., arXiv cond-mat/0305641."""
    n, d = points.shape
    distance = torch.cdist(points, points).kthvalue(k + 1, 1).values         # each is its own first neighbour
    ball = d/2*math.log(math.pi) - math.lgamma(d/2 + 1)                      # log volume of the unit ball
    psi = torch.digamma(torch.tensor([n, k], dtype=torch.double))
    return (psi[0] - psi[1] + ball + d*distance.log().mean()).item()

def gaussian_entropy(variances):
    "Of a Gaussian with these eigenvalues, in nats."
    return (variances*2*math.pi*math.e).log().sum().item()/2

def structure(points, noise):
    """What noisy points have beyond their covariance: how far their entropy is below a Gaussian's. Bits/dim.

    Both are estimated from as many samples, so that what is wrong with the estimate in many dimensions is
    wrong with both. What is wrong with that of the Gaussian is known, and is returned too, as the bias."""
    d, (variances, axes) = points.shape[1], torch.linalg.eigh(covariance_of(points))
    variances = variances.clamp(min=0) + noise**2
    z = points + noise*torch.randn_like(points)
    rival = points.mean(0) + torch.randn_like(points)*variances.sqrt() @ axes.T
    mine, other, exact = entropy(z), entropy(rival), gaussian_entropy(variances)
    nats = dict(entropy=mine, structure=other - mine, gaussian=exact, bias=other - exact)
    return {name: value/(d*math.log(2)) for name, value in nats.items()}

class Linear:
    "The linear least squares estimate of ε from z = α f + σ ε, with the mean and covariance of f."
    def __init__(self, points, alpha, sigma):
        mean, d = alpha*points.mean(0), points.shape[1]
        covariance = alpha**2*covariance_of(points) + sigma**2*torch.eye(d).double()
        self.gain = (sigma*torch.linalg.inv(covariance)).float()
        self.mean, self.spread = mean.float(), covariance.diagonal().sqrt().float()

    def standardised(self, z): return (z - self.mean)/self.spread

    def __call__(self, z): return (z - self.mean) @ self.gain

def network_estimate(linear, points, alpha, sigma, steps=300, batch=128, width=128, lr=2e-3):
    "What a small network adds to the linear estimate, after a few steps of Adam."
    net = MLP((points.shape[1],), width=width, depth=1, time=False)
    optimiser = torch.optim.Adam(net.parameters(), lr=lr)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    def estimate(z): return linear(z) + net(linear.standardised(z))
    points = points.float()
    for _ in range(steps):
        f = points[torch.randint(len(points), (batch,))]
        eps = torch.randn_like(f)
        loss = (estimate(alpha*f + sigma*eps) - eps).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        slower.step()
    return estimate

@torch.no_grad()
def error(estimate, points, alpha, sigma):
    "The mean square error of an estimate of ε, per dimension: 1 for who knows nothing."
    f = points.float().repeat(draws, 1)
    eps = torch.randn_like(f)
    return (estimate(alpha*f + sigma*eps) - eps).square().mean().item()

def judge(points, others, few, alpha, sigma):
    "What `z` made of points is like: figures of one time. The estimators are judged on other points."
    with repeatable(0, 'cpu'):
        linear = Linear(points, alpha, sigma)
        network = network_estimate(linear, points, alpha, sigma)
        found = {f'{name} of z': value for name, value in structure(alpha*points[:few], sigma).items()}
        errors = {'linear error': error(linear, others, alpha, sigma)}
        errors['network error'] = error(network, others, alpha, sigma)
    dimension = effective_dimension(alpha**2*eigenvalues(points) + sigma**2)
    return found | errors | {'dimension of z': dimension}

def in_common(points, x):
    "The share of the square of the movement that is the same for all samples; 0 where nothing moves."
    move = points - x
    square = move.square().sum(1).mean().item()
    return move.mean(0).square().sum().item()/square if square > 1e-8 else 0.

def best_matrix(g, f):
    "The A for which g A is nearest to f, with a little ridge for pixels that never change."
    ridge = 1e-4*g.square().sum()/g.shape[1]*torch.eye(g.shape[1]).double()
    return torch.linalg.solve(g.T @ g + ridge, g.T @ f)

def structures(points, matrix_only, few, noise):
    "That of F(x,t), and of what a matrix can do of it, with the same random numbers."
    with repeatable(0, 'cpu'): found = structure(points[:few], noise)
    with repeatable(0, 'cpu'): rival = structure(matrix_only[:few], noise)
    return found | {'structure, matrix': rival['structure']}

def shape_of(points, x, others, x_others, few, event, sigma):
    "What F does to x at one time, without noise."
    f, g = points - points.mean(0), x - x.mean(0)
    scale = ((f*g).sum()/g.square().sum()).item()
    linear = best_matrix(g, f)
    left = others - points.mean(0) - (x_others - x.mean(0)) @ linear
    total = (others - points.mean(0)).square().sum()
    found = {
        'moved': ((points - x).norm(dim=1)/x.norm(dim=1)).mean().item(),
        'in common': in_common(points, x),
        'stretch': (f.square().sum()/g.square().sum()).sqrt().item(),
        'scale': scale,
        'by a number': 1 - ((f - scale*g).square().sum()/f.square().sum()).item(),
        'by a matrix': 1 - (left.square().sum()/total).item(),
        'dimension': effective_dimension(eigenvalues(points))}
    found |= structures(points, g @ linear, few, sigma)
    return found | (of_images(f, x.mean(0), event) if len(event) == 3 else {})

def of_images(f, mean, event):
    """How rough and how thick images are, from how they differ from their mean.

    Roughness: the square difference of neighbouring pixels, in units of the variance. Thickness: the share
    of pixels that are bright, about the mean of the data. Bright is what is above 0.53 of the way from the
    darkest to the brightest, since half of the way is often a level itself."""
    image, back = f.unflatten(1, event), f + mean
    differences = [image.diff(dim=dim).square().mean() for dim in (2, 3)]
    low, high = back.aminmax(dim=1, keepdim=True)
    return dict(roughness=(sum(differences)/2/image.square().mean()).item(),
                thickness=(back > low + .53*(high - low)).double().mean().item())

def at_times(model, splits, suite, fixed_spread):
    """Figures by name, a list over the times of each: of F, of z made of it, and of z made of enlarged data.

    The same noise for all of them."""
    schedule, start, end = model.forward_process.schedule, splits.train[:suite.fit], splits.test[:suite.judge]
    start, end = as_float(start), as_float(end)
    x, x_end, mean = start.flatten(1).double(), end.flatten(1).double(), start.flatten(1).double().mean(0)
    moved, moved_end = transformed(model, start, times), transformed(model, end, times)
    clean, rows = schedule(torch.zeros(1))[1].item(), []
    learned = (moved - x).abs().max() > 1e-4                                # or is it the identity, rounded?
    for u, points, others in zip(times, moved, moved_end):
        alpha, sigma = (v.item() for v in schedule(torch.tensor([u])))
        row = shape_of(points, x, others, x_end, suite.few, splits.event, clean)
        if fixed_spread: row |= judge(points, others, suite.few, alpha, sigma)
        if fixed_spread and learned:
            rival, rival_end = (mean + row['stretch']*(y - mean) for y in (x, x_end))
            found = judge(rival, rival_end, suite.few, alpha, sigma)
            row |= {f'{name}, enlarged': value for name, value in found.items()}
        rows.append({name: rounded(value) for name, value in row.items()})
    spectra = {f'{u:g}': [rounded(v) for v in eigenvalues(moved[times.index(u)])[:100].tolist()]
               for u in (0., .5, 1.)}
    return dict(curves={name: [row[name] for row in rows] for name in rows[0]}, spectra=spectra)

def rounded(value): return float(f'{value:.5g}')

@torch.no_grad()
def spent(model, x, passes=4, batch=100):
    "The diffusion term in continuous time, in bits/dim: its mean in each piece of [0, 1]."
    found = torch.zeros(pieces, dtype=torch.double)
    with repeatable(0, 'cpu'), evaluating(model):
        for k in range(pieces):
            for part in x.repeat(passes, *[1]*(x.ndim - 1)).split(batch):
                t = (k + torch.rand(len(part)))/pieces
                found[k] += continuous_bound(model, part, t).diffusion.double().sum()
    return (found/(len(x)*passes*x[0].numel()*math.log(2))).tolist()

@what_f_learns.override
def settings(): return dict(times=times, pieces=pieces, neighbours=neighbours)

@what_f_learns.override
def jobs(options, data, models, seeds):
    "Those that a data set has."
    for name in data:
        for seed, model in product(seeds, suites[name].models):
            again = seed != seeds[0] and model in suites[name].at_hand
            if model in models and not again: yield dict(data=name, model=model, seed=seed)

@what_f_learns.measure
def run(data, model, seed, data_root, out):
    "Train one model, unless it is at hand; its bound, and all of the figures."
    splits, suite, kind = read(data, data_root), suites[data], models[model]
    folder, told = folder_of(data, model, seed, out), options_for(data)
    if model not in suite.at_hand:
        trainer = make(data, model, seed, splits)
        trainer.fit(progress=False)
        trainer.model.save_pretrained(folder, config=dict(training=dict(iterations=trainer.iteration)))
    net, config = load_folder(folder)
    torch.manual_seed(seed)
    figures = evaluate(net, bound_for(kind.T), splits.test[:told.get('test')], told.get('test_repeats') or 20)
    result = dict(T=kind.T or 'inf', iterations=config['training']['iterations'], parameters=parameters(net),
                  **figures)
    torch.manual_seed(0)
    result |= at_times(net, splits, suite, kind.fixed_spread)
    if kind.T is None: result['spent'] = [rounded(v) for v in spent(net, as_float(splits.test[:suite.bound]))]
    return result

# --- what is shown ---

shown = 0., .2, .4, .6, .8, 1.

@torch.no_grad()
def draw_points(trained, x):
    "Where F(.,t) puts points, a row for each model; the colour is the square that a point started from."
    square = [colours[i] for i in square_of(x)]
    size = 1.6*len(shown), 1.7*len(trained)
    fig, axs = plt.subplots(len(trained), len(shown), figsize=size, layout='constrained', squeeze=False)
    for row, (name, model) in zip(axs, trained.items()):
        moved = transformed(model, x, shown)
        limit = 1.05*moved.abs().max().item()
        for ax, u, cloud in zip(row, shown, moved):
            ax.scatter(*cloud.T, c=square, s=.6)
            ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[], aspect='equal')
        row[0].set_ylabel(name)
    for ax, u in zip(axs[0], shown): ax.set_title(f't = {u:g}')
    return fig

@torch.no_grad()
def draw_images(trained, x):
    "F(x,t) of some images, a block of rows and a scale for each model; white is zero."
    size = 1.05*len(shown) + 1.2, 1.05*len(x)*len(trained) + .3
    fig = plt.figure(figsize=size, layout='constrained')
    for (name, model), block in zip(trained.items(), fig.subfigures(len(trained), squeeze=False)[:, 0]):
        axs, moved = block.subplots(len(x), len(shown), squeeze=False), transformed(model, x, shown)
        limit = moved.abs().max().item()
        for ax, image in zip(axs.flat, moved.transpose(0, 1).flatten(0, 1)):
            drawn = ax.imshow(image.unflatten(0, x.shape[2:]), cmap='RdBu_r', vmin=-limit, vmax=limit)
            ax.set(xticks=[], yticks=[])
        for ax, u in zip(axs[0], shown): ax.set_title(f't = {u:g}')
        axs[0, 0].set_title(f'{name}\nt = {shown[0]:g}')
        block.colorbar(drawn, ax=axs, shrink=.8)
    return fig

@what_f_learns.override
def pictures(data, data_root, seeds, out):
    "Of the NDMs of the first seed."
    for name in data:
        learned = [model for model in suites[name].models if models[model].preset == 'ndm']
        folders = {model: folder_of(name, model, seeds[0], out) for model in learned}
        if not all((folder/'config.json').exists() for folder in folders.values()): continue
        trained = {model: load_folder(folder)[0] for model, folder in folders.items()}
        x = as_float(read(name, data_root).test)
        fig = draw_points(trained, x[:3000]) if x.ndim == 2 else draw_images(trained, x[:3])
        fig.savefig(what_f_learns.picture(f'what_f_learns_{name}.png'), dpi=180)
        plt.close(fig)

def mean_of(runs, name):
    "A curve, over all seeds."
    return [mean(values) for values in zip(*(r['curves'][name] for r in runs))]

@what_f_learns.table
def table(record):
    "What F does at t = 1, a row for each model."
    for (data, model), runs in groups(record):
        end = {name: mean_of(runs, name)[-1] for name in runs[0]['curves']}
        start = mean_of(runs, 'dimension')[0]
        yield {'data': data, 'model': model, 'iterations': f"{runs[0]['iterations']:,}",
               'bound, bits/dim': runs.pm('total'),
               'of it the prior': f"{runs.mean('prior'):.3f}", 'F moves by': f"{end['moved']:.3f}",
               'in common': f"{end['in common']:.0%}",
               'enlarges by': f"{end['stretch']:.3f}", 'is a number to': f"{end['by a number']:.2%}",
               'is a matrix to': f"{end['by a matrix']:.2%}",
               'dimension': f"{start:.2f} → {end['dimension']:.2f}"}

def groups(record):
    "The runs of each data set and model."
    for data, mine in record['runs'].by('data', tuple(suites)).items():
        for model, runs in mine.by('model', tuple(models)).items(): yield (data, model), runs

def comparable(runs):
    "The data sets whose models of continuous time were trained for equally long: their bits can be compared."
    return [data for data, mine in runs.of(T='inf').by('data', tuple(suites)).items()
            if len(mine.by('iterations')) == 1]

margin, within_error = .005, .02 # what counts as lower: a share of a ratio, bits/dim of a structure

class Question(NamedTuple):
    "A curve that would be lower if F made the data simpler, and how it is compared with another one."
    curve:str
    ratio:bool=True # by the geometric mean of the ratio, or by the mean difference?
    of_noise:bool=True # an error: of the noise, or of F(x,t) in units of its variance?
    rival:str=', enlarged' # the end of the name of the curve of another rival, if there is one

    def of(self, runs, tag=''):
        "The curve. An error of ε by δ is one of F by σδ/α, up to factors that all models share at a time."
        curve = mean_of(runs, self.curve + tag)
        return curve if self.of_noise else [v/a**2 for v, a in zip(curve, mean_of(runs, 'stretch'))]

    def compare(self, mine, other):
        "Over all times but 0: below 1, or 0, if mine is lower."
        pairs = [*zip(mine, other)][1:]
        if self.ratio: return math.exp(mean(math.log(a/b) for a, b in pairs))
        return mean(a - b for a, b in pairs)

    @property
    def neutral(self): return 1. if self.ratio else 0.

    def lower(self, mine, other):
        "Is it, by half a per cent or by 0.02 bits/dim?"
        return mine < other*(1 - margin) if self.ratio else mine < other - within_error

questions = {
    'dimension of F': Question('dimension'), 'dimension of z': Question('dimension of z'),
    'structure of F': Question('structure', ratio=False, rival=', matrix'),
    'structure of z': Question('structure of z', ratio=False),
    'error of ε, linear': Question('linear error'), 'error of ε, network': Question('network error'),
    'error of F, linear': Question('linear error', of_noise=False),
    'error of F, network': Question('network error', of_noise=False)}

def compared(record):
    "For each NDM and question, how it compares with the ordinary diffusion, and how the other rival does."
    for (data, model), runs in groups(record):
        if models[model].preset != 'ndm': continue
        plain, found = record['runs'].of(data=data, model='vdm'), {}
        for name, q in questions.items():
            other, there = q.of(plain), q.curve + q.rival in runs[0]['curves']
            size = q.compare(q.of(runs, q.rival), other) if there else q.neutral
            found[name] = q.compare(q.of(runs), other), size
        yield (data, model), found

def findings(record):
    "What `compared` says, as a table; bold is what is below the other rival, in brackets."
    for (data, model), found in compared(record):
        row = dict(data=data, model=model)
        for name, (mine, size) in found.items():
            text = f'{mine:.3f} ({size:.3f})'
            row[name] = f'**{text}**' if questions[name].lower(mine, size) else text
        yield row

@what_f_learns.override
def report(record):
    "Tables, and where they come from."
    yield f"{origin(record)}; {record['minutes']} minutes"
    yield table(record)
    yield markdown(findings(record))

if __name__ == '__main__':
    what_f_learns.main(data=tuple(suites), models=tuple(models), seeds=(0,), data_root='', out='runs')
