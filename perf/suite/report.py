"""Medians, ratios and the table."""

import statistics


class Column:
    """One figure of a table: its key in a run's result, its heading, and how it is printed.

    `compared` adds a column with the figure as a multiple of ringcast's.
    """

    def __init__(self, key, heading, digits=0, scale=1.0, compared=False):
        self.key = key
        self.heading = heading
        self.digits = digits
        self.scale = scale
        self.compared = compared


class Scenario:
    """One thing that is measured, and the rounds of every contestant: {name: [result, …]}."""

    def __init__(self, section, title, columns):
        self.section = section
        self.title = title
        self.columns = columns
        self.contestants = []  # in the order of the table
        self.rounds = {}
        self.notes = {}

    def enter(self, contestant):
        if contestant not in self.contestants:
            self.contestants.append(contestant)

    def add(self, contestant, result):
        self.rounds.setdefault(contestant, []).append(result)

    def note(self, contestant, text):
        """Something that the reader must know about this contestant's figures; said once."""
        notes = self.notes.setdefault(contestant, [])
        if text not in notes:
            notes.append(text)

    def median(self, contestant, key):
        figures = [result[key] for result in self.rounds.get(contestant, []) if key in result]
        return statistics.median(figures) if figures else None

    def ratio(self, contestant, key, base="ringcast"):
        own, other = self.median(contestant, key), self.median(base, key)
        return own / other if own is not None and other else None

    def as_json(self):
        keys = [column.key for column in self.columns]
        names = list(self.rounds)
        return {
            "section": self.section,
            "title": self.title,
            "medians": {name: {key: self.median(name, key) for key in keys} for name in names},
            "ratios": {name: {key: self.ratio(name, key) for key in keys} for name in names},
            "notes": self.notes,
            "rounds": self.rounds,
        }


def cells(scenario, contestant):
    row = [contestant]
    for column in scenario.columns:
        figure = scenario.median(contestant, column.key)
        row.append("-" if figure is None else f"{figure * column.scale:,.{column.digits}f}")
        if column.compared:
            ratio = scenario.ratio(contestant, column.key)
            row.append("-" if ratio is None else f"{ratio:.2f}x")
    row.append("; ".join(scenario.notes.get(contestant, [])))
    return row


def table(scenario):
    """The scenario as lines of text, columns aligned."""
    heading = [""]
    for column in scenario.columns:
        heading += [column.heading] + (["ratio"] if column.compared else [])
    rows = [heading + [""]] + [cells(scenario, name) for name in scenario.contestants]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [f"{scenario.section}: {scenario.title}"]
    for row in rows:
        figures = [text.rjust(width) for text, width in zip(row[1:-1], widths[1:-1])]
        lines.append("  ".join(["  " + row[0].ljust(widths[0]), *figures, row[-1]]).rstrip())
    return "\n".join(lines) + "\n"
