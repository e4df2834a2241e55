"""Training a small net on random images: what the streams promise, to the bit."""

from functools import partial

import pytest
import pytorch_lightning as pl
import torch
import yaml

from dropgrid import sites, streams
from dropgrid.augments.crop_flip import crop_flip
from dropgrid.augments.none import none as no_augment
from dropgrid.callbacks.treatment import Treatment
from dropgrid.data.preparation import Preparation
from dropgrid.initializers.kaiming import kaiming
from dropgrid.instantiate import instantiate
from dropgrid.learner import Learner
from dropgrid.lr_schedules.cosine import cosine
from dropgrid.models.resnet import ResNet
from dropgrid.norms.batch import batch as batch_norm
from dropgrid.optimizers.momentum import momentum
from dropgrid.paths import CONF
from dropgrid.penalties.none import NoPenalty
from dropgrid.tasks.classification import Classification

IMAGES, LABELS = torch.randint(256, (32, 1, 16, 16), dtype=torch.uint8), torch.arange(32) % 4


def regularizer(name, **changes):
    node = yaml.safe_load((CONF / "regularizer" / f"{name}.yaml").read_text())
    return instantiate("regularizer", {**node, **changes})


def learner(*options, seed=0, augment=no_augment):
    net = ResNet(
        block="basic",
        depths=[1, 1, 1],
        base_width=4,
        width=1.0,
        strides=[1, 2, 1],
        stem="small",
        stem_stride=1,
        shortcut="pad",
        residual=True,
        cardinality=1,
        width_per_group=64,
        branch_scale="none",
        zero_init_residual=False,
        shape=(1, 8, 8),
        classes=4,
        norm=partial(
            batch_norm,
            eps=1e-5,
            momentum=0.1,
            affine=True,
            gain=1.0,
            shift=0.0,
            statistics="moving",
            detach=False,
            sync=False,
        ),
        activation=torch.nn.ReLU,
        sites=options,
    )
    kaiming(
        net,
        generator=lambda name: streams.generator(seed, "init", name),
        activation=torch.nn.ReLU,
        mode="fan_out",
        distribution="normal",
    )
    return Learner(
        net,
        objective=Classification(),
        loss=torch.nn.CrossEntropyLoss(),
        optimizer=partial(momentum, lr=0.1, momentum=0.9, weight_decay=1e-3, decay_all=False),
        lr_schedule=partial(cosine, final=0.0, warmup=0.2),
        augment=augment,
        penalty=NoPenalty(),
        prepare=Preparation(torch.tensor([0.5]), torch.tensor([0.25])),
        classes=4,
        seed=seed,
    )


class Loader:
    def __len__(self):
        return 4

    def __iter__(self):
        return iter([(IMAGES[i : i + 8], LABELS[i : i + 8]) for i in range(0, 32, 8)])


def fit(model, callbacks=(), epochs=3, **trainer):
    pl.Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=list(callbacks),
        **trainer,
    ).fit(model, Loader(), Loader())
    return {**model.network.state_dict()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[k], second[k]) for k in first)


DROPBLOCK = {"block_size": 3, "keep_prob": 0.7}


def test_the_same_run_twice_gives_the_same_bits_and_another_seed_others():
    torch.rand(7)  # no shared state is drawn from
    first = fit(learner(regularizer("dropblock", **DROPBLOCK)))
    torch.rand(3)
    assert same(first, fit(learner(regularizer("dropblock", **DROPBLOCK))))
    assert not same(first, fit(learner(regularizer("dropblock", **DROPBLOCK), seed=1)))


def test_dropblock_at_keep_prob_1_is_no_regularizer_to_the_bit():
    """The A/A control: parameters and the norms' buffers."""
    assert same(fit(learner(regularizer("dropblock", keep_prob=1))), fit(learner(regularizer("none"))))
    assert not same(fit(learner(regularizer("dropblock", **DROPBLOCK))), fit(learner(regularizer("none"))))


def test_rows_of_a_seed_share_initial_weights_data_and_augmentation():
    seen = {}

    def spy(name, images, targets, *, generator, context):
        noisy = images + torch.rand(images.shape, generator=generator)
        seen.setdefault(name, []).append(noisy)
        return noisy, targets

    models = {
        name: learner(*options, augment=partial(spy, name))
        for name, options in {
            "none": [],
            "dropblock": [regularizer("dropblock", **DROPBLOCK)],
            "both": [regularizer("dropout"), regularizer("drop_path")],
        }.items()
    }
    initial = {name: {k: v.clone() for k, v in m.network.state_dict().items()} for name, m in models.items()}
    for name, model in models.items():
        assert same(initial[name], initial["none"])
        fit(model, epochs=1)
    for name in models:
        assert len(seen[name]) == 4
        assert all(torch.equal(a, b) for a, b in zip(seen[name], seen["none"], strict=True))


def test_steps_and_their_micro_batches_have_augmentations_and_masks_of_their_own(monkeypatch):
    keys, key = {"augment": [], "regularizer": []}, streams.key

    def spy(seed, stream, *parts):
        keys[stream].append(key(seed, stream, *parts))
        return keys[stream][-1]

    model = learner(regularizer("dropout"), augment=partial(crop_flip, padding=2, flip=True))
    monkeypatch.setattr(streams, "key", spy)
    fit(model, epochs=2, accumulate_grad_batches=2)
    assert model.global_step == 4 and len(keys["augment"]) == 8
    assert len(keys["regularizer"]) == 8 * len(model.drops)
    for stream, drawn in keys.items():
        assert len(set(drawn)) == len(drawn), stream


@pytest.fixture
def at_step(monkeypatch):
    """Let a learner without a trainer stand at a step."""

    def masks(model, step):
        monkeypatch.setattr(Learner, "global_step", step)
        model.steps = 100
        model.seed_regularizers(0)
        shapes = sites.shapes(model.network, (1, 16, 16))
        return {s: model.drops[s].train()(torch.ones(4, *shape)) == 0 for s, shape in shapes.items()}

    return masks


def test_the_key_of_a_site_is_the_stream_s_as_it_is(at_step):
    """If this fails, raise FORMAT in dropgrid.store.identity: equal configs no longer mean equal training."""
    model = learner(regularizer("dropout"))
    at_step(model, 50)
    keys = {site: int(drop.key) for site, drop in model.drops.items()}
    assert keys == {site: streams.key(0, "regularizer", 50, 0, site) for site in keys}
    model.seed_inference(3)
    assert {site: int(drop.key) for site, drop in model.drops.items()} == {
        site: streams.key(0, "inference", 3, site) for site in keys
    }


def test_adding_a_site_changes_no_other_sites_masks(at_step):
    few = at_step(learner(regularizer("dropblock", **DROPBLOCK, skip=False, groups=[-1])), 50)
    more = at_step(learner(regularizer("dropblock", **DROPBLOCK, groups=None)), 50)
    assert set(few) < set(more)
    assert all(torch.equal(few[site], more[site]) for site in few)


def test_sites_steps_and_stacked_regularizers_have_masks_of_their_own(at_step):
    dropout = regularizer("dropout", groups=None, keep_prob=0.5)
    first = at_step(learner(dropout, dropout), 50)
    equal_shapes = [m for m in first.values() if m.shape == first["layer3.0.conv1"].shape]
    assert len(equal_shapes) >= 4
    flat = {tuple(m.flatten().tolist()) for m in equal_shapes}
    assert len(flat) == len(equal_shapes)
    assert not torch.equal(at_step(learner(dropout), 51)["layer3.0.conv1"], first["layer3.0.conv1"])


def test_learning_rate_and_keep_prob_are_functions_of_the_step():
    model = learner(regularizer("dropblock", **DROPBLOCK))
    seen = []

    class Watch(pl.Callback):
        def on_train_batch_end(self, trainer, module, *_):
            rates = [float(d.drop_prob) for s, d in module.drops.items() if s.startswith("layer3")]
            seen.append((trainer.optimizers[0].param_groups[0]["lr"], rates[0]))

    fit(model, [Watch()])
    steps = 12
    assert [lr for lr, _ in seen] == pytest.approx(
        [0.1 * cosine(s, steps, final=0.0, warmup=0.2) for s in range(steps)]
    )
    assert [p for _, p in seen] == pytest.approx([0.3 * s / (steps - 1) for s in range(steps)])


def test_weight_decay_spares_norms_and_biases():
    groups = learner().configure_optimizers().param_groups
    assert [g["weight_decay"] for g in groups] == [1e-3, 0.0]
    assert all(p.dim() > 1 for p in groups[0]["params"]) and all(p.dim() == 1 for p in groups[1]["params"])


def test_epoch_metrics_are_of_the_whole_epoch():
    model = learner()
    fit(model, epochs=1)
    row = model.epoch_metrics()
    model.eval()
    with torch.no_grad():
        logits = model(IMAGES)
    assert row["val/acc"] == pytest.approx(float((logits.argmax(1) == LABELS).double().mean()))
    assert row["val/loss"] == pytest.approx(float(torch.nn.functional.cross_entropy(logits, LABELS)), rel=1e-5)
    assert row["step"] == 4 and 0 <= row["train/acc"] <= 1


class TestTreatment:
    def report(self, model, epochs=3):
        treatment = Treatment(sites.shapes(model.network, (1, 16, 16)), batch_size=8)
        fit(model, [treatment], epochs=epochs)
        return treatment.report(model.drops, epochs * 4, model.steps)

    @pytest.mark.parametrize("name", ["dropblock", "dropout", "spatial_dropout", "drop_path"])
    def test_realised_meets_expected(self, name):
        changes = {"block_size": 3} if name == "dropblock" else {}
        report = self.report(learner(regularizer(name, keep_prob=0.7, **changes)))
        assert report["sites"] and report["flagged"] == []
        for line in report["sites"]:
            assert line["realised"] == pytest.approx(line["expected"], abs=5 * line["stderr"] + 1e-6)
            assert line["stderr"] < 0.1

    def test_the_schedule_followed_is_what_counts(self):
        lines = self.report(learner(regularizer("dropout", keep_prob=0.6, schedule="linear")))["sites"]
        assert {round(line["expected"], 6) for line in lines} == {0.2}  # the mean of 0 … 0.4

    def test_a_site_that_drops_something_else_is_flagged(self):
        model = learner(regularizer("dropout", keep_prob=0.7))
        broken = model.drops["layer3.0.conv1"]
        drop = broken.drop

        def twice(input, key):
            output, dropped, seen = drop(input, key)
            return output, dropped * 2, seen

        broken.drop = twice
        report = self.report(model)
        assert report["flagged"] == ["layer3.0.conv1"]

    @pytest.mark.parametrize(("apart", "flagged"), [(-5.5, True), (-4.5, False), (4.5, False), (5.5, True)])
    def test_five_standard_errors_are_the_limit(self, apart, flagged):
        model = learner(regularizer("dropout", keep_prob=0.7, schedule="constant"))
        treatment = Treatment(sites.shapes(model.network, (1, 16, 16)), batch_size=8)
        for line in treatment.report(model.drops, 12, 12)["sites"]:
            site, stderr = line["site"], line["stderr"]
            treatment.seen[site], treatment.dropped[site] = 10**9, round((0.3 + apart * stderr) * 1e9)
        assert treatment.report(model.drops, 12, 12)["flagged"] == [*model.drops] * flagged

    def test_a_site_that_never_ran_is_flagged(self):
        model = learner(regularizer("dropout", keep_prob=0.7))
        treatment = Treatment(sites.shapes(model.network, (1, 16, 16)), batch_size=8)
        model.network.layer3[0].drop_skip = torch.nn.Identity()  # unplugged behind our back
        fit(model, [treatment])
        assert treatment.report(model.drops, 12, model.steps)["flagged"] == ["layer3.0.skip"]

    def test_a_clamped_block_is_named(self):
        report = self.report(learner(regularizer("dropblock", block_size=9, keep_prob=0.7)))
        assert {line["site"]: line["clamped"] for line in report["sites"]}["layer3.0.conv1"] is True
