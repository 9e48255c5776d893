"""Imports point downward, torch stays where it belongs, and importing is cheap."""

import ast
import configparser
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import skopdist

ROOT = Path(skopdist.__file__).parent
MODULES = {
    ".".join(("skopdist", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}

# The layers, from top to bottom; a module may import from those below its own. Within a layer of one package, its own.
LAYERS = [
    {"testing", "__main__"},
    {"classifier", "tables"},
    {"_final", "_plan", "export"},
    {"committee"},
    {"search", "_watching"},
    {"tracking"},
    {"display", "_tasks"},
    {"strategies", "evaluators"},
    {"training"},
    {"networks", "formats"},
    {"encodings"},
    {"spaces", "journal"},
    {"problem", "_device", "_reader", "_refit", "trial", "_strides"},
    {"operations", "architecture", "_prior"},
    {"distribution", "_environment"},
    {
        "_callbacks",
        "_identity",
        "_parameters",
        "_random",
        "_scalar",
        "_scaling",
        "_signals",
        "_schema",
        "_sparse",
        "_splitting",
        "_validation",
        "_version",
        "_workers",
        "budget",
    },
    {"_columns", "_input", "_integers", "_paths"},
    {"_padding"},
]
PICTURES = ("skopdist.display._picture", "skopdist.display._cost_picture")
TORCH = (
    "_final",
    "committee",
    "export",
    "operations",
    "networks",
    "training",
    "_device",
    "_environment",
    "evaluators._training",
    "evaluators._supernet",
)


def imports_of(path):
    """All modules that a file imports, at the top or later, by absolute name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module
            yield from (
                f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in MODULES
            )


def part(module):
    return module.split(".")[1] if "." in module else ""


def layer(module):
    matches = [i for i, names in enumerate(LAYERS) if part(module) in names]
    assert matches, f"{module} has no place among the layers: give it one"
    return matches[0]


@pytest.mark.parametrize("module", [name for name in MODULES if name != "skopdist"])
def test_imports_point_downward(module):
    for imported in imports_of(MODULES[module]):
        if not imported.startswith("skopdist.") or part(imported) == part(module):
            continue
        assert layer(imported) > layer(module), f"{module} must not import {imported}"


def test_no_files_import_each_other_in_a_circle():
    # A package that imports a part of its own names itself.
    graph = {
        module: {name for name in imports_of(path) if name in MODULES and name != module}
        for module, path in MODULES.items()
    }
    # It raises a CycleError that lists the circle.
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)


def test_strategies_and_evaluators_know_nothing_of_each_other():
    for module, path in MODULES.items():
        for this, other in (("strategies", "evaluators"), ("evaluators", "strategies")):
            if part(module) == this:
                assert not [name for name in imports_of(path) if part(name) == other], module


def test_torch_is_imported_only_where_networks_are():
    users = {
        module
        for module, path in MODULES.items()
        if any(name.split(".")[0] in ("torch", "skorch") for name in imports_of(path))
    }
    assert not [name for name in users if not name.removeprefix("skopdist.").startswith(TORCH)]


def test_nobody_reaches_over_to_the_global_generators():
    for module, path in MODULES.items():
        if module not in ("skopdist._device", "skopdist.testing"):
            text = path.read_text(encoding="utf-8")
            assert "np.random.seed" not in text, module
            assert "np.random.set_state" not in text, module


@pytest.mark.parametrize("module", MODULES)
def test_extras_are_imported_late(module):
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    extras = {"matplotlib", "pandas", "polars", "dask", "distributed", "ray", "onnx", "optuna", "hypothesis", "pytest"}
    extras |= {"mlflow", "onnxruntime", "onnxscript", "safetensors", "skl2onnx"}
    lazy = set(imports_of(MODULES[module])) if module not in PICTURES else set()
    assert not {name for name in lazy if name.split(".")[0] == "matplotlib"}, "only pictures draw"
    for node in tree.body:
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & extras


def test_importing_loads_no_extra_and_wakes_no_gpu():
    # What scikit-learn or skorch load themselves is their affair.
    code = (
        "import sys, joblib, scipy, sklearn.base, sklearn.metrics, sklearn.model_selection, skorch, torch\n"
        "before = set(sys.modules)\n"
        "import skopdist, skopdist.display, skopdist.export, skopdist.testing, skopdist.tracking\n"
        "tops = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(tops & {'matplotlib', 'pandas', 'polars', 'dask', 'distributed', 'ray', 'optuna', 'mlflow', 'rich'})\n"
        "print(tops & {'onnx', 'onnxruntime', 'onnxscript', 'safetensors'})\n"
        "print('matplotlib' in sys.modules, torch.cuda.is_initialized())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["set()", "set()", "False False"]


def test_importing_moves_no_generator():
    code = (
        "import numpy as np, torch\n"
        "before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()\n"
        "import skopdist, skopdist.testing\n"
        "print(before == (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_version_is_that_of_the_metadata():
    config = configparser.ConfigParser()
    if not config.read(ROOT.parent / "setup.cfg"):
        pytest.skip("not in a checkout")
    assert config["metadata"]["version"] == skopdist.__version__


def test_public_names_exist():
    for name in (
        "skopdist",
        "skopdist.display",
        "skopdist.tables",
        "skopdist.tracking",
        "skopdist.encodings",
        "skopdist.evaluators",
        "skopdist.export",
        "skopdist.networks",
        "skopdist.journal",
        "skopdist.spaces",
        "skopdist.strategies",
    ):
        module = sys.modules.get(name) or __import__(name, fromlist=["_"])
        assert sorted(module.__all__) == list(module.__all__) or name == "skopdist.spaces"
        for public in module.__all__:
            assert getattr(module, public).__doc__
