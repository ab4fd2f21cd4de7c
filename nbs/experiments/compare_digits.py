"""NDM against DDPM on the 8x8 digits: held-out bits/dim, with few steps and in continuous time.

    python nbs/experiments/compare_digits.py             # all of it: half an hour on two CPU cores
    python nbs/experiments/compare_digits.py --show      # the table from the committed results

Every run has the settings of `ndm_train` without options. The other rows ask whether the comparison is fair.
`wide`: the NDM has a second network; would an ordinary diffusion with as many parameters do as well? `noise`:
is the parameterisation of the shared predictor the best one?
"""
import os
from functools import partial
import torch
from ndm_nb.data import dataset
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.presets import build
from ndm_nb.training import Trainer
from harness import Experiment, markdown, origin, parameters, pm, step_cost

plain = {'ddpm': dict(preset='ddpm'), 'ndm': dict(preset='ndm'), 'ddpm, wide': dict(preset='ddpm', width=360)}
noise = {f'{name}, noise': plain[name] | dict(predictor='noise') for name in ('ddpm', 'ddpm, wide', 'ndm')}
models = plain | noise
digits = Experiment('digits', key=('model', 'T', 'seed'), processes=os.cpu_count())

def make(model, splits, T=10, seed=0, **options):
    "A trainer, with the model it trains."
    torch.manual_seed(seed)
    net = build(event=splits.event, levels=splits.levels, **models[model])
    return Trainer(net, bound_for(T), splits.train, splits.valid, seed=seed, **options)

@digits.fact
def cost():
    "Of a training step of each model, in units of `ddpm`."
    splits = dataset('digits')
    short = partial(make, splits=splits._replace(valid=splits.valid[:2]), iterations=40, every=40)
    return {name: step_cost(short, name, 'ddpm') for name in models}

@digits.measure
def run(model, T, seed):
    "Train one model as `ndm_train` does; its held-out metrics."
    splits = dataset('digits')
    trainer = make(model, splits, T, seed)
    history = trainer.fit(progress=False)
    best = min(history, key=lambda entry: entry['valid'])
    return evaluate(trainer.model, trainer.bound, splits.test) | dict(
        valid=best['valid'], best_iteration=best['iteration'], iterations=trainer.iteration,
        seconds=history[-1]['seconds'], parameters=parameters(trainer.model))

def steps_name(T): return 'continuous' if T is None else f'T = {T}'

@digits.table
def table(record):
    "Mean and spread over seeds, and how far each model is below `ddpm`, seed by seed."
    for T, runs in record['runs'].by('T').items():
        ddpm = {r['seed']: r['total'] for r in runs.of(model='ddpm')}
        for name, mine in runs.by('model', models).items():
            row = {'': steps_name(T), 'model': name}
            row |= {term: f'{mine.mean(term):.3f}' for term in ('reconstruction', 'diffusion', 'prior')}
            row |= {'total, bits/dim': mine.pm('total'), 'below ddpm': ''}
            if name != 'ddpm': row['below ddpm'] = pm([ddpm[r['seed']] - r['total'] for r in mine])
            yield row | dict(parameters=f"{mine[0]['parameters']:,}")

def best(runs, names):
    "The one of some models that does best on the validation split."
    return min(names, key=lambda name: runs.of(model=name).mean('valid'))

def short(record):
    "Bits/dim of each kind of model with the predictor that does better in validation; a Markdown table."
    def row(kind):
        bits = {steps_name(T): runs.of(model=best(runs, (kind, f'{kind}, noise'))).pm('total')
                for T, runs in record['runs'].by('T').items()}
        return {'': kind} | bits | dict(parameters=f"{record['runs'].of(model=kind).mean('parameters'):,.0f}")
    return markdown(map(row, ('ddpm', 'ddpm, wide', 'ndm')))

@digits.override
def report(record):
    "With the cost of a step."
    costs = ', '.join(f'{name} {ratio:.2f}' for name, ratio in record['cost'].items())
    return origin(record), table(record), f'a training step, in units of ddpm: {costs}'

if __name__ == '__main__': digits.main(T=(10, 50, None), seeds=(0, 1, 2), models=tuple(models))
