"""The stages of a route: which side a new file is given to, by its name alone."""

from poc.route.stages import Position, back_position, next_position

NAMES = [f"orders-{number}.csv" for number in range(2_000)]


def by_service(share):
    """The names that the service gets at a share."""
    return {name for name in NAMES if Position("canary", share).side_of(name) == "service"}


def test_a_share_is_met_and_grows():
    """The service gets about its share of names, and keeps those of a smaller share."""
    tenth, half = by_service(0.1), by_service(0.5)
    assert 0.07 < len(tenth) / len(NAMES) < 0.13
    assert 0.45 < len(half) / len(NAMES) < 0.55
    assert tenth < half


def test_the_route_leads_through_each_share_to_the_end():
    """Canary comes once for each share; from a stage at which the service sends, back leads to shadow."""
    positions = [Position("monolith")]
    while (following := next_position(positions[-1], (0.1, 0.5))) is not None:
        positions.append(following)
    assert [str(position) for position in positions] == [
        "monolith", "shadow", "canary at 0.1", "canary at 0.5", "service", "retired",
    ]  # fmt: skip
    assert [str(back_position(position)) for position in positions] == [
        "None", "monolith", "shadow", "shadow", "shadow", "shadow",
    ]  # fmt: skip
