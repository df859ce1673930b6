"""What the filters of usage and requests offer: models, keys and ends, each with its count, the most frequent first."""

from collections.abc import Iterable, Mapping, Sequence

from app.asked import STATUSES, Chosen
from app.components.facets import Facet, Value
from models.keys import ApiKey
from models.request_log import Counts


def facets(
    counts: Counts, keys: Iterable[ApiKey], picked: Chosen, *, without: Sequence[str] = ()
) -> list[Facet]:
    """`without` are statuses that the page does not know. What is chosen is offered, whether it has entries or not."""
    names = key_labels(keys)
    by_public_id = {public_id: key_id for key_id, public_id, _ in names}
    key_counts = {public_id: counts.keys.get(key_id, 0) for public_id, key_id in by_public_id.items()}
    labels = {public_id: label for _, public_id, label in names}
    statuses = {
        status: counts.statuses.get(status, 0)
        for status in STATUSES
        if status not in without and (counts.statuses.get(status) or status in picked.statuses)
    }
    return [
        Facet("model", "Model", _values(counts.models, {}, picked.models)),
        Facet("key", "Key", _values(key_counts, labels, picked.keys)),
        Facet("status", "Status", _values(statuses, STATUSES, picked.statuses)),
    ]


def key_labels(keys: Iterable[ApiKey]) -> list[tuple[int, str, str]]:
    """Internal id, public id and name of each; names that stand twice are told apart by the last four."""
    listed = list(keys)
    names = [key.name for key in listed]
    return [
        (key.id, key.public_id, key.name if names.count(key.name) == 1 else f"{key.name} …{key.last4}")
        for key in listed
    ]


def _values(counts: Mapping[str, int], labels: Mapping[str, str], chosen: Sequence[str]) -> list[Value]:
    known = {value: count for value, count in counts.items() if count or value in chosen}
    known |= {value: 0 for value in chosen if value not in known}
    ordered = sorted(known.items(), key=lambda item: (-item[1], item[0]))
    return [
        Value(value, labels.get(value, value) or "(none)", count, value in chosen) for value, count in ordered
    ]
