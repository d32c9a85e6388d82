"""The options and arguments that several commands share, each defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_STORAGE = "sqlite:///dse.db"
DEFAULT_HARDWARE = "edge_asic_45nm"

StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of a study in the storage, or the study file that names it.")
]
Network = Annotated[
    str,
    typer.Argument(
        metavar="NETWORK", help="Built-in name (see dse networks), path/to/file.py:factory or package.module:factory."
    ),
]
Storage = Annotated[
    str, typer.Option("--storage", metavar="URL", envvar="DSE_STORAGE", help="Where studies are kept: a database URL.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print exactly one JSON document on standard output.")]
DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", metavar="DIR", envvar="DSE_DATA", help="Folder that holds the data sets' files."),
]
InputShape = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="SHAPE",
        help="Shape of one input, such as 1x28x28. Default: the budget's, else what the network was made for.",
    ),
]
Classes = Annotated[int, typer.Option("--classes", metavar="K", min=1, help="Outputs of a built-in network.")]
Hardware = Annotated[
    str | None,
    typer.Option(
        "--hardware", metavar="H", help=f"Profile name (see dse hardware) or TOML file. Default: {DEFAULT_HARDWARE}."
    ),
]
OutputFile = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write to this file.")]
TimeSteps = Annotated[
    int | None, typer.Option("--time-steps", metavar="T", min=1, help="Default: 4 for a spiking network.")
]
SpikeRate = Annotated[
    float | None,
    typer.Option(
        "--spike-rate",
        metavar="R",
        min=0.0,
        max=1.0,
        help="Spikes per neuron and time step. Default: 1, an upper bound.",
    ),
]
