"""What a new value would have meant in the last 30 days, beside the value that holds now."""

from markupsafe import Markup

from app import words
from app.components import ladder
from models.preview import DAYS, Past


def render(past: Past, *, old: int | None, new: int | None) -> Markup:
    name = past.limit_name
    before, after = past.refused_under(old), past.refused_under(new)
    refused = words.plural(past.refused, "request")
    if before is None or after is None:
        return _note(
            "How many requests run at once is not kept, so nothing can be estimated. In the last "
            f"{DAYS} days this limit refused {refused}."
        )
    if not past.requests:
        return _note(f"No requests in the last {DAYS} days, so neither value would have refused any.")
    rows = Markup("").join(
        Markup("<div><dt>{} <b>{}</b></dt><dd>{}</dd></div>").format(
            word, ladder.worded(name, value), words.plural(count, "refusal")
        )
        for word, value, count in (("Under", old, before), ("Under", new, after))
    )
    return Markup('<p class="lim-note">{}</p><dl class="a-preview">{}</dl><p class="lim-note">{}</p>').format(
        f"Of {words.plural(past.requests, 'request')} in the last {DAYS} days:",
        rows,
        f"An estimate from hourly sums, the same for both values. This limit really refused {refused}.",
    )


def _note(text: str) -> Markup:
    return Markup('<p class="lim-note">{}</p>').format(text)
