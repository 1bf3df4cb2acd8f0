"""Every form of ``--fault``, and what is said about the ones that are wrong."""

from __future__ import annotations

import pytest

from buddysim.errors import FaultSpecError
from buddysim.fault.spec import FaultSpec, parse_fault_spec


def test_attribute_form_with_every_key() -> None:
    text = (
        "fail_page_alloc:probability=10,interval=2,times=3,space=4,min-order=0,ignore-gfp-wait=N,"
        "ignore-gfp-highmem=N,require=ext4_*,reject=tcp_*"
    )
    assert parse_fault_spec(text) == FaultSpec(
        text,
        "fail_page_alloc",
        probability=10,
        interval=2,
        times=3,
        space=4,
        min_order=0,
        ignore_gfp_wait=False,
        ignore_gfp_highmem=False,
        require="ext4_*",
        reject="tcp_*",
    )


def test_defaults_are_the_kernels_but_times_has_no_limit() -> None:
    spec = parse_fault_spec("fail_page_alloc:probability=5")
    assert (spec.min_order, spec.ignore_gfp_wait, spec.ignore_gfp_highmem) == (1, True, True)
    assert (spec.interval, spec.times, spec.space) == (1, -1, 0)


@pytest.mark.parametrize(
    ("text", "kind", "number", "caller"),
    [
        ("nth:7", "nth", 7, ""),
        ("from:2", "from", 2, ""),
        ("event:0", "event", 0, ""),
        ("caller=e1000_*,nth=3", "nth", 3, "e1000_*"),
        ("nth=3,caller=e1000_*", "nth", 3, "e1000_*"),
        ("caller=*,from=1", "from", 1, "*"),
    ],
)
def test_positions(text: str, kind: str, number: int, caller: str) -> None:
    spec = parse_fault_spec(text)
    assert (spec.kind, spec.number, spec.caller) == (kind, number, caller)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("fail_page_aloc:probability=1", 1, "did you mean fail_page_alloc?"),
        ("failslab:probabilty=1", 10, "did you mean probability?"),
        ("failslab:min-order=1", 10, "unknown attribute 'min-order'"),
        ("fail_page_alloc:probability=101", 29, "expected 0..100"),
        ("fail_page_alloc:probability=x", 29, "probability 'x'"),
        ("fail_page_alloc:interval", 17, "'interval' has no value"),
        ("fail_page_alloc:min-order=11", 27, "expected 0..10"),
        ("fail_page_alloc:ignore-gfp-wait=maybe", 33, "expected Y or N"),
        ("fail_page_alloc:require=", 25, "expected require=GLOB"),
        ("nth:0", 5, "nth '0'"),
        ("nth:", 5, "nth ''"),
        ("event:-1", 7, "event '-1'"),
        ("caller=x", 0, "expected nth=N, from=N or event=N"),
        ("caller=x,nht=1", 10, "did you mean nth?"),
        ("caller=x,nth=1,from=2", 16, "both nth and from"),
        ("", 1, "unknown capability ''"),
    ],
)
def test_errors_name_the_column_and_the_nearest_word(text: str, column: int, words: str) -> None:
    with pytest.raises(FaultSpecError) as caught:
        parse_fault_spec(text)
    assert caught.value.column == column
    assert words in str(caught.value)
