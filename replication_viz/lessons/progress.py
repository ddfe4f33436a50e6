"""What the reader has done so far, lesson by lesson."""

from __future__ import annotations

from .book import Book, Entry, current_book, lesson_of
from .card import Face, Line, Result


def progress() -> Result:
    """Return a table of the predictions and exercises so far, by lesson.

    A prediction counts with its first answer: later ones are made with the result in mind.
    """
    return Result(_face(current_book()))


def _face(book: Book) -> Face:
    predictions, exercises = book.entries("predictions"), book.entries("exercises")
    lines = [Line(book.trouble, "bad")] if book.trouble else []
    lessons = sorted({lesson_of(name) for name in (*predictions, *exercises)})
    if not lessons:
        return Face("Progress", "", (*lines, Line("Nothing yet: commit a prediction.", "wait")))
    rows = [("lesson", "predictions", "points (first answer)", "exercises solved", "hints used")]
    for lesson in lessons:
        asked = [e for name, e in predictions.items() if lesson_of(name) == lesson]
        tasks = [e for name, e in exercises.items() if lesson_of(name) == lesson]
        rows.append(_row(lesson, asked, tasks))
    everything = _row("all", list(predictions.values()), list(exercises.values()))
    table = (*rows, everything) if len(lessons) > 1 else tuple(rows)
    return Face("Progress", "", tuple(lines), table=table)


def _row(lesson: str, asked: list[Entry], tasks: list[Entry]) -> tuple[str, str, str, str, str]:
    points = [p for p in map(_first_points, asked) if p is not None]
    mean = f"{sum(points) / len(points):.0f} of 100" if points else "–"
    solved = sum(bool(task.get("solved")) for task in tasks)
    hints = sum(h for h in (task.get("hints", 0) for task in tasks) if isinstance(h, int))
    return (lesson, str(len(asked)), mean, f"{solved} of {len(tasks)}" if tasks else "–", str(hints))


def _first_points(entry: Entry) -> int | None:
    tries = entry.get("tries")
    first = tries[0] if isinstance(tries, list) and tries else {}
    points = first.get("points") if isinstance(first, dict) else None
    return points if isinstance(points, int) else None
