"""Which weight of the curvature for few_steps.py? By validation points, with a seed that is not used there.

    python nbs/experiments/few_steps_weights.py          # after few_steps.py has measured its steps
    python nbs/experiments/few_steps_weights.py --show

Each is trained for as many iterations as there, and judged by the distance of samples of two evaluations to
2,000 validation points.
"""
import torch
from ndm_nb.data import dataset
from ndm_nb.sampling import sample_ode, solvers_at
from few_steps import distance, few_steps, models, sets, trainer_of
from harness import Experiment

penalised = tuple(name for name, kind in models.items() if kind.weight)
weights = Experiment('few_steps_weights', key=('data', 'model', 'weight'))

@weights.override
def settings(seconds): return dict(seconds=seconds, seed=100)

@weights.measure
def run(data, model, weight, seconds):
    "Train one model; its distance at two evaluations, by the best solver."
    iterations = round(seconds/few_steps.load()['step_seconds'][model])
    trainer = trainer_of(data, models[model]._replace(weight=weight), 100, iterations)
    trainer.fit(progress=False)
    valid = dataset(data).valid[:2000]
    noise = torch.randn(2000, 2, generator=torch.Generator().manual_seed(100))
    found = {solver: distance(sample_ode(trainer.model, noise, steps, solver), valid)
             for solver, steps in solvers_at(2).items()}
    return dict(iterations=iterations, distance=min(found.values()))

@weights.table
def table(record):
    "A row for each model and weight."
    for model, mine in record['runs'].by('model').items():
        for weight, at in sorted(mine.by('weight').items()):
            by_set = {data: at.of(data=data).mean('distance') for data in at.by('data')}
            yield dict(model=model, weight=weight, **{data: f'{value:.3f}' for data, value in by_set.items()},
                       mean=f"{at.mean('distance'):.4f}")

if __name__ == '__main__':
    weights.main(data=sets, models=penalised, weights=(.05, .1, .2, .4), seconds=30., processes=1)
