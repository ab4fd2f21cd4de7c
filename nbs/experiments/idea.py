"""The picture of the front page: a fixed and a learned forward process side by side. About two minutes on two CPU cores.

    python nbs/experiments/idea.py
"""
from pathlib import Path
import torch
import matplotlib.pyplot as plt
from ndm_nb.data import toy
from ndm_nb.networks import MLP
from ndm_nb.model import GaussianDecoder, NeuralDiffusion, VelocityPredictor
from ndm_nb.paths import LinearForward, NeuralForward
from ndm_nb.schedules import LinearGamma, MarkovVolatility
from ndm_nb.training import Trainer, bound_for
from ndm_nb.transforms import SeparableTransform

def train(steps=10, iterations=2500):
    "An NDM of the checkerboard with few steps."
    torch.manual_seed(0)
    schedule, x = LinearGamma(-7, 4), toy('checkerboard', 50_000)
    forward_process = NeuralForward(schedule, SeparableTransform(MLP((2,), outputs=5, width=128, time=False)))
    model = NeuralDiffusion(forward_process, VelocityPredictor(MLP((2,), width=128), schedule), MarkovVolatility(schedule), GaussianDecoder(schedule))
    Trainer(model, bound_for(steps), x[:45_000], x[45_000:], iterations=iterations, batch=512).fit()
    return model

@torch.no_grad()
def draw(model, path, times=(0., .25, .5, .75, 1.), n=6000):
    x = toy('checkerboard', n, seed=1)
    color = plt.cm.twilight(((torch.atan2(x[:, 1], x[:, 0])/torch.pi + 1)/2).numpy())
    fig, axs = plt.subplots(2, len(times), figsize=(2*len(times), 4.2), layout='constrained')
    for row, (name, process) in enumerate({'fixed': LinearForward(model.forward_process.schedule), 'learned': model.forward_process}.items()):
        forward = process(x)
        for ax, u in zip(axs[row], times):
            t = torch.full((n,), u)
            ax.scatter(*forward(t).sample().T, s=.6, c=color, linewidths=0)
            ax.set(xlim=(-6, 6), ylim=(-6, 6), aspect='equal', xticks=[], yticks=[])
            if row == 0: ax.set_title(f't = {u:g}', fontsize=10)
            inset = ax.inset_axes([.68, .68, .32, .32])
            inset.scatter(*forward.curve(t).T, s=.15, c=color, linewidths=0)
            inset.set(xticks=[], yticks=[], xlim=(-9, 9), ylim=(-9, 9), aspect='equal')
        axs[row, 0].set_ylabel(name, fontsize=11)
    fig.savefig(path, dpi=110)

if __name__ == '__main__':
    path = Path(__file__).parents[1]/'images'/'idea.png'
    path.parent.mkdir(exist_ok=True)
    draw(train(), path)
    print('written to', path)
