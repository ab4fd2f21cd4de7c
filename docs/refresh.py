"""Execute notebooks and store what their cells print, so that the committed outputs are what the code says.

    python docs/refresh.py                      # every notebook, one process each
    python docs/refresh.py nbs/04_paths.ipynb   # only these

Cells marked `#| eval: false` are left alone, outputs included, exactly as `nbdev_test` leaves them alone.
The first error stops its notebook, which is then not written; the exit status says how many failed.
"""
import os, subprocess, sys
from pathlib import Path

def execute(path):
    "Run one notebook in its own folder and write it back, cleaned as `nbdev_clean` does."
    from execnb.nbio import read_nb, write_nb
    from execnb.shell import CaptureShell
    from fastcore.basics import str2bool
    from nbdev.clean import clean_nb
    from nbdev.process import extract_directives
    nb = read_nb(path)
    os.chdir(Path(path).parent)
    os.environ['IN_TEST'] = '1'
    shell = CaptureShell(Path(path), mpl_format='png')
    for cell in nb.cells:
        if cell.cell_type != 'code': continue
        source = cell.source
        directives = extract_directives(cell, remove=False)
        if 'nbdev_export'+'(' in source or not str2bool(directives.get('eval:', ['true'])[0]): continue
        cell.outputs = shell.run(source)
        if shell.exc:
            print(f'{path}: {repr(shell.exc)[:2000]} in the cell\n{source}', file=sys.stderr)
            return 1
        # A warning or a progress bar on stderr is not a result
        cell.outputs = [o for o in cell.outputs if o.get('name') != 'stderr']
    clean_nb(nb)
    write_nb(nb, path)
    return 0

if __name__ == '__main__':
    if sys.argv[1:2] == ['--one']: sys.exit(execute(sys.argv[2]))
    names = sys.argv[1:] or sorted(p for p in Path('nbs').rglob('*.ipynb') if '.ipynb_checkpoints' not in p.parts)
    failed = [n for n in names if subprocess.run([sys.executable, __file__, '--one', str(Path(n).resolve())]).returncode]
    if failed: sys.exit(f'{len(failed)} failed: ' + ' '.join(map(str, failed)))
