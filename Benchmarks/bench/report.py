"""Medians, ratios and goals from the samples of one run, as a table and as a value for JSON."""

from statistics import median

# How ours stands to the reference. Speeds: reference seconds ÷ ours, at least; times: ours ÷ reference, at most.
SPEED_GOALS = {
    ("file", "A"): 1.1,
    ("file", "B"): 0.95,
    ("file", "C"): 0.95,
    ("scan", "A"): 430 / 800,
    ("cluster", "K"): 15,
    ("verify-scan", "A"): 330 / 800,
}
TIME_GOALS = {("psync", "A"): 1.0, ("psync", "B"): 1.0, ("psync", "C"): 1.0, ("verify", "A"): 1.5}
# CPU seconds of the tool for a million keys, at most.
CPU_GOALS = {("file", "A"): 0.12, ("file", "B"): 0.7, ("verify", "A"): 1.0, ("verify-scan", "A"): 1.0}
# Peak resident bytes of the tool, at most.
PEAK_GOAL = 96_000_000
VERIFY_PEAK_GOAL = 160_000_000


def summarise(mode, data, ours, reference):
    """One row: what was measured `rounds` times, reduced to medians. The lists are in the order of the rounds."""
    row = {"mode": mode, "data": data.name, "keys": data.keys, "ours": ours, "reference": reference, "goals": []}
    problems = [sample["problem"] for sample in ours + reference if sample["problem"]]
    row["problems"] = problems
    for name, samples in (("ours", ours), ("reference", reference)):
        for field in ("seconds", "tool_cpu", "source_cpu", "target_cpu", "peak_bytes", "other_load"):
            values = [sample[field] for sample in samples if field in sample]
            row[f"{name}_{field}"] = median(values) if values else None
    key = (mode, data.name)
    if ours and reference:
        # Round by round, and then the median: what slows the machine for a while slows both halves of a round.
        speeds = [r["seconds"] / o["seconds"] for o, r in zip(ours, reference)]
        row["speed"] = median(speeds)
        if key in SPEED_GOALS:
            _goal(row, "speed against the reference", row["speed"], ">=", SPEED_GOALS[key])
        if key in TIME_GOALS:
            _goal(row, "time against the reference", median(1 / speed for speed in speeds), "<=", TIME_GOALS[key])
    if ours:
        if key in CPU_GOALS:
            _goal(row, "tool CPU s per million keys", row["ours_tool_cpu"] / data.keys * 1e6, "<=", CPU_GOALS[key])
        peak = VERIFY_PEAK_GOAL if mode.startswith("verify") else PEAK_GOAL
        _goal(row, "peak memory MB", max(sample["peak_bytes"] for sample in ours) / 1e6, "<=", peak / 1e6)
    return row


def is_good(row):
    return not row["problems"] and all(goal["met"] for goal in row["goals"])


def tables(rows):
    lines = _columns(
        ["mode", "data", "keys", "who", "seconds", "keys/s", "tool CPU", "source CPU", "target CPU", "peak MB",
         "other load"],
        [cells for row in rows for cells in _measured(row)])
    goals = [[row["mode"], row["data"], goal["what"], f"{goal['value']:.3g}", f"{goal['sign']} {goal['goal']:.3g}",
              "yes" if goal["met"] else "NO"] for row in rows for goal in row["goals"]]
    if goals:
        lines += [""] + _columns(["mode", "data", "what", "value", "goal", "met"], goals)
    lines += [f"PROBLEM {row['mode']} {row['data']}: {problem}" for row in rows for problem in row["problems"]]
    return "\n".join(lines)


def _goal(row, what, value, sign, goal):
    met = value >= goal if sign == ">=" else value <= goal
    row["goals"].append({"what": what, "value": value, "sign": sign, "goal": goal, "met": met})


def _measured(row):
    for name in ("ours", "reference"):
        seconds = row[f"{name}_seconds"]
        if seconds is None:
            continue
        peak = row[f"{name}_peak_bytes"]
        yield [row["mode"], row["data"], f"{row['keys']:,}", name, f"{seconds:.3f}", f"{row['keys'] / seconds:,.0f}",
               _seconds(row[f"{name}_tool_cpu"]), _seconds(row[f"{name}_source_cpu"]),
               _seconds(row[f"{name}_target_cpu"]), f"{peak / 1e6:.0f}" if peak else "–",
               f"{row[f'{name}_other_load']:.0%}"]


def _seconds(value):
    return "–" if value is None else f"{value:.2f}"


def _columns(header, rows):
    widths = [max(len(line[column]) for line in [header, *rows]) for column in range(len(header))]
    # Words to the left, figures to the right.
    left = [not any(row[column][:1].isdigit() for row in rows) for column in range(len(header))]
    return ["  ".join(cell.ljust(width) if is_left else cell.rjust(width)
                      for cell, width, is_left in zip(line, widths, left)).rstrip()
            for line in [header, ["-" * width for width in widths], *rows]]
