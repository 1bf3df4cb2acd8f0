"""BS209 reclaim-recursion."""

from __future__ import annotations

from collections.abc import Iterator

from buddysim.findings.finding import Evidence, Finding, Severity
from buddysim.findings.repro import command
from buddysim.findings.request import mask_text
from buddysim.findings.rule import Rule
from buddysim.replay.outcome import RunResult

__all__ = ["RULE"]


def _detect(run: RunResult) -> Iterator[Finding]:
    told: set[tuple[str, int]] = set()
    for breach in run.story.breaches:
        key = (breach.caller, breach.line)
        if key in told:
            continue
        told.add(key)
        mask = mask_text(run, breach.gfp)
        yield RULE.claim(
            breach.caller,
            f"asks with {mask} inside a {breach.section} section",
            (
                Evidence(breach.event, breach.line, breach.time_ns, mask),
                Evidence(
                    breach.section_event,
                    breach.section_line,
                    breach.section_time_ns,
                    f"section {breach.section}",
                ),
            ),
            repro=command(run),
            path=run.meta.path,
        )


RULE = Rule(
    code="BS209",
    name="reclaim-recursion",
    severity=Severity.ERROR,
    what="Reports a request inside a declared noio or nofs section whose mask lets reclaim start "
    "IO or call into filesystems.",
    why="Reclaim may then wait for a lock that the section already holds: a deadlock under "
    "pressure only.",
    known_problems="The kernel's own scoped sections narrow the mask by themselves; a declared "
    "section here does not.",
    example="section nofs\nalloc a gfp=GFP_KERNEL\nsection end",
    use_instead="GFP_NOFS or GFP_NOIO, or memalloc_nofs_save() around the section.",
    references=("catalogue of findings, BS209", "fact sheet 4.5"),
    detect=_detect,
)
