"Every model that `build` makes can be sent to another process: pickled, copied, and still the same model."
import copy, pickle
import pytest, torch
from ndm_nb.continuous import generative_drift
from ndm_nb.presets import build, presets

def outputs(model):
    "What the parts of a model make of fixed points and times."
    torch.manual_seed(1)
    z, t = torch.randn(3, 1, 4, 4), torch.tensor([.1, .5, .9])
    if model.config.get('latent'): return [model.encode(z).mean, model.decode(z.flatten(1))]
    schedule = model.forward_process.schedule
    return [generative_drift(model, z, t), model.volatility(t), *schedule(t), model.decoder(z).mode]

@pytest.mark.parametrize('network', ['mlp', 'unet'])
@pytest.mark.parametrize('preset', presets)
def test_a_model_can_be_pickled_and_copied(preset, network):
    torch.manual_seed(0)
    model = build(preset, (1, 4, 4), levels=17, width=8, depth=1, network=network)
    for p in model.parameters(): torch.nn.init.normal_(p, std=.3)
    expected = outputs(model)
    for other in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model)):
        assert type(other) is type(model) and other.config == model.config
        weights = other.state_dict()
        assert all(torch.equal(v, weights[name]) for name, v in model.state_dict().items())
        for a, b in zip(expected, outputs(other), strict=True): assert torch.equal(a, b)
