"""Few steps on MNIST: flow matching and NFDM-OT after equal seconds of training, and what the penalty costs against the same NFDM without it.

    python nbs/experiments/few_steps_images.py                                         # ten minutes of training each, on one CPU core
    python nbs/experiments/few_steps_images.py --data cifar10 --device cuda            # on a GPU, with FID
    python nbs/experiments/few_steps_images.py --show                                  # only print the table from the committed results

All start from the straight lines of flow matching and have the same U-Net as predictor; times are drawn by importance. Samples from the same noise are
judged by the best of Euler, midpoint and Heun at an equal number of evaluations. For MNIST the distance is the Fréchet distance of the features of a small
classifier (see mnist.py): it is not FID, and compares with itself only. For CIFAR-10 it is FID to the training images. Runs are left in --out; what is
there already is not trained again. NDM_DATA is the folder in which the data lie.
"""
import argparse, json, os, platform, time
from pathlib import Path
from mnist import classifier, draw

here = Path(__file__).parent
models = dict(flow_matching={}, nfdm=dict(base='ot'), nfdm_ot={})
solvers = dict(euler=lambda nfe: nfe, midpoint=lambda nfe: nfe//2, heun=lambda nfe: (nfe + 1)//2)         # steps for a number of evaluations
def results(data): return here/'results'/f'few_steps_{data}.json'

def judge(data, root, device, n):
    "A function from images to their distance from real ones, and what it says of other real images."
    import torch
    from ndm_nb.data import as_float, dataset
    from ndm_nb.metrics import Inception, Statistics, features, fid
    splits = dataset(data, root)
    net = classifier((root, splits.train, splits.test), device)[0] if data == 'mnist' else Inception().to(device)
    of = lambda x: Statistics.of(torch.cat([features(net, as_float(part).clamp(-1, 1)) for part in x.split(1000)]))
    real = of(splits.test if data == 'mnist' else splits.train)
    distance = lambda x: fid(of(x), real).item()
    return distance, distance(splits.train[:n] if data == 'mnist' else splits.test[:n])

def measure(model, noise, nfe, solver, batch=250):
    "Samples for the noise, some at a time."
    import torch
    from ndm_nb.sampling import sample_ode
    device = next(model.parameters()).device
    return torch.cat([sample_ode(model, part.to(device), solvers[solver](nfe), solver).cpu() for part in noise.split(batch)])

def main(a):
    import torch
    from ndm_nb.cli import load_run, ndm_train, parse_device
    begin, device, root = time.time(), parse_device(a.device), a.data_root or os.environ.get('NDM_DATA')
    if device.type == 'cpu': torch.set_num_threads(1)
    distance, floor = judge(a.data, root, device, a.n)
    print(f'distance of {a.n} other real images: {floor:.2f}', flush=True)
    hardware = torch.cuda.get_device_name(device) if device.type == 'cuda' else f'one core of a {platform.machine()} CPU'
    record = dict(hardware=hardware, torch=torch.__version__, command=f'python nbs/experiments/few_steps_images.py --data {a.data}', data=a.data,
                  floor=floor, n=a.n, minutes_each=a.minutes, seed=a.seed, runs=[])
    grids = {}
    for name, options in models.items():
        folder = Path(a.out)/f'few-steps-{a.data}-{name}'
        ndm_train(name, 'none', a.data, root, T='inf', times='importance', minutes=a.minutes, every=100_000, seed=a.seed, device=a.device, precision=a.precision,
                  out=a.out, name=folder.name, resume=True, **options)
        model, config = load_run(folder, device)
        noise = torch.randn(a.n, *config['model']['event'], generator=torch.Generator().manual_seed(a.seed))
        run = dict(model=name, curvature=config.get('curvature', 0.), **json.loads((folder/'metrics.json').read_text()), distance={})
        for nfe in a.nfe:
            found = {}
            for solver in solvers:
                if solver == 'heun' and nfe == 2: continue                                    # Heun of one step is Euler
                x = measure(model, noise, nfe, solver)
                found[solver] = distance(x)
                if found[solver] == min(found.values()): grids[f'{name}, {nfe} evaluations'] = x
            run['distance'][str(nfe)] = found
        record['runs'].append(run)
        print(f"{name}: {run['iterations']} iterations, {run['total']:.3f} bits/dim, {run['distance']}", flush=True)
    record['minutes'] = round((time.time() - begin)/60, 1)
    results(a.data).write_text(json.dumps(record, indent=1) + '\n')
    draw({k: x for k, x in grids.items() if k.startswith(('flow_matching, 2 ', 'flow_matching, 12', 'nfdm_ot, 2 ', 'nfdm_ot, 12'))},
         here.parent/'images'/f'few_steps_{a.data}.png')
    return record

def table(record):
    "The results in Markdown."
    nfes = list(record['runs'][0]['distance'])
    lines = ['| model | ' + ' | '.join(f'distance, {n} evaluations' for n in nfes) + ' | bound, bits/dim | iterations | seconds |', '|---|' + '---|'*(len(nfes) + 3)]
    for r in record['runs']:
        best = [min(r['distance'][n].items(), key=lambda item: item[1]) for n in nfes]
        lines.append(f"| {r['model']} | " + ' | '.join(f'{value:.1f} ({solver})' for solver, value in best)
                     + f" | {r['total']:.3f} ± {r['stderr']:.3f} | {r['iterations']:,} | {r['seconds']:.0f} |")
    return '\n'.join(lines)

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--data', default='mnist', choices=['mnist', 'cifar10'])
    p.add_argument('--minutes', type=float, default=10., help='of training for each model (default: 10)')
    p.add_argument('--nfe', type=int, nargs='+', default=[2, 4, 12], help='numbers of evaluations (default: 2 4 12)')
    p.add_argument('--n', type=int, default=1000, help='samples for the distance (default: 1000)')
    p.add_argument('--seed', type=int, default=0, help='of weights, batches and noise (default: 0)')
    p.add_argument('--precision', default='', help='fp32 or bf16')
    p.add_argument('--device', default='auto', help='auto, cpu, cuda')
    p.add_argument('--data_root', default='', help='where the data lie (default: NDM_DATA)')
    p.add_argument('--out', default='runs', help='where the runs go (default: runs)')
    a = p.parse_args()
    record = json.loads(results(a.data).read_text()) if a.show else main(a)
    print(f"\n{record['hardware']}, torch {record['torch']}; {record['minutes_each']:g} minutes of training each, {record['minutes']} in all; "
          f"distance of other real images {record['floor']:.2f}\n\n{table(record)}")
