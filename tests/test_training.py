"""The loop, looked at from inside: numbers, orders, gradients, and what validation looks at."""
import math
import torch
from torch import nn
from ndm_nb.data import toy
from ndm_nb.evaluation import bound_for
from ndm_nb.model import Bound, BoundEstimator
from ndm_nb.presets import build
from ndm_nb.training import Trainer, average_decay, learning_rate, weight_average

train, valid = toy('checkerboard', 40), toy('checkerboard', 10, 1)

def model(): return build('ddpm', (2,), width=8, depth=0)

class Watched(BoundEstimator):
    "A bound that is seen from outside: random numbers, data, and whose weights are looked at."
    def __init__(self, values=()):
        self.numbers, self.data, self.looked, self.values = [], [], [], list(values)

    def __call__(self, model, x):
        weight = next(model.predictor.parameters())
        if not torch.is_grad_enabled():
            self.looked.append(weight.detach().clone())
            value = x.new_full((len(x),), self.values.pop(0))
        else:
            self.numbers.append(torch.rand(1).item())
            self.data.append(x.clone())
            value = x.sum(1)*weight.sum()
        return Bound(value, 0*value, 0*value, 2)

def watched(bound=None, **options):
    "A trainer of a small model, and its bound."
    torch.manual_seed(0)
    bound = bound or Watched([1.]*100)
    options = dict(iterations=8, batch=10, every=8, repeats=1) | options
    return Trainer(model(), bound, train, valid, **options), bound

def test_numbers_are_new_in_each_iteration_and_follow_from_the_seed():
    runs = []
    for seed in (0, 0, 1):
        trainer, bound = watched(seed=seed)
        trainer.fit(progress=False)
        runs.append(bound.numbers[-8:])
    assert len({*runs[0]}) == 8 and runs[0] == runs[1] and not {*runs[0]} & {*runs[2]}

def test_each_epoch_has_every_sample_once_in_an_order_of_its_own():
    trainer, bound = watched()
    trainer.fit(progress=False)
    batches = bound.data[-8:]
    epochs = torch.cat(batches[:4]), torch.cat(batches[4:])
    for epoch in epochs: assert torch.equal(epoch.sort(0).values, train.sort(0).values)
    assert not torch.equal(*epochs) and not torch.equal(epochs[0], train)

def test_a_gradient_is_that_of_its_iteration_and_is_cut_where_it_is_too_long():
    def gradient(iterations, **options):
        "After so many steps that move nothing."
        trainer, _ = watched(bound_for(10), lr=1e-12, **options)
        for trainer.iteration in iterations: trainer.step()
        return torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])
    last = gradient([1], clip=1e9)
    assert torch.allclose(gradient([0, 1], clip=1e9), last, atol=1e-6)
    cut = gradient([1], clip=.01)
    assert math.isclose(cut.norm(), .01, rel_tol=1e-4)
    assert torch.allclose(cut/cut.norm(), last/last.norm(), atol=1e-4)

def test_the_penalty_and_the_warmup_rise():
    "By half of it after a quarter, if they rise for half of the training; the reconstruction is there."
    def loss(progress, **options):
        "In nats, of terms 1, 2 and 4 and a penalty of 8."
        class Fixed(BoundEstimator):
            def __call__(self, model, x):
                here = x[:, 0]*0 + 0*next(model.parameters()).sum()
                return Bound(here + 1, here + 2, here + 4, 2)
        options = dict(penalty=lambda model, x: x[:, 0]*0 + 8) | options
        trainer, _ = watched(Fixed(), **options)
        trainer.iteration = round(8*progress)
        return trainer.step()*2*math.log(2)
    for progress, penalty in ((0, 0), (.25, 4), (.5, 8), (.75, 8)):
        assert math.isclose(loss(progress, ramp=.5), 7 + penalty, rel_tol=1e-5)
        assert math.isclose(loss(progress, kl_warmup=.5), 9 + 6*penalty/8, rel_tol=1e-5)

def test_validation_looks_at_the_average_and_keeps_the_best():
    trainer, bound = watched(Watched([3., 1., 2., 5.]), every=2, lr=.1)
    trainer.fit(progress=False)
    weights = bound.looked
    assert math.isclose(trainer.best*2*math.log(2), 1., rel_tol=1e-5)
    assert torch.equal(next(trainer.model.predictor.parameters()), weights[1])
    assert torch.equal(next(trainer.average.module.predictor.parameters()), weights[3])
    assert len({w.sum().item() for w in weights}) == 4

def test_the_best_is_chosen_with_the_penalty():
    penalties = iter([9., 9., 0., 9.])
    def penalty(model, x): return x[:, 0]*0 + (0. if torch.is_grad_enabled() else next(penalties))
    trainer, bound = watched(Watched([3., 1., 2., 5.]), every=2, lr=.1, penalty=penalty)
    trainer.fit(progress=False)
    assert torch.equal(next(trainer.model.predictor.parameters()), bound.looked[2])

def test_the_average_of_weights_and_of_buffers():
    net = nn.Linear(1, 1, bias=False)
    net.register_buffer('count', torch.zeros(1))
    average, mean = weight_average(net, .9), None
    for n in range(30):
        net.weight.data.fill_(n**2)
        net.count += 1
        average.update_parameters(net)
        decay = min(.9, (1 + n)/(10 + n))
        mean = n**2 if mean is None else decay*mean + (1 - decay)*n**2
        assert average_decay(.9, n) == decay
    assert math.isclose(average.module.weight.item(), mean, rel_tol=1e-5) and average.module.count == 30

def test_the_learning_rate_is_one_cycle():
    at = [learning_rate(p, warmup=.2) for p in (0., .1, .2, .6, 1.)]
    assert [round(rate, 6) for rate, _ in at] == [1e-4, .5, 1., .5, 1e-4]
    assert [round(momentum, 6) for _, momentum in at] == [.95, .9, .85, .9, .95]
    assert learning_rate(.5, 'constant', .2) == (1., .9)
    assert math.isclose(learning_rate(.1, 'constant', .2)[0], .5)

def test_half_of_the_pictures_are_mirrored():
    x = torch.arange(400*4.).reshape(400, 1, 2, 2)/1000
    torch.manual_seed(0)
    net = build('ddpm', (1, 2, 2), width=8, depth=0)
    trainer = Trainer(net, bound_for(10), x, x[:10], iterations=4, batch=400, flip=True)
    rows = trainer.rows(0)
    mirrored = rows[:, 0, 0, 0] > rows[:, 0, 0, 1]
    assert 160 < mirrored.sum() < 240
    back = torch.where(mirrored[:, None, None, None], rows.flip(-1), rows)
    assert torch.equal(back.flatten(1).sort(0).values, x.flatten(1).sort(0).values)
