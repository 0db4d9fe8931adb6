"""Two of the specs as a person writes them in PyTorch: what the benchmarks compare with."""

from __future__ import annotations

from torch import Tensor, nn


class TinyVGG(nn.Module):
    """specs/tinyvgg.yaml by hand."""

    def __init__(self, input_shape: int = 1, hidden_units: int = 10, output_shape: int = 10) -> None:
        super().__init__()
        self.block_1 = nn.Sequential(
            nn.Conv2d(input_shape, hidden_units, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_units, hidden_units, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.block_2 = nn.Sequential(
            nn.Conv2d(hidden_units, hidden_units, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(hidden_units, hidden_units, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(nn.Flatten(), nn.Linear(hidden_units * 7 * 7, output_shape))

    def forward(self, x: Tensor) -> Tensor:
        """Scores for each class."""
        x = self.block_1(x)
        x = self.block_2(x)
        return self.classifier(x)


class MLPClassifier(nn.Module):
    """specs/mlp.yaml by hand."""

    def __init__(self, num_classes: int = 10, image_size: int = 32) -> None:
        super().__init__()
        self.flatten = nn.Flatten()
        self.layers = nn.Sequential(
            nn.Linear(3 * image_size * image_size, 256),
            nn.ReLU(),
            nn.Linear(256, 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, num_classes),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Scores for each class."""
        return self.layers(self.flatten(x))
