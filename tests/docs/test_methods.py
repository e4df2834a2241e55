"""The pages of docs/methods and docs/ablations: one an option, an axis, an ablation, as they are built."""

import importlib
import re
import shlex
import sys
from pathlib import Path

import pytest
import torch
import yaml
from option_nodes import option_node
from PIL import Image
from safetensors.torch import save_file

from dropgrid import build
from dropgrid.dry_build import dry_build
from dropgrid.planning.plan import cells
from dropgrid.sites import drops

ROOT = Path(__file__).parents[2]
ALL = ("regularizer", "augment", "penalty", "average", "norm", "activation", "init", "optimizer", "lr_schedule")
SETTINGS = ("data", "scale", "trainer", "speed", "logger", "evaluate", "diagnose", "diagnosis")
MODELS = {
    path.stem: option_node("model", path.stem)["_target_"].split(".")[-2]
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
    "activation/identity",
    "activation/relu",
    "activation/sigmoid",
    "activation/tanh",
    "init/checkpoint",
    "init/geometric",
    "init/zeros",
    "model/cifar_quick",
}


@pytest.fixture(scope="module")
def folder(project):
    """docs/methods as it is built."""
    return project / "docs" / "methods"


def chosen(folder, name):
    """The option that a page's commands name, and whose YAML its arguments are: of a family its first."""
    return re.search(r"^`\w+=(\w+)`", (folder / f"{name}.md").read_text(), re.MULTILINE)[1]


@pytest.fixture(scope="module")
def manual():
    """The package that writes them."""
    sys.path.insert(0, str(ROOT / "docs"))
    yield lambda name: importlib.import_module(f"manual.{name}")
    sys.path.remove(str(ROOT / "docs"))


def wanted(*kinds):
    """The files below docs/methods."""
    readmes = {f"{each}/README.md" for each in (*ALL, "loss", "model", *SETTINGS)} | {"README.md"}
    return readmes | {f"{each}.{kind}" for each in OPTIONS for kind in kinds}


def files(folder):
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_option_has_a_page_and_nothing_else_lies_there(folder):
    assert len(OPTIONS) >= 80 and len(MODELS) > 50
    assert files(folder) == wanted("md")
    assert files(folder.parent / "ablations") == {
        "README.md",
        *(f"{path.stem}.md" for path in (ROOT / "conf" / "ablation").glob("*.yaml")),
    }


@pytest.mark.parametrize("name", OPTIONS)
def test_a_page_has_all_that_a_page_has(name, folder):
    text = (folder / f"{name}.md").read_text()
    axis, option = name.split("/")
    for heading in ("Paper", "What it does", "Arguments", "Where it acts", "How to sweep it", "Ablations"):
        assert re.search(rf"^## {heading}\n\n *\S", text, re.MULTILINE), heading
    papers = text.split("## Paper")[1].split("## ")[0]
    assert bool(re.search(r"^- .*\b(19|20)\d\d\b", papers, re.MULTILINE)) != (name in WITHOUT_PAPER)
    assert re.search(rf"!\[.+\]\({option}\.png\)\n\n\S", text), "a caption follows the picture"
    node = option_node(axis, chosen(folder, name))
    rows = dict(re.findall(rf"^\| `{axis}\.(\w+)` \| `(.*?)` \|", text, re.MULTILINE))
    assert {key: yaml.safe_load(value) for key, value in rows.items()} == {
        key: value for key, value in node.items() if not key.startswith("_")
    }


@pytest.mark.slow
def test_every_option_has_a_picture_small_and_of_one_width(illustrated):
    folder = illustrated / "docs" / "methods"
    assert files(folder) == wanted("md", "png")
    for name in OPTIONS:
        path = folder / f"{name}.png"
        assert path.stat().st_size <= 60_000, name
        with Image.open(path) as image:
            assert image.width == 900 and len(image.convert("L").getcolors()) > 2, f"{name} is empty"


def test_links_resolve(folder):
    pictures = {folder / f"{each}.png" for each in OPTIONS}
    found = [
        (page, target)
        for page in (*folder.rglob("*.md"), *(folder.parent / "ablations").glob("*.md"))
        for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text())
        if not target.startswith("https://")
    ]
    assert len(found) > 3 * len(OPTIONS)
    for page, target in found:
        path = page.parent / target.partition("#")[0]
        assert path in pictures or path.is_file(), f"{page}: {target}"


def test_the_index_and_the_axes_pages_lead_to_every_page(folder):
    index = re.findall(r"\]\((\S+)\.md\)", (folder / "README.md").read_text())
    assert {each for each in index if not each.endswith("/README")} == set(OPTIONS)
    assert {each.partition("/")[0] for each in index} == {*ALL, "loss", "model", *SETTINGS}
    for axis in (*ALL, "loss", "model"):
        listed = re.findall(r"^- \[.+?\]\((\S+)\.md\)", (folder / axis / "README.md").read_text(), re.MULTILINE)
        assert {f"{axis}/{each}" for each in listed} == {each for each in OPTIONS if each.startswith(f"{axis}/")}


@pytest.mark.parametrize("axis", SETTINGS)
def test_an_axis_without_pages_has_its_yamls_on_its_own(axis, folder):
    text = (folder / axis / "README.md").read_text()
    for path in (ROOT / "conf" / axis).glob("*.yaml"):
        lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
        assert f"## `{path.stem}`" in text and all(line in text for line in lines)


def commands(folder, name):
    """The command lines of a page."""
    return re.findall(r"^    python scripts/train\.py (.+)$", (folder / f"{name}.md").read_text(), re.MULTILINE)


def planned(command):
    """Its cells; the last one's parts are built, without computing."""
    found = cells([each for each in shlex.split(command) if each != "-m"])
    config, local = found[-1].config, found[-1].local
    dry_build(config, local, build.source(config, local).spec())
    return found


def file_for(command):
    """Write the file of weights that a command names, of the network that it would train."""
    named = re.search(r"init=checkpoint init\.path=(\S+)", command)
    if named:
        (cell,) = cells([command.replace(named[0], "init=kaiming")])
        net = build.network(cell.config, build.source(cell.config, cell.local).spec())
        save_file(net.state_dict(), named[1])


@pytest.mark.parametrize("name", OPTIONS)
def test_the_last_command_would_train(name, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    last = commands(folder, name)[-1]
    monkeypatch.chdir(tmp_path)
    file_for(last)
    assert chosen(folder, name) in last and planned(last)


@pytest.mark.slow
@pytest.mark.parametrize("name", OPTIONS)
def test_all_commands_would_train(name, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("DROPGRID_OUTPUTS", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = commands(folder, name)
    assert len(found) >= (1 if name == "init/checkpoint" else 2)
    for command in found:
        file_for(command)
        assert (len(planned(command)) > 1) == command.startswith("-m "), command


def test_ablations_that_choose_an_option_are_named(folder):
    demo = {"dropout", "dropblock", "randaugment"}
    named = {path.stem for path in folder.rglob("*.md") if "+ablation=demo`" in path.read_text()}
    assert named == demo
    assert "+ablation=dropblock_table1`" in (folder / "augment" / "cutout.md").read_text()  # stacked, as augment_2


@pytest.mark.parametrize("family", sorted(set(MODELS.values())))
def test_a_familys_page_lists_its_options_with_sizes_that_agree_with_the_papers(family, folder):
    text = (folder / "model" / f"{family}.md").read_text()
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
