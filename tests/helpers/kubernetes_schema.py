"""JSON schemas of what the manifests for Kubernetes use, after the API reference of batch/v1 and v1; other fields are refused.

The whole schema of Kubernetes has thousands of fields; of a field that is used for the first time, add what the reference says.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import yaml

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
NAME: Schema = {"type": "string", "pattern": "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", "maxLength": 63}
COUNT: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
QUANTITY: Schema = {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?$"}
LABELS: Schema = {"type": "object", "additionalProperties": TEXT}


def fields(required: str = "", **properties: Schema) -> Schema:
    """An object with these fields alone."""
    return {"type": "object", "properties": properties, "required": required.split(), "additionalProperties": False}


def listed(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1}


def one_of(*values: str) -> Schema:
    return {"enum": [*values]}


RESOURCES = fields(
    **{side: fields(cpu=QUANTITY, memory=QUANTITY, **{"nvidia.com/gpu": COUNT}) for side in ("requests", "limits")}
)
CONTAINER = fields(
    "name image",
    name=NAME,
    image=TEXT,
    command=listed(TEXT),
    args=listed(TEXT),
    env=listed(fields("name", name=TEXT, value=TEXT)),
    resources=RESOURCES,
    volumeMounts=listed(fields("name mountPath", name=NAME, mountPath=TEXT)),
)
ANTI_AFFINITY = fields(
    requiredDuringSchedulingIgnoredDuringExecution=listed(
        fields("topologyKey", topologyKey=TEXT, labelSelector=fields(matchLabels=LABELS))
    )
)
VOLUME = fields("name persistentVolumeClaim", name=NAME, persistentVolumeClaim=fields("claimName", claimName=NAME))
POD = fields(
    "containers restartPolicy",  # the default, Always, is refused in a job
    restartPolicy=one_of("Never", "OnFailure"),
    containers=listed(CONTAINER),
    volumes=listed(VOLUME),
    affinity=fields(podAntiAffinity=ANTI_AFFINITY),
)
RULE = fields(
    "action",
    action=one_of("Count", "FailIndex", "FailJob", "Ignore"),
    onExitCodes=fields(
        "operator values", containerName=NAME, operator=one_of("In", "NotIn"), values=listed({"type": "integer"})
    ),
    onPodConditions=listed(fields("type status", type=TEXT, status=one_of("True", "False", "Unknown"))),
)
JOB = fields(
    "apiVersion kind metadata spec",
    apiVersion=one_of("batch/v1"),
    kind=one_of("Job"),
    metadata=fields("name", name=NAME),
    spec=fields(
        "template",
        completionMode=one_of("Indexed", "NonIndexed"),
        completions=COUNT,
        parallelism=COUNT,
        backoffLimit=COUNT,
        backoffLimitPerIndex=COUNT,
        podFailurePolicy=fields("rules", rules=listed(RULE)),
        template=fields("spec", metadata=fields(labels=LABELS), spec=POD),
    ),
)
CLAIM = fields(
    "apiVersion kind metadata spec",
    apiVersion=one_of("v1"),
    kind=one_of("PersistentVolumeClaim"),
    metadata=fields("name", name=NAME),
    spec=fields(
        "accessModes resources",
        accessModes=listed(one_of("ReadWriteOnce", "ReadWriteMany", "ReadOnlyMany", "ReadWriteOncePod")),
        resources=fields("requests", requests=fields("storage", storage=QUANTITY)),
    ),
)
KINDS = {"Job": JOB, "PersistentVolumeClaim": CLAIM}


def read_manifest(file: Path) -> list[dict[str, Any]]:
    """The documents of a manifest. Raises jsonschema.ValidationError."""
    documents = list(yaml.safe_load_all(file.read_text(encoding="utf-8")))
    for document in documents:
        jsonschema.validate(document, KINDS[document["kind"]])
    return documents
