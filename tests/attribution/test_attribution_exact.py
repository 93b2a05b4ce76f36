"""Exact methods against brute force on small random problems."""

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from attribution.markov import markov
from attribution.paths import PathTable, paths_from_strings
from attribution.rules import RULES, rule_credit, shares
from attribution.shapley import channel_sets, shapley_ordered, shapley_rate, shapley_sum
from measurement.errors import InputError


def random_table(seed, channels=4, rows=12, longest=6):
    rng = np.random.default_rng(seed)
    names = [f"c{index}" for index in range(channels)]
    paths = [" > ".join(rng.choice(names, rng.integers(1, longest + 1))) for _ in range(rows)]
    conversions = rng.integers(0, 5, rows)
    conversions[0] += 1
    return paths, paths_from_strings(
        paths, conversions=conversions, nulls=rng.integers(0, 9, rows), value=conversions * rng.uniform(1, 9, rows)
    )


def brute_markov(paths, table: PathTable, order):
    """Removal effects by summing over steps until nobody is left: no linear algebra shared with the code."""
    leave, convert, value, total = {}, {}, {}, {}
    for row, path in enumerate(paths):
        weight = table.conversions[row] + table.nulls[row]
        state = ()
        for touch in path.split(" > "):
            following = (*state, touch)[-order:]
            leave[state, following] = leave.get((state, following), 0.0) + weight
            total[state] = total.get(state, 0.0) + weight
            state = following
        total[state] = total.get(state, 0.0) + weight
        convert[state] = convert.get(state, 0.0) + table.conversions[row]
        value[state] = value.get(state, 0.0) + table.value[row]

    def earned(rewards, removed):
        mass, result = {(): 1.0}, 0.0
        for _ in range(100_000):
            if sum(mass.values()) < 1e-14:
                break
            result += sum(share * rewards.get(state, 0.0) / total[state] for state, share in mass.items())
            onward = {}
            for (source, target), weight in leave.items():
                if source in mass and weight and target[-1] != removed:
                    onward[target] = onward.get(target, 0.0) + mass[source] * weight / total[source]
            mass = onward
        return result

    return np.array(
        [[1 - earned(each, name) / earned(each, None) for each in (convert, value)] for name in table.channels]
    )


def brute_rate(table: PathTable):
    """Shapley values of the rate game over all orders of the channels."""
    sets = [
        frozenset(table.touches[first:last].tolist())
        for first, last in zip(table.offsets[:-1], table.offsets[1:], strict=True)
    ]

    def worth(team):
        inside = [index for index, each in enumerate(sets) if each <= team]
        journeys = table.journeys[inside].sum()
        return table.conversions[inside].sum() / journeys if journeys else 0.0

    width = len(table.channels)
    orders = list(permutations(range(width)))
    result = np.zeros(width)
    for order in orders:
        for place, channel in enumerate(order):
            result[channel] += worth(frozenset(order[: place + 1])) - worth(frozenset(order[:place]))
    return result / len(orders) * table.journeys.sum()


@pytest.mark.parametrize("block", range(4))
def test_markov_agrees_with_brute_force(block):
    for seed in range(50 * block, 50 * block + 50):
        paths, table = random_table(seed)
        order = seed % 4 + 1
        found = markov(table, order=order)
        expected = brute_markov(paths, table, order)
        np.testing.assert_allclose(found.removal, expected[:, 0], atol=1e-9)
        np.testing.assert_allclose(found.removal_value, expected[:, 1], atol=1e-9)
        assert found.conversions.sum() == pytest.approx(table.conversions.sum())


def test_shapley_agrees_with_brute_force():
    for seed in range(200):
        _, table = random_table(seed)
        np.testing.assert_allclose(shapley_rate(table).conversions, brute_rate(table), atol=1e-9)


def brute_ordered(paths, table, positions):
    """Conversions by channel and place of the touch: equal parts for the channels, then for the channel's places."""
    result = np.zeros((len(table.channels), positions))
    for path, bought in zip(paths, table.conversions, strict=True):
        touches = path.split(" > ")
        for place, name in enumerate(touches):
            part = bought / len(set(touches)) / touches.count(name)
            result[table.channels.index(name), min(place, positions - 1)] += part
    return result


def brute_share(touches, days, rule):
    """Share of each touch of one path, by the definition of each rule."""
    last = len(touches) - 1
    if rule == "linear":
        return [1 / len(touches) for _ in touches]
    if rule == "time_decay":
        weights = [0.5 ** (day / 7.0) for day in days]
        return [weight / sum(weights) for weight in weights]
    if rule == "position_based" and last > 1:
        return [0.4 if place in (0, last) else 0.2 / (last - 1) for place in range(last + 1)]
    if rule == "position_based":
        return [1 / len(touches) for _ in touches]
    other = [place for place, name in enumerate(touches) if name != "direct"]
    chosen = {"first": 0, "last": last, "last_non_direct": other[-1] if other else last}[rule]
    return [float(place == chosen) for place in range(last + 1)]


def test_rules_and_the_ordered_game_agree_with_brute_force():
    for seed in range(200):
        rng = np.random.default_rng([seed, 4])
        names = ["direct", "Ünï çode", "b", "一"][: rng.integers(1, 5)]
        walks = [list(rng.choice(names, rng.integers(1, 8))) for _ in range(12)]
        bought = rng.integers(0, 4, 12)
        worth = bought * rng.uniform(-2, 9, 12)
        paths = [" > ".join(walk) for walk in walks]
        table = paths_from_strings(paths, conversions=bought, nulls=1 + bought, value=worth)
        days = [np.sort(rng.uniform(0, 40, len(walk)).astype(np.float32))[::-1] for walk in walks]
        table = replace(table, ages=np.concatenate(days))
        for rule in RULES:
            expected = dict.fromkeys(table.channels, np.zeros(2))
            for walk, day, *earned in zip(walks, days, bought, worth, strict=True):
                for name, share in zip(walk, brute_share(walk, day.astype(float), rule), strict=True):
                    expected[name] = expected[name] + share * np.array(earned)
            found = rule_credit(table, shares(table, rule))
            np.testing.assert_allclose(found, np.stack(list(expected.values())), atol=1e-9, err_msg=rule)
        for positions in (1, 3, 10):
            found = shapley_ordered(table, positions=positions)
            np.testing.assert_allclose(found, brute_ordered(paths, table, positions), atol=1e-9)


def test_large_chains_are_solved_like_small_ones(monkeypatch):
    _, table = random_table(3, channels=6, rows=60)
    dense = [markov(table, order=order).removal for order in (1, 2, 4)]
    monkeypatch.setattr("attribution.markov._DENSE", 1)
    for order, expected in zip((1, 2, 4), dense, strict=True):
        np.testing.assert_allclose(markov(table, order=order).removal, expected, atol=1e-10)


def test_many_channels_are_sampled_within_the_bound(monkeypatch):
    _, table = random_table(5, channels=8, rows=80)
    exact = shapley_rate(table)
    monkeypatch.setattr("attribution.shapley.MOST_EXACT", 2)
    sampled = shapley_rate(table, permutations=2_000, seed=1)
    assert sampled.permutations == 2_000
    assert (np.abs(sampled.conversions - exact.conversions) <= sampled.error).all()
    assert np.abs(sampled.conversions - exact.conversions).max() > 0


def test_the_ordered_game_sums_to_the_sum_game():
    _, table = random_table(8)
    ordered = shapley_ordered(table)
    np.testing.assert_allclose(ordered.sum(axis=1), shapley_sum(table).conversions, atol=1e-10)


def test_sets_beyond_one_machine_word():
    names = [f"c{index:03d}" for index in range(130)]
    table = paths_from_strings([" > ".join(names), names[0]], conversions=[130, 1])
    assert channel_sets(table).member.sum() == 131
    assert shapley_sum(table).conversions[0] == pytest.approx(2.0)


def test_rules_by_hand():
    table = paths_from_strings(["a > direct > b > direct", "direct"], conversions=[10, 1])
    a, direct = 0, 2

    def credit(rule):
        return rule_credit(table, shares(table, rule))[:, 0]

    assert credit("first")[a] == 10
    assert credit("last")[direct] == 11
    assert credit("last_non_direct").tolist() == [0, 10, 1]
    assert credit("linear").tolist() == [2.5, 2.5, 6.0]
    np.testing.assert_allclose(credit("position_based"), [4, 1, 6])
    with pytest.raises(InputError, match="time of every touch"):
        shares(table, "time_decay")


def test_nothing_converts():
    with pytest.raises(InputError, match="no path ends in a conversion"):
        markov(paths_from_strings(["a"], conversions=[0], nulls=[3]))
