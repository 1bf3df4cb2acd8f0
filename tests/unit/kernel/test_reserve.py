"""How far below a mark each caller may go, by era: the table of fact sheet 3.4 with its numbers."""

from __future__ import annotations

import pytest

from buddysim.kernel.gfp import Gfp, composite
from buddysim.kernel.profile import PROFILES, profile_of
from buddysim.kernel.reserve import effective_min, rights_of

MARK = 8182
LOOPS = ("2.6.25", "2.6.32", "3.13")
MIDDLE = ("4.4", "4.9", "4.14", "4.19")


def floor(era: str, gfp: int, **who: bool) -> int:
    profile = profile_of(era)
    return effective_min(MARK, rights_of(gfp, profile, **who), profile)


@pytest.mark.parametrize("era", PROFILES)
def test_kernel_atomic_and_memalloc_are_alike_in_every_era(era: str) -> None:
    assert floor(era, composite("GFP_KERNEL", era)) == 8182
    assert floor(era, composite("GFP_ATOMIC", era)) == 3069
    assert floor(era, composite("GFP_KERNEL", era) | Gfp.HIGH) == 4091
    assert floor(era, composite("GFP_KERNEL", era), memalloc_task=True) == 0
    assert floor(era, composite("GFP_KERNEL", era) | Gfp.MEMALLOC) == 0


@pytest.mark.parametrize("era", PROFILES)
def test_nowait_dips_only_in_old_kernels(era: str) -> None:
    assert floor(era, composite("GFP_NOWAIT", era)) == (6137 if era in LOOPS else 8182)


@pytest.mark.parametrize("era", PROFILES)
def test_realtime_task(era: str) -> None:
    modern = era not in (*LOOPS, *MIDDLE)
    assert floor(era, composite("GFP_KERNEL", era), realtime=True) == (4091 if modern else 6137)


@pytest.mark.parametrize("era", PROFILES)
def test_oom_victim(era: str) -> None:
    limited = era not in (*LOOPS, "4.4", "4.9")
    assert floor(era, composite("GFP_KERNEL", era), oom_victim=True) == (4091 if limited else 0)


@pytest.mark.parametrize("era", ["4.19", "6.12"])
def test_nomemalloc_takes_reserves_away(era: str) -> None:
    mask = composite("GFP_ATOMIC", era) | Gfp.NOMEMALLOC
    assert floor(era, mask, memalloc_task=True, oom_victim=True) == 4091


def test_atomic_oom_victim_today_stacks_all_three_cuts() -> None:
    assert floor("6.12", composite("GFP_ATOMIC", "6.12"), oom_victim=True) == 3069 - 3069 // 2
