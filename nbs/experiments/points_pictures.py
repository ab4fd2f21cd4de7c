"""How a learned forward process moves the checkerboard, and how three models travel between data and noise.

    python nbs/experiments/points_pictures.py     # some minutes on one CPU core; writes to nbs/images
"""
import matplotlib.pyplot as plt
import torch
from ndm_nb.data import colours, dataset
from ndm_nb.evaluation import bound_for
from ndm_nb.presets import build
from ndm_nb.sampling import sample_ode, time_grid
from ndm_nb.training import Trainer
from harness import gallery, square_of

models = dict(ddpm='variance preserving', flow_matching='flow matching', nfdm='NFDM')

def train(name, board, iterations=3000):
    "A trained model."
    torch.manual_seed(0)
    model = build(name, (2,), width=128)
    bound, options = bound_for(None, 'importance'), dict(iterations=iterations, batch=256, every=500)
    trainer = Trainer(model, bound, board.train, board.valid, **options)
    trainer.fit(name=name)
    print(f'{name}: {trainer.best:.3f} bits/dim in validation', flush=True)
    return model.eval()

@torch.no_grad()
def transformation(trained, x, path):
    "The mean over alpha, F(x,t), and z_t at six times, with z_t of the fixed process below."
    square, times = [colours[i] for i in square_of(x)], (0., .2, .4, .6, .8, 1.)
    fig, axs = plt.subplots(3, len(times), figsize=(10, 5.2), layout='constrained')
    torch.manual_seed(0)
    noise = torch.randn_like(x)
    for column, u in zip(axs.T, times):
        t = torch.full((len(x),), u)
        q, fixed = (trained[name].forward_process(x)(t) for name in ('nfdm', 'ddpm'))
        alpha = trained['nfdm'].forward_process.schedule(t[:1])[0]
        for ax, cloud, lim in zip(column, (q.mean/alpha, q.sample(noise), fixed.sample(noise)), (6, 4, 4)):
            ax.scatter(*cloud.T, c=square, s=1)
            ax.set(xlim=(-lim, lim), ylim=(-lim, lim), xticks=[], yticks=[], aspect='equal')
        column[0].set_title(f't = {u:g}')
    labels = r'NFDM: $F_\varphi(x,t)$', 'NFDM: $z_t$', 'VP diffusion: $z_t$'
    for ax, label in zip(axs[:, 0], labels): ax.set_ylabel(label)
    fig.savefig(path, dpi=200)

@torch.no_grad()
def trajectories(trained, x, path, n=40):
    "Forward with the noise held fixed, and backward along the generative ODE."
    fig, axs = plt.subplots(2, 3, figsize=(9.6, 6.4), layout='constrained', sharex=True, sharey=True)
    torch.manual_seed(3)
    noise, other = torch.randn(2, n, 2)
    for column, (name, model) in zip(axs.T, trained.items()):
        start = model.forward_process(x[:n])
        forward = torch.stack([start(t.repeat(n)).sample(noise) for t in time_grid(60)])
        sample, way = sample_ode(model, other, 200, 'heun', trajectory=True)
        for ax, line, end in zip(column, (forward, way.z), (x[:n], sample)):
            ax.plot(*x[:1500].T, '.', color='.85', ms=2, zorder=0)
            ax.plot(*line.permute(2, 0, 1), color='k', lw=.5, alpha=.6)
            ax.plot(*line[0].T, 's', color=colours[0], ms=3, label='noise, t = 1')
            ax.plot(*end.T, 'o', color=colours[1], ms=3, label='data, t = 0')
            ax.set(xlim=(-3.2, 3.2), ylim=(-3.2, 3.2), aspect='equal')
        column[0].set_title(models[name])
        column[1].set_xlabel('$z_1$')
    axs[0, 0].set_ylabel('forward, noise fixed\n$z_2$')
    axs[1, 0].set_ylabel('generative ODE\n$z_2$')
    axs[0, 0].legend(fontsize=7)
    fig.savefig(path, dpi=200)

if __name__ == '__main__':
    board = dataset('checkerboard')
    trained = {name: train(name, board) for name in models}
    transformation(trained, board.test[:3000], gallery/'points_transformation.png')
    trajectories(trained, board.test[:3000], gallery/'points_trajectories.png')
