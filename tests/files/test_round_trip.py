"""What is saved is what is loaded: on every backend, and from one to another."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, Metric, nn
from portable_mlp.backends import Backend
from portable_mlp.data.columns import Columns
from portable_mlp.files import ModelFileError, inspect
from portable_mlp.files.plain import KINDS, as_json
from portable_mlp.files.saved import SavedModel, parse, to_bytes
from portable_mlp.metrics import TopK
from portable_mlp.model.saving import saved
from portable_mlp.nn import ACTIVATIONS, INITIALIZERS, LOSSES, Initializer, Layer, Loss
from portable_mlp.scaling import Scaling
from portable_mlp.training import fastest

# names are saved, and plain arrays are given
pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")

X = np.random.default_rng(0).normal(size=(40, 4))
LABELS = np.arange(40) % 3
VALUES = np.random.default_rng(1).normal(size=(40, 2)) * 50 + 700

LAYERS: list[Layer] = [
    *ACTIVATIONS.values(),
    *(nn.ELU(0.5), nn.GELU("tanh"), nn.LeakyReLU(0.2), nn.PReLU(0.1), nn.Sigmoid(3.0)),
    *(nn.Dense(4, "he_normal", nn.Constant(0.25)), nn.Dense(4, use_bias=False, name="mine/a-1.b")),
    *(nn.Dropout(0), nn.Dropout(0.25), nn.LayerNorm(1e-3), nn.RMSNorm(), nn.BatchNorm(0.3, 1e-4)),
    *(nn.Scale(0.5, 6.0), nn.Embedding((3, 2), 2), nn.Flatten(), nn.NTKDense(4, bias_rate=0.1)),
    nn.Network.of([nn.Dense(4), nn.Tanh(name="same")]),
    nn.Residual([nn.Dense(3), nn.ReLU(), nn.Residual([nn.BatchNorm()]), nn.Dense(4)], name="block"),
]
OWN_LAYERS: dict[str, Layer] = {
    "CustomActivation": nn.CustomActivation(lambda z, xp: z, lambda z, xp: xp.ones_like(z)),
}


def again(model: MLP, path: Path, **options: Any) -> MLP:
    model.save(path, overwrite=True)
    return MLP.load(path, **options)


def assert_equal_parts(a: MLP, b: MLP) -> None:
    assert as_json(a.network) == as_json(b.network)
    assert a.network.named_layers.keys() == b.network.named_layers.keys()
    assert as_json(a.loss) == as_json(b.loss)
    assert a.seed == b.seed
    assert a.columns == b.columns
    assert a.backend.dtype_name == b.backend.dtype_name
    for name, value in a.parameters().items():
        assert b.parameters()[name].tobytes() == value.tobytes()
        assert b.parameters()[name].dtype == value.dtype


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("layer", LAYERS, ids=repr)
def test_every_layer(layer: Layer, dtype: str, model_file: Path) -> None:
    layers = [layer, nn.Dense(2)]
    model = MLP(layers=layers, inputs=4, loss="squared_error", dtype=dtype, seed=3)
    model.fit(X, VALUES, epochs=1, learning_rate=1e-3)
    loaded = again(model, model_file)
    assert_equal_parts(model, loaded)
    assert loaded.forward(X).tobytes() == model.forward(X).tobytes()


def test_no_layer_of_the_package_is_forgotten() -> None:
    """A layer, loss or initializer that is added must be able to be saved."""
    for base in (Layer, Loss, Initializer):
        public = {
            cls for cls in vars(nn).values() if isinstance(cls, type) and issubclass(cls, base)
        }
        abstract = {Layer, Loss, Initializer, nn.Elementwise}
        custom = {nn.CustomActivation, nn.CustomLoss}
        assert set(KINDS[base].values()) == public - abstract - custom
    tried = {type(layer) for layer in LAYERS}
    assert set(KINDS[Layer].values()) == tried


@pytest.mark.parametrize(
    "loss",
    [
        *LOSSES.values(),
        nn.HalfSquaredError(over_outputs="sum"),
        *(
            nn.SoftmaxCrossEntropy(0.1),
            nn.SoftmaxFocal(1),
            nn.BinaryFocal(1.5, 0.25),
            nn.Hinge(True),
        ),
        *(nn.Huber(0.5), nn.Quantile((0.1, 0.9)), nn.Quantile([0.25, 0.75])),
    ],
    ids=repr,
)
def test_every_loss(loss: Loss, model_file: Path) -> None:
    model = MLP([4, 3, 2], loss=loss, l1=1e-3, l2=0.5)
    loaded = again(model, model_file)
    assert_equal_parts(model, loaded)
    if loss.targets != "values":
        y = LABELS % 2
    elif "hinge" in loss.__class__.__name__.lower():
        y = np.sign(VALUES)
    else:
        y = np.abs(VALUES[:, : loss.targets_per_output(2)]) % 1
    assert loaded.evaluate(X, y) == model.evaluate(X, y)
    assert loaded.predict(X).tobytes() == model.predict(X).tobytes()


@pytest.mark.parametrize(
    "initializer",
    [
        *INITIALIZERS,
        *INITIALIZERS.values(),
        *(nn.Constant(0.5), nn.Uniform(-1, 1), nn.Normal(0.5), nn.Orthogonal(2)),
    ],
    ids=repr,
)
def test_every_initializer(initializer: Initializer | str, model_file: Path) -> None:
    model = MLP(layers=[nn.Dense(3, initializer), nn.Dense(2)], inputs=4)
    assert_equal_parts(model, again(model, model_file))


def whole(backend: Backend | str, dtype: str | None = None) -> MLP:
    """A model with everything, trained."""
    block = nn.Residual([nn.Dense(6), nn.BatchNorm(), nn.SiLU(), nn.Dropout(0.1)])
    layers = [nn.Dense(6), nn.LayerNorm(), block, nn.PReLU(), nn.Dense(2)]
    model = MLP(
        layers=layers,
        inputs=4,
        loss="huber",
        metrics=["mean_absolute_error"],
        scaling="standard",
        target_scaling="standard",
        backend=backend,
        dtype=dtype,
        seed=5,
    )
    model.columns = Columns(("a", "b", "ß\n", "d"), "y")
    model.fit(X, VALUES, epochs=2, batch_size=16)
    return model


def all_layers(backend: Backend) -> MLP:
    """Every layer in one network, each with a Dense before and a norm after it."""
    # what an embedding is given here are no category numbers, and nothing would get through it
    layers = [layer for layer in LAYERS if not isinstance(layer, nn.Embedding)]
    around = [[nn.Dense(4, "orthogonal"), layer, nn.RMSNorm()] for layer in layers]
    layers = [layer for group in around for layer in group]
    return MLP(layers=[*layers, nn.Dense(2)], inputs=4, loss="huber", backend=backend)


def test_all_layers_on_every_backend(backend: Backend, model_file: Path) -> None:
    model = all_layers(backend)
    loaded = again(model, model_file, backend=backend)
    assert_equal_parts(model, loaded)
    outputs = model.forward(X)
    assert loaded.forward(X).tobytes() == outputs.tobytes()
    assert np.ptp(outputs) > 0.1
    elsewhere = MLP.load(model_file).forward(X)
    assert np.abs(elsewhere - outputs).max() <= 1e-5 * np.abs(outputs).max()


def test_all_layers_in_float64_on_every_backend(backend64: Backend, model_file: Path) -> None:
    model = all_layers(backend64)
    outputs = model.forward(X)
    assert again(model, model_file, backend=backend64).forward(X).tobytes() == outputs.tobytes()
    np.testing.assert_allclose(MLP.load(model_file).forward(X), outputs, rtol=1e-9, atol=1e-12)


def test_same_bits_on_the_same_backend_and_nearly_on_numpy(
    backend: Backend, model_file: Path
) -> None:
    model = whole(backend)
    loaded = again(model, model_file, backend=backend)
    assert loaded.backend is backend
    assert loaded.predict(X).tobytes() == model.predict(X).tobytes()
    assert loaded.evaluate(X, VALUES) == model.evaluate(X, VALUES)
    elsewhere = MLP.load(model_file)
    assert elsewhere.backend.name == "numpy"
    assert np.abs(elsewhere.predict(X) - model.predict(X)).max() <= 1e-5 * np.abs(VALUES).max()


def test_from_numpy_to_every_backend(backend: Backend, model_file: Path) -> None:
    model = whole("numpy")
    loaded = again(model, model_file, backend=backend)
    assert_equal_parts(model, loaded)
    assert np.abs(loaded.predict(X) - model.predict(X)).max() <= 1e-5 * np.abs(VALUES).max()


def test_float64_on_every_backend(backend64: Backend, model_file: Path) -> None:
    model = whole(backend64)
    loaded = again(model, model_file, backend=backend64)
    assert loaded.predict(X).tobytes() == model.predict(X).tobytes()
    elsewhere = MLP.load(model_file)
    assert elsewhere.backend.dtype_name == "float64"
    np.testing.assert_allclose(elsewhere.predict(X), model.predict(X), rtol=1e-12)


def test_training_goes_on_as_after_to(backend: Backend, model_file: Path) -> None:
    """Shuffles, dropout and scalings are those of a model that was never in a file."""
    model = whole(backend)
    loaded = again(model, model_file, backend=backend)
    copy = model.to(backend)
    for each in (loaded, copy):
        each.fit(X, VALUES + 1, epochs=2, batch_size=16)
    assert loaded.predict(X).tobytes() == copy.predict(X).tobytes()
    assert loaded.training_record is not None
    assert loaded.training_record.epochs == 4
    assert loaded.training_record.steps == 12


def test_equal_models_give_equal_files(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in "abc"]
    whole("numpy").save(paths[0])
    whole("numpy").save(paths[1])
    MLP.load(paths[0]).save(paths[2])
    first, second, third = (path.read_bytes() for path in paths)
    assert first == second == third


def test_what_is_read_writes_the_same_file(small: bytes, trained: bytes) -> None:
    for data in (small, trained):
        assert b"".join(to_bytes(parse(data))) == data


def test_dtype_can_be_chosen(model_file: Path) -> None:
    model = whole("numpy", "float64")
    model.save(model_file)
    narrow = MLP.load(model_file, dtype="float32")
    assert narrow.backend.dtype_name == "float32"
    np.testing.assert_allclose(narrow.predict(X), model.predict(X), rtol=1e-5)
    large = {"dense_1.bias": np.full(6, 1e300)}
    model.set_parameters(large)
    model.save(model_file, overwrite=True)
    with pytest.raises(ValueError, match="dtype: got 'float32' for a model with numbers too large"):
        MLP.load(model_file, dtype="float32")


def test_special_numbers_keep_their_bits(model_file: Path) -> None:
    model = MLP([1, 4])
    bits = np.asarray([[-0.0, 1e-45, np.finfo("f4").max, 0.1]], np.float32)
    model.set_parameters({"dense_1.weight": bits})
    assert again(model, model_file).parameters()["dense_1.weight"].tobytes() == bits.tobytes()


@pytest.mark.parametrize("kind", ["columns first", "strided", "reversed", "big-endian"])
def test_memory_order_does_not_matter(kind: str) -> None:
    """safetensors writes the memory as it lies; a matrix with its columns first came back as another."""
    model = saved(MLP([3, 4, 2]))
    wanted = b"".join(to_bytes(model))
    arrays = {}
    for name, array in model.parameters.items():
        if kind == "columns first":
            other = np.asfortranarray(array)
        elif kind == "strided":
            other = np.repeat(array, 2, axis=0)[::2]
        elif kind == "reversed":
            other = np.ascontiguousarray(array[::-1])[::-1]
        else:
            other = array.astype(array.dtype.newbyteorder(">"))
        arrays[name] = other
    assert not any(
        a.flags.c_contiguous and a.flags.writeable and a.ndim > 1 and a.dtype.isnative
        for a in arrays.values()
    )
    other_model = SavedModel(model.description, arrays, {}, None, None)
    assert b"".join(to_bytes(other_model)) == wanted


def test_the_fastest_backend_can_be_asked_for(
    model_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fastest, "AUTO_ORDER", ("numpy",))
    model = whole("numpy", "float64")
    model.save(model_file)
    loaded = MLP.load(model_file, backend="auto")
    assert "using numpy" in capsys.readouterr().err
    assert loaded.backend.dtype_name == "float64"
    assert loaded.predict(X).tobytes() == model.predict(X).tobytes()


def test_scaling_that_waits_for_data_still_waits(model_file: Path) -> None:
    model = MLP([4, 3], scaling="minmax")
    loaded = again(model, model_file)
    assert loaded.scaling is None
    with pytest.raises(ValueError, match="scaling is 'minmax' and the model has seen no data"):
        loaded.predict(X)
    for each in (model, loaded):
        each.fit(X, LABELS, epochs=1)
    assert loaded.predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_scaling_of_ones_own(model_file: Path) -> None:
    own = Scaling("standard", np.ones(4, np.float32), np.full(4, 0.1, np.float32))
    model = MLP([4, 3], scaling=own)
    assert again(model, model_file).predict_proba(X).tobytes() == model.predict_proba(X).tobytes()


def test_samples_with_several_axes(model_file: Path) -> None:
    model = MLP(layers=[nn.BatchNorm(), nn.Flatten(), nn.Dense(2)], inputs=(3, 5), scaling="/255")
    images = np.arange(60).reshape(4, 3, 5)
    model.fit(images, [0, 1, 1, 0], epochs=1)
    loaded = again(model, model_file)
    assert loaded.predict_proba(images).tobytes() == model.predict_proba(images).tobytes()


def test_a_subclass_loads_as_itself(model_file: Path) -> None:
    class Mine(MLP):
        pass

    Mine([2, 2]).save(model_file)
    assert type(Mine.load(model_file)) is Mine
    assert type(MLP.load(model_file)) is MLP


@dataclass(frozen=True)
class Dense(nn.Dense):
    """Called as one of ours."""


@dataclass(frozen=True)
class OwnLoss(nn.SquaredError):
    """Called as no other."""


@dataclass(frozen=True)
class OwnInitializer(nn.Zeros):
    """Called as no other."""


@pytest.mark.parametrize(
    ("who", "options"),
    [
        ("CustomActivation", {"layers": [nn.Dense(3), *OWN_LAYERS.values(), nn.Dense(2)]}),
        ("Dense", {"layers": [nn.Residual([Dense(4)]), nn.Dense(2)]}),
        ("OwnInitializer", {"layers": [nn.Dense(2, OwnInitializer())]}),
        ("OwnLoss", {"layers": [nn.Dense(2)], "loss": OwnLoss()}),
        ("CustomLoss", {"layers": [nn.Dense(2)], "loss": nn.CustomLoss(lambda o, t, xp: (o, o))}),
    ],
)
def test_own_code_is_refused(who: str, options: dict[str, Any], model_file: Path) -> None:
    model = MLP(inputs=4, **options)
    with pytest.raises(ModelFileError) as caught:
        model.save(model_file)
    said = str(caught.value)
    assert said == (
        f"{str(model_file)!r} was not written: {who} is your own, expected parts of portable_mlp.nn "
        "alone: a file holds numbers and no code; save its parameters() with safetensors, and give "
        "them to set_parameters() of the same model."
    )
    assert not model_file.exists()


def test_own_metrics_are_left_out_with_a_warning(model_file: Path) -> None:
    impostor = Metric("accuracy", lambda outputs, targets, loss, ctx: outputs[:, 0])
    model = MLP([4, 3], metrics=["log_loss", Metric("mine", impostor.function), impostor])
    with pytest.warns(UserWarning, match="metric '(mine|accuracy)' is your own") as warned:
        model.save(model_file)
    assert len(warned) == 2
    assert {Path(w.filename).name for w in warned} == {Path(__file__).name}
    assert inspect(model_file).metrics == ("log_loss",)
    assert MLP.load(model_file).evaluate(X, LABELS).keys() == {"loss", "log_loss"}


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([nn.Dense(2, name="ä")], "an array is called 'ä.bias', expected at most 200 letters"),
        ([nn.Dense(2, name="x" * 200)], "expected at most 200 letters"),
        ([nn.Dense(3), nn.ReLU(name="x" * 201), nn.Dense(2)], "name has 201 letters, expected 200"),
        ([nn.LeakyReLU(float("inf")), nn.Dense(2)], "has an option that is not finite"),
        ([nn.Residual([nn.Dense(4, name="b.c")], name="a"), nn.Dense(2)], None),
        (
            [
                nn.Residual([nn.Dense(4, name="b.c")], name="a"),
                nn.Residual([nn.Dense(4, name="c")], name="a.b"),
                nn.Dense(2),
            ],
            "have 4 names for 6 parameters",
        ),
    ],
)
def test_what_could_not_be_read_is_not_written(
    layers: list[Layer], words: str | None, model_file: Path
) -> None:
    model = MLP(layers=layers, inputs=4)
    if words is None:
        again(model, model_file)
        return
    with pytest.raises(ModelFileError, match=words):
        model.save(model_file)
    assert not model_file.exists()


def test_numbers_that_are_not_finite_are_not_written(model_file: Path) -> None:
    model = saved(MLP([2, 2]))
    arrays = dict(model.parameters) | {"dense_1.bias": np.asarray([0, np.nan], np.float32)}
    broken = SavedModel(model.description, arrays, {}, None, None)
    with pytest.raises(ValueError, match="dense_1.bias holds NaN or infinity"):
        to_bytes(broken)


def test_text_that_is_no_unicode_is_not_written(model_file: Path) -> None:
    model = MLP([2, 2])
    model.columns = Columns(("a", "b\udc80"))
    with pytest.raises(ModelFileError, match=r"features\[1\] has text that is no Unicode"):
        model.save(model_file)


def test_another_process_gives_the_same_bits(model_file: Path) -> None:
    model = whole("numpy")
    model.save(model_file)
    code = (
        "import sys, numpy as np; from portable_mlp import MLP;"
        "x = np.random.default_rng(0).normal(size=(40, 4));"
        "sys.stdout.write(MLP.load(sys.argv[1]).predict(x).tobytes().hex())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model_file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == model.predict(X).tobytes().hex()


def test_every_field_of_the_description_is_in_the_file(trained: bytes) -> None:
    description = parse(trained).description
    length = int.from_bytes(trained[:8], "little")
    text = json.loads(trained[8 : 8 + length])["__metadata__"]["portable_mlp"]
    names = {field.name for field in fields(description)}
    assert json.loads(text).keys() == names | {"format", "version", "requires", "checksum"}


def test_a_loaded_model_can_be_moved_and_reset_and_keeps_its_scaling(model_file: Path) -> None:
    X = np.random.default_rng(0).normal(5, 2, (60, 4))
    model = MLP([4, 3], scaling="standard")
    model.fit(X, np.arange(60) % 3, epochs=2)
    model.save(model_file)
    loaded = MLP.load(model_file)
    first = MLP([4, 3]).parameters()
    for again in (loaded, loaded.to("numpy")):
        again.reset()
        assert again.training_record is None
        assert all(np.array_equal(again.parameters()[name], first[name]) for name in first)
        assert again.scaling is not None
        assert model.scaling is not None
        assert np.array_equal(again.scaling.shift, model.scaling.shift)


@pytest.mark.parametrize("path", ["x\0y", 5, None, b"x"])
@pytest.mark.parametrize("action", [MLP([4, 3]).save, MLP.load, inspect])
def test_what_is_no_path(path: Any, action: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="^path: got .*, expected the name of a file"):
        action(path)


def test_any_top_k_is_kept(model_file: Path) -> None:
    model = MLP([4, 9], metrics=["accuracy", TopK(1), TopK(4), TopK(5)])
    model.save(model_file)
    names = ("accuracy", "top_1_accuracy", "top_4_accuracy", "top_5_accuracy")
    assert inspect(model_file).metrics == names
    assert MLP.load(model_file)._problem.metrics == model._problem.metrics


@pytest.mark.parametrize("letters", ["x" * 2**21, '"' * 2**18])
def test_names_that_are_too_long_for_a_file(letters: str, model_file: Path) -> None:
    model = MLP([4, 3])
    model.columns = Columns(tuple(f"{k}{letters}" for k in range(4)))
    with pytest.raises(ModelFileError, match=r"was not written: .*names of its columns") as caught:
        model.save(model_file)
    assert "damaged" not in str(caught.value)
