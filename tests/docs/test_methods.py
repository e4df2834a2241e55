"""The pages of docs/methods and docs/ablations: one an option, an axis, an ablation, as the generator writes them."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from dropgrid import build
from dropgrid.planning.plan import cells
from dropgrid.sites import drops

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "methods"
GALLERY = ROOT / "docs" / "ablations"
ALL = ("regularizer", "augment", "penalty", "average", "norm", "activation", "init", "optimizer", "lr_schedule")
SETTINGS = ("data", "scale", "trainer", "speed", "logger", "evaluate", "diagnose", "diagnosis")
MODELS = {
    path.stem: yaml.safe_load(path.read_text())["_target_"].split(".")[-2]
    for path in sorted((ROOT / "conf" / "model").glob("*.yaml"))
}
"""Option -> the file of its class, which its page is called as."""

OPTIONS = [
    *(
        f"{axis}/{path.stem}"
        for axis in ALL
        for path in sorted((ROOT / "conf" / axis).glob("*.yaml"))
        if path.stem != "none"
    ),
    "loss/label_smoothing",
    *(f"model/{family}" for family in sorted(set(MODELS.values()))),
]

WITHOUT_PAPER = {
    "activation/relu",
    "activation/sigmoid",
    "activation/tanh",
    "init/checkpoint",
    "init/geometric",
    "init/zeros",
    "model/cifar_quick",
}


def chosen(name):
    """The option that a page's commands name, and whose YAML its arguments are: of a family its first."""
    return re.search(r"^`\w+=(\w+)`", (FOLDER / f"{name}.md").read_text(), re.MULTILINE)[1]


@pytest.fixture(scope="module")
def manual():
    """The package that writes them."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield lambda name: importlib.import_module(f"manual.{name}")
    sys.path.remove(str(ROOT / "docs"))


@pytest.fixture(scope="module")
def written(manual):
    """Path -> text as it is written now."""
    return manual("write").texts()


def test_every_option_has_a_page_and_a_picture_and_nothing_else_lies_there():
    assert len(OPTIONS) >= 80 and len(MODELS) > 50
    wanted = {FOLDER / f"{each}.{kind}" for each in OPTIONS for kind in ("md", "png")}
    wanted |= {FOLDER / each / "README.md" for each in (*ALL, "loss", "model", *SETTINGS)} | {FOLDER / "README.md"}
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == wanted


def test_pages_say_what_the_generator_writes_now(written):
    stale = [str(path.relative_to(ROOT)) for path, text in written.items() if path.read_text() != text]
    assert not stale, f"run: python docs/methods.py; stale are {', '.join(stale)}"
    assert set(written) == {*FOLDER.rglob("*.md"), *GALLERY.glob("*.md")}


@pytest.mark.parametrize("name", OPTIONS)
def test_a_page_has_all_that_a_page_has(name):
    text = (FOLDER / f"{name}.md").read_text()
    axis, option = name.split("/")
    for heading in ("Paper", "What it does", "Arguments", "Where it acts", "How to sweep it", "Ablations"):
        assert re.search(rf"^## {heading}\n\n *\S", text, re.MULTILINE), heading
    papers = text.split("## Paper")[1].split("## ")[0]
    assert bool(re.search(r"^- .*\b(19|20)\d\d\b", papers, re.MULTILINE)) != (name in WITHOUT_PAPER)
    assert re.search(rf"!\[.+\]\({option}\.png\)\n\n\S", text), "a caption follows the picture"
    node = yaml.safe_load((ROOT / "conf" / axis / f"{chosen(name)}.yaml").read_text())
    rows = dict(re.findall(rf"^\| `{axis}\.(\w+)` \| `(.*?)` \|", text, re.MULTILINE))
    assert {key: yaml.safe_load(value) for key, value in rows.items()} == {
        key: value for key, value in node.items() if not key.startswith("_")
    }


@pytest.mark.parametrize("name", OPTIONS)
def test_pictures_are_small_and_of_one_width(name):
    path = FOLDER / f"{name}.png"
    assert path.stat().st_size <= 60_000
    with Image.open(path) as image:
        assert image.width == 900 and len(image.convert("L").getcolors()) > 2, "not empty"


def test_links_resolve():
    found = [
        (page, target)
        for page in (*FOLDER.rglob("*.md"), *GALLERY.glob("*.md"))
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not target.startswith("https://")
    ]
    assert len(found) > 3 * len(OPTIONS)
    for page, target in found:
        assert (page.parent / target.partition("#")[0]).is_file(), f"{page}: {target}"


def test_the_index_and_the_axes_pages_lead_to_every_page():
    index = re.findall(r"\]\((\S+)\.md\)", (FOLDER / "README.md").read_text())
    assert {each for each in index if not each.endswith("/README")} == set(OPTIONS)
    assert {each.partition("/")[0] for each in index} == {*ALL, "loss", "model", *SETTINGS}
    for axis in (*ALL, "loss", "model"):
        listed = re.findall(r"^- \[.+?\]\((\S+)\.md\)", (FOLDER / axis / "README.md").read_text(), re.MULTILINE)
        assert {f"{axis}/{each}" for each in listed} == {each for each in OPTIONS if each.startswith(f"{axis}/")}


@pytest.mark.parametrize("axis", SETTINGS)
def test_an_axis_without_pages_has_its_yamls_on_its_own(axis):
    text = (FOLDER / axis / "README.md").read_text()
    for path in (ROOT / "conf" / axis).glob("*.yaml"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert f"## `{path.stem}`" in text and all(line in text for line in lines)


def commands(name):
    """The command lines of a page."""
    return re.findall(r"^    python scripts/train\.py (.+)$", (FOLDER / f"{name}.md").read_text(), re.MULTILINE)


def planned(command):
    """Its cells; the last one's parts are built, without computing."""
    found = cells([each for each in shlex.split(command) if each != "-m"])
    config, local = found[-1].config, found[-1].local
    build.check(config, local, build.source(config, local).spec())
    return found


def file_for(command):
    """Write the file of weights that a command names, of the network that it would train."""
    named = re.search(r"init=checkpoint init\.path=(\S+)", command)
    if named:
        (cell,) = cells([command.replace(named[0], "init=kaiming")])
        net = build.network(cell.config, build.source(cell.config, cell.local).spec())
        save_file(net.state_dict(), named[1])


@pytest.mark.parametrize("name", OPTIONS)
def test_the_last_command_would_train(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    last = commands(name)[-1]
    monkeypatch.chdir(tmp_path)
    file_for(last)
    assert chosen(name) in last and planned(last)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_all_commands_would_train(name, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = commands(name)
    assert len(found) >= (1 if name == "init/checkpoint" else 2)
    for command in found:
        file_for(command)
        assert (len(planned(command)) > 1) == command.startswith("-m "), command


def test_ablations_that_choose_an_option_are_named(written):
    demo = {"dropout", "spatial_dropout", "drop_path", "dropblock"}
    named = {path.stem for path, text in written.items() if "+ablation=demo`" in text}
    assert named == demo
    assert "+ablation=dropblock_table1`" in written[FOLDER / "augment" / "cutout.md"]  # stacked, as augment_2


@pytest.mark.parametrize("family", sorted(set(MODELS.values())))
def test_a_familys_page_lists_its_options_with_sizes_that_agree_with_the_papers(family):
    text = (FOLDER / "model" / f"{family}.md").read_text()
    listed = re.findall(r"^\| \[`(\w+)`\]\(\S+\) \| [^|]+ \| ([\d,]+) \|(.*)", text, re.MULTILINE)
    assert sorted(name for name, _, _ in listed) == sorted(name for name, file in MODELS.items() if file == family)
    for _, count, rest in listed:
        stated = re.match(r" ([\d.]+) M \|", rest)
        if stated:
            digits = len(stated[1].partition(".")[2])
            assert abs(int(count.replace(",", "")) / 1e6 - float(stated[1])) <= 0.51 * 10**-digits


def test_counts_that_models_tests_know_stand_on_the_pages(manual):
    assert manual("nets").sizes()["resnet18"] == 11_689_512  # torchvision's
    assert manual("nets").sizes()["mlp"] == 784 * 800 + 800 * 800 + 800 * 10 + 4 * 800 + 10


@pytest.mark.parametrize(
    ("name", "training", "inference"),
    [
        ("batch", lambda n, c: c == 7, lambda n, c: None),
        ("layer", lambda n, c: n == 0, lambda n, c: n == 0),
        ("instance", lambda n, c: n == 0 and c == 7, lambda n, c: n == 0 and c == 7),
        ("switchable", lambda n, c: n == 0 or c == 7, lambda n, c: n == 0),
    ],
)
def test_the_pictures_of_norms_shade_what_shares_statistics(manual, name, training, inference):
    norms = manual("pictures.norms")
    (option,) = (each for each in manual("options").of_axis("norm") if each.name == name)
    norm = norms.after(option, 8)
    for mode, rule in ((True, training), (False, inference)):
        found = norms.reach(norm.train(mode))
        if rule(0, 0) is None:
            assert found.sum() == 1 and found[0, -1, 0]
        else:
            assert [[bool(found[n, c].all()) for c in range(8)] for n in range(5)] == [
                [bool(rule(n, c)) for c in range(8)] for n in range(5)
            ]


def test_stages_have_all_parameters_of_a_network(manual):
    nets = manual("nets")
    for page in manual("options").of_axis("model"):
        assert sum(stage.parameters for stage in nets.stages(page)) == nets.sizes()[page.chosen], page.name


def test_a_paper_is_named_once_and_in_full(manual):
    cited = manual("docstrings").cited
    assert cited(
        "X (Ann, Bobby, Cid, ICML 2000): y (Ann et al., ICML 2000, §3), Don et al. (2001); (D, 2002; E, 2003)."
    ) == [
        "Ann, Bobby, Cid, ICML 2000, §3",
        "Don et al., 2001",
        "D, 2002",
        "E, 2003",
    ]


@pytest.mark.parametrize("name", ["dropout", "dropblock", "drop_path", "drop_connect", "weight_noise"])
@pytest.mark.parametrize("net", ["ResNet-20", "MLP", "FractalNet"])
def test_sites_are_counted_as_a_network_built_with_the_option_has_them(manual, name, net):
    acting = manual("acting")
    (option,) = (each for each in manual("options").options() if each.name == name)
    built = option.built()
    counted = acting.count(built, acting.sites_of(net))
    assert sum(acts for acts, _ in counted.values()) == len(drops(acting.network(net, [built])))


def test_formulas_stand_apart_and_arguments_of_the_yaml_are_not_listed_twice(manual):
    docstrings = manual("docstrings")

    def thing(one, two):
        """One sentence, e.g. this. It is y = a * x. The rest.

        Args:
            one: said in the table.
            two: a number, which goes
                on.

        Raises:
            ValueError: two is 0.
        """

    assert docstrings.described(thing, {"one"}) == (
        "One sentence, e.g. this.\n\n> It is y = a \\* x.\n\nThe rest.\n\n"
        "- `two`: a number, which goes on.\n\n**Raises:** ValueError: two is 0."
    )


def test_a_comment_that_the_docstring_repeats_is_said_once(manual):
    option = manual("options").Option(
        "penalty",
        "x",
        "# X (Y, 2000): z.\n_target_: dropgrid.penalties.max_norm.MaxNorm\nradius: 3.0  # typical\n",
    )
    assert manual("docstrings").meanings(option) == {"radius": ("c of the paper, above 0; it found 3 to 4 typical", "")}
    assert (option.title, option.summary) == ("X", "X (Y, 2000): z.")
    assert manual("docstrings").papers(option)[0] == "Srebro, Shraibman, 2005"


@pytest.mark.slow
def test_every_picture_can_be_drawn_and_leaves_torchs_state_alone(manual):
    before = torch.get_rng_state()
    for option in manual("options").options():
        data = manual("pictures.drawing").encoded(manual("pictures").picture(option).draw(option))
        assert 2_000 < len(data) <= 60_000, option.name
    assert torch.equal(torch.get_rng_state(), before)
