"""The ten lessons, in teaching order."""

from buddysim.lesson.course.atomic import LESSON as ATOMIC
from buddysim.lesson.course.buddies import LESSON as BUDDIES
from buddysim.lesson.course.flood import LESSON as FLOOD
from buddysim.lesson.course.fragmentation import LESSON as FRAGMENTATION
from buddysim.lesson.course.injection import LESSON as INJECTION
from buddysim.lesson.course.jumbo import LESSON as JUMBO
from buddysim.lesson.course.log import LESSON as LOG
from buddysim.lesson.course.noise import LESSON as NOISE
from buddysim.lesson.course.rings import LESSON as RINGS
from buddysim.lesson.course.watermarks import LESSON as WATERMARKS
from buddysim.lesson.lesson import Lesson

__all__ = ["LESSONS", "lesson_of"]

LESSONS: tuple[Lesson, ...] = (
    BUDDIES,
    WATERMARKS,
    FRAGMENTATION,
    ATOMIC,
    NOISE,
    JUMBO,
    INJECTION,
    FLOOD,
    RINGS,
    LOG,
)


def lesson_of(name: str) -> Lesson:
    """A lesson by name or number.  Raises ConfigError naming the lessons there are."""
    from buddysim.errors import ConfigError

    for lesson in LESSONS:
        if name in (lesson.name, str(lesson.number)):
            return lesson
    known = ", ".join(lesson.name for lesson in LESSONS)
    raise ConfigError(f"lesson {name!r}", expected=f"one of {known}")
