"""The manifests in docs/kubernetes: jobs that Kubernetes accepts, and commands that mixbench accepts."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from kubernetes_schema import JOB, read_manifest
from running import Run

FOLDER = Path(__file__).parents[1] / "docs" / "kubernetes"


def container_of(job: dict[str, Any]) -> dict[str, Any]:
    (container,) = job["spec"]["template"]["spec"]["containers"]
    found: dict[str, Any] = container
    return found


@pytest.fixture(scope="module")
def study() -> dict[str, Any]:
    return read_manifest(FOLDER / "study.yaml")[1]


def test_every_manifest_follows_the_schema_of_its_kind() -> None:
    kinds = {file.name: [document["kind"] for document in read_manifest(file)] for file in FOLDER.glob("*.yaml")}
    assert kinds == {"study.yaml": ["PersistentVolumeClaim", "Job"], "merge.yaml": ["Job"]}


@pytest.mark.parametrize(
    ("place", "change"),
    [
        (("spec",), {"completion": 16}),
        (("spec",), {"completions": "16"}),
        (("spec", "template", "spec"), {"restartPolicy": "Always"}),
        (("spec", "template", "spec", "containers", 0), {"volumeMount": []}),
        (("spec", "podFailurePolicy", "rules", 1, "onExitCodes"), {"operator": "Is"}),
    ],
)
def test_the_schema_refuses_what_kubernetes_would(
    study: dict[str, Any], place: tuple[Any, ...], change: dict[str, Any]
) -> None:
    damaged = copy.deepcopy(study)
    part: Any = damaged
    for step in place:
        part = part[step]
    part |= change
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(damaged, JOB)


def test_the_job_has_an_index_for_each_shard_and_retries_only_what_can_succeed(study: dict[str, Any]) -> None:
    spec = study["spec"]
    assert (spec["completionMode"], spec["completions"], spec["parallelism"]) == ("Indexed", 16, 4)
    assert container_of(study)["args"][-2:] == ["--shard", f"auto/{spec['completions']}"]
    (rule,) = [rule for rule in spec["podFailurePolicy"]["rules"] if rule["action"] == "FailIndex"]
    assert rule["onExitCodes"]["containerName"] == container_of(study)["name"]
    assert {0, 130}.isdisjoint(rule["onExitCodes"]["values"])


def test_names_agree_within_and_between_the_manifests(study: dict[str, Any]) -> None:
    claim, merge = read_manifest(FOLDER / "study.yaml")[0], read_manifest(FOLDER / "merge.yaml")[0]
    for job in (study, merge):
        pod = job["spec"]["template"]["spec"]
        assert [volume["persistentVolumeClaim"]["claimName"] for volume in pod["volumes"]] == [claim["metadata"]["name"]]
        assert [mount["name"] for mount in container_of(job)["volumeMounts"]] == [volume["name"] for volume in pod["volumes"]]
    template = study["spec"]["template"]
    (apart,) = template["spec"]["affinity"]["podAntiAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert apart["labelSelector"]["matchLabels"] == template["metadata"]["labels"]
    assert container_of(study)["image"] == container_of(merge)["image"]


@pytest.mark.parametrize("index", [0, 15])
def test_a_pod_finds_its_shard(
    index: int, study: dict[str, Any], tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_COMPLETION_INDEX", str(index))
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    _, *words = container_of(study)["command"] + container_of(study)["args"]
    done = run(*(str(tmp_path) if word == "/results" else word for word in words), "--plan", "--json")
    assert done.exit_code == 0, done.stderr
    plan = json.loads(done.stdout)
    assert plan["own"] == index + 1
    assert all(shard["units"] for shard in plan["shards"])
    merge = container_of(read_manifest(FOLDER / "merge.yaml")[0])["command"]
    assert merge[-1].startswith("mixbench merge /results/shard-* --into /results")
