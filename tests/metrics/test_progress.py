"""Progress of long work is counted, with its phase."""

from metrics.progress import ProgressCounter


def test_each_finished_item_is_shown_with_the_current_phase():
    """A phase is shown as it begins, and again with each item, of as many as there are."""
    shown = []
    counter = ProgressCounter(lambda *numbers: shown.append(numbers))
    counter.begin("writing the input files")
    counter.total = 2
    counter.begin("week 1, round 1")
    counter.add()
    counter.begin("week 1, round 2")
    counter.add()
    assert shown == [
        (0, 0, "writing the input files"),
        (0, 2, "week 1, round 1"),
        (1, 2, "week 1, round 1"),
        (1, 2, "week 1, round 2"),
        (2, 2, "week 1, round 2"),
    ]
