"""Networks of PyTorch, taken over: the same predictions."""

from __future__ import annotations

import collections
import warnings
from typing import Any

import numpy as np
import pytest

from portable_mlp import MLP, nn
from portable_mlp.backends import Backend

torch = pytest.importorskip("torch", reason="torch is not installed")
X = np.random.default_rng(0).normal(size=(40, 5))

LAYERS = {
    "linear": lambda: [torch.nn.Linear(5, 3)],
    "linear without bias": lambda: [torch.nn.Linear(5, 3, bias=False)],
    "batch norm": lambda: [torch.nn.BatchNorm1d(5, eps=1e-3, momentum=0.2)],
    "batch norm alone": lambda: [torch.nn.BatchNorm1d(5, affine=False)],
    "layer norm": lambda: [torch.nn.LayerNorm(5, eps=1e-3)],
    "layer norm alone": lambda: [torch.nn.LayerNorm(5, elementwise_affine=False)],
    "layer norm without bias": lambda: [torch.nn.LayerNorm(5, bias=False)],
    "rms norm": lambda: [torch.nn.RMSNorm(5, eps=1e-4)],
    "rms norm of usual eps": lambda: [torch.nn.RMSNorm(5)],
    "dropout": lambda: [torch.nn.Dropout(0.3)],
    "one slope": lambda: [torch.nn.PReLU()],
    "slopes": lambda: [torch.nn.PReLU(5)],
    "leaky": lambda: [torch.nn.LeakyReLU(0.2)],
    "elu": lambda: [torch.nn.ELU(0.7)],
    "gelu tanh": lambda: [torch.nn.GELU("tanh")],
    "softmax": lambda: [torch.nn.Softmax(dim=1)],
    "flatten": lambda: [torch.nn.Flatten()],
    "nested": lambda: [
        torch.nn.Sequential(torch.nn.Linear(5, 5), torch.nn.Sequential(torch.nn.SELU()))
    ],
    **{
        name: lambda name=name: [getattr(torch.nn, name)()]
        for name in (
            *("ReLU", "Tanh", "Sigmoid", "SiLU", "Mish", "Softplus", "GELU", "SELU", "Identity"),
        )
    },
}


def randomised(module: Any, seed: int = 0) -> Any:
    """Numbers that no start has, running statistics too."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                value = torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
                tensor.copy_(value + 0.5 if "running" in name else value - 0.4)
    return module.eval()


def answer(module: Any, rows: np.ndarray = X) -> np.ndarray:
    with torch.no_grad():
        dtype = next(module.parameters()).dtype
        return module(torch.asarray(rows, dtype=dtype)).numpy()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", LAYERS)
def test_each_layer(kind: str, dtype: str) -> None:
    layers = LAYERS[kind]()
    out = 3 if kind.startswith("linear") else 5
    module = torch.nn.Sequential(torch.nn.Linear(5, 5), *layers, torch.nn.Linear(out, 2))
    module = randomised(module.to(getattr(torch, dtype)))
    model = MLP.from_torch(module)
    assert model.backend.dtype_name == dtype
    tolerance = 1e-6 if dtype == "float32" else 1e-9
    np.testing.assert_allclose(
        model.predict(X.astype(dtype)), answer(module), atol=tolerance, rtol=tolerance
    )


@pytest.mark.parametrize("end", [torch.nn.Softmax(dim=-1), torch.nn.LogSoftmax(dim=1)], ids=str)
def test_the_end_of_a_classifier(end: Any) -> None:
    module = randomised(
        torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3), end)
    )
    model = MLP.from_torch(module)
    wanted = answer(module)
    probabilities = np.exp(wanted) if isinstance(end, torch.nn.LogSoftmax) else wanted
    np.testing.assert_allclose(model.predict_proba(X), probabilities, atol=1e-6)
    assert (model.predict(X) == wanted.argmax(1)).all()
    assert model.loss == nn.SoftmaxCrossEntropy()
    assert len(model.network.layers) == 3


def test_yes_or_no() -> None:
    module = randomised(torch.nn.Sequential(torch.nn.Linear(5, 2), torch.nn.Sigmoid()))
    model = MLP.from_torch(module)
    np.testing.assert_allclose(model.predict_proba(X), answer(module), atol=1e-6)
    assert (model.predict(X) == (answer(module) > 0.5)).all()


def test_a_loss_that_was_asked_for() -> None:
    module = randomised(torch.nn.Sequential(torch.nn.Linear(5, 3)))
    model = MLP.from_torch(module, loss="softmax_cross_entropy")
    wanted = torch.softmax(torch.asarray(answer(module)), 1).numpy()
    np.testing.assert_allclose(model.predict_proba(X), wanted, atol=1e-6)
    # a softmax before another loss is a layer
    module = randomised(torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Softmax(dim=1)))
    model = MLP.from_torch(module, loss="squared_error")
    np.testing.assert_allclose(model.predict(X), answer(module), atol=1e-6)


def test_images() -> None:
    module = randomised(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(12, 2)))
    images = np.random.default_rng(1).normal(size=(7, 3, 4)).astype(np.float32)
    model = MLP.from_torch(module, inputs=(3, 4))
    np.testing.assert_allclose(model.predict(images), answer(module, images), atol=1e-6)
    with pytest.raises(ValueError, match="expected inputs="):
        MLP.from_torch(module)


def test_a_state_dict_with_its_layers(tmp_path: Any) -> None:
    module = randomised(
        torch.nn.Sequential(
            *(torch.nn.Linear(5, 4, bias=False), torch.nn.BatchNorm1d(4), torch.nn.ReLU()),
            *(
                torch.nn.Dropout(0.1),
                torch.nn.Linear(4, 4),
                torch.nn.LayerNorm(4),
                torch.nn.PReLU(),
            ),
            torch.nn.Linear(4, 3),
        )
    )
    torch.save(module.state_dict(), tmp_path / "m.pt")
    state = torch.load(tmp_path / "m.pt", weights_only=True)
    layers = [
        *(nn.Dense(4, use_bias=False), nn.BatchNorm(), nn.ReLU(), nn.Dropout(0.1)),
        *(nn.Dense(4), nn.LayerNorm(), nn.PReLU(), nn.Dense(3)),
    ]
    for given in (state, {name: tensor.numpy() for name, tensor in state.items()}):
        model = MLP.from_torch(given, layers=layers)
        np.testing.assert_allclose(model.predict(X), answer(module), atol=1e-6)


def test_other_types_and_backends(backend: Backend) -> None:
    module = randomised(
        torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.SiLU(), torch.nn.Linear(4, 2))
    )
    rows = X.astype(np.float32)
    found = MLP.from_torch(module, backend=backend).predict(rows)
    np.testing.assert_allclose(found, answer(module), atol=1e-6)
    half = MLP.from_torch(module.to(torch.bfloat16))
    assert half.backend.dtype_name == "float32"
    weight = module[0].weight.detach().float().numpy().T
    assert (half.parameters()["dense_1.weight"] == weight).all()


def test_nothing_is_shared_with_the_module() -> None:
    module = randomised(torch.nn.Sequential(torch.nn.Linear(5, 2)))
    model = MLP.from_torch(module)
    before = answer(module)
    model.fit(X, X[:, :2], epochs=1, verbose=0)
    assert (answer(module) == before).all()


def test_its_running_statistics_go_on() -> None:
    module = torch.nn.Sequential(torch.nn.BatchNorm1d(5, momentum=0.3), torch.nn.Linear(5, 1))
    model = MLP.from_torch(module)
    module.train()(torch.asarray(X, dtype=torch.float32))
    model.fit(X, X[:, :1], epochs=1, batch_size=None, learning_rate=1e-12, verbose=0)
    np.testing.assert_allclose(model.predict(X), answer(module.eval()), atol=1e-5)


class Own(torch.nn.Sequential):
    def forward(self, x: Any) -> Any:
        return super().forward(x) + x


class Twice(torch.nn.Linear):
    def forward(self, x: Any) -> Any:
        return 2 * super().forward(x)


class Named(torch.nn.Sequential):
    """A Sequential under another name."""


def test_a_sequential_under_another_name() -> None:
    module = Named(collections.OrderedDict(first=torch.nn.Linear(5, 2), act=torch.nn.Tanh()))
    np.testing.assert_allclose(MLP.from_torch(module).predict(X), answer(module), atol=1e-6)


def test_a_layer_that_stands_twice() -> None:
    act, dense = torch.nn.ReLU(), torch.nn.Linear(5, 5)
    once = torch.nn.Sequential(dense, act)
    module = randomised(torch.nn.Sequential(dense, act, dense, act, once, torch.nn.Linear(5, 2)))
    model = MLP.from_torch(module)
    assert len(model.network.layers) == 7
    np.testing.assert_allclose(model.predict(X), answer(module), atol=1e-6)
    model.fit(X, X[:, :2], epochs=1, verbose=0)  # copies, which go their own ways
    assert (model.parameters()["dense_1.weight"] != model.parameters()["dense_2.weight"]).any()


def test_a_tiny_sample_shows_the_usual_epsilon() -> None:
    rows = X[:5] * 1e-4
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        module = torch.nn.Sequential(torch.nn.RMSNorm(5)).to(dtype)
        wanted = answer(module.to(torch.float32) if dtype == torch.bfloat16 else module, rows)
        found = MLP.from_torch(module.to(dtype)).predict(rows)
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def hooked(module: Any, before: bool = False) -> Any:
    """The module with a hook that doubles what comes out, or in."""
    if before:
        module.register_forward_pre_hook(lambda _, given: (2 * given[0],))
    else:
        module.register_forward_hook(lambda _module, _given, found: 2 * found)
    return module


def replaced(module: Any) -> Any:
    """The module with a forward of its own."""
    module.forward = lambda x: 2 * x
    return module


def spectral(module: Any) -> Any:
    """The module under the old spectral_norm, which is a hook."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return torch.nn.utils.spectral_norm(module)


def test_a_hook_of_the_whole() -> None:
    with pytest.raises(ValueError, match="layer 'Sequential' is .* with a forward hook"):
        MLP.from_torch(hooked(torch.nn.Sequential(torch.nn.Linear(5, 2))))


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: torch.nn.Conv1d(5, 5, 1), r"layer '1' is Conv1d\(5, 5, .* expected one of BatchNorm1d"),
        (lambda: torch.nn.ReLU6(), r"layer '1' is ReLU6\(\)"),
        (lambda: Twice(5, 5), "layer '1' is Twice"),
        (lambda: Own(torch.nn.Linear(5, 5)), "layer '1' is Own"),
        (lambda: torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Hardtanh()), r"layer '1\.1' is Hardtanh"),
        (lambda: torch.nn.Softmax(dim=0), r"layer '1' is Softmax\(dim=0\), expected dim=1"),
        (lambda: torch.nn.Softplus(beta=2), "layer '1' is Softplus.* expected beta=1"),
        (lambda: torch.nn.BatchNorm1d(5, track_running_stats=False), "layer '1' .* track_running_stats"),
        (lambda: torch.nn.BatchNorm1d(5, momentum=None), "layer '1' .* expected a momentum"),
        (
            lambda: torch.nn.RMSNorm(5, elementwise_affine=False),
            "layer '1' is RMSNorm.* expected eps",
        ),
        (lambda: hooked(torch.nn.Linear(5, 5)), "layer '1' is Linear.* with a forward hook, expected"),
        (lambda: hooked(torch.nn.Tanh(), before=True), "layer '1' is Tanh.* with a forward hook"),
        (lambda: hooked(torch.nn.Sequential(torch.nn.ReLU())), "layer '1' is Seq.* with a forward hook"),
        (lambda: replaced(torch.nn.Tanh()), r"layer '1' is Tanh\(\), expected one of"),
        (lambda: spectral(torch.nn.Linear(5, 5)), "layer '1' is Linear.* forward hook.* spectral_norm"),
        (lambda: torch.nn.LayerNorm((1, 5)), "layer '1' is LayerNorm.* one axis"),
        (lambda: torch.nn.Flatten(0), "layer '1' is Flatten.* expected start_dim=1"),
        (lambda: torch.nn.Dropout(1.0), "layer '1' is Dropout.* p below 1"),
        (lambda: torch.nn.LogSoftmax(dim=1), "a layer is LogSoftmax, expected it as the last one"),
        (lambda: torch.nn.Linear(4, 5), r"layer '1' has an array of shape \(4, 5\), expected \(5, 5\)"),
        (lambda: torch.nn.PReLU(4), r"layer '1' has an array of shape \(4,\), expected \(5,\)"),
    ],
)  # fmt: skip
def test_what_is_refused(layer: Any, words: str) -> None:
    module = torch.nn.Sequential(torch.nn.Linear(5, 5), layer(), torch.nn.Linear(5, 1))
    with pytest.raises(ValueError, match=words):
        MLP.from_torch(module)


def test_what_is_no_network() -> None:
    for strange in (torch.nn.Linear(2, 2), Own(), torch.zeros(3), "model.pt", None, Own):
        with pytest.raises(TypeError, match=r"from_torch: got [\w ]+, expected an nn.Sequential"):
            MLP.from_torch(strange)
    state = torch.nn.Sequential(torch.nn.Linear(5, 2)).state_dict()
    with pytest.raises(TypeError, match="does not say what lies between"):
        MLP.from_torch(state)
    with pytest.raises(TypeError, match="'epoch' is a int, expected an array: is it a checkpoint"):
        MLP.from_torch({"epoch": 3, "model": state}, layers=[nn.Dense(2)])
    with pytest.raises(ValueError, match=r"layers\[1\] is a Dense, expected no more layers"):
        MLP.from_torch(state, layers=[nn.Dense(2), nn.Dense(2)])
    with pytest.raises(ValueError, match="no layer is left for 0 of"):
        MLP.from_torch(state, layers=[nn.ReLU()])
    with pytest.raises(
        ValueError, match=r"layer '0' has an array of shape \(5, 2\), expected \(5, 3\)"
    ):
        MLP.from_torch(state, layers=[nn.Dense(3)])
    with pytest.raises(
        ValueError, match="layer '0' is a Dense here, expected one with .* bias too"
    ):
        MLP.from_torch(state, layers=[nn.Dense(2, use_bias=False)])
    with pytest.raises(ValueError, match="layer '0' is a Dense and has no bias, expected one"):
        MLP.from_torch({"0.weight": state["0.weight"]}, layers=[nn.Dense(2)])
    with pytest.raises(ValueError, match="layer '0' has no numbers that can be read"):
        MLP.from_torch({"0.weight": np.full((2, 5), "a")}, layers=[nn.Dense(2)])
    with pytest.raises(ValueError, match="layer '0' has no numbers .* the meta device"):
        MLP.from_torch(torch.nn.Sequential(torch.nn.Linear(5, 2)).to("meta"))
    with pytest.raises(ValueError, match="loss: got 'squared'"):
        MLP.from_torch(state, layers=[nn.Dense(2)], loss="squared")
