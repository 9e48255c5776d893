import pytest
from hypothesis import given
from hypothesis import strategies as st

from skopdist.formats import read_macro, write_macro
from skopdist.spaces import MacroSpace


@given(st.text("012", min_size=1, max_size=40))
def test_what_is_read_is_written(text):
    architecture = read_macro(text)
    assert write_macro(architecture) == text
    assert architecture.length == len(text)
    assert MacroSpace().is_wiring(architecture.cells[0].edges, len(text))


def test_malformed_chains():
    with pytest.raises(ValueError, match=r"Layer 3 of '01301220': expected 0, 1 or 2 for one of .*identity.*, got '3'"):
        read_macro("01301220")
    with pytest.raises(ValueError, match=r"at least one layer"):
        read_macro(" ")
    with pytest.raises(TypeError, match=r"is text, for its zeros in front count; got 1201220"):
        read_macro(1201220)


def test_writes_no_other_architectures():
    other = MacroSpace(["skip_connect", "mb_conv_3x3_e3"])
    with pytest.raises(ValueError, match=r"MacroSpace expects the operations"):
        write_macro(other.sample(other.uniform(), 8, 0))
