"""Verdicts as JUnit XML: one test case a caller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

__all__ = ["junit_text"]

Row = Mapping[str, Any]


def junit_text(report: Row) -> str:
    """A caller that mishandles failures fails; one that was never reached is skipped."""
    callers = report["callers"]
    words = [row["verdict"] for row in callers]
    suite = ElementTree.Element(
        "testsuite",
        name=f"buddysim {report['trace']['path']}",
        tests=str(len(callers)),
        failures=str(words.count("mishandles")),
        errors="0",
        skipped=str(words.count("untested")),
    )
    for row in callers:
        case = ElementTree.SubElement(
            suite, "testcase", classname=report["trace"]["path"], name=row["caller"]
        )
        if row["verdict"] == "untested":
            ElementTree.SubElement(case, "skipped", message="no failure reached it")
        elif row["verdict"] == "mishandles":
            _failure(case, [each for each in report["findings"] if each["caller"] == row["caller"]])
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _failure(case: ElementTree.Element, findings: list[Row]) -> None:
    codes = " ".join(sorted({each["code"] for each in findings}))
    failure = ElementTree.SubElement(case, "failure", message=codes, type="mishandled")
    failure.text = "\n".join(
        f"{each['code']} {each['name']}: {each['message']}\n$ {each['repro']}" for each in findings
    )
