"""How far from optimal transport are the pairs of noise and sample that a model makes?

    python nbs/experiments/dynamic_ot.py --seeds 0     # two data sets: about seven minutes on one CPU core
    python nbs/experiments/dynamic_ot.py --show        # the tables from the committed results

Unrestricted models, with no penalty and an equal number of iterations, and one whose reverse process is
straight by construction. For 2,000 noises the generative ODE is solved (rk4, 50 steps), and the assignment
problem exactly. If a model's map is an optimal transport, its own pairs are the optimal ones for every set of
noises: the controls `exact map` (a gradient of a convex function, untrained) and `random pairs` (the samples
of vp, shuffled) show what the measure says of both.
"""
import torch
from ndm_nb.continuous import ContinuousBound
from ndm_nb.data import dataset
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.presets import build
from ndm_nb.sampling import sample_ode
from ndm_nb.straight import ConvexTransport, StraightBound, StraightPredictor, sample_straight
from ndm_nb.training import Trainer
from ndm_nb.transport import match, optimal_transport_cost, transport_cost
from few_steps import distance, floor_of, predictor
from harness import Experiment, origin, pm

class Unrestricted:
    "A model of `build`, trained on the bound in continuous time."
    training = dict(iterations=1000, batch=128, lr=5e-3, ema=.99, every=250)
    measured = ContinuousBound()

    def __init__(self, **options): self.options = options
    def build(self, event): return build(event=event, **predictor, **self.options)
    def bound(self): return bound_for(None, 'importance')
    def sample(self, model, noise, solver): return sample_ode(model, noise, 50, solver)
    def more(self, test, noise, x): return {}

class WithControls(Unrestricted):
    "One beside which the controls are measured."
    def more(self, test, noise, x):
        "The measures of a map that is an optimal transport, and of random pairs."
        torch.manual_seed(0)
        transport, noise = ConvexTransport((2,), 64).double(), noise.double()
        with torch.no_grad(): exact = pairs(noise, transport(noise))
        return dict(controls={'exact map': exact, 'random pairs': pairs(noise, x[torch.randperm(len(x))])})

class Restricted(Unrestricted):
    "One whose generative process is straight: a step solves for the noise, and costs more."
    training = dict(iterations=600, batch=128, lr=1e-2, ema=.99, every=200)
    measured = StraightBound()

    def build(self, event):
        model = super().build(event)
        model.predictor = StraightPredictor(ConvexTransport(event, 64))
        return model

    def bound(self): return StraightBound()
    def sample(self, model, noise, solver): return sample_straight(model, noise)
    def more(self, test, noise, x):
        "Its cost over that of optimal transport to the data, and how far it is from it, in stds."
        y, other = test[:len(x)].double(), test[len(x):2*len(x)].double()
        first, second = y[match(noise, y)[0]], other[match(noise, other)[0]]
        return dict(cost_to_data=transport_cost(noise, x).item()/optimal_transport_cost(noise, y).item(),
                    from_optimal=(rms(x - first)/rms(y - y.mean(0))).item(),
                    from_optimal_floor=(rms(first - second)/rms(y - y.mean(0))).item())

models = {
    'vp': WithControls(preset='ddpm'), 'flow matching': Unrestricted(preset='flow_matching'),
    'ndm, vp': Unrestricted(preset='ndm', base='vp'), 'ndm, ot': Unrestricted(preset='ndm', base='ot'),
    'nfdm, vp': Unrestricted(preset='nfdm', base='vp'), 'nfdm, ot': Unrestricted(preset='nfdm', base='ot'),
    'restricted': Restricted(preset='nfdm', base='ot')}
sets = 'two_moons', 'eight_gaussians'
dynamic_ot = Experiment('dynamic_ot', key=('data', 'model', 'seed'))

@dynamic_ot.override
def settings():
    return dict(settings=Unrestricted.training, straight=Restricted.training, options=predictor,
                models={name: model.options for name, model in models.items()})

@dynamic_ot.fact
def floor(): return floor_of(sets)

def rms(v): return (v.double()**2).sum(1).mean().sqrt()

def pairs(noise, x):
    "How far pairs are from the optimal ones of the same points; the distance of samples is in stds."
    order, least = match(noise, x)
    other = (order != torch.arange(len(x))).double().mean().item()
    return dict(excess=(transport_cost(noise.double(), x.double())/least.mean() - 1).item(), other=other,
                distance=(rms(x - x[order])/rms(x - x.mean(0))).item())

@dynamic_ot.measure
def run(data, model, seed):
    "Train one model, and measure."
    splits, kind = dataset(data), models[model]
    torch.manual_seed(seed)
    net = kind.build(splits.event)
    trainer = Trainer(net, kind.bound(), splits.train, splits.valid, seed=seed, **kind.training)
    trainer.fit(progress=False)
    noise = torch.randn(10_000, 2, generator=torch.Generator().manual_seed(seed))
    x = kind.sample(net, noise, 'heun')                         # many for the distribution,
    few, own = noise[:2000], kind.sample(net, noise[:2000], 'rk4')      # some more exactly for the pairs
    return dict(seconds=trainer.history[-1]['seconds'], iterations=trainer.iteration,
                bits_per_dim=evaluate(net, kind.measured, splits.test, repeats=1)['total'],
                sw=distance(x, splits.test), **pairs(few, own), **kind.more(splits.test, few, own))

@dynamic_ot.table
def table(record, data):
    "Mean ± standard deviation over seeds, of the models and of the controls."
    runs = record['runs'].of(data=data)
    rows = {name: list(mine) for name, mine in runs.by('model', models).items()}
    controls = [r['controls'] for r in runs if 'controls' in r]
    if controls: rows |= {name: [found[name] for found in controls] for name in controls[0]}
    columns = {'share of pairs that are not the optimal ones': 'other',
               'distance to the optimal sample, in stds': 'distance',
               'SW of the samples': 'sw', 'bound, bits/dim': 'bits_per_dim'}
    for name, found in rows.items():
        measured = {title: pm([r[key] for r in found]) for title, key in columns.items() if key in found[0]}
        yield {'model': name, 'cost / optimal − 1': pm([r['excess'] for r in found], '.1e')} | measured

def in_words(record, data):
    "The restricted model against the data."
    runs = record['runs'].of(data=data, model='restricted')
    return (f"{data}, restricted: cost / optimal cost to the data {runs.pm('cost_to_data')}; distance of its "
            f"map from the optimal matching {runs.pm('from_optimal')} stds, of two such matchings from each "
            f"other {runs.pm('from_optimal_floor')}; SW between sets of data {pm(record['floor'][data])}")

@dynamic_ot.override
def report(record):
    yield origin(record)
    for data, runs in record['runs'].by('data', sets).items():
        yield data
        yield table(record, data)
        if runs.of(model='restricted'): yield in_words(record, data)

if __name__ == '__main__': dynamic_ot.main(seeds=(0, 1, 2), data=sets, models=tuple(models))
