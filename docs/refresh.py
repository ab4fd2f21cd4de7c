"""Execute notebooks and store what their cells print, so that the committed outputs are what the code says.

    python docs/refresh.py                      # every notebook, one process each
    python docs/refresh.py nbs/03_paths.ipynb   # only these

The first error stops its notebook, which is then not written; the exit status says whether any failed.
Figures have the colours of docs/figures.mplstyle, and twice the resolution at which they are shown.
"""
import io, os, subprocess, sys
from base64 import b64decode, b64encode
from pathlib import Path

style = Path(__file__).resolve().with_name('figures.mplstyle')

def with_palette(png):
    "A figure in 128 colours: the eye hardly sees a difference, and the file is a third as large."
    from PIL import Image
    image = Image.open(io.BytesIO(b64decode(png))).convert('RGB')
    image.quantize(128, dither=Image.Dither.NONE).save(data := io.BytesIO(), format='png', optimize=True)
    return b64encode(data.getvalue()).decode() + '\n'

def execute(path):
    "Run one notebook in its own folder and write it back, cleaned as `nbdev_clean` does."
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    from nbdev.clean import clean_nb
    nb = read_nb(path)
    os.chdir(Path(path).parent)
    os.environ['IN_TEST'] = '1'
    shell = CaptureShell(Path(path), mpl_format='retina')
    shell.run(f'import matplotlib.style; matplotlib.style.use({str(style)!r}); del matplotlib')
    for cell in nb.cells:
        if cell.cell_type != 'code': continue
        cell.outputs = shell.run(cell.source)
        if shell.exc:
            print(f'{path}: {repr(shell.exc)[:2000]} in the cell\n{cell.source}', file=sys.stderr)
            return 1
        # A warning or a progress bar on stderr is not a result
        cell.outputs = [o for o in cell.outputs if o.get('name') != 'stderr']
        for data in (o.get('data', {}) for o in cell.outputs):
            if 'image/png' in data: data['image/png'] = with_palette(data['image/png'])
    clean_nb(nb)
    write_nb(nb, path)
    return 0

if __name__ == '__main__':
    if sys.argv[1:2] == ['--one']: sys.exit(execute(sys.argv[2]))
    everything = (path for path in Path('nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in path.parts)
    one = [sys.executable, __file__, '--one']
    failed = [name for name in sys.argv[1:] or sorted(everything)
              if subprocess.run([*one, str(Path(name).resolve())]).returncode]
    if failed: sys.exit(f'{len(failed)} failed: ' + ' '.join(map(str, failed)))
