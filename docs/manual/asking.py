"""What asking an option tells of where it acts, by axis."""

from types import SimpleNamespace

from manual import acting, measuring
from manual.options import Option


def of_loss(option: Option) -> str:
    """Nothing to ask."""
    return ""


ASKED = SimpleNamespace(
    regularizer=acting.of_regularizer,
    augment=acting.of_augment,
    penalty=acting.of_penalty,
    average=acting.of_average,
    loss=of_loss,
    optimizer=acting.of_optimizer,
    model=measuring.of_model,
    norm=measuring.of_norm,
    activation=measuring.of_activation,
    init=measuring.of_init,
    lr_schedule=measuring.of_lr_schedule,
)


def found(option: Option) -> str:
    """What asking the option tells."""
    said: str = getattr(ASKED, option.axis)(option)
    return said
