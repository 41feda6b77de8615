"""Times a cell: rounds in which every contestant has one turn."""

import statistics

FIELDS = [
    "kind", "scheme", "mode", "dim", "depth", "shape", "tokens", "threads", "class", "contestant",
    "microseconds", "ratio", "gflops", "percent_of_peak", "rounds",
]  # fmt: skip
TURN = 0.08  # seconds of steps in a turn, at least one step
LONG = 0.3  # a step as long as this needs no warm-up, since it brings its own data into the caches


def steps_of_a_turn(contestant):
    """(steps to time, steps to warm up), and about the seconds of both."""
    seconds = contestant.time(1, 0)
    if seconds < TURN / 10:
        seconds = contestant.time(5, 0)
    count = max(1, min(1000, round(TURN / seconds)))
    warm_up = 0 if seconds > LONG else max(1, count // 10)
    return (count, warm_up), seconds * (count + warm_up)


def turns(contestants, budget):
    """3 to 15 rounds of one turn each: a list of {contestant: seconds of a step}, the order rotating."""
    plans = {c: steps_of_a_turn(c) for c in contestants}
    rounds = max(3, min(15, int(budget / sum(seconds for _, seconds in plans.values()))))
    found = []
    for i in range(rounds):
        first = i % len(contestants)
        found.append({c: c.time(*plans[c][0]) for c in contestants[first:] + contestants[:first]})
    return found


def rows(cell, contestants, ours, budget, peaks):
    """One row a contestant: medians over the rounds; ratio = its time over ours in the same round."""
    rounds = turns(contestants, budget)
    for contestant in contestants:
        seconds = statistics.median(r[contestant] for r in rounds)
        ratio = statistics.median(r[contestant] / r[ours] for r in rounds)
        gflops = 1e-9 * cell.flops / seconds
        values = [cell.kind, cell.scheme, cell.mode, cell.dim, cell.depth, cell.shape, cell.tokens, cell.threads]
        values += [cell.size_class if cell.kind == "grid" else cell.kind, contestant.name, f"{1e6 * seconds:.2f}"]
        values += [f"{ratio:.4f}", f"{gflops:.2f}", f"{100 * gflops / peaks[cell.threads - 1]:.1f}", len(rounds)]
        yield dict(zip(FIELDS, values))
