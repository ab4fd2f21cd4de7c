"""Few steps on images: flow matching, NFDM and NFDM-OT after equal seconds of training.

    python nbs/experiments/few_steps_images.py                                # half an hour on one CPU core
    python nbs/experiments/few_steps_images.py --data cifar10 --device cuda   # on a GPU, with FID
    python nbs/experiments/few_steps_images.py --show                         # from the committed results

All start from the straight lines of flow matching and have the same U-Net as predictor; times are drawn by
importance. Samples from the same noise are judged by the best of Euler, midpoint and Heun at an equal number
of evaluations. For MNIST the distance is the Fréchet distance of the features of a small classifier
(images.py): it compares with itself only. For CIFAR-10 it is FID to the training images. NDM_DATA is the
folder in which the data lie (or --data_root). Runs are left in --out.
"""
from ndm_nb.sampling import solvers_at
from images import at_hand, bits, draw_grids, judges, load, options, sampled, train
from harness import Experiment, origin

models = dict(flow_matching={}, nfdm=dict(base='ot'), nfdm_ot={})                # and their options
pictured = 'flow_matching', 'nfdm_ot'
few_steps = Experiment('few_steps_{data}', key=('model',))

def run_name(data, model): return f'few-steps-{data}-{model}'

@few_steps.override
def settings(data, n, minutes, seed): return dict(data=data, n=n, minutes_each=minutes, seed=seed)

@few_steps.fact
def floor(data, data_root, device, n):
    "The distance of other real images."
    judge = judges[data](data_root, device)
    return judge.distance(judge.others[:n])

@few_steps.measure
def run(model, data, minutes, nfes, n, seed, data_root, out, device, job):
    "Train one model; its figures, and the distances of its samples."
    name, judge = run_name(data, model), judges[data](data_root, device)
    figures = train(model, name, job, data=data, times='importance', minutes=minutes, **models[model])
    def distances(nfe):
        return {solver: judge.distance(sampled(name, out, device, n, steps, solver, seed)[0])
                for solver, steps in solvers_at(nfe).items()}
    found = {str(nfe): distances(nfe) for nfe in nfes}
    return dict(curvature=load(name, out, device)[1].objective.curvature or 0., **figures, distance=found)

def best(r, nfe):
    "The best solver, and its distance."
    return min(r['distance'][str(nfe)].items(), key=lambda item: item[1])

@few_steps.override
def pictures(record, data, n, seed, out, device):
    "With the fewest and the most evaluations, by the best solver."
    runs, grids = [r for r in record['runs'] if r['model'] in pictured], {}
    if not at_hand([run_name(data, r['model']) for r in runs], out): return
    for r in runs:
        nfes = [int(nfe) for nfe in r['distance']]
        for nfe in (nfes[0], nfes[-1]):
            solver = best(r, nfe)[0]
            x = sampled(run_name(data, r['model']), out, device, n, solvers_at(nfe)[solver], solver, seed)[0]
            grids[f"{r['model']}, {nfe} evaluations"] = x
    draw_grids(grids, few_steps.picture(f'few_steps_{data}.png'))

@few_steps.table
def table(record):
    "A row for each model."
    for r in record['runs']:
        row = dict(model=r['model'])
        for nfe in r['distance']:
            solver, distance = best(r, nfe)
            row[f'distance, {nfe} evaluations'] = f'{distance:.1f} ({solver})'
        yield row | bits(r) | dict(iterations=f"{r['iterations']:,}", seconds=f"{r['seconds']:.0f}")

@few_steps.override
def report(record):
    "With the floor, below which no distance can be expected."
    budget = f"{record['minutes_each']:g} minutes of training each, {record['minutes']} in all"
    yield f"{origin(record)}; {budget}; distance of other real images {record['floor']:.2f}"
    yield table(record)

if __name__ == '__main__':
    few_steps.main(data=judges, models=tuple(models), minutes=10., nfes=(2, 4, 12), n=1000, **options)
