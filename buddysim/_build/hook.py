"""The one list of compiled modules, and the hatchling hook that compiles them.

Each entry is plain Python with an augmenting ``.pxd`` beside it.  ``SKIP_CYTHON=1`` leaves every
module interpreted, ``REQUIRE_CYTHON=1`` turns any failure to compile into a failed build; with
neither, a machine without a compiler gets an interpreted wheel and one clear line saying so.
``LIMITED_API=1`` compiles for the stable ABI: one wheel for every CPython from 3.11 on.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

TO_CYTHONIZE: tuple[str, ...] = (
    "buddysim/bench/core_loop.py",
    "buddysim/bench/lower_bound.py",
    "buddysim/mm/page_arrays.py",
    "buddysim/mm/cpu_words.py",
    "buddysim/mm/free_area.py",
    "buddysim/mm/fallback.py",
    "buddysim/mm/pcp.py",
    "buddysim/mm/told.py",
    "buddysim/mm/zone.py",
    "buddysim/mm/zone_mark.py",
    "buddysim/mm/page_allocator.py",
    "buddysim/replay/follow.py",
    "buddysim/replay/glance.py",
    "buddysim/replay/live_blocks.py",
    "buddysim/replay/loop.py",
    "buddysim/replay/shape_counts.py",
    "buddysim/replay/waiting.py",
    "buddysim/source/columns.py",
    "buddysim/source/first_events.py",
    "buddysim/source/perf_samples.py",
    "buddysim/source/ring_buffer.py",
    "buddysim/source/scanner.py",
    "buddysim/source/slab_pages.py",
)

COMPILER_DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "annotation_typing": False,
    "binding": False,
}


COMPILER_FLAGS = ["-O3", "-fno-strict-aliasing", "-fwrapv"]
if os.name == "posix":
    # A page's two links are written together and read one by one, soon: out of one vector
    # register that takes longer.
    COMPILER_FLAGS.append("-fno-tree-slp-vectorize")
    # What a .pxd calls inline runs on nearly every event; left to itself, gcc calls half of it.
    COMPILER_FLAGS.append("-DCYTHON_INLINE=__inline__ __attribute__((always_inline))")


SHARED_MODULE = "buddysim._cython"
"""What Cython needs for typed memoryviews, once instead of in every module: that halves the time
to compile and the size of the wheel, and imports are quicker."""

LIMITED_API = (3, 11)
"""The stable ABI has had buffers, and so typed memoryviews, since then."""


def compile_modules(
    root: Path, build_dir: Path, *, limited_api: bool = False
) -> list[tuple[Path, str]]:
    """Compile ``TO_CYTHONIZE`` out of tree; return (shared object, path inside the wheel) pairs.

    Raises whatever Cython or the C compiler raises.
    """
    from Cython.Build import cythonize
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    sources = {source.removesuffix(".py").replace("/", "."): source for source in TO_CYTHONIZE}
    sources[SHARED_MODULE] = SHARED_MODULE.replace(".", "/") + ".c"  # Cython writes it
    extensions = [
        Extension(
            name,
            [source],
            extra_compile_args=COMPILER_FLAGS,
            py_limited_api=limited_api,
            define_macros=_limited_macros() if limited_api else [],
        )
        for name, source in sources.items()
    ]
    previous = Path.cwd()
    os.chdir(root)
    try:
        modules = cythonize(
            extensions,
            compiler_directives=COMPILER_DIRECTIVES,
            shared_utility_qualified_name=SHARED_MODULE,
            build_dir=str(build_dir / "c"),
            quiet=True,
        )
        command = build_ext(Distribution({"name": "buddysim", "ext_modules": modules}))
        command.build_lib = str(build_dir / "lib")
        command.build_temp = str(build_dir / "obj")
        command.ensure_finalized()
        command.run()
    finally:
        os.chdir(previous)
    lib = build_dir / "lib"
    return [(so, so.relative_to(lib).as_posix()) for so in sorted(lib.rglob("*.so"))]


def _limited_macros() -> list[tuple[str, str]]:
    major, minor = LIMITED_API
    return [("Py_LIMITED_API", f"0x{major:02X}{minor:02X}0000")]


def limited_api_tag() -> str:
    """Tag of a wheel for the stable ABI on this platform: ``cp311-abi3-linux_x86_64``."""
    from packaging.tags import sys_tags

    # As hatchling infers it: a wheel built anywhere promises no more than its own platform.
    platforms = (tag.platform for tag in sys_tags())
    platform = next(name for name in platforms if "manylinux" not in name and "musl" not in name)
    return f"cp{LIMITED_API[0]}{LIMITED_API[1]}-abi3-{platform}"


class CythonHook(BuildHookInterface):
    """Adds the compiled modules to a wheel; see the module docstring for the switches."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile and register the shared objects, or say why the wheel is interpreted."""
        if os.environ.get("SKIP_CYTHON") == "1" or not TO_CYTHONIZE:
            return
        limited_api = os.environ.get("LIMITED_API") == "1"
        build_dir = Path(tempfile.mkdtemp(prefix="buddysim-build-"))
        try:
            built = compile_modules(Path(self.root), build_dir, limited_api=limited_api)
        except BaseException as error:
            shutil.rmtree(build_dir, ignore_errors=True)
            if os.environ.get("REQUIRE_CYTHON") == "1" or isinstance(error, KeyboardInterrupt):
                raise
            print(
                f"buddysim: no compiled core ({type(error).__name__}: {error}); "
                "installing the interpreted build",
                file=sys.stderr,
            )
            return
        self._build_dir = build_dir
        build_data["pure_python"] = False
        if limited_api:
            build_data["tag"] = limited_api_tag()
        else:
            build_data["infer_tag"] = True
        for shared_object, inside in built:
            build_data["force_include"][str(shared_object)] = inside

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Drop the build directory once the wheel is written."""
        if hasattr(self, "_build_dir"):
            shutil.rmtree(self._build_dir, ignore_errors=True)
