"""The diagnostics that a command asks for: the options of conf/diagnose, and the keys overridden."""

from collections.abc import Sequence

from dropgrid import checks
from dropgrid.errors import UserError, did_you_mean
from dropgrid.measure.output import DiagnosticRequest

DEFAULT = "signal"


def requested_diagnostics(words: Sequence[str]) -> list[DiagnosticRequest]:
    """Return the diagnostics that the overrides name; UserError for an unknown diagnostic or key."""
    from dropgrid.planning.compose import group_options, hydra_context, resolved_config, shared_composer
    from dropgrid.planning.explain import explained
    from dropgrid.planning.overrides import key_of, parse_overrides, texts_of, values_of

    with hydra_context(), explained():
        parsed = parse_overrides([word.removeprefix("+") for word in words])
        named = [value for each in parsed if each.key_or_group == "diagnose" for value in values_of(each)]
        known = group_options("diagnose")
        names = known if named == ["all"] else named or [DEFAULT]
        for name in names:
            if name not in known:
                close = did_you_mean(name, known)
                raise UserError(f"there is no diagnostic {name!r}{close}; all, or: {', '.join(known)}")
        keys = [each for each in parsed if each.key_or_group != "diagnose"]
        swept = next((each for each in keys if each.is_sweep_override()), None)
        if swept is not None:
            raise UserError(
                f"{swept.input_line}: diagnose.* keys take one value each; only configurations can be swept"
            )
        composer = shared_composer()
        nodes = {name: resolved_config(composer.compose([f"+diagnose={name}"]))["diagnose"] for name in names}
        if named == ["all"]:  # those that measure a network
            nodes = {name: node for name, node in nodes.items() if "images" in node}
        for each in keys:
            key = key_of(each).removeprefix("diagnose.")
            there = list(dict.fromkeys(k for node in nodes.values() for k in node if not k.startswith("_")))
            if key not in there:
                raise UserError(
                    f"there is no key diagnose.{key}{did_you_mean(key, there)}; keys: {', '.join(there) or 'none'}"
                )
        made = []
        for name, node in nodes.items():
            lines = texts_of([each for each in keys if key_of(each).removeprefix("diagnose.") in node])
            composed = resolved_config(composer.compose([f"+diagnose={name}", *lines]))["diagnose"]
            if "images" not in composed:
                made.append(DiagnosticRequest(name, composed, None, 0, None))
                continue
            images, steps, every = (composed.pop(key) for key in ("images", "steps", "every"))
            checks.whole_number("diagnose.images", images, 1, error=UserError)
            checks.whole_number("diagnose.steps", steps, 0, error=UserError)
            if every is not None:
                checks.whole_number("diagnose.every", every, 1, error=UserError)
            made.append(DiagnosticRequest(name, composed, images, steps, every))
    return made
