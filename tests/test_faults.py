"""A sample of the faults of faults.py, another one each day; all of them are planted by hand."""
from datetime import date
from random import Random
import pytest
from faults import faults, planted, root, survives

sample = Random(date.today().toordinal()).sample(faults, min(10, len(faults)))

@pytest.mark.parametrize('fault', sample, ids=[f'{fault.module}: {fault.what}' for fault in sample])
def test_a_fault_is_caught(fault):
    alone, _ = survives(fault)
    if alone is None: pytest.skip(f'{fault.test} was skipped')
    assert not alone, f'{fault.old!r} for {fault.new!r} survives {fault.test}'

def test_all_can_be_planted():
    "Each text is in its module once, and what it becomes can be compiled."
    assert len({(fault.module, fault.what) for fault in faults}) == len(faults) > 120
    for fault in faults: assert planted(fault, root) != (root/f'ndm_nb/{fault.module}.py').read_text()
