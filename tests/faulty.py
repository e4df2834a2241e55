"""Small networks around drop layers, with one fault each, for the tests of the audit."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint


class Net(nn.Module):
    """A network around a layer."""

    def __init__(self, layer):
        super().__init__()
        self.conv, self.norm, self.drop = nn.Conv2d(16, 16, 3, padding=1), nn.BatchNorm2d(16), layer
        self.head = nn.Linear(16, 4)

    def features(self, images):
        return self.norm(self.conv(images))

    def forward(self, images):
        return self.head(self.dropped(self.features(images)).mean((2, 3)))

    def dropped(self, features):
        return self.drop(features)


class Masked(nn.Module):
    """A drop layer made of three choices; the defaults are right."""

    def __init__(self, p=0.3, used=None, scale=None, share=(), eval_scale=1.0):
        super().__init__()
        self.p, self.used, self.share, self.eval_scale = p, p if used is None else used, share, eval_scale
        self.scale = 1 / (1 - p) if scale is None else scale

    def mask(self, x):
        shape = [1 if dim in self.share else size for dim, size in enumerate(x.shape)]
        return (torch.rand(shape) >= self.used).to(x.dtype) * self.scale

    def forward(self, x):
        return x * self.mask(x) if self.training else x * self.eval_scale


class MaskedDropout(Masked):
    """Named after dropping."""


class KeepsTheMaskDropout(Masked):
    """Draws its mask once."""

    kept = None

    def mask(self, x):
        self.kept = super().mask(x) if self.kept is None else self.kept
        return self.kept


class SeededDropout(Masked):
    def mask(self, x):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return super().mask(x)


class PairBatchDropout(Masked):
    """The mask of half of the batch, twice."""

    def mask(self, x):
        half = super().mask(x[: len(x) // 2])
        return torch.cat([half, half])


class PairChannelDropout(Masked):
    def mask(self, x):
        return super().mask(x[:, ::2]).repeat_interleave(2, 1)


class SeedPerCallDropout(Masked):
    """Three seeds in turn."""

    calls = 0

    def mask(self, x):
        self.calls += 1
        with torch.random.fork_rng():
            torch.manual_seed(self.calls % 3)
            return super().mask(x)


class Straight(torch.autograd.Function):
    """x · mask forward, the gradient as it is backward."""

    @staticmethod
    def forward(ctx, x, mask):
        return x * mask

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class StraightDropout(Masked):
    def forward(self, x):
        return Straight.apply(x, self.mask(x)) if self.training else x


class DetachedDropout(Masked):
    def forward(self, x):
        return super().forward(x.detach())


class HalfScaled(torch.autograd.Function):
    """The scale is lost backward."""

    @staticmethod
    def forward(ctx, x, mask):
        ctx.save_for_backward(mask)
        return x * mask

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (ctx.saved_tensors[0] > 0), None


class HalfScaledDropout(Masked):
    def forward(self, x):
        return HalfScaled.apply(x, self.mask(x)) if self.training else x


class AlwaysDropout(Masked):
    def forward(self, x):
        return x * self.mask(x)


class InvertedDropout(Masked):
    """`if not self.training`."""

    def forward(self, x):
        return x if self.training else x * self.mask(x)


class SmallDropout(Masked):
    """What it drops becomes small, not 0."""

    def mask(self, x):
        return super().mask(x) + 0.01


class ShrinkDropout(Masked):
    """Forgets to draw: x · (1 - p)."""

    def forward(self, x):
        return x * (1 - self.p) if self.training else x


class FrozenDropout(nn.Dropout):
    def train(self, mode=True):
        return super().train(False)


class Ignored(Net):
    def dropped(self, features):
        self.drop(features)
        return features


class OnClone(Net):
    def dropped(self, features):
        self.drop(features.clone())
        return features


class Overwritten(Net):
    """The mask is applied, and then the features as they were are taken."""

    def dropped(self, features):
        dropped = self.drop(features)
        return torch.where(torch.ones_like(features) > 0, features, dropped.detach())


class TimesZero(Net):
    def dropped(self, features):
        return features + 0 * self.drop(features)


class DrawsAgain(Net):
    """Its checkpoint draws another mask in the backward pass."""

    def features(self, images):
        return images

    def dropped(self, images):
        again = {"use_reentrant": False, "preserve_rng_state": False}
        return checkpoint(lambda x: self.drop(self.norm(self.conv(x))), images, **again)


class NeverCalled(Net):
    def dropped(self, features):
        return features


class Functional(Net):
    def __init__(self, function, **given):
        super().__init__(nn.Identity())
        self.function, self.given = function, given

    def dropped(self, features):
        return self.function(features, **self.given)


class FunctionalIgnored(Net):
    def dropped(self, features):
        F.dropout(features, 0.5, self.training)
        return features


class FunctionalInverted(Net):
    def dropped(self, features):
        return F.dropout(features, 0.5, not self.training)


class Attention(Net):
    def dropped(self, features):
        tokens = features.flatten(2)
        return F.scaled_dot_product_attention(tokens, tokens, tokens, dropout_p=0.2).view_as(features)


class BatchMask(Net):
    """The layer is right, but it is fed a mask without examples."""

    def dropped(self, features):
        return features * self.drop(torch.ones_like(features[:1]))


class Reseeds(Net):
    """Every forward pass begins with the same seed."""

    def forward(self, images):
        torch.manual_seed(3)
        return super().forward(images)


class ReseedsInTurn(Net):
    """Forward passes begin with one of two seeds."""

    calls = 0

    def forward(self, images):
        self.calls += self.training
        torch.manual_seed(self.calls % 2)
        return super().forward(images)


class Recurrent(Net):
    def __init__(self, layers, p=0.5):
        super().__init__(nn.LSTM(49, 49, layers, dropout=p, batch_first=True))

    def dropped(self, features):
        return self.drop(features.flatten(2))[0].view_as(features)


class Bernoulli(Net):
    """Drops without a drop layer, in eval mode too."""

    def dropped(self, features):
        return features * torch.bernoulli(torch.full_like(features, 0.5))


class ZeroBranch(Net):
    """What it is fed is 0, and it is off."""

    def features(self, images):
        return 0 * super().features(images)

    def dropped(self, features):
        return images_of(features) + self.drop(features)


def images_of(features):
    return torch.ones_like(features) + features


class AsksItself(nn.Module):
    """Asks for its mode before it drops, in one of three ways."""

    def __init__(self, way):
        super().__init__()
        self.way, self.drop = way, nn.Dropout(0.3)

    def forward(self, x):
        if self.way == "attention":
            rows = x.flatten(2)
            p = 0.2 if self.training else 0.0
            return F.scaled_dot_product_attention(rows, rows, rows, dropout_p=p).view_as(x)
        if not self.training:
            return x
        return self.drop(x) if self.way == "layer" else F.dropout(x, 0.3)
