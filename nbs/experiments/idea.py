"""The moving picture of the front page: a fixed and a learned forward process side by side.

    python nbs/experiments/idea.py      # two minutes on two CPU cores
"""
import torch
from ndm_nb.data import colours, dataset, toy
from ndm_nb.evaluation import bound_for
from ndm_nb.paths import LinearForward
from ndm_nb.presets import build
from ndm_nb.training import Trainer
from harness import gallery, square_of

page = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 400"
font-family="sans-serif" font-size="17">
<rect width="720" height="400" fill="white"/>{panels}
<text x="360" y="388" text-anchor="middle" font-size="14">data → noise → data;
the same points and the same noise on both sides</text></svg>
"""
panel = '<text x="{x}" y="26" text-anchor="middle">{title}</text><g transform="translate({x},205)">{dots}</g>'
dot = '<circle r="2.6" fill="{colour}" fill-opacity=".8">{moves}</circle>'
move = '<animate attributeName="{name}" dur="8s" repeatCount="indefinite" values="{values}"/>'

def train(steps=10, iterations=2500):
    "An NDM of the checkerboard with few steps."
    torch.manual_seed(0)
    model, board = build('ndm', (2,), width=128), dataset('checkerboard')
    Trainer(model, bound_for(steps), board.train, board.valid, iterations=iterations, batch=512).fit()
    return model

@torch.no_grad()
def draw(model, path, n=300, moments=17, scale=31):
    "Points and their noise, moved from data to noise and back."
    x, noise = toy('checkerboard', n, seed=1), torch.randn(n, 2)
    square = square_of(x).tolist()
    times = torch.linspace(0, 1, moments)
    processes = {'a fixed process': LinearForward(model.forward_process.schedule),
                 'a learned process': model.forward_process}
    panels = []
    for i, (title, process) in enumerate(processes.items()):
        forward = process(x)
        there = [forward(t.expand(n)).sample(noise) for t in times]
        z = (scale*torch.stack(there + there[-2::-1])*torch.tensor([1, -1])).round().long()
        def moves(k): return ''.join(move.format(name=name, values=';'.join(map(str, z[:, k, axis].tolist())))
                                     for axis, name in enumerate(('cx', 'cy')))
        dots = ''.join(dot.format(colour=colours[square[k]], moves=moves(k)) for k in range(n))
        panels.append(panel.format(x=180 + 360*i, title=title, dots=dots))
    path.write_text(page.format(panels=''.join(panels)), encoding='utf-8')

if __name__ == '__main__': draw(train(), gallery/'idea.svg')
