"""Conditions in training, and views of a model: what goes wrong in silence if it goes wrong."""
import pytest, torch
from PIL import Image
from ndm_nb.conditions import Beside, ConditionalBound, Labels, condition_of, filled, given, label_bounds
from ndm_nb.core import InputError
from ndm_nb.data import Labelled, dataset
from ndm_nb.discrete import DiscreteBound, sample_ancestral
from ndm_nb.evaluation import bound_for, evaluate
from ndm_nb.model import Bound, BoundEstimator, CategoricalDecoder, GaussianDecoder, NeuralDiffusion
from ndm_nb.model import Predictor, VelocityPredictor, told
from ndm_nb.paths import LinearForward
from ndm_nb.presets import BuiltModel, build
from ndm_nb.runs import sample_many, sample_run
from ndm_nb.sampling import sample_ode
from ndm_nb.schedules import LinearGamma
from ndm_nb.train import configure
from ndm_nb.training import Trainer, mix_seed
from ndm_nb.unet import UNet
from ndm_nb.variance import optimal_variance
from ndm_nb.volatility import MarkovVolatility, optimal_volatility

digits, noise = dataset('digits', labels=True), torch.randn(4, 1, 8, 8)

def wakened(preset='ndm', **options):
    "A model whose networks are no longer zero, and which was trained without its labels, too."
    torch.manual_seed(0)
    model = build(preset, digits.event, 17, width=16, depth=1, classes=10, **options).eval()
    for p in model.parameters(): p.data += .05*torch.randn_like(p)
    condition_of(model).dropped.fill_(1)
    return model

def test_pictures_are_mirrored_with_their_conditions():
    schedule = LinearGamma(-7, 4)
    net = Beside(UNet((3, 8, 8), width=8, multipliers=(1,), attention=(), blocks=1), (1, 8, 8))
    model = NeuralDiffusion(LinearForward(schedule), VelocityPredictor(net, schedule),
                            MarkovVolatility(schedule), CategoricalDecoder(17, schedule))
    x = digits.train.x
    holes = Labelled(x, torch.where(torch.rand_like(x) < .5, x, torch.nan))
    trainer = Trainer(model, ConditionalBound(bound_for(10)), holes, holes[:20], iterations=2, flip=True)
    rows = trainer.rows(1)
    assert torch.equal(torch.where(rows.c.isnan(), rows.x, rows.c), rows.x)
    assert not torch.equal(rows.x, trainer._read_share(1).x)                   # some have been mirrored

@pytest.mark.parametrize('preset', ('ddpm', 'ndm', 'nfdm'))
def test_what_is_known_stays_known_whatever_the_guidance(preset):
    model, x, c = wakened(preset), digits.test.x[:4], digits.test.c[:4]
    known = torch.zeros(1, 8, 8) > 0
    known[:, :4] = True
    for view in (filled(given(model, c, 3.), x, known), given(filled(model, x, known), c, 3.)):
        made = sample_ancestral(view, noise, 10)
        assert (made - x)[:, :, :4].abs().max() < .13                          # a level, at most

def test_a_view_is_a_view():
    "It shares its weights, changes nothing, and the last word counts."
    model, c = wakened(), torch.arange(4)
    before = {name: p.clone() for name, p in model.state_dict().items()}
    plain = sample_ode(given(model, c), noise, 3)
    guided = given(model, c + 2, 3.)
    assert {id(p) for p in guided.parameters()} == {id(p) for p in model.parameters()}
    assert torch.equal(sample_ode(given(guided, c), noise, 3), plain)
    assert torch.equal(sample_ode(told(guided, c), noise, 3), plain)
    assert not torch.equal(sample_ode(guided, noise, 3), plain)
    assert model.guidance is None and not model.training
    assert all(torch.equal(p, before[name]) for name, p in model.state_dict().items())

@pytest.mark.parametrize('kind', (torch.uint8, torch.int16, torch.int32))
def test_small_whole_numbers_are_labels(kind):
    model, bound = wakened(), ConditionalBound(bound_for(10))
    small = Labelled(digits.test.x, digits.test.c.to(kind))
    assert evaluate(model, bound, small, 1) == evaluate(model, bound, digits.test, 1)
    train = Labelled(digits.train.x, digits.train.c.to(kind))
    def loss(data):
        "After a few iterations."
        trainer = Trainer(wakened(), bound, data, digits.valid, iterations=4, every=4, repeats=1)
        return trainer.fit(progress=False)[0]['train']
    assert loss(train) == loss(digits.train)

def test_names_of_classes_are_kept(tmp_path):
    model = build('ndm', (2,), width=8, depth=0, classes=('cat', 'dog'))
    model.save_pretrained(tmp_path/'pets')
    again = BuiltModel.from_pretrained(tmp_path/'pets')
    assert again.config['classes'] == ['cat', 'dog'] and condition_of(again).classes == 2
    assert 'cat' in (tmp_path/'pets'/'README.md').read_text()

def test_a_dropped_label_is_none():
    "It is -1, and has a vector of its own."
    labels = Labels(3)
    c = labels.without(torch.tensor([0, 1, 2]), torch.tensor([True, True, False]))
    assert c.tolist() == [-1, -1, 2]
    assert torch.equal(labels(c)[0], labels.embedding.weight[3])

@pytest.mark.parametrize('network', ('mlp', 'unet'))
@pytest.mark.parametrize('preset', ('ndm', 'ndm_full', 'nfdm', 'nfdm_paper', 'nfdm_flow', 'nfdm_ot'))
def test_the_forward_process_is_told_the_label(preset, network):
    "Of pictures it may work on coarse pixels; and it is not told where the predictor alone is."
    sizes = dict(network=network, width=16, depth=1) | (dict(attention=()) if network == 'unet' else {})
    def moved(**options):
        "By how much the path differs between two labels, if no weight is zero."
        model = build(preset, (1, 8, 8), 17, classes=3, **sizes, **options).double()
        generator = torch.Generator().manual_seed(0)
        for p in model.parameters(): p.data += .1*torch.randn(p.shape, generator=generator)
        t, x = torch.full((2,), .5).double(), digits.test.x[:2].double()
        eps = torch.zeros_like(x)
        a, b = (told(model, torch.full((2,), label)).forward_process(x)(t).sample(eps) for label in (0, 2))
        return (a - b).abs().max().item()
    assert moved() > 1e-3 and moved(condition='predictor') == 0

def test_closed_forms_are_told_the_label():
    "The best variance and volatility of a model with labels are not those of one that is told another."
    model, part = wakened(), digits.train[:200]
    wrong = Labelled(part.x, (part.c + 1) % 10)
    def of(data):
        "Both tables, from the same noise."
        torch.manual_seed(0)
        variance = optimal_variance(model, data, 4, repeats=1)
        return variance.excess, optimal_volatility(model, data, 4, repeats=1).velocity
    for right, other in zip(of(part), of(wrong)): assert right.isfinite().all() and (right != other).any()
    for right, again in zip(of(part), of(part)): assert torch.equal(right, again)

def test_a_folder_of_class_folders_is_its_labels(tmp_path):
    "With and without a split that somebody made; what is loose, or unknown in training, is an error."
    def draw(folder, n):
        (tmp_path/folder).mkdir(parents=True)
        for i in range(n): Image.new('L', (8, 8), 20*i).save(tmp_path/folder/f'{i}.png')
    for part, n in dict(train=12, test=4).items():
        for name in ('dog', 'cat'): draw(f'pets/{part}/{name}', n)
    data = f'folder:{tmp_path}/pets'
    splits = dataset(data, size=8, labels=True)
    assert splits.classes == ('cat', 'dog')
    assert [p.c.bincount(minlength=2).sum().item() for p in splits[:3]] == [22, 2, 8]
    assert splits.test.c.tolist() == [0]*4 + [1]*4 and torch.equal(splits.test.x, dataset(data, size=8).test)
    draw('pets/test/fox', 2)
    with pytest.raises(InputError, match="class 'fox' that the training part has not; expected cat, dog"):
        dataset(data, size=8, labels=True)
    one = dataset(f'folder:{tmp_path}/pets/train', size=8, labels=True)
    assert one.classes == ('cat', 'dog') and torch.cat([p.c for p in one[:3]]).sum() == 12
    Image.new('L', (8, 8)).save(tmp_path/'pets/train/loose.png')
    with pytest.raises(InputError, match='loose.png lies in no folder of its class'):
        dataset(f'folder:{tmp_path}/pets/train', size=8, labels=True)
    assert dataset(f'folder:{tmp_path}/pets/train', size=8).train.shape[0] > 0

class Seen(BoundEstimator):
    "A bound that only looks at what the model was told, and at the next random numbers."
    def __init__(self): self.labels, self.numbers = [], []
    def __call__(self, model, x):
        self.labels.append(model.predictor.net.c)
        self.numbers.append(torch.rand(1).item())
        value = torch.full((len(x),), self.numbers[-1])
        return Bound(value, value, value, 64)

def test_as_many_are_dropped_as_were_asked_for():
    seen, model = Seen(), wakened().train()
    for _ in range(20): ConditionalBound(seen, .2)(model, digits.train[:100])
    assert .17 < (torch.cat(seen.labels) < 0).double().mean() < .23

def test_labels_are_compared_with_the_same_noise():
    seen = Seen()
    found = label_bounds(wakened(), seen, digits.test.x[:5], repeats=3)
    assert [c.tolist() for c in seen.labels[::3]] == [[label]*5 for label in range(10)]
    assert seen.numbers == seen.numbers[:3]*10 and len({*seen.numbers[:3]}) == 3
    assert torch.allclose(found, torch.tensor(3*sum(seen.numbers[:3])/3).expand(5, 10))

def test_nothing_is_dropped_in_evaluation():
    model, bound, part = wakened(), DiscreteBound(10), digits.test[:50]
    torch.manual_seed(0)
    found = ConditionalBound(bound, .9)(model, part).total
    torch.manual_seed(0)
    assert torch.equal(found, bound(given(model, part.c), part.x).total)

class Linear(Predictor):
    "A guess that is linear in z."
    matrix = torch.tensor([[.5, .2], [.1, .7]])
    def forward(self, z, t): return z @ self.matrix.T

def test_a_part_that_is_known_pulls_the_rest():
    r"By $(\alpha + \sigma^2/\alpha)\,\nabla_z$ of what is missing: here in closed form."
    schedule, z, t = LinearGamma(-7, 4), torch.randn(5, 2), torch.rand(5)
    model = NeuralDiffusion(LinearForward(schedule), Linear(), None, GaussianDecoder(schedule))
    x, known = torch.randn(5, 2), torch.tensor([True, False])
    alpha, sigma = schedule(t)
    guess = z @ Linear.matrix.T
    slope = (x - guess)[:, 0]*Linear.matrix[0, 1]
    for pull in (0., 1., 2.):
        found = filled(model, x, known, pull).predictor(z, t)
        assert torch.equal(found[:, 0], x[:, 0])
        assert torch.allclose(found[:, 1], guess[:, 1] + pull*(alpha + sigma**2/alpha)*slope, rtol=1e-4)

def test_each_batch_of_samples_has_its_own_labels():
    model, config = wakened(), configure(dict(conditional=True)).configuration
    c = torch.arange(6)
    whole, _ = sample_many(model, config, 6, 2, 'ancestral', batch=4, source=c)
    last, *_ = sample_run(model, config, 2, 2, 'ancestral', seed=mix_seed(0, 4), source=c[4:])
    assert torch.equal(whole[4:], last)
