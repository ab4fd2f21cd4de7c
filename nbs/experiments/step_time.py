"""What a training step costs: NDM and NFDM, full and separable, relative to DDPM with the same predictor, in continuous time.

    python nbs/experiments/step_time.py                  # CIFAR-10 size on a GPU; a small size on the CPU, a few minutes
    python nbs/experiments/step_time.py --compile        # with torch.compile as well: in bfloat16 on a GPU, in float32 on the CPU,
                                                         # where bfloat16 and attention gave gradients that are not finite (PyTorch 2.14)
    python nbs/experiments/step_time.py --show           # only print the tables from the committed results

The data are random bytes, since the cost does not depend on them. Models take turns, and the fastest round of each counts. A step is all that
`Trainer.step` does: batch, bound, gradient, Adam, average.
"""
import argparse, gc, json, os, platform, time
from pathlib import Path

results = Path(__file__).parent/'results'/'step_time.json'
models = {'DDPM': dict(preset='ddpm'), 'NDM, full': dict(preset='ndm_full'), 'NDM, separable': dict(preset='ndm'),
          'NFDM, full': dict(preset='nfdm_paper', base='vp', predictor='v'), 'NFDM, separable': dict(preset='nfdm')}
sizes = {'cuda': dict(side=32, batch=128, network=dict(width=64, depth=2, multipliers=(1, 2, 2), attention=(8,)), steps=20, rounds=3),
         'cpu': dict(side=16, batch=16, network=dict(width=16, depth=1, multipliers=(1, 2), attention=(8,)), steps=4, rounds=3)}

def measure(name, precision, compile, device, size):
    "Seconds for a step of a model, its peak memory in MiB (on a GPU), and its number of parameters."
    import torch
    from ndm_nb.presets import build
    from ndm_nb.training import Trainer, bound_for
    torch.manual_seed(0)
    model = build(event=(3, size['side'], size['side']), levels=256, gamma=(-13.3, 5.), network='unet', **size['network'], **models[name])
    x = torch.randint(0, 256, (4*size['batch'], 3, size['side'], size['side']), dtype=torch.uint8)
    trainer = Trainer(model, bound_for(None), x, x[:2], batch=size['batch'], precision=precision, compile=compile, device=device)
    wait = torch.cuda.synchronize if device == 'cuda' else lambda: None
    def steps(n):
        "Some steps."
        for _ in range(n): trainer.step(); trainer.iteration += 1
        wait()
    steps(3)
    if device == 'cuda': torch.cuda.reset_peak_memory_stats()
    start = time.perf_counter()
    steps(size['steps'])
    seconds = (time.perf_counter() - start)/size['steps']
    peak = torch.cuda.max_memory_allocated()/2**20 if device == 'cuda' else None
    return seconds, peak, sum(p.numel() for p in model.parameters())

def main(a):
    import torch
    device, ways = a.device, [('fp32', False), ('bf16', False)] + [('bf16' if a.device == 'cuda' else 'fp32', True)]*a.compile
    size, found = sizes[device], {}
    for round in range(size['rounds']):
        for precision, compile in ways:
            for name in models:
                if compile and round: continue                          # compiled anew each time, and that takes minutes
                seconds, peak, parameters = measure(name, precision, compile, device, size)
                key = f'{name} | {precision}{", compiled" if compile else ""}'
                best = min(seconds, found[key]['seconds']) if key in found else seconds
                found[key] = dict(seconds=best, peak=peak, parameters=parameters)
                print(f'{key}: {seconds*1e3:.0f} ms', flush=True)
                gc.collect(); device == 'cuda' and torch.cuda.empty_cache()
    hardware = torch.cuda.get_device_name() if device == 'cuda' else f'{os.cpu_count()} cores of a {platform.machine()} CPU'
    record = json.loads(results.read_text()) if results.exists() else {}
    record[device] = dict(hardware=hardware, torch=torch.__version__, **{k: size[k] for k in ('side', 'batch', 'network')}, found=found)
    results.write_text(json.dumps(record, indent=1) + '\n')
    return record

def table(r):
    "Times relative to DDPM in the same way; a Markdown table."
    ways = list(dict.fromkeys(key.split(' | ')[1] for key in r['found']))
    cell = lambda key, name: f"{r['found'][key]['seconds']/r['found'][f'DDPM | {name}']['seconds']:.2f}" if key in r['found'] else ''
    head = ['model', 'parameters', *ways] + ([f'peak, {way}, MiB' for way in ways] if any(v['peak'] for v in r['found'].values()) else [])
    lines = ['| ' + ' | '.join(head) + ' |', '|---'*len(head) + '|']
    for name in models:
        row = [name, f"{r['found'][f'{name} | {ways[0]}']['parameters']:,}", *(cell(f'{name} | {way}', way) for way in ways)]
        if len(head) > len(row): row += [f"{r['found'][f'{name} | {way}']['peak']:,.0f}" for way in ways]
        lines.append('| ' + ' | '.join(row) + ' |')
    base = ', '.join(f"{r['found'][f'DDPM | {way}']['seconds']*1e3:.0f} ms ({way})" for way in ways)
    return '\n'.join(lines) + f"\n\nA step of DDPM takes {base}: batch {r['batch']}, {r['side']}×{r['side']} pixels in colour, {r['hardware']}, torch {r['torch']}."

if __name__ == '__main__':
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('--show', action='store_true', help='print the committed results')
    p.add_argument('--compile', action='store_true', help='measure with torch.compile, too')
    p.add_argument('--device', default=None, choices=('cpu', 'cuda'), help='by default a GPU where there is one')
    a = p.parse_args()
    if not a.show:
        import torch
        a.device = a.device or ('cuda' if torch.cuda.is_available() else 'cpu')
    record = json.loads(results.read_text()) if a.show else main(a)
    for r in record.values(): print(f'\n{table(r)}')
