"""Rows of trained models: data_efficiency.csv, tuning.csv and attention_map.csv."""

from __future__ import annotations

from dataclasses import dataclass

from mixbench.tables.columns import Row
from mixbench.tables.fields import column, metric, same_as, size
from mixbench.tables.scores import scores_in_words
from mixbench.tables.shared_columns import OBJECTS_IN_SETTINGS, MixerColumns, OriginColumns, ShapeColumns, StatusColumns


@dataclass(frozen=True, kw_only=True)
class TrainingColumns:
    """Columns about a training run: the task, the model, the data."""

    task: str = column("key", "name of the task; what determines its data is in settings")
    mixer: str = same_as(MixerColumns, "mixer")
    config: str = same_as(MixerColumns, "config")
    layers: int = size("blocks of the model", "blocks")
    width: int = same_as(ShapeColumns, "width")
    tokens: int = size("longest sequence of the data set", "tokens")
    train_size: int = size("training examples", "examples")
    device: str = column("key", "cpu or cuda")
    settings: str = column(
        "key",
        "every other option that can change the result, and the hash of the data, as canonical JSON",
        json=OBJECTS_IN_SETTINGS,
    )
    seed: int = column("replicate", "seed of the subset, the weights and the order of examples")


@dataclass(frozen=True, kw_only=True)
class TrainingRow(Row, OriginColumns, StatusColumns, TrainingColumns):
    """data_efficiency.csv: one mixer trained on one part of a data set with one seed."""

    dev_score: float | None = metric("best score on the development set; the weights that reached it are tested", "score", "")
    test_score: float | None = metric("score on the test set, taken once", "score", "", words="test score", rule="score")
    test_standard_error: float | None = metric("sampling error of test_score over the examples of the test set", "score", "")
    train_seconds: float | None = metric(
        "wall time of the training steps, evaluation excluded; longer where runs share a device", "s", rule="reported"
    )
    train_flops: int | None = metric(
        "floating-point operations of the training steps, counted as flops is; a lower bound where detail says so",
        "FLOP",
        words="training FLOPs",
        rule="count",
    )
    steps: int | None = metric("training steps", "steps", "")
    examples_seen: int | None = metric("training examples seen, repetitions included", "examples", "")
    best_step: int | None = metric("step with the best score on the development set", "steps", "")
    params: int | None = metric(
        "parameters of the model; a complex one counts as two", "parameters", "", words="parameters", rule="count"
    )
    peak_memory_mib: float | None = metric(
        "growth of the resident set of the training process; on CUDA, peak allocated memory", "MiB", words="peak memory"
    )
    state_mib: float | None = metric(
        "state of one sequence after `tokens` tokens, in all layers, measured from its tensors; empty for mixers"
        " that cannot decode",
        "MiB",
        words="state",
        rule="count",
    )
    score: str = column("observation", f"by what weights are chosen and tested: {scores_in_words()}", default="")
    learning_rate: float | None = column("observation", "learning rate of this run", default=None)
    dropout: float | None = column("observation", "share of activations dropped in training", default=None)
    fraction: float | None = column("observation", "train_size relative to the whole training set", default=None)
    test_examples: int | None = column("observation", "examples of the test set", "examples", default=None)
    constant_score: float | None = column(
        "observation",
        "score on the test set of the best constant answer: the most frequent class of the training set, or its mean value",
        "score",
        default=None,
    )
    classes: int | None = column("observation", "classes that the training set has", "classes", default=None)
    dev_scores: str = column(
        "observation", "scores on the development set by training step, as canonical JSON", default="{}", json=()
    )
    checkpoint: str = column(
        "observation", "file of the best weights, relative to the results folder; empty where none was kept", default=""
    )


@dataclass(frozen=True, kw_only=True)
class TrialRow(TrainingRow):
    """tuning.csv: one mixer trained with one draw of hyperparameters. Columns of data_efficiency.csv, and what was drawn."""

    seed: int = column("key", "seed of the search; trial k of a seed draws the same values for every mixer")
    trial: int = column("replicate", "trial of the search, counted from 1")
    sampled: str = column("observation", "the values that were drawn, as canonical JSON", default="{}", json=())


@dataclass(frozen=True, kw_only=True)
class AttentionMapRow(Row, OriginColumns, StatusColumns, TrainingColumns):
    """attention_map.csv: which tokens one trained mixer mixes in one example of the test set (`mixbench attention-map`)."""

    example: int = column("replicate", "example of the test set, counted from 0")
    right_share: float | None = metric(
        "share of the sensitivity to distant inputs that falls on needed inputs, over outputs that need other tokens",
        "share",
        "higher",
    )
    chance_share: float | None = metric("the same share if all distant inputs counted equally", "share", "")
    distant_share: float | None = metric(
        "share of the sensitivity of these outputs that falls on distant inputs, those beyond `reach`", "share", ""
    )
    test_score: float | None = same_as(TrainingRow, "test_score")
    reach: int | None = column(
        "observation",
        "tokens to either side that an output sees without any mixing, through stem and head",
        "tokens",
        default=None,
    )
    score: str = same_as(TrainingRow, "score")
    learning_rate: float | None = same_as(TrainingRow, "learning_rate")
    checkpoint: str = column(
        "observation", "file of the weights, relative to the results folder unless given by --checkpoint", default=""
    )
    map_file: str = column(
        "observation", "file of the map, relative to the results folder; empty for examples that are not drawn", default=""
    )
