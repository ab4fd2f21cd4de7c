"""Latents of black and white MNIST: a VAE, and diffusions over its latents, after equal seconds of training.

    python nbs/experiments/latents.py           # 40 minutes of one CPU core for each of 4 models and 2 seeds
    python nbs/experiments/latents.py --show    # the tables from the committed results

All have the same autoencoder; `vae` has latents from N(0, I), the others a diffusion over them, trained with
the autoencoder by one bound. Those called `kept` are trained afterwards, over the latents of `vae` whose
autoencoder stays as it is, for half the iterations, in continuous time and in ten steps; they are judged by
the bound alone. First it is measured, in turns and on a quiet machine, how long a training step of each
takes; then each gets as many iterations as fit into --minutes. Training images are tossed anew each time they
are read; the test images were tossed once, with the seed 1. Figures are nats for an image: the bound of
training on all test images, and the importance-weighted one with --K latents on the first --n, by --steps of
the ODE. NDM_DATA is the folder in which MNIST lies (or --data_root). Runs are left in --out.
"""
import math, re
from pathlib import Path
from ndm_nb.data import as_float
from ndm_nb.latent import evaluate_latent
from ndm_nb.runs import parse_device
from images import at_hand, costs, draw_grids, load, options, sampled, train
from images import jobs as fitting
from harness import Experiment, origin

coder = dict(data='mnist', binary=True, network='mlp', width=512, depth=2, latent=24, prior_width=128,
             prior_depth=2, batch=128, lr=1e-3, ema=.999, kl_warmup=.1, valid=2000, repeats=1, test=10_000,
             test_repeats=5)
together = {preset: coder | dict(preset=preset) for preset in ('vae', 'lsgm', 'lsgm_ndm', 'lsgm_nfdm')}
kept = {f'{preset}, kept': told for preset, told in together.items() if preset != 'vae'}
kept |= {f'{name}, T = 10': kept[name] | dict(T=10) for name in ('lsgm, kept', 'lsgm_ndm, kept')}
models = together | kept
latents = Experiment('latents', key=('model', 'seed'))

def run_name(model, seed): return f'latents-{re.sub("[, =]+", "-", model)}-seed{seed}'

@latents.override
def settings(minutes, K, n, steps):
    return dict(settings=coder, minutes_each=minutes, K=K, n=n, steps=steps)

@latents.fact
def seconds(options):
    "Of a training step of each model."
    return costs(together, options | dict(data='mnist'), n=64)

@latents.override
def jobs(models, seeds, minutes, record, costs):
    "As many iterations as fit, or half of them."
    seconds = {model: record['seconds'][model.split(',')[0]]*(2 if model in kept else 1) for model in models}
    return fitting(models, seeds, minutes, dict(seconds=seconds), costs)

@latents.measure
def run(model, seed, iterations, K, n, steps, out, device, job):
    "Train one model; its bounds in nats."
    name = run_name(model, seed)
    given = dict(autoencoder=str(Path(out)/run_name('vae', seed))) if model in kept else {}
    figures = train(name=name, job=job, iterations=iterations, **models[model], **given)
    net, config = load(name, out, device)
    test = as_float(config.task.splits().test[:n]).to(parse_device(device))
    found = {term: figures[term]*test[0].numel()*math.log(2)
             for term in ('reconstruction', 'diffusion', 'prior', 'total', 'stderr', 'valid')}
    found |= {name: figures[name] for name in ('iterations', 'parameters')}
    if model in kept: return found
    close = evaluate_latent(net, test, K, batch=1000, seed=seed, solver='midpoint', steps=steps)
    return found | dict(weighted=close['nats'], weighted_stderr=close['stderr_nats'])

@latents.override
def pictures(record, out, device):
    "Samples of each model."
    names = {model: run_name(model, 0) for model in together}
    if not at_hand(names.values(), out): return
    draw_grids({model: sampled(name, out, device, 64, 50, 'stochastic_heun', 0)[0]
                for model, name in names.items()}, latents.picture('latents.png'))

@latents.table
def table(record):
    "Mean ± standard deviation over seeds, nats."
    for model, runs in record['runs'].by('model', models).items():
        latent = [r['diffusion'] + r['prior'] for r in runs]
        price = f'{sum(latent)/len(latent):.2f}'
        weighted = runs.pm('weighted', '.2f') if model in together else ''
        yield {'model': model, 'bound': runs.pm('total', '.2f'), 'of it the latents': price,
               f"importance-weighted, K = {record['K']}": weighted,
               'iterations': f"{runs.mean('iterations'):,.0f}",
               'parameters': f"{runs.mean('parameters'):,.0f}",
               'seeds': len(runs)}

@latents.override
def report(record):
    "In nats for an image."
    yield f"{origin(record)}; {record['minutes_each']:g} minutes of training each; nats for an image"
    yield table(record)

if __name__ == '__main__':
    latents.main(models=tuple(models), seeds=(0, 1), minutes=40., K=100, n=250, steps=16,
                 costs=False, processes=1, **options)
