"""How a learned forward process moves the checkerboard, and how three models travel between data and noise. Writes two pictures to nbs/images.

    python nbs/experiments/points_pictures.py     # some minutes on two CPU cores
"""
import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

images = Path(__file__).parents[1]/'images'
models = dict(nfdm='NFDM', ddpm='variance preserving', flow_matching='flow matching')

def make(name):
    "An untrained model."
    import torch
    from ndm_nb.presets import build
    torch.manual_seed(0)
    return build(name, (2,), width=128)

def train(name, iterations=3000):
    "The weights of a trained model."
    import torch
    torch.set_num_threads(1)
    from ndm_nb.data import dataset
    from ndm_nb.training import Trainer, bound_for
    board, model = dataset('checkerboard'), make(name)
    trainer = Trainer(model, bound_for(None, 'importance'), board.train, board.valid, iterations=iterations, batch=256, every=500)
    trainer.fit(progress=False)
    print(f'{name}: {trainer.best:.3f} bits/dim in validation', flush=True)
    return model.state_dict()

def transformation(trained, x, path):
    "The mean over alpha, F(x,t), and z_t at six times, with z_t of the fixed process below."
    import torch
    import matplotlib.pyplot as plt
    square, times = (x[:, 0] + 2).floor()*4 + (x[:, 1] + 2).floor(), (0., .2, .4, .6, .8, 1.)
    fig, axs = plt.subplots(3, len(times), figsize=(10, 5.2), layout='constrained')
    torch.manual_seed(0)
    noise = torch.randn_like(x)
    for column, u in zip(axs.T, times):
        t = torch.full((len(x),), u)
        with torch.no_grad():
            q, fixed = (trained[name].forward_process(x)(t) for name in ('nfdm', 'ddpm'))
            clouds = q.mean/trained['nfdm'].forward_process.schedule(t[:1])[0], q.sample(noise), fixed.sample(noise)
        for ax, cloud, lim in zip(column, clouds, (6, 4, 4)):
            ax.scatter(*cloud.T, c=square, s=1, cmap='tab20')
            ax.set(xlim=(-lim, lim), ylim=(-lim, lim), xticks=[], yticks=[], aspect='equal')
        column[0].set_title(f't = {u:g}')
    for ax, label in zip(axs[:, 0], (r'NFDM: $F_\varphi(x,t)$', 'NFDM: $z_t$', 'VP diffusion: $z_t$')): ax.set_ylabel(label)
    fig.savefig(path, dpi=100)

def trajectories(trained, x, path, n=40):
    "Forward with the noise held fixed, and backward along the generative ODE."
    import torch
    import matplotlib.pyplot as plt
    from ndm_nb.sampling import sample_ode, time_grid
    fig, axs = plt.subplots(2, 3, figsize=(9.6, 6.4), layout='constrained', sharex=True, sharey=True)
    torch.manual_seed(3)
    noise, other = torch.randn(2, n, 2)
    for column, name in zip(axs.T, ('ddpm', 'flow_matching', 'nfdm')):
        with torch.no_grad(): forward = torch.stack([trained[name].forward_process(x[:n])(u.repeat(n)).sample(noise) for u in time_grid(60)])
        sample, way = sample_ode(trained[name], other, 200, 'heun', trajectory=True)
        for ax, line, end in zip(column, (forward, way.z), (x[:n], sample)):
            ax.plot(*x[:1500].T, '.', color='.85', ms=2, zorder=0)
            ax.plot(*line.permute(2, 0, 1), color='k', lw=.5, alpha=.6)
            ax.plot(*line[0].T, 'o', color='C1', ms=3); ax.plot(*end.T, 'o', color='C3', ms=3)
            ax.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect='equal')
        column[0].set_title(models[name]); column[1].set_xlabel('$z_1$')
    for ax, label in zip(axs[:, 0], ('forward, noise fixed', 'generative ODE')): ax.set_ylabel(label + '\n$z_2$')
    axs[0, 0].plot([], [], 'o', color='C1', ms=3, label='noise, t = 1'); axs[0, 0].plot([], [], 'o', color='C3', ms=3, label='data, t = 0'); axs[0, 0].legend(fontsize=7)
    fig.savefig(path, dpi=100)

if __name__ == '__main__':
    import matplotlib
    matplotlib.use('agg')
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context('spawn')) as pool: weights = dict(zip(models, pool.map(train, models)))
    trained = {name: make(name).eval() for name in models}
    for name, model in trained.items(): model.load_state_dict(weights[name])
    from ndm_nb.data import dataset
    x = dataset('checkerboard').test[:3000]
    transformation(trained, x, images/'points_transformation.png')
    trajectories(trained, x, images/'points_trajectories.png')
