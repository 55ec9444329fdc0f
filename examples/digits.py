"""Train a network on handwritten digits with one compiled program per training step.

python examples/digits.py                       scikit-learn's 1,797 digits of 8 x 8 pixels
python examples/digits.py --data DIR            MNIST's IDX files; --device cuda: on a GPU
gradc show --stage source examples/digits.py:train_step      the code that trains
"""

from __future__ import annotations

import argparse
import time
from itertools import pairwise
from pathlib import Path

from tqdm import tqdm

import gradc
from gradc import nn
from gradc.datasets import MNIST
from gradc.optim import Adam
from gradc.utils.data import DataLoader, Standardize, Subset, TensorDataset, random_split

BATCH = 64


class Digits(nn.Module):
    """A multilayer perceptron: pixels - 256 - 128 - 10 logits, with dropout."""

    def __init__(self, pixels: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(pixels, 256)
        self.fc2 = nn.Linear(256, 128)
        self.fc3 = nn.Linear(128, 10)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x: gradc.Tensor) -> gradc.Tensor:
        """Return the logits [B, 10] of the images x [B, pixels]."""
        h1 = self.dropout(self.fc1(x).relu())
        h2 = self.dropout(self.fc2(h1).relu())
        return self.fc3(h2)


def make_step(model: nn.Module, optimizer: Adam):
    """Return the compiled training step: forward, backward and update in one native call."""
    loss_fn = nn.CrossEntropyLoss()

    @gradc.compile(example_inputs=f"float32[{BATCH}, {model.fc1.in_features}], int64[{BATCH}]")
    def train_step(x, y):
        optimizer.zero_grad()
        z = model(x)
        loss = loss_fn(z, y)
        loss.backward()
        optimizer.step()
        return loss

    return train_step


def make_network(pixels: int, lr: float = 1e-3, device: str = "cpu"):
    """Return a model, its optimizer and its compiled training step."""
    model = Digits(pixels).to(device)
    optimizer = Adam(model.parameters(), lr=lr)
    return model, optimizer, make_step(model, optimizer)


def load(data: Path | None, generator: gradc.Generator):
    """Return the training, validation and test sets; images are rows of pixels."""
    if data is None:
        from sklearn.datasets import load_digits

        x, y = load_digits(return_X_y=True)
        images, labels = gradc.tensor(x).float(), gradc.tensor(y).long()
        return random_split(TensorDataset(images, labels), [0.7, 0.15, 0.15], generator=generator)
    try:
        digits = MNIST(data, train=True)
    except FileNotFoundError:
        digits = MNIST(data, train=False)  # the 10,000 test images alone: split in file order
    dataset = TensorDataset(digits.data.flatten(1).float(), digits.targets)
    n = len(dataset)
    edges = [0, n - n // 5, n - n // 10, n]
    return [Subset(dataset, range(a, b)) for a, b in pairwise(edges)]


def arrays(subset: Subset):
    """Return the images and labels of a subset as two tensors."""
    return subset.dataset[gradc.tensor(list(subset.indices))]


@gradc.no_grad()
def score(model: nn.Module, x: gradc.Tensor, y: gradc.Tensor) -> tuple[float, float]:
    """Return the mean loss and the accuracy of the model in eval mode."""
    model.eval()
    z = model(x)
    model.train()
    loss = nn.functional.cross_entropy(z, y)
    return loss.item(), (z.argmax(1) == y).float().mean().item()


def main() -> None:
    """Split, standardise, train with early stopping, test once, save."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder with MNIST's IDX files")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--patience", type=int, default=4, help="epochs without improvement")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save", type=Path, default=Path("digits.safetensors"))
    parser.add_argument("--plot", type=Path, help="folder for PNGs of samples and curves")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    args = parser.parse_args()

    started = time.perf_counter()
    gradc.manual_seed(args.seed)
    generator = gradc.Generator().manual_seed(args.seed)
    train, valid, test = load(args.data, generator)
    (x, y), (x_valid, y_valid), (x_test, y_test) = arrays(train), arrays(valid), arrays(test)
    # One scale, of the training split: pixels lit in few images have tiny deviations of their own.
    scale = Standardize.fit(x.flatten())
    x, x_valid, x_test = scale(x), scale(x_valid), scale(x_test)
    loader = DataLoader(
        TensorDataset(x, y), BATCH, shuffle=True, drop_last=True, generator=generator,
        pin_memory=args.device != "cpu",
    )  # fmt: skip
    print(f"{len(x)} training, {len(x_valid)} validation, {len(x_test)} test images")
    print("images per class:", y.bincount().tolist())

    x_valid, y_valid, x_test, y_test = (
        t.to(args.device) for t in (x_valid, y_valid, x_test, y_test)
    )
    model, _, train_step = make_network(x.shape[1], args.lr, args.device)
    best, best_state, waited, history = float("inf"), model.state_dict(), 0, []
    for epoch in range(1, args.epochs + 1):
        total, bar = 0.0, tqdm(loader, desc=f"epoch {epoch:2}", unit="step", leave=False)
        for step, (xb, yb) in enumerate(bar, 1):
            xb = xb.to(args.device, non_blocking=True)
            yb = yb.to(args.device, non_blocking=True)
            total += train_step(xb, yb).item()
            if epoch == step == 1:
                bar.write(f"first step done {time.perf_counter() - started:.2f} s after the start")
            if step % 20 == 0:
                bar.set_postfix(loss=f"{total / step:.4f}")
        loss, accuracy = score(model, x_valid, y_valid)
        history.append((total / len(loader), loss, accuracy))
        rate = bar.format_dict["rate"] or len(loader) / bar.format_dict["elapsed"]
        print(
            f"epoch {epoch:2}  loss {total / len(loader):.4f}  validation {loss:.4f}  "
            f"accuracy {accuracy:.1%}  {rate:.0f} steps/s"
        )
        if loss < best:
            best, waited = loss, 0
            best_state = {name: value.clone() for name, value in model.state_dict().items()}
        else:
            waited += 1
        if waited == args.patience:
            print(f"no better for {args.patience} epochs: stopped early")
            break

    model.load_state_dict(best_state)
    loss, accuracy = score(model, x_test, y_test)
    print(f"test loss {loss:.4f}  test accuracy {accuracy:.1%}")
    gradc.save(
        {"model": model.state_dict(), "scale": {"mean": scale.mean, "std": scale.std}}, args.save
    )
    print(f"checkpoint: {args.save}")
    print(f"generated code: {train_step.path}")
    if args.plot:
        plot(args.plot, x_test.cpu(), y_test.cpu(), model(x_test).argmax(1).cpu(), history)


def plot(folder: Path, x, y, predicted, history) -> None:
    """Write samples.png and curves.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    side = round(x.shape[1] ** 0.5)
    figure, axes = plt.subplots(3, 8, figsize=(10, 4.4), layout="constrained")
    for i, axis in enumerate(axes.flat):
        axis.imshow(x[i].reshape(side, side).numpy(), cmap="gray")
        right = y[i].item() == predicted[i].item()
        color = "black" if right else "crimson"
        axis.set_title(f"{predicted[i].item()}", color=color, fontsize=11)
        axis.axis("off")
    figure.suptitle("Test images with the predicted digit (red: wrong)")
    figure.savefig(folder / "samples.png", dpi=120)

    epochs = range(1, len(history) + 1)
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    left.plot(epochs, [h[0] for h in history], label="training (with dropout)")
    left.plot(epochs, [h[1] for h in history], label="validation")
    left.set(xlabel="epoch", ylabel="cross entropy", yscale="log")
    left.legend()
    right.plot(epochs, [100 * h[2] for h in history], color="tab:green")
    right.set(xlabel="epoch", ylabel="validation accuracy (%)")
    figure.savefig(folder / "curves.png", dpi=120)
    print(f"plots: {folder / 'samples.png'}, {folder / 'curves.png'}")


_, _, train_step = make_network(pixels=64)  # for `gradc show examples/digits.py:train_step`

if __name__ == "__main__":
    main()
